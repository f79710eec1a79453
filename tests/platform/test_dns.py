"""The host's resolver: resolv.conf itself, resolvconf, and what counts as a domain name."""

from ipaddress import ip_address

import pytest

from client.core.platform.config import HostConfig
from client.core.platform.dns import MAX_DOMAINS, MAX_SERVERS, checked_domain, dns_settings
from tests.platform.lab import RESOLV

SET_UP = """
    from ipaddress import ip_address
    from client.core.platform.cleanup import clean_up
    from client.core.platform.dns import Dns, DnsSettings
    dns = Dns()
    def wants(*servers, domains=(), full=True):
        return DnsSettings(tuple(map(ip_address, servers)), tuple(domains), full)
"""


@pytest.fixture
def host(lab):
    driver = lab.driver()
    driver.run(SET_UP)
    return driver


@pytest.mark.parametrize(("domain", "checked"), [
    ("corp.example", "corp.example"), ("Corp.Example.", "corp.example"), ("_tcp.corp.example", "_tcp.corp.example"),
    ("a", "a"), ("xn--bcher-kva.example", "xn--bcher-kva.example"), ("", None), (".", None), ("a..b", None),
    ("-a.example", None), ("a-.example", None), ("a b", None), ("a\nnameserver 6.6.6.6", None),
    ("bücher.example", None), ("a" * 64, None), ("a" * 63, "a" * 63), (".".join(["abc"] * 64), None),
    ("corp.example;id", None), ("a\0b", None),
])
def test_domain_names(domain, checked):
    assert checked_domain(domain) == checked


def test_the_gateways_wishes_are_bounded():
    servers = tuple(ip_address(text) for text in ("0.0.0.0", "127.0.0.1", "::1", "fe80::1", "224.0.0.251", "::"))
    many = tuple(ip_address(f"10.0.0.{n}") for n in range(1, 100))
    config = HostConfig(0, 1400, (), (), dns_servers=servers + many,
                        dns_domains=(*(f"d{n}.example" for n in range(1000)), "evil\n"))
    settings, findings = dns_settings(config)
    assert settings.servers == many[:MAX_SERVERS]
    assert len(settings.domains) == MAX_DOMAINS
    assert [finding.code for finding in findings] == ["dns-domains-ignored"]
    assert dns_settings(HostConfig(0, 1400, (), (), dns_servers=servers)) == (None, ())


@pytest.mark.interop
def test_resolv_conf_is_rewritten_and_comes_back_as_it_was(lab, host):
    before = lab.snapshot()
    assert host.run("""
        result = await dns.apply(0, 1, wants('10.9.0.53', 'fd00:9::53', domains=('corp.example',)))
    """) == []
    assert (lab.etc / "resolv.conf").read_text() == (
        "# Written by roved while a tunnel is up; what was here comes back afterwards.\n"
        "nameserver 10.9.0.53\nnameserver fd00:9::53\nsearch corp.example home.example\noptions ndots:1\n")
    assert (lab.etc / "resolv.conf").stat().st_mode & 0o777 == 0o640
    host.run("await dns.apply(0, 1, wants('10.9.0.54'))")
    assert "10.9.0.54" in (lab.etc / "resolv.conf").read_text()
    host.run("await dns.remove(0, None)")
    assert lab.snapshot() == before


@pytest.mark.interop
@pytest.mark.parametrize("target", ["../run-elsewhere/resolv.conf", "/nowhere/at/all", None])
def test_symbolic_links_and_nothing_at_all_come_back_too(lab, host, target):
    (lab.etc / "resolv.conf").unlink()
    if target:
        (lab.etc / "resolv.conf").symlink_to(target)
        host.run("await dns.apply(0, 1, wants('10.9.0.53')); await dns.remove(0, None)")
        assert str((lab.etc / "resolv.conf").readlink()) == target
    else:
        host.run("await dns.apply(0, 1, wants('10.9.0.53')); await dns.remove(0, None)")
        assert not (lab.etc / "resolv.conf").exists()
    host.run("await dns.apply(0, 1, wants('10.9.0.53'))")
    assert "10.9.0.53" in (lab.etc / "resolv.conf").read_text()


@pytest.mark.interop
def test_what_another_has_written_meanwhile_stays(lab, host):
    host.run("await dns.apply(0, 1, wants('10.9.0.53'))")
    (lab.etc / "resolv.conf").write_text("nameserver 198.51.100.53\n")
    host.run("await dns.remove(0, None)")
    assert (lab.etc / "resolv.conf").read_text() == "nameserver 198.51.100.53\n"
    assert host.run("result = clean_up(False)") == []


