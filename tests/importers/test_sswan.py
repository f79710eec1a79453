"""Profiles of the strongSwan app for Android: what is taken over, and that the rest is named."""

import base64
import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.importers import IdentityMissing, Imported, ImportFailed, import_file
from client.importers.sswan import KEYS
from client.model.profile import parse_profile
from tests.importers.certificates import der_certificate, pem_certificate

EAP = {
    "uuid": "3b1a5f2e-6c1d-4a5b-9d5e-0a8f1c2d3e4f",
    "name": "Büro VPN (main)",
    "type": "ikev2-eap",
    "remote": {"addr": "vpn.example.org", "id": "gw.example.org",
               "cert": base64.b64encode(der_certificate()).decode()},
    "local": {"eap_id": "alice"},
}


def imported(tree, **options):
    return import_file(json.dumps(tree).encode(), **options)


def with_values(tree=EAP, **dotted):
    """remote__port=4500 → {"remote": {"port": 4500}}, on top of ``tree``; … is deletion."""
    tree = copy.deepcopy(tree)
    for key, value in dotted.items():
        *tables, last = key.replace("_m_", "-").split("__")
        target = tree
        for table in tables:
            target = target.setdefault(table, {})
        if value is ...:
            del target[last]
        else:
            target[last] = value
    return tree


def outcome(data):
    """→ Imported, or what was wrong."""
    try:
        return import_file(data)
    except ImportFailed as error:
        return error.problems


def problems_of(tree, **options):
    with pytest.raises(ImportFailed) as caught:
        imported(tree, **options)
    return caught.value.problems


def test_a_password_profile():
    result = imported(EAP)
    profile = parse_profile(result.profile_toml)
    assert profile.name == result.name == "Buro-VPN-main"
    assert (profile.gateway.address, profile.gateway.identity) == (("vpn.example.org",), "gw.example.org")
    assert profile.gateway.trust == (pem_certificate(),)
    assert (profile.user.auth, profile.user.identity) == ("eap-mschapv2", "alice")
    assert profile.tunnel.full
    assert "# imported from a strongSwan profile “Büro VPN (main)” 3b1a5f2e" in result.profile_toml
    assert (result.credentials, result.missing, result.not_understood) == ((), (), ())


def test_a_certificate_profile():
    bundle = base64.b64encode(b"\x30bundle").decode()
    tree = with_values(type="ikev2-cert", local={"id": "alice@example.org", "p12": bundle})
    result = imported(tree, name="work")
    profile = parse_profile(result.profile_toml)
    assert (profile.user.auth, profile.user.certificate, profile.user.rounds[0].ike_identity) == (
        "certificate", "work.p12", "alice@example.org")
    assert [(file.name, file.data) for file in result.credentials] == [("work.p12", b"\x30bundle")]
    assert "bundle" not in repr(result)


def test_everything_that_has_a_counterpart():
    result = imported(with_values(
        ike_m_proposal="aes256gcm16-prfsha384-ecp384", esp_m_proposal="aes256gcm16-ecp384, aes256-sha256",
        split_m_tunneling={"subnets": ["10.0.0.0/8", "192.0.2.1", "192.0.2.4 - 192.0.2.7", "2001:db8::/32"],
                           "excluded": "10.1.0.0/16 10.2.0.0/16"}))
    profile = parse_profile(result.profile_toml)
    assert profile.ike.proposals == ("aes256gcm16-prfsha384-ecp384",)
    assert profile.ike.esp_proposals == ("aes256gcm16-ecp384", "aes256-sha256")
    assert [str(net) for net in profile.tunnel.remote] == ["10.0.0.0/8", "192.0.2.1/32", "192.0.2.4/30",
                                                           "2001:db8::/32"]
    assert [str(net) for net in profile.tunnel.exclude] == ["10.1.0.0/16", "10.2.0.0/16"]
    assert result.missing == ()


@pytest.mark.parametrize(("strict", "revocation"), [(True, "strict"), (False, "soft")])
def test_revocation(strict, revocation):
    tree = with_values()
    tree["remote"]["revocation"] = {"strict": strict, "crl": True, "ocsp": True}
    result = imported(tree)
    assert parse_profile(result.profile_toml).gateway.revocation == revocation
    assert result.missing == ()


