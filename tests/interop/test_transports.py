"""Hotel networks: UDP blocked, TCP open (RFC 9329); plain ESP without a NAT; paths narrower than their links.

strongSwan has neither TCP nor, here, plain ESP: in its place is the scripted responder with a data path of ours.
"""

import re
import time
from collections.abc import Callable

import pytest

from tests.interop.rovetest import connect, connected, imported, status
from tests.lab import measure, plan
from tests.lab.lab import Lab
from tests.lab.peer import Peer
from tests.lab.ping import outage

NAME = "psk"
CORP = {"remote": ["10.10.0.0/24"]}
FRAGMENTS = "ip.flags.mf == 1 || ip.frag_offset > 0"


def carried_by(lab: Lab) -> str:
    return str(status(lab, NAME)["path"]["transport"])


def test_all_udp_blocked_and_open_again(lab: Lab) -> None:
    """IKE_SA_INIT by UDP 500, UDP 4500, then TCP; back by MOBIKE, the same IKE_SA, make before break."""
    with Peer(lab, "--tcp", "4500") as peer:
        lab.udp("wifi", "block")
        imported(lab, NAME, tunnel=CORP)
        done = connect(lab, NAME)
        assert done.returncode == 0, done.stdout + done.stderr
        taken = re.search(r"^Connected to .* in ([\d.]+) s", done.stdout, re.MULTILINE)
        assert taken is not None
        assert float(taken[1]) < 6
        before = status(lab, NAME)
        assert before["path"]["transport"] == "tcp"
        assert before["path"]["remote"] == f"{plan.GATEWAY}:4500"
        assert lab.throughput(1.0) > 0.01
        assert lab.throughput(1.0, reverse=True) > 0.01
        with lab.ping_stream("client", plan.CORP_HOST) as stream:
            time.sleep(0.3)
            opened = time.monotonic()
            lab.udp("wifi", "open")
            measure.wait_until(lambda: carried_by(lab) == "udp", "it is back on UDP", 60)
            peer.wait("path", transport="udp")
            time.sleep(0.5)
        assert outage(stream.probes, opened) < 0.2
        after = status(lab, NAME)
        assert (after["ike"]["spi_i"], after["ike"]["spi_r"]) == (before["ike"]["spi_i"], before["ike"]["spi_r"])
        peer.wait("stream-lost", errno=0)       # RFC 9329 §8.1: closed once UDP carries it


def test_udp_is_blocked_amid_a_session_and_the_stream_is_cut(lab: Lab) -> None:
    """The same IKE_SA goes on in TCP, and in another connection when a router forgets the first one."""
    with Peer(lab, "--tcp", "4500") as peer:
        before = connected(lab, NAME, tunnel=CORP)
        assert before["path"]["transport"] == "udp"
        with lab.ping_stream("client", plan.CORP_HOST):
            lab.udp("wifi", "block")
            measure.wait_until(lambda: carried_by(lab) == "tcp" and lab.ping("client", plan.CORP_HOST),
                               "it goes on in TCP", 30)
        first = peer.wait("stream")
        with lab.ping_stream("client", plan.CORP_HOST):
            lab.nat("wifi", "newport")          # the gateway answers the old connection's packets with RST
            measure.wait_until(lambda: peer.said("stream")[-1] != first and lab.ping("client", plan.CORP_HOST),
                               "another connection carries it", 30)
        after = status(lab, NAME)
        assert (after["state"], after["path"]["transport"]) == ("connected", "tcp")
        assert after["ike"]["spi_i"] == before["ike"]["spi_i"]


@pytest.mark.parametrize("nat", ["none", "port"])
def test_plain_esp(lab_with: Callable[..., Lab], nat: str) -> None:
    """RFC 4303 §3.1.1 where the profile asks for it and no NAT is; else in UDP"""
    lab = lab_with(nat={"wifi": "none"}) if nat == "none" else lab_with()
    with Peer(lab, "--esp"):
        shown = connected(lab, NAME, tunnel=CORP, roaming={"transports": ["esp", "udp"]})
        with lab.capture("client", "wifi0") as capture:
            assert lab.ping("client", plan.CORP_HOST)
            assert lab.throughput(1.0) > 0.01
        path = shown["path"]
        assert (path["transport"], path["nat"]) == (("esp", False) if nat == "none" else ("udp", True))
        assert bool(capture.count("ip.proto == 50")) is (nat == "none")
        assert bool(capture.count("udpencap && esp")) is (nat == "port")
        assert capture.count(FRAGMENTS) == 0


@pytest.mark.parametrize("mtu", [1280, 1400])
def test_a_path_narrower_than_its_links(lab: Lab, mtu: int) -> None:
    """ICMP is filtered: the gateway's answers to probes tell. TCP passes both ways, and nothing is in fragments."""
    lab.narrow("wifi", mtu)
    connected(lab, "mschap")
    measure.wait_until(lambda: f"path MTU {mtu}" in lab.roved.log() or mtu == 1280, "the path was measured", 10)
    with lab.capture("client", "wifi0") as here, lab.capture("gw", "ext0") as there:
        for reverse in (False, True):
            assert lab.throughput(1.0, reverse=reverse) > 0.01
    assert here.count(FRAGMENTS) + there.count(FRAGMENTS) == 0
    assert here.count("udp") > 100


def test_a_roam_to_a_narrower_link(lab: Lab) -> None:
    """LTE's MTU is 1400: the tunnel's follows, there and back. Of an outer packet 62 octets are not the inner one's."""
    connected(lab, "mschap")
    for number, uplink in enumerate(("wifi", "lte", "wifi")):
        if number:
            lab.roam(uplink)
        size = plan.UPLINKS[uplink].mtu - 62
        measure.wait_until(lambda size=size: tunnel_mtu(lab) == size, f"{uplink} was measured", 15)  # type: ignore[misc] # bound
    assert lab.throughput(1.0) > 0.01


def tunnel_mtu(lab: Lab) -> int:
    return int(lab.exec("client", "cat", "/sys/class/net/rove0/mtu").stdout)

