"""[[child]] tables become the engine's settings, and its events what the user is told of the parts."""

from client.core.helper.agents import Prepared
from client.core.helper.settings import engine_config
from client.core.helper.tunnel import Tunnel, step
from client.core.ikev2 import events as ike
from client.core.ikev2.proposal import DEFAULT_ESP, proposal_name
from client.model.profile import profile_from_dict
from client.model.state import State

BASE = {"version": 1, "name": "work", "gateway": {"address": ["vpn.example.org"]},
        "user": {"auth": "psk", "identity": "alice@example.org"}}
TUNNEL = Tunnel("work", "vpn.example.org", State.CONNECTED, 0.0)


def config(*children: dict[str, object]) -> ike.EngineConfig:
    profile = profile_from_dict({**BASE, "child": list(children)})
    return engine_config(profile, Prepared((), (), ""), bytes)


def test_each_table_is_a_child_of_the_engine() -> None:
    lab, office = config({"name": "lab", "remote": ["10.10.0.0/24"]}, {
        "name": "office", "remote": ["10.20.0.0/24", "fd20::/48"], "local": ["10.9.0.0/16", "fd9::/64"],
        "esp_proposals": ["aes128gcm16"], "pfs": "off", "child_lifetime": "10m"}).wanted()
    assert (lab.name, list(map(str, lab.local_ts)), list(map(str, lab.remote_ts))) == (
        "lab", ["0.0.0.0/0"], ["10.10.0.0/24"])
    assert (lab.esp_proposals, lab.pfs_groups, lab.rekey, round(lab.expire)) == (DEFAULT_ESP, None, 3600.0, 3960)
    assert list(map(str, office.local_ts)) == ["10.9.0.0/16", "fd9::/64"]
    assert [proposal_name(p) for p in office.esp_proposals] == ["aes128gcm16"]
    assert (office.pfs_groups, office.rekey) == ((), 600.0)


def test_without_tables_there_is_one_without_a_name() -> None:
    (only,) = config().wanted()
    assert (only.name, list(map(str, only.remote_ts))) == ("", ["0.0.0.0/0", "::/0"])


def test_addresses_of_both_versions_are_asked_for_where_any_part_needs_them() -> None:
    both = config({"name": "four", "remote": "10.0.0.0/8"}, {"name": "six", "remote": "fd00::/8"})
    assert (both.request_ipv4, both.request_ipv6) == (True, True)
    assert (config({"name": "six", "remote": "fd00::/8"}).request_ipv4) is False


def test_a_refused_part_is_a_finding_that_names_it() -> None:
    once = step(TUNNEL, ike.Progress("child-refused", "office: TS_UNACCEPTABLE"), 0.0, 0.0)
    twice = step(once, ike.Progress("child-refused", "office: TS_UNACCEPTABLE"), 0.0, 0.0)
    (finding,) = twice.findings
    assert finding.code == "child-refused"
    assert "office: TS_UNACCEPTABLE" in finding.message


def test_addresses_that_come_later() -> None:
    given = ike.VirtualIps(domains=("corp.example",))
    assert step(TUNNEL, ike.Configured(given), 0.0, 0.0).virtual_ips == given