@pytest.mark.interop
def test_applied_again_over_anothers_file_that_file_is_the_original(lab, host):
    host.run("await dns.apply(0, 1, wants('10.9.0.53'))")
    (lab.etc / "resolv.conf").write_text("nameserver 198.51.100.53\n")
    host.run("await dns.apply(0, 1, wants('10.9.0.53'))")
    assert "10.9.0.53" in (lab.etc / "resolv.conf").read_text()
    host.run("await dns.remove(0, None)")
    assert (lab.etc / "resolv.conf").read_text() == "nameserver 198.51.100.53\n"


@pytest.mark.interop
def test_a_mount_point_is_written_in_place(lab):
    # In containers /etc/resolv.conf is one, and cannot be replaced.
    mounted = lab.folder / "mounted"
    mounted.write_text(RESOLV)
    driver = lab.driver(before=f"mount --bind {mounted} /etc/resolv.conf")
    driver.run(SET_UP)
    driver.run("await dns.apply(0, 1, wants('10.9.0.53'))")
    assert "10.9.0.53" in mounted.read_text()
    # Cut short by a power failure, it is still known as ours.
    mounted.write_text(mounted.read_text()[:40])
    assert len(driver.run("result = clean_up(False)")) == 1
    assert mounted.read_text() == RESOLV
    assert (lab.etc / "resolv.conf").read_text() == RESOLV


@pytest.mark.interop
def test_a_crash_between_backup_and_rewriting_harms_nothing(lab, host):
    host.run("""
        from client.core.platform import dns_file
        def crash(*arguments):
            raise OSError('power cut')
        dns_file._replace, replace = crash, dns_file._replace
        try:
            await dns.apply(0, 1, wants('10.9.0.53'))
        except OSError as error:
            result = str(error)
        dns_file._replace = replace
    """)
    assert host.run("result = clean_up(False)") == []
    assert (lab.etc / "resolv.conf").read_text() == RESOLV


@pytest.mark.interop
@pytest.mark.parametrize("damage", ["", "{", "null", "[]", '{"kind": 5}', '{"kind":"file","content":"!"}', "\\u0000"])
def test_a_damaged_backup_is_no_crash(lab, host, damage):
    (lab.folder / "state").mkdir()
    for folder, name in (("state", "resolv.conf.json"), ("run", "sysctl.json"), ("run", "resolvconf.json")):
        (lab.folder / folder).mkdir(exist_ok=True)
        (lab.folder / folder / name).write_text(damage)
    assert host.run("result = clean_up(False)") == []
    assert (lab.etc / "resolv.conf").read_text() == RESOLV


@pytest.mark.interop
def test_without_a_splitting_resolver_split_servers_are_not_used(lab, host):
    before = lab.snapshot()
    assert host.run("""
        found = await dns.apply(0, 1, wants('10.9.0.53', domains=('c.x',), full=False))
        result = [finding.code for finding in found]
    """) == ["dns-split-unavailable"]
    assert lab.snapshot() == before
    # From full to split: the original is back.
    host.run("await dns.apply(0, 1, wants('10.9.0.53'))")
    host.run("await dns.apply(0, 1, wants('10.9.0.53', full=False))")
    assert lab.snapshot() == before


RESOLVCONF = """#!/bin/sh
echo "$@" >> {log}
case $1 in -a) cat > {folder}/"$2";; -d) rm -f {folder}/"$2";; esac
"""


@pytest.mark.interop
@pytest.mark.parametrize("debian", [False, True])
def test_resolvconf(lab, host, debian):
    folder, log = lab.folder / "entries", lab.folder / "log"
    folder.mkdir()
    tool = lab.etc / "bin" / "resolvconf"
    tool.write_text(RESOLVCONF.format(log=log, folder=folder))
    tool.chmod(0o755)
    name = "rove0"
    if debian:
        (lab.etc / "resolvconf").mkdir()
        (lab.etc / "resolvconf" / "interface-order").write_text("lo*\ntun*\n")
        name = "tun.rove0"
    host.run("await dns.apply(0, 1, wants('10.9.0.53', domains=('corp.example',)))")
    host.run("await dns.apply(0, 1, wants('10.9.0.53', domains=('corp.example',)))")
    assert log.read_text() == f"-a {name} -m 0 -x\n"
    assert (folder / name).read_text() == "nameserver 10.9.0.53\nsearch corp.example\n"
    assert (lab.etc / "resolv.conf").read_text() == RESOLV
    host.run("await dns.remove(0, None)")
    assert list(folder.iterdir()) == []
    # After a crash the record says what to delete.
    host.run("await dns.apply(0, 1, wants('10.9.0.53'))")
    host.kill()
    other = lab.driver()
    assert other.run("from client.core.platform.cleanup import clean_up; result = clean_up(False)") == [
        f"resolvconf entry {name}"]
    assert list(folder.iterdir()) == []
    assert other.run("result = clean_up(False)") == []
