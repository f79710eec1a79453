"""The lab works: strongSwan against strongSwan, every fault does what it says, and nothing stays behind."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest

from client.model.profile import parse_profile
from tests.lab import accounts, authorized, measure, netns, plan, profiles, requirements, rove
from tests.lab.accounts import ACCOUNTS, ROOT
from tests.lab.host import REPOSITORY
from tests.lab.lab import Lab
from tests.lab.ping import lost, outage
from tests.lab.shell import LabError, LabInUse, run
from tests.lab.vici import Refused

USER = ACCOUNTS["rovetest1"]
POLICY = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/PolicyKit/1/policyconfig.dtd">
<policyconfig><action id="org.rovevpn.lab.try"><description>Try</description><message>Try</message><defaults>
<allow_any>no</allow_any><allow_inactive>auth_admin</allow_inactive><allow_active>yes</allow_active>
</defaults></action></policyconfig>
"""


def ask(lab: Lab, server: str = plan.INET_DNS, name: str = "psk.gw.lab.test", timeout: float = 0.4) -> list[str]:
    """The addresses that a name server gives the client. Raises dns.exception.Timeout or OSError."""
    query = dns.message.make_query(name, "A")
    answer = netns.inside(lab.spaces["client"], lambda: dns.query.udp(query, server, timeout=timeout))
    return [str(address) for rrset in answer.answer for address in rrset]


# --- strongSwan's own client


@pytest.mark.parametrize("name", ["psk", "cert", "certec", "certed", "mschap"])
def test_connects_and_pings(lab: Lab, name: str) -> None:
    lab.swan_client.start()
    assert not lab.ping("client", plan.CORP_HOST, timeout=0.1)
    mine = lab.swan_client.connect(name)
    (theirs,) = lab.gateway.sas()
    assert (mine.spi_i, mine.spi_r) == (theirs.spi_i, theirs.spi_r)
    assert mine.initiator
    assert not theirs.initiator
    assert mine.virtual_ips == theirs.virtual_ips
    assert lab.ping("client", plan.CORP_HOST)
    assert lab.ping("client", plan.CORP_HOST6)
    assert ask(lab, plan.CORP_DNS, "host.corp.lab.test") == [plan.CORP_HOST]


def test_connects_over_ipv6(lab6: Lab) -> None:
    lab6.swan_client.start()
    assert lab6.swan_client.connect("psk6").remote[0] == plan.GATEWAY6
    assert lab6.ping("client", plan.CORP_HOST)
    assert lab6.ping("client", plan.CORP_HOST6)


@pytest.mark.parametrize(("name", "why"), [
    ("bad-rogue", "no trusted ECDSA public key found for 'bad-rogue"),
    ("bad-expired", "subject certificate invalid .valid from Jan 01 00:00:00 2020"),
    ("bad-wrongname", "no trusted ECDSA public key found for 'bad-wrongname"),
    ("bad-revoked", "certificate was revoked"),
    ("weak", "received NO_PROPOSAL_CHOSEN"),
    ("childweak", "NO_PROPOSAL_CHOSEN notify, no CHILD_SA built"),
    ("cert-revoked", "AUTHENTICATION_FAILED"),
    ("cert-rogue", "AUTHENTICATION_FAILED"),
    ("mschap-badpw", "EAP-MS-CHAPv2 failed"),
])
def test_faulty_ends_are_refused(lab: Lab, name: str, why: str) -> None:
    lab.swan_client.start()
    mark = lab.swan_client.mark()
    with pytest.raises(Refused):
        lab.swan_client.connect(name)
    lab.swan_client.wait(why, since=mark)


def test_gateway_without_usable_key_usage_presents_it(lab: Lab) -> None:
    """strongSwan's client looks at this no closer; what matters is that the gateway sends such a certificate."""
    lab.swan_client.start()
    mark = lab.gateway.mark()
    with pytest.raises(Refused):
        lab.swan_client.connect("bad-keyusage")
    lab.gateway.wait(r"authentication of 'bad-keyusage.gw.lab.test' \(myself\) with \S+ successful", since=mark)


def test_gateway_rekeys_when_told(lab: Lab) -> None:
    def spis() -> tuple[set[str], set[str]]:
        rows = [sa for sa in lab.gateway.sas() if sa.state == "ESTABLISHED"]
        return {sa.spi_i for sa in rows}, {child.spi_in for sa in rows for child in sa.installed}
    lab.swan_client.start()
    lab.swan_client.connect("psk")
    ike, child = spis()
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        lab.gateway.initiate_rekey(child="net")
        measure.wait_until(lambda: spis()[0] == ike and spis()[1].isdisjoint(child) and spis()[1], "a new CHILD_SA")
        lab.gateway.initiate_rekey(ike="psk")
        measure.wait_until(lambda: spis()[0] and spis()[0].isdisjoint(ike), "a new IKE_SA")
        time.sleep(0.2)
    assert len(lost(stream.probes)) < len(stream.probes) / 4
    assert lab.ping("client", plan.CORP_HOST)


