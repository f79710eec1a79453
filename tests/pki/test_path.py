"""Path building: every row of the fault table, with certificates made here."""

import warnings
from collections.abc import Callable
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from client.core.pki.anchors import Trust
from client.core.pki.certificate import Certificate
from client.core.pki.path import build_path
from client.model.cause import Cause, RoveError
from tests.pki.factory import DAY, NOW, Issued, dns, key_usage, make, make_ca, with_sha1


def trust(*anchors: Issued, direct: bool = False) -> Trust:
    return Trust(tuple(anchor.parsed for anchor in anchors),
                 frozenset(anchor.der for anchor in anchors) if direct else frozenset())


def path(leaf: Issued, *others: Issued, to: Trust) -> tuple[Certificate, ...]:
    return build_path(leaf.parsed, [other.parsed for other in others], to, NOW)


def refusal(leaf: Issued, *others: Issued, to: Trust) -> RoveError:
    with pytest.raises(RoveError) as error:
        path(leaf, *others, to=to)
    return error.value


ROOT = make_ca("Root")
SUB = ROOT.issue("Sub", ca=True)
RSA_ROOT = make_ca("RSA root", key=rsa.generate_private_key(65537, 2048))
LEAF = SUB.issue("gw", san=dns("gw.lab.test"))


def test_directly_under_the_root() -> None:
    leaf = ROOT.issue("gw")
    assert [one.name for one in path(leaf, to=trust(ROOT))] == [leaf.parsed.name, ROOT.parsed.name]


@pytest.mark.parametrize("others", [(SUB,), (ROOT, SUB), (make_ca("Other"), SUB, ROOT)])
def test_through_an_intermediate_in_any_company(others: tuple[Issued, ...]) -> None:
    assert len(path(LEAF, *others, to=trust(ROOT))) == 3


def test_an_intermediate_may_be_the_anchor() -> None:
    assert len(path(LEAF, to=trust(SUB))) == 2


@pytest.mark.parametrize("make_key", [
    lambda: rsa.generate_private_key(65537, 2048), lambda: ec.generate_private_key(ec.SECP384R1()),
    ed25519.Ed25519PrivateKey.generate, ed448.Ed448PrivateKey.generate])
def test_kinds_of_keys(make_key: Callable[[], object]) -> None:
    root = make_ca(key=make_key())
    assert len(path(root.issue("gw", key=make_key()), to=trust(root))) == 2


def test_unknown_ca() -> None:
    error = refusal(make_ca("Evil").issue("gw"), to=trust(ROOT))
    assert error.cause is Cause.GATEWAY_UNTRUSTED
    assert "issuer" in error.detail
    # the missing intermediate
    assert refusal(LEAF, to=trust(ROOT)).cause is Cause.GATEWAY_UNTRUSTED


def test_an_impostor_with_the_root_s_name() -> None:
    error = refusal(make_ca("Root").issue("gw"), to=trust(ROOT))
    assert error.cause is Cause.GATEWAY_UNTRUSTED
    assert "signature" in error.detail


def test_a_self_signed_gateway_is_refused_unless_trusted_itself() -> None:
    alone = make("gw")
    assert refusal(alone, to=trust(ROOT)).cause is Cause.GATEWAY_UNTRUSTED
    assert len(path(alone, to=trust(alone, direct=True))) == 1
    # as an issuer a trusted gateway counts for nothing
    assert refusal(make("x", issuer=alone), to=trust(alone, direct=True)).cause is Cause.GATEWAY_UNTRUSTED


def test_the_right_one_of_several_candidates_is_found() -> None:
    """Two intermediates of one name; one key is right, and of its two certificates one is expired."""
    wrong = ROOT.issue("Sub", ca=True)
    expired = ROOT.issue("Sub", ca=True, key=SUB.key, before=NOW - 9 * DAY, after=NOW - DAY)
    assert path(LEAF, wrong, expired, SUB, to=trust(ROOT))[1] == SUB.parsed


@pytest.mark.parametrize(("before", "after", "word"), [
    (NOW - 9 * DAY, NOW - DAY, "expired on 2026-05-31"), (NOW + DAY, NOW + 9 * DAY, "not valid before 2026-06-02")])
def test_a_leaf_out_of_time_under_a_trusted_ca(before: object, after: object, word: str) -> None:
    error = refusal(SUB.issue("gw", before=before, after=after), SUB, to=trust(ROOT))
    assert error.cause is Cause.GATEWAY_EXPIRED
    assert word in error.detail


def test_an_expired_leaf_of_an_unknown_ca_is_untrusted() -> None:
    leaf = make_ca("Evil").issue("gw", before=NOW - 9 * DAY, after=NOW - DAY)
    assert refusal(leaf, to=trust(ROOT)).cause is Cause.GATEWAY_UNTRUSTED


