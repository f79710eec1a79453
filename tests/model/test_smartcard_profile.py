"""Profiles whose key is on a smartcard: by URI, by rule, or whatever there is."""

from typing import Any

import pytest

from client.model.profile import CertificateRule, Policy, Profile, ProfileError, profile_from_dict

URI = "pkcs11:token=card;id=%01;type=cert"


def profile(policy: dict[str, Any] | None = None, **user: Any) -> Profile:
    return profile_from_dict({"name": "work", "gateway": {"address": ["gw.example.org"]}, "user": user,
                              "policy": policy or {}})


@pytest.mark.parametrize(("given", "certificate", "rule"), [
    (URI, URI, None), ({}, "", CertificateRule()),
    ({"issuer": "Corp CA"}, "", CertificateRule("Corp CA")),
    ({"issuer": "CN=Corp CA,O=Corp", "eku": "smartcardLogon"}, "",
     CertificateRule("CN=Corp CA,O=Corp", "1.3.6.1.4.1.311.20.2.2")),
    ({"eku": "1.3.6.1.5.5.7.3.2"}, "", CertificateRule("", "1.3.6.1.5.5.7.3.2")),
])
@pytest.mark.parametrize("auth", ["smartcard", "certificate"])
def test_certificate_and_smartcard_mean_the_same(auth: str, given: Any, certificate: str,
                                                 rule: CertificateRule | None) -> None:
    user = profile(auth=auth, certificate=given).user
    assert (user.certificate, user.rule, user.on_token) == (certificate, rule, True)
    assert user.has("certificate")
    assert user.auth == "smartcard"


def test_any_certificate_of_a_smartcard_will_do_where_none_is_named() -> None:
    assert profile(auth="smartcard").user.rule == CertificateRule()
    with pytest.raises(ProfileError, match=r"user\.certificate is missing"):
        profile(auth="certificate")


def test_a_smartcard_as_one_of_several_rounds() -> None:
    user = profile(auth=["smartcard", "eap-mschapv2"], identity="alice", certificate=URI).user
    assert user.auth == "smartcard, eap-mschapv2"
    assert [each.auth for each in user.rounds] == ["certificate", "eap-mschapv2"]


def test_it_logs_in_again_by_default() -> None:
    assert profile(auth="smartcard").ike.renew == "reauth"


def test_a_file_is_not_on_a_token() -> None:
    user = profile(auth="certificate", certificate="alice.p12").user
    assert (user.on_token, user.auth, user.rule) == (False, "certificate", None)


@pytest.mark.parametrize(("user", "why"), [
    ({"auth": "smartcard", "certificate": "alice.p12"}, "must be a PKCS#11 URI"),
    ({"auth": "smartcard", "certificate": "pkcs11:tokn=a"}, "no attribute"),
    ({"auth": "smartcard", "certificate": "pkcs11:token=a?pin-value=1"}, "never written down"),
    ({"auth": "smartcard", "certificate": "pkcs11:type=data"}, "of a certificate"),
    ({"auth": "smartcard", "certificate": {"subject": "x"}}, "not 'subject'"),
    ({"auth": "smartcard", "certificate": {"eku": "logon"}}, "eku must be"),
    ({"auth": "smartcard", "certificate": {"issuer": 3}}, "text"),
    ({"auth": "smartcard", "certificate": 7}, "text"),
    ({"auth": "smartcard", "key": "alice.key"}, "user.key"),
    ({"auth": ["smartcard", "certificate"], "certificate": URI}, "cannot both"),
    ({"auth": ["smartcard", "smartcard"], "certificate": URI}, "once"),
])
def test_refused(user: dict[str, Any], why: str) -> None:
    with pytest.raises(ProfileError, match=why):
        profile(**user)


def test_policy() -> None:
    assert profile(auth="smartcard").policy == Policy()
    assert profile({"autoconnect": True, "token_removed": "keep"}, auth="smartcard").policy == Policy(True, "keep")
    with pytest.raises(ProfileError, match="token_removed"):
        profile({"token_removed": "lock"}, auth="smartcard")