@pytest.mark.parametrize("dotted", sorted(key for key, row in KEYS.items() if row.lacks))
def test_what_has_none_is_named(dotted):
    tree = with_values(split_m_tunneling__subnets=["10.0.0.0/8"])
    *tables, last = dotted.split(".")
    target = tree
    for table in tables:
        target = target.setdefault(table, {})
    target[last] = {"remote.certreq": False, "remote.port": 4501, "mtu": 1300,
                    "remote.revocation.crl": False, "remote.revocation.ocsp": False}.get(dotted, True)
    assert [line.split(":")[0] for line in imported(tree).missing] == [dotted]
    for harmless in KEYS[dotted].harmless:
        target[last] = harmless
        assert imported(tree).missing == ()


def test_a_full_tunnel_blocks_anyway():
    assert imported(with_values(split_m_tunneling={"block-ipv6": True})).missing == ()


def test_unknown_keys_are_named_and_their_values_are_not():
    result = imported(with_values(colour="blue", local__shared_secret="geheim", remote__a={"b": 1},
                                  **{"x\n[policy]": 1}))
    assert sorted(result.not_understood) == ["colour", "local.shared_secret", "remote.a", "x [policy]"]
    assert "geheim" not in repr(result)


def test_the_name_cannot_write_toml():
    result = imported(with_values(name='evil"\n[policy]\nlockdown = "off" #\u2028x'))
    assert parse_profile(result.profile_toml).name == "evil-policy-lockdown-off-x"
    assert parse_profile(imported(with_values(name="日本")).profile_toml).name == "vpn"


def test_the_user_may_be_asked_for_the_name():
    tree = with_values(local__eap_id=...)
    with pytest.raises(IdentityMissing):
        imported(tree)
    assert parse_profile(imported(tree, identity="bob").profile_toml).user.identity == "bob"


@pytest.mark.parametrize(("change", "words"), [
    ({"type": "ikev2-cert-eap"}, "type: ikev2-cert-eap is not available in this version"),
    ({"type": "ikev2-eap-tls"}, "local.p12 is missing"),
    ({"type": "ikev2-byod-eap"}, "type: ikev2-byod-eap is not available"),
    ({"type": "wireguard"}, "type: wireguard is not known"),
    ({"type": ...}, "type is missing"),
    ({"type": "ikev2-cert"}, "local.p12 is missing"),
    ({"type": "ikev2-cert", "local__p12": "&&"}, "local.p12: must be base64"),
    ({"remote": {}}, "remote.addr is missing"),
    ({"remote": 3}, "remote.addr is missing"),
    ({"remote__addr": "not a host"}, "gateway.address"),
    ({"remote__cert": "AAAA"}, "remote.cert"),
    ({"uuid": "7"}, "uuid"),
    ({"split_m_tunneling": {"subnets": ["10.0.0.0/99"]}}, "split-tunneling.subnets"),
    ({"split_m_tunneling": {"subnets": ["10.0.0.0-2001:db8::"]}}, "must not mix"),
    ({"split_m_tunneling": {"subnets": [f"10.0.{i}.1-10.0.{i}.254" for i in range(99)]}}, "more than 256"),
    ({"split_m_tunneling": {"subnets": [7]}}, "must be a text"),
    ({str(i): 1 for i in range(600)}, "more than 500 keys"),
])
def test_refused_by_name(change, words):
    assert any(words in problem for problem in problems_of(with_values(**change))), problems_of(with_values(**change))


@pytest.mark.parametrize("data", [b"{", b'{"a":' * 90000, b'{"name": "a", "name": "b"}', b'{"x": ' + b"9" * 5000 + b"}",
                                  b"{" + b" " * (1024 * 1024)])
def test_broken_files(data):
    with pytest.raises(ImportFailed):
        import_file(data)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mutated_profiles_give_a_result_or_a_named_error(data):
    base = with_values(mtu=1300, ike_m_proposal="aes256-sha256-modp2048", split_m_tunneling={"subnets": ["10.0.0.0/8"]},
                       remote__cert=...)
    text = bytearray(json.dumps(base).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place:place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    result = outcome(bytes(text))
    if isinstance(result, Imported):
        assert parse_profile(result.profile_toml).name == result.name
    else:
        assert result


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(sorted(KEYS)),
                     lambda inner: st.lists(inner, max_size=3)
                     | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=6)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KEYS)), _JSON, max_size=6))
def test_any_value_at_any_key(values):
    tree = copy.deepcopy(EAP)
    for dotted, value in values.items():
        *tables, last = dotted.split(".")
        target = tree
        for table in tables:
            target = target[table] if isinstance(target.get(table), dict) else target.setdefault(table, {})
        if isinstance(target, dict):
            target[last] = value
    result = outcome(json.dumps(tree).encode())
    assert parse_profile(result.profile_toml) if isinstance(result, Imported) else result