@pytest.mark.parametrize(("how", "way"), [("bbm", "nm"), ("mbb", "nm"), ("bbm", "admin"), ("bbm", "carrier"),
                                          ("mbb", "silent")])
def test_roams(lab: Lab, how: str, way: str) -> None:
    lab.swan_client.start()
    before = lab.swan_client.connect("psk")
    with lab.ping_stream("client", plan.CORP_HOST) as stream:
        time.sleep(0.2)
        moved = time.monotonic()
        lab.roam("lte", how=how, way=way)
        if way in ("carrier", "silent"):  # strongSwan does not leave such a link by itself
            lab.link("wifi", "nm")
        measure.wait_until(lambda: lab.gateway.sas()[0].remote[0] == plan.UPLINKS["lte"].outside, "the SA on LTE", 10)
        time.sleep(0.3)
    (after,) = lab.gateway.sas()
    assert (after.spi_i, after.spi_r) == (before.spi_i, before.spi_r)
    assert not lost([probe for probe in stream.probes if probe.sent < moved - 0.05])
    assert outage(stream.probes, moved - 0.05) < 8


@pytest.mark.parametrize("way", ["nm", "admin"])
def test_who_is_back_is_announced(lab: Lab, way: str) -> None:
    """Else a router that asked while the link was down asks again a second later, and drops what it has for us."""
    with lab.capture("client", "wifi0", "arp") as capture:
        lab.link("wifi", way)
        lab.link("wifi", "up")
    assert capture.count(f"arp.isannouncement == 1 && arp.src.proto_ipv4 == {plan.UPLINKS['wifi'].client}") == 1


def test_measures(lab: Lab) -> None:
    lab.swan_client.start()
    times = measure.measure_connect(lab.swan_client, "psk", 3)
    assert len(times) == 3
    assert 0 < times[0] <= times[-1] < 5
    lab.swan_client.connect("psk")
    assert lab.throughput(1) > 0.001
    assert lab.throughput(1, reverse=True) > 0.001


# --- faults


def test_nat_modes(lab: Lab) -> None:
    sources = []
    for change in [("flush",), ("newaddr",), ("mode", "none"), ("mode", "keep"), ("newport",)]:
        lab.nat("wifi", *change)
        ask(lab)
        sources.append(lab.dns["inet"].queries[-1][0])
    wifi = plan.UPLINKS["wifi"]
    assert sources == [wifi.outside, wifi.outside_second, wifi.client, wifi.outside_second, wifi.outside_second]


@pytest.mark.parametrize(("change", "low", "high"), [
    ((), 20000, 29999), (("newport",), 30000, 39999), (("mode", "keep"), 4500, 4500)])
def test_nat_ports(lab: Lab, change: tuple[str, ...], low: int, high: int) -> None:
    if change:
        lab.nat("wifi", *change)
    lab.swan_client.start()
    lab.swan_client.connect("psk")
    assert low <= lab.gateway.sas()[0].remote[1] <= high


def test_udp_faults(lab: Lab) -> None:
    assert ask(lab) == [plan.GATEWAY]
    lab.udp("wifi", "block")
    with pytest.raises(dns.exception.Timeout):
        ask(lab)
    assert lab.ping("client", plan.GATEWAY)
    lab.udp("wifi", "reject")
    with pytest.raises(ConnectionRefusedError):
        netns.inside(lab.spaces["client"], lambda: _connected_receive(plan.GATEWAY))
    lab.udp("wifi", "block4500")
    lab.swan_client.start()
    with pytest.raises(Refused):
        lab.swan_client.connect("psk", timeout=0.5)
    lab.gateway.wait("received packet: from .* 192.0.2.1.500")
    lab.udp("wifi", "open")
    assert ask(lab) == [plan.GATEWAY]


def _connected_receive(address: str) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.settimeout(2)
        opened.connect((address, 4500))
        opened.send(b"x")
        return opened.recv(1)


def test_total_loss_and_healing(lab: Lab) -> None:
    lab.loss("wifi", 1000)
    assert not lab.ping("client", plan.GATEWAY, timeout=0.1)
    lab.reset()
    assert lab.ping("client", plan.GATEWAY)


def test_seeded_loss_repeats_itself(lab_relay: Lab) -> None:
    def losses(seed: int) -> list[int]:
        lab_relay.loss("wifi", 300, seed=seed)
        stream = lab_relay.ping_stream("client", plan.GATEWAY, interval=0.005, seconds=0.5)
        return [number for number, probe in enumerate(stream.wait()) if probe.rtt is None]
    assert lab_relay.ping("client", plan.GATEWAY)  # neighbours are known
    first, second, other = losses(7), losses(7), losses(8)
    assert 20 < len(first) < 90
    assert first == second != other


