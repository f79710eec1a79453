"""Several authentications, EAP alone and post-quantum keys in a profile."""

import pytest

from client.model.profile import Aaa, Profile, ProfileError, Round, profile_from_dict


def with_user(auth: object, gateway: dict[str, object] | None = None, ike: dict[str, object] | None = None,
              **user: object) -> Profile:
    return profile_from_dict({"name": "work", "gateway": {"address": "gw.test", **(gateway or {})},
                              "user": {"auth": auth, "certificate": "a.p12", **user}, "ike": ike or {}})


def test_one_identity_is_for_all_rounds() -> None:
    user = with_user(["psk", "certificate", "eap-mschapv2"], identity="alice", ike_identity="laptop").user
    assert user.rounds == tuple(Round(auth, "alice", "laptop", own=False)
                                for auth in ("psk", "certificate", "eap-mschapv2"))
    assert (user.auth, user.identity) == ("psk, certificate, eap-mschapv2", "alice")
    assert user.has("psk")
    assert not user.has("eap-tls")


def test_a_list_has_one_for_each() -> None:
    user = with_user(["certificate", "eap-mschapv2", "eap-mschapv2"], identity=["", "alice", "bob"]).user
    assert [(each.identity, each.ike_identity, each.own) for each in user.rounds] == [
        ("", "", True), ("alice", "", True), ("bob", "", True)]
    assert user.identity == "alice, bob"


@pytest.mark.parametrize("auth", ["certificate", ["certificate"]])
def test_one_round_may_be_a_list(auth: object) -> None:
    assert with_user(auth, identity=["alice"]).user.rounds == (Round("certificate", "alice", "", own=True),)


@pytest.mark.parametrize(("auth", "user", "words"), [
    ([], {}, "user.auth: must name at least one"),
    (["psk"] * 5, {}, "user.auth: must be a list of at most 4"),
    (["psk", "psk"], {"identity": "a"}, "user.auth: 'psk' can be there once"),
    (["certificate", "eap-mschapv2", "certificate"], {"identity": "a"}, "user.auth: 'certificate' can be there once"),
    (["psk", 3], {"identity": "a"}, "user.auth: must be one of"),
    (["psk", "eap-tls"], {"identity": "a", "certificate": ""}, "user.certificate is missing: auth = \"eap-tls\""),
    ("eap-ttls/peap", {"identity": "a"}, "user.auth: must be one of"),
    ("eap-peap/pap", {"identity": "a"}, "user.auth: must be one of"),
    ("eap-ttls", {"identity": "a"}, "user.auth: must be one of"),
    (["psk", "eap-mschapv2"], {"identity": ["a", "b", "c"]}, "user.identity: must be one text, or a list of as many"),
    (["psk", "eap-mschapv2"], {"identity": "a", "ike_identity": ["x"] * 3}, "user.ike_identity: must be one text"),
    (["certificate", "eap-mschapv2"], {"identity": ["a", ""]}, "user.identity is missing: auth = \"eap-mschapv2\""),
    (["certificate", "eap-mschapv2"], {"identity": "a", "certificate": ""}, "user.certificate is missing"),
    ("psk", {"identity": ["a", "b"]}, "user.identity: must be one text")])
def test_what_cannot_be(auth: object, user: dict[str, object], words: str) -> None:
    with pytest.raises(ProfileError, match=words.replace("(", r"\(")):
        with_user(auth, **user)


@pytest.mark.parametrize("auth", ["eap-mschapv2", "psk", "certificate", ["certificate", "eap-mschapv2"]])
def test_eap_alone_is_for_methods_that_can(auth: object) -> None:
    """RFC 5998 §4; the others are refused with the reason."""
    with pytest.raises(ProfileError, match=r"gateway.trust: \"eap\" is for eap-tls, eap-ttls, eap-peap alone"):
        with_user(auth, {"trust": "eap"}, identity="alice")


@pytest.mark.parametrize("auth", ["eap-tls", "eap-ttls/pap", "eap-peap/mschapv2", ["eap-tls", "eap-gtc"]])
def test_eap_alone(auth: object) -> None:
    assert with_user(auth, {"trust": "eap"}, identity="alice").gateway.trust == "eap"


def test_eap_alone_and_revocation() -> None:
    """Nobody should believe in a protection that is not there."""
    assert with_user("eap-tls", {"trust": "eap", "revocation": "soft"}, identity="alice").gateway.revocation == "soft"
    with pytest.raises(ProfileError, match=r"strict.* cannot be held"):
        with_user("eap-tls", {"trust": "eap", "revocation": "strict"}, identity="alice")


def test_whom_the_tunnel_must_lead_to() -> None:
    """The default is the gateway's authority and name; there is no "accept any"."""
    assert with_user("eap-tls", identity="a").user.aaa == Aaa("gateway", "")
    assert with_user("eap-peap/gtc", identity="a", aaa={"server_name": "radius.test"}).user.aaa == Aaa(
        "gateway", "radius.test")
    assert with_user("eap-ttls/pap", identity="a", aaa={"trust": "system"}).user.aaa.trust == "system"
    assert with_user("eap-tls", identity="a", aaa={"trust": ["PEM"]}).user.aaa.trust == ("PEM",)


@pytest.mark.parametrize(("aaa", "words"), [
    ("gateway", "must be a table"), ({"name": "x"}, "there is no key 'name'"), ({"trust": []}, "must be"),
    ({"trust": "eap"}, "must be"), ({"trust": "pin"}, "must be"), ({"trust": 3}, "must be"),
    ({"server_name": 3}, "must be a text"), ({"server_name": "a\nb"}, "must be a text")])
def test_whom_it_cannot_lead_to(aaa: object, words: str) -> None:
    with pytest.raises(ProfileError, match=f"user.aaa: .*{words}"):
        with_user("eap-tls", identity="a", aaa=aaa)


def test_an_authentication_server_where_there_is_none() -> None:
    with pytest.raises(ProfileError, match="has none of them"):
        with_user("eap-mschapv2", identity="a", aaa={"server_name": "x"})


def test_a_post_quantum_key_has_a_name() -> None:
    assert with_user("psk", ike={"ppk": "key 1"}, identity="a").ike.ppk == "key 1"
    assert with_user("psk", identity="a").ike.ppk == ""
    for name in ("x" * 257, "\u202e", "a\nb", 3, ["a"]):
        with pytest.raises(ProfileError, match=r"^ike\.ppk"):
            with_user("psk", ike={"ppk": name}, identity="a")