def test_expired_cas() -> None:
    sub = ROOT.issue("Sub", ca=True, before=NOW - 9 * DAY, after=NOW - DAY)
    assert refusal(sub.issue("gw"), sub, to=trust(ROOT)).cause is Cause.GATEWAY_EXPIRED
    root = make_ca("Old", before=NOW - 9 * DAY, after=NOW - DAY)
    assert refusal(root.issue("gw"), to=trust(root)).cause is Cause.GATEWAY_EXPIRED


def test_expired_and_otherwise_faulty_is_untrusted() -> None:
    sub = ROOT.issue("Sub", ca=True, before=NOW - 9 * DAY, after=NOW - DAY, path_length=0)
    deeper = sub.issue("Deeper", ca=True)
    assert refusal(deeper.issue("gw"), deeper, sub, to=trust(ROOT)).cause is Cause.GATEWAY_UNTRUSTED


FAULTY_ISSUERS = {
    "is not a CA": {"ca": False},
    "is not a CA ": {"basic": False, "ca": False},
    "lacks keyCertSign": {"ca": True, "extensions": ((key_usage(digital_signature=True), True),)},
    "neither serverAuth nor IKE": {"ca": True, "extensions": (
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),)},
    "only 1024 bits": {"ca": True, "key": rsa.generate_private_key(65537, 1024)},
    "only 192 bits": {"ca": True, "key": ec.generate_private_key(ec.SECP192R1())},
    "not understood": {"ca": True, "extensions": (
        (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True),)},
    "not understood ": {"ca": True, "extensions": ((x509.PolicyConstraints(0, None), True),)},
}


@pytest.mark.parametrize("word", FAULTY_ISSUERS)
def test_an_intermediate_with_a_fault(word: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sub = ROOT.issue("Sub", **FAULTY_ISSUERS[word])
        leaf = sub.issue("gw")
    error = refusal(leaf, sub, to=trust(ROOT))
    assert error.cause is Cause.GATEWAY_UNTRUSTED
    assert word.strip() in error.detail


@pytest.mark.parametrize("word", ["only 1024 bits", "not understood"])
def test_a_leaf_with_a_fault(word: str) -> None:
    leaf = ROOT.issue("gw", **{**FAULTY_ISSUERS[word], "ca": False})
    error = refusal(leaf, to=trust(ROOT))
    assert error.cause is Cause.GATEWAY_UNTRUSTED
    assert word in error.detail


def test_sha_1_signatures_are_refused_wherever_they_are() -> None:
    leaf = with_sha1(RSA_ROOT.issue("gw"), RSA_ROOT)
    error = refusal(leaf, to=trust(RSA_ROOT))
    assert (error.cause, "signed with SHA1" in error.detail) == (Cause.GATEWAY_UNTRUSTED, True)
    sub = with_sha1(RSA_ROOT.issue("Sub", ca=True), RSA_ROOT)
    assert "signed with SHA1" in refusal(sub.issue("gw"), sub, to=trust(RSA_ROOT)).detail


def test_a_dsa_leaf_is_refused() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        leaf = ROOT.issue("gw", key=dsa.generate_private_key(1024))
    assert "not used here" in refusal(leaf, to=trust(ROOT)).detail


def test_unknown_extensions_that_are_not_critical_do_no_harm() -> None:
    odd = (x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00"), False)
    assert path(ROOT.issue("gw", extensions=(odd,)), to=trust(ROOT))


def test_the_anchor_s_own_signature_is_not_judged_but_its_key_and_role_are() -> None:
    old = with_sha1(RSA_ROOT, RSA_ROOT)
    assert path(old.issue("gw"), to=trust(old))
    weak = make_ca("Weak", key=rsa.generate_private_key(65537, 1024))
    assert "1024" in refusal(weak.issue("gw"), to=trust(weak)).detail
    plain = make("Plain")
    assert "not a CA" in refusal(plain.issue("gw"), to=trust(plain)).detail


def test_path_lengths() -> None:
    limited = make_ca("Limited", path_length=1)
    one = limited.issue("One", ca=True, path_length=0)
    assert path(one.issue("gw"), one, to=trust(limited))
    two = one.issue("Two", ca=True)
    assert "allows only" in refusal(two.issue("gw"), two, one, to=trust(limited)).detail


def test_a_self_issued_ca_does_not_count_for_path_lengths() -> None:
    limited = make_ca("Limited", path_length=0)
    rolled = limited.issue(limited.certificate.subject, ca=True)
    assert len(path(rolled.issue("gw"), rolled, to=trust(limited))) == 3


EXTENDED = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "lab")]))
OTHER_DN = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Else")]))
URI = x509.UniformResourceIdentifier