def test_delay(lab_relay: Lab) -> None:
    lab_relay.delay("wifi", 40)
    with lab_relay.ping_stream("client", plan.GATEWAY) as stream:
        time.sleep(0.3)
    assert 0.08 <= min(probe.rtt for probe in stream.probes if probe.rtt is not None) < 0.2
    assert len(lost(stream.probes)) < len(stream.probes) / 4


# --- captures


def test_decrypts_a_handshake(lab: Lab) -> None:
    """IKE_SA_INIT, then in IKE_AUTH: EAP identity, MSCHAPv2 challenge and result, success, AUTH both ways."""
    lab.gateway.start(log_level=4)
    lab.swan_client.start()
    with lab.capture("client", "wifi0", "udp port 500 or udp port 4500") as capture:
        lab.swan_client.connect("mschap")
    messages = capture.ike(lab.gateway.log())
    assert [message.exchange for message in messages[:2]] == ["IKE_SA_INIT"] * 2
    assert [message.eap[0] for message in messages if message.eap] == [
        ("Request", 1), ("Response", 1), ("Request", 26), ("Response", 26), ("Request", 26), ("Response", 26),
        ("Success", None)]
    assert "NAT_DETECTION_SOURCE_IP" in messages[0].notifies
    assert {"IDi", "CP", "SA", "TSi", "TSr"} <= set(messages[2].payloads)
    assert all(message.decrypted for message in messages[2:])
    assert not any(message.decrypted or message.eap for message in capture.ike())


def test_psk_takes_four_messages(lab: Lab) -> None:
    lab.swan_client.start()
    with lab.capture("client", "wifi0") as capture:
        lab.swan_client.connect("psk")
    assert [(m.exchange, m.response) for m in capture.ike()] == [
        ("IKE_SA_INIT", False), ("IKE_SA_INIT", True), ("IKE_AUTH", False), ("IKE_AUTH", True)]
    assert capture.count("udp.port == 4500") >= 2


# --- the host


def test_polkit_knows_the_session(lab_with: Callable[..., Lab], tmp_path_factory: pytest.TempPathFactory) -> None:
    policy = tmp_path_factory.getbasetemp() / "org.rovevpn.lab.policy"
    policy.write_text(POLICY)
    lab = lab_with(actions=(policy,))

    def may(account: accounts.Account = USER, session: bool = True) -> str:
        command = lab.host.enter(sys.executable, authorized.__file__, "org.rovevpn.lab.try", account=account,
                                 session=session)
        return run(*command, env=lab.host.environment(account)).stdout
    assert may() == "yes\n"
    assert may(ACCOUNTS["rovetest2"]) == "yes\n"
    assert may(ROOT) == "yes\n"
    assert may(session=False) == "no\n"
    lab.host.sessions.open(USER, active=False)
    assert may() == "challenge\n"
    lab.host.sessions.open(USER, remote=True)
    assert may() == "no\n"


PROBE = """
import os, sys
handle = int(sys.argv[sys.argv.index("--password-fd") + 1])
print(os.getuid(), os.read(handle, 100).decode(), sys.stdin.read(), sys.argv[1], os.environ["HOME"])
print(open("/proc/self/cgroup").read())
print(open("/proc/self/status").read())
sys.exit(6)
"""


def test_rove_runs_as_a_user_in_a_session(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rove, "ROVE", [sys.executable, "-c", PROBE])
    done = lab.rove("connect", user="rovetest2", stdin="typed", secrets={"--password-fd": "s3cret"})
    assert (done.returncode, done.stderr) == (6, "")
    assert done.stdout.startswith("4712 s3cret\n typed connect /run/home/rovetest2\n")
    assert f"/session-{lab.prefix}u4712.scope" in done.stdout
    assert "CapEff:\t0000000000000000" in done.stdout
    assert 0 < done.elapsed < 10
    outside = lab.rove("connect", session=False, secrets={"--password-fd": ""})
    assert "session-" not in outside.stdout
    monkeypatch.setattr(rove, "ROVE", [sys.executable, "-c", "import time; print('begun', flush=True); time.sleep(60)"])
    with pytest.raises(LabError, match="begun"):
        lab.rove("connect", timeout=1)


def test_profiles_are_valid(lab: Lab) -> None:
    for name in ("psk", "cert", "certec", "certed", "mschap", "full", "bad-rogue"):
        parsed = parse_profile(lab.profile(name, name="work", ike={"dpd": "5s"}).read_text())
        assert (parsed.name, parsed.gateway.identity, parsed.ike.dpd) == ("work", f"{name}.gw.lab.test", 5.0)
        assert set(profiles.secrets(name)) == ({"--password-fd"} if parsed.user.auth != "certificate" else set())
        for file in filter(None, (*parsed.gateway.trust, parsed.user.certificate, parsed.user.key)):
            command = lab.host.enter("head", "-c1", file, account=USER)
            assert run(*command, env=lab.host.environment(USER)).stdout == "-"


