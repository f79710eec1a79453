"""Several CHILD_SAs with a gateway that has several, childless IKE_SAs, and a part of the tunnel that is refused."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.interop.rovetest import connect, connected, imported, status
from tests.lab import measure, plan
from tests.lab.lab import Lab
from tests.lab.ping import lost

LAB = {"name": "lab", "remote": ["10.10.0.0/24"]}
OFFICE = {"name": "office", "remote": ["10.20.0.0/24"], "pfs": "ecp384"}
SIX = {"name": "six", "remote": ["fd10::/48"], "esp_proposals": ["aes128gcm16"], "pfs": "curve25519"}
HOSTS = {"lab": plan.CORP_HOST, "office": plan.CORP_HOST_B, "six": plan.CORP_HOST6}


def test_three_children_renewed_from_both_sides(lab: Lab) -> None:
    """Each is made, carries its own network, and is renewed on its own by either side without a packet lost."""
    connected(lab, "several", child=[LAB, OFFICE, SIX])
    measure.wait_until(lambda: set(halves(lab)) == set(HOSTS), "all three", 5)
    assert {tuple(child["remote_ts"]) for child in shown(lab)} == {
        ("10.10.0.0/24",), ("10.20.0.0/24",), ("fd10::/48",)}
    assert "aes128gcm16-curve25519" in [child["proposal"] for child in shown(lab)]
    with no_loss(lab):
        before = halves(lab)
        assert lab.rove("rekey", "several").returncode == 0
        measure.wait_until(lambda: all(renewed(lab, before, name) for name in HOSTS), "ours renewed", 8)
        for name in HOSTS:
            before = halves(lab)
            lab.gateway.initiate_rekey(child=name)
            measure.wait_until(lambda name=name, before=before: renewed(lab, before, name), f"{name} renewed", 8)
            assert {other for other in HOSTS if renewed(lab, before, other)} == {name}
        before = halves(lab)
        assert lab.rove("rekey", "several", "--ike").returncode == 0
        measure.wait_until(lambda: len(lab.gateway.sas()) == 1, "the old IKE_SA goes", 8)
        assert halves(lab) == before        # all three moved to the new IKE_SA
    assert {child["spi_out"] for child in shown(lab)} >= set(halves(lab).values())
    assert status(lab, "several")["counters"]["rekeys"] == 7


def test_one_that_the_gateway_refuses_and_one_that_it_deletes(lab: Lab) -> None:
    """10.77.0.0/24 is not served: a finding. Then the gateway ends the office's: made anew, the lab's untouched."""
    connected(lab, "several", child=[LAB, {"name": "moon", "remote": ["10.77.0.0/24"]}, OFFICE])
    measure.wait_until(lambda: set(halves(lab)) == {"lab", "office"}, "the other two", 5)
    measure.wait_until(lambda: findings(lab), "a finding", 2)
    assert findings(lab) == ["child-refused"]
    before = halves(lab)
    lab.gateway.ctl("--terminate", "--child", "office")
    measure.wait_until(lambda: "office" in halves(lab) and renewed(lab, before, "office"), "made anew", 8)
    assert halves(lab)["lab"] == before["lab"]
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST_B)
    assert "child-lost" in findings(lab)


def test_several_networks_for_one_child_of_the_gateway(lab: Lab) -> None:
    """The gateway has one CHILD_SA with everything; we want its parts apart, and it narrows for each."""
    connected(lab, "mschap", child=[LAB, OFFICE])
    measure.wait_until(lambda: len(shown(lab, "mschap")) == 2, "both", 5)
    assert {tuple(child["remote_ts"]) for child in shown(lab, "mschap")} == {("10.10.0.0/24",), ("10.20.0.0/24",)}
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST_B)


@pytest.mark.parametrize("name", ["childless", "mschap"])
def test_childless(lab: Lab, name: str) -> None:
    """RFC 6023: one that takes no CHILD_SA in IKE_AUTH, and one that allows either (strongSwan's default)."""
    mark = lab.gateway.mark()
    began = time.monotonic()
    connected(lab, name)
    took = time.monotonic() - began
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST6)
    said = lab.gateway.log()[mark:]
    assert ("parsed CREATE_CHILD_SA request" in said) == (name == "childless")
    assert said.count("CONNECTING => ESTABLISHED") == (2 if name == "childless" else 1)
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.3)
        lab.rove("rekey", name)
        time.sleep(1.0)
    assert not lost(stream.probes[:-1])
    print(f"{name}: connected in {took:.2f} s, rekeyed with {len(stream.probes)} packets and none lost")


