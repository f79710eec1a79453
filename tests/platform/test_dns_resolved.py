"""systemd-resolved's side of D-Bus, played by a process of ours on a real, private dbus-daemon."""

import shutil
import subprocess

import pytest

from tests.platform.lab import RESOLV

pytestmark = pytest.mark.interop

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={folder}/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_type="signal"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/></policy>
</busconfig>
"""
RESOLVED = """
    from dbus_fast import BusType, Message, MessageType
    from dbus_fast.aio import MessageBus
    calls, refuse = [], set()
    def handle(message):
        if message.interface != 'org.freedesktop.resolve1.Manager':
            return None
        if message.member in refuse:
            return Message.new_error(message, 'org.freedesktop.resolve1.LinkBusy', 'somebody else has it')
        calls.append([message.member, message.body])
        return Message.new_method_return(message, '', [])
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bus.add_message_handler(handle)
    await bus.request_name('org.freedesktop.resolve1')
"""
SET_UP = """
    from ipaddress import ip_address
    from client.core.platform.dns import Dns, DnsSettings
    dns = Dns()
    def wants(*servers, domains=(), full=True):
        return DnsSettings(tuple(map(ip_address, servers)), tuple(domains), full)
"""
PLAIN = [["SetLinkLLMNR", [7, "no"]], ["SetLinkMulticastDNS", [7, "no"]], ["SetLinkDNSOverTLS", [7, "no"]],
         ["FlushCaches", []]]


@pytest.fixture
def resolved(lab):
    (lab.folder / "bus.conf").write_text(BUS.format(folder=lab.folder))
    daemon = shutil.which("dbus-daemon")
    assert daemon, "dbus-daemon is missing"
    bus = subprocess.Popen([daemon, f"--config-file={lab.folder}/bus.conf", "--nofork", "--nopidfile",
                            "--nosyslog", "--print-address=1"], stdout=subprocess.PIPE, text=True)
    assert bus.stdout.readline().startswith("unix:path=")
    driver = lab.driver()
    driver.run(RESOLVED)
    yield driver
    bus.terminate()
    bus.wait(timeout=5)
    bus.stdout.close()


@pytest.fixture
def host(lab, resolved):
    (lab.etc / "resolv.conf").write_text("nameserver 127.0.0.53\noptions edns0 trust-ad\n")
    driver = lab.driver()
    driver.run(SET_UP)
    return driver


def test_split_by_domain(lab, resolved, host):
    assert host.run("""
        split = wants('10.9.0.53', 'fd00:9::53', domains=('corp.example',), full=False)
        result = await dns.apply(0, 7, split)
    """) == []
    calls = resolved.run("result = [[m, str(b)] if m == 'SetLinkDNS' else [m, b] for m, b in calls]")
    assert calls[0][0] == "SetLinkDNS"
    assert "[2, b'\\n\\t\\x005']" in calls[0][1].replace("(", "[").replace(")", "]")
    assert calls[1:] == [["SetLinkDomains", [7, [["corp.example", True]]]], ["SetLinkDefaultRoute", [7, False]], *PLAIN]
    assert (lab.etc / "resolv.conf").read_text().startswith("nameserver 127.0.0.53")
    resolved.run("calls.clear()")
    host.run("await dns.remove(0, 7)")
    assert resolved.run("result = calls") == [["RevertLink", [7]], ["FlushCaches", []]]


def test_everything(resolved, host):
    host.run("await dns.apply(0, 7, wants('10.9.0.53', domains=('corp.example',)))")
    assert resolved.run("result = calls")[1:3] == [
        ["SetLinkDomains", [7, [["corp.example", False], [".", True]]]], ["SetLinkDefaultRoute", [7, True]]]


def test_an_old_resolved_lacks_some_settings(resolved, host):
    resolved.run("refuse.update(('SetLinkDNSOverTLS', 'FlushCaches'))")
    assert host.run("result = await dns.apply(0, 7, wants('10.9.0.53'))") == []


def test_a_refusal_is_an_error(resolved, host):
    resolved.run("refuse.add('SetLinkDomains')")
    assert host.run("""
        from client.core.platform.dns_resolved import DBusRefused
        try:
            await dns.apply(0, 7, wants('10.9.0.53'))
        except DBusRefused as error:
            result = str(error)
    """) == "SetLinkDomains: somebody else has it"


def test_where_programs_do_not_get_to_resolved_the_file_is_written_too(lab, resolved, host):
    (lab.etc / "resolv.conf").write_text(RESOLV)
    host.run("await dns.apply(0, 7, wants('10.9.0.53'))")
    assert resolved.run("result = calls[0][0]") == "SetLinkDNS"
    assert "nameserver 10.9.0.53" in (lab.etc / "resolv.conf").read_text()
    host.run("await dns.remove(0, 7)")
    assert (lab.etc / "resolv.conf").read_text() == RESOLV
    # With nss-resolve they do.
    (lab.etc / "nsswitch.conf").write_text("hosts: files resolve [!UNAVAIL=return] dns # as Fedora\n")
    host.run("await dns.apply(0, 7, wants('10.9.0.53'))")
    assert (lab.etc / "resolv.conf").read_text() == RESOLV