def test_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(requirements._PROGRAMS, "no-such-program", "no-such-package")
    assert requirements.missing() == "the lab needs: apt-get install --no-install-recommends no-such-package"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "root" in requirements.missing()


def test_bus_has_the_stock_policy(lab: Lab) -> None:
    command = lab.host.enter("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                             "org.freedesktop.DBus.RequestName", "string:org.example.Squatter", "uint32:0",
                             account=USER)
    done = run(*command, env=lab.host.environment(USER), check=False)
    assert "org.freedesktop.DBus.Error.AccessDenied" in done.stderr


def test_host_is_confined(lab: Lab) -> None:
    outside = Path("/etc/resolv.conf").read_bytes()
    lab.exec("client", "sh", "-c", "echo nameserver 10.9.9.9 > /etc/new && mv /etc/new /etc/resolv.conf")
    assert lab.host.read("/etc/resolv.conf") == "nameserver 10.9.9.9\n"
    assert Path("/etc/resolv.conf").read_bytes() == outside
    lab.reset()
    assert lab.host.read("/etc/resolv.conf").endswith(f"nameserver {plan.INET_DNS}\n")
    assert "rovetest1" in lab.exec("client", "id", str(USER.uid)).stdout
    assert not Path("/run/home").exists()


def test_snapshot_sees_a_tunnel_come_and_go(lab: Lab) -> None:
    before = lab.snapshot()
    lab.swan_client.start()
    lab.swan_client.connect("psk")
    during = lab.snapshot()
    lab.swan_client.stop()
    assert {key for key in before if during[key] != before[key]} >= {"rule4", "route4", "links"}
    assert lab.snapshot() == before


def test_reset_heals_what_a_crash_left(lab: Lab) -> None:
    before = lab.snapshot()
    lab.swan_client.start()
    lab.swan_client.connect("psk")
    lab.exec("client", "nft", "add table inet leftover")
    lab.exec("client", "ip", "-6", "rule", "add", "fwmark", "7", "lookup", "77", "priority", "70")
    lab.exec("client", "ip", "-6", "route", "add", "unreachable", "default", "table", "77")
    lab.swan_client.kill()
    assert lab.snapshot() != before
    lab.reset()
    assert lab.snapshot() == before


# --- nothing stays


def test_leaves_nothing_behind() -> None:
    with _spare_lab() as lab:
        begin = time.monotonic()
        lab.gateway.start()
        assert time.monotonic() - begin < 3
        lab.swan_client.start()
        lab.popen("corp", "sleep", "1000")
        measure.wait_until(lambda: len(netns.pids(lab.spaces.values())) >= 6, "2 charons, sleep, keeper, bus, polkitd")
        inside = netns.pids(lab.spaces.values())
        groups = lab.host.sessions.group(USER)
        assert groups.is_dir()
        with pytest.raises(LabInUse):
            Lab(lab.prefix).up()
    _assert_gone(lab, inside, groups)


def test_cleans_up_after_a_crash() -> None:
    with _spare_lab() as lab:
        prefix = lab.prefix
    crash = f"import os; from tests.lab.lab import Lab; Lab({prefix!r}).up().gateway.start(); os.kill(os.getpid(), 9)"
    done = run(sys.executable, "-c", crash, env=os.environ | {"PYTHONPATH": str(REPOSITORY)}, check=False)
    assert done.returncode == -signal.SIGKILL
    stale = netns.pids(netns.existing(prefix))
    assert len(stale) >= 4
    with Lab(prefix) as lab:
        assert not set(stale) & set(netns.pids(lab.spaces.values()))
        groups = lab.host.sessions.group(USER)
    _assert_gone(lab, stale, groups)


def _spare_lab() -> Lab:
    """One that no other test run has up, and no other process of this run takes while ours is down."""
    first = 10 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for number in range(first, first + 10):
        lab = Lab(f"rvx{number}")
        try:
            lab.up()
        except LabInUse:
            continue
        lab.down()
        return lab
    raise LabError("no spare prefix")


def _assert_gone(lab: Lab, pids: list[int], groups: Path) -> None:
    assert netns.existing(lab.prefix) == []
    assert not [pid for pid in pids if _alive(pid)]
    assert lab.prefix not in Path("/proc/self/mountinfo").read_text()
    assert not groups.exists()
    assert not lab.folder.exists()


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"  # who reaps orphans is not our affair
    except OSError:
        return False