def test_a_gateway_without_addresses(lab: Lab) -> None:
    """The IKE_SA stands, the CHILD_SA is asked for again with CP; then the cause, and later everything once more."""
    mark = lab.gateway.mark()
    done = connect(lab, imported(lab, "nopool"), timeout=6)
    assert done.returncode != 0
    assert "no address for this computer" in done.stdout + done.stderr
    assert "secret" not in done.stderr      # the password was accepted: it is used again
    said = lab.gateway.log()[mark:]
    assert said.count("keeping IKE_SA") >= 2
    assert re.search(r"parsed CREATE_CHILD_SA request \d+ \[ CPRQ", said)
    assert said.count("CONNECTING => ESTABLISHED") >= 2
    assert lab.gateway.sas() == []


def test_narrowed_by_subnet_range_and_port(lab: Lab) -> None:
    """All of three networks were asked for; the gateway grants a half, one TCP port, a range with one UDP port."""
    connection = connected(lab, "ports")
    (child,) = connection["children"]
    assert child["remote_ts"] == ["10.10.0.0/25", "10.10.0.0/24[tcp/22]", "10.20.0.0-10.20.0.40[udp/53]"]
    assert lab.ping("client", plan.CORP_HOST)
    assert not lab.ping("client", plan.CORP_HOST_B, timeout=0.2)
    before = connection["children"][0]["spi_in"]
    lab.gateway.initiate_rekey()
    measure.wait_until(lambda: shown(lab, "ports")[-1]["spi_in"] != before, "renewed", 5)
    assert shown(lab, "ports")[-1]["remote_ts"] == child["remote_ts"]
    assert lab.rove("rekey", "ports").returncode == 0
    assert lab.ping("client", plan.CORP_HOST)


# --- helpers


def shown(lab: Lab, name: str = "several") -> list[dict[str, Any]]:
    children = status(lab, name)["children"]
    assert isinstance(children, list)
    return children


def findings(lab: Lab) -> list[str]:
    return [finding["code"] for finding in status(lab, "several")["findings"]]


def halves(lab: Lab) -> dict[str, str]:
    """child's name at the gateway → its inbound SPI, of those that are in use."""
    return {child.name: child.spi_in for sa in lab.gateway.sas() for child in sa.children
            if child.state in ("INSTALLED", "REKEYING")}


def renewed(lab: Lab, before: dict[str, str], name: str) -> bool:
    """Another one stands, and nothing is in the making."""
    children = [child for sa in lab.gateway.sas() for child in sa.children if child.state != "DELETED"]
    return ([child.state for child in children if child.name == name] == ["INSTALLED"]
            and halves(lab)[name] != before[name])


@contextmanager
def no_loss(lab: Lab) -> Iterator[None]:
    """A packet every 20 ms to each host, there and back."""
    with ExitStack() as stack:
        streams = {name: stack.enter_context(lab.ping_stream("client", host, 0.02)) for name, host in HOSTS.items()}
        time.sleep(0.3)
        yield
        time.sleep(0.3)
    for name, stream in streams.items():
        missing = [probe for probe in stream.probes[:-1] if probe.rtt is None]
        print(f"{name}: {len(stream.probes)} packets, {len(missing)} lost")
        assert len(stream.probes) > 25
        assert not missing, name