@pytest.mark.parametrize(("permitted", "excluded", "names", "fine"), [
    ([x509.DNSName("lab.test")], None, dns("gw.lab.test"), True),
    ([x509.DNSName("lab.test")], None, dns("LAB.test"), True),
    ([x509.DNSName(".lab.test")], None, dns("gw.lab.test"), True),
    ([x509.DNSName("lab.test")], None, dns("gw.evillab.test"), False),
    ([x509.DNSName("lab.test")], None, dns("gw.lab.test", "other.test"), False),
    ([x509.DNSName("lab.test")], None, (), True),
    (None, [x509.DNSName("lab.test")], dns("gw.lab.test"), False),
    (None, [x509.DNSName("lab.test")], dns("gw.other.test"), True),
    ([x509.DNSName("lab.test")], [x509.DNSName("gw.lab.test")], dns("gw.lab.test"), False),
    ([x509.IPAddress(ip_network("192.0.2.0/24"))], None, (x509.IPAddress(ip_address("192.0.2.9")),), True),
    ([x509.IPAddress(ip_network("192.0.2.0/24"))], None, (x509.IPAddress(ip_address("198.51.100.9")),), False),
    ([x509.IPAddress(ip_network("192.0.2.0/24"))], None, (x509.IPAddress(ip_address("2001:db8::1")),), False),
    ([x509.RFC822Name("lab.test")], None, (x509.RFC822Name("a@lab.test"),), True),
    ([x509.RFC822Name("lab.test")], None, (x509.RFC822Name("a@x.lab.test"),), False),
    ([x509.RFC822Name(".lab.test")], None, (x509.RFC822Name("a@x.lab.test"),), True),
    ([x509.RFC822Name("a@lab.test")], None, (x509.RFC822Name("A@lab.test"),), False),
    ([EXTENDED], None, (), True),
    ([OTHER_DN], None, (), False),
    (None, [EXTENDED], (), False),
    ([URI("lab.test")], None, (URI("http://lab.test/"),), False),
    ([URI("lab.test")], None, dns("gw.lab.test"), True),
])
def test_name_constraints(permitted: list[x509.GeneralName] | None, excluded: list[x509.GeneralName] | None,
                          names: tuple[x509.GeneralName, ...], *, fine: bool) -> None:
    sub = ROOT.issue("Sub", ca=True, extensions=((x509.NameConstraints(permitted, excluded), True),))
    leaf = sub.issue("gw", san=names)
    if fine:
        assert path(leaf, sub, to=trust(ROOT))
    else:
        error = refusal(leaf, sub, to=trust(ROOT))
        assert error.cause is Cause.GATEWAY_UNTRUSTED
        assert "may not vouch" in error.detail


def test_name_constraints_of_the_anchor_hold_and_reach_through_intermediates() -> None:
    root = make_ca("Bound", extensions=((x509.NameConstraints([x509.DNSName("lab.test")], None), True),))
    sub = root.issue("Sub", ca=True)
    assert path(sub.issue("gw", san=dns("gw.lab.test")), sub, to=trust(root))
    assert "may not vouch" in refusal(sub.issue("gw", san=dns("gw.test")), sub, to=trust(root)).detail


def test_an_address_in_the_subject_is_bound_too() -> None:
    sub = ROOT.issue("Sub", ca=True, extensions=((x509.NameConstraints([x509.RFC822Name("lab.test")], None), True),))
    subject = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@evil.test")])
    assert "may not vouch" in refusal(sub.issue(subject), sub, to=trust(ROOT)).detail


def test_loops_and_crowds_end() -> None:
    """CAs that vouch for each other in a circle, and 15 certificates of one name and key."""
    one, other = make_ca("One"), make_ca("Other")
    circle = (make("One", issuer=other, ca=True, key=one.key), make("Other", issuer=one, ca=True, key=other.key))
    assert refusal(circle[0].issue("gw"), *circle, to=trust(ROOT)).cause is Cause.GATEWAY_UNTRUSTED
    crowd = [make_ca("Crowd", key=one.key) for _ in range(15)]
    error = refusal(crowd[0].issue("gw"), *crowd, to=trust(ROOT))
    assert error.cause is Cause.GATEWAY_UNTRUSTED
    assert len(error.detail) < 2000


def test_long_chains_end() -> None:
    chain = [ROOT]
    for number in range(9):
        chain.append(chain[-1].issue(f"CA {number}", ca=True))
    assert path(chain[6].issue("gw"), *chain[1:], to=trust(ROOT))
    assert refusal(chain[9].issue("gw"), *chain[1:], to=trust(ROOT)).cause is Cause.GATEWAY_UNTRUSTED
