"""What CRLs and OCSP responses say, and which of them say nothing. One row per fault."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from client.core.pki.crl import MAX_CRL, judge_crl
from client.core.pki.ocsp import MAX_RESPONSE, build_request, judge_ocsp
from client.core.pki.revocation import MAX_URLS, Answer, Sources, Status, sources
from tests.pki.factory import DAY, NOW, Issued, key_usage, make_ca
from tests.pki.lists import CRL_URL, OCSP_URL, crl_points, entry, make_crl, make_ocsp, make_responder, ocsp_at

ROOT = make_ca("Root", extensions=((key_usage(key_cert_sign=True, crl_sign=True), True),))
SUB = ROOT.issue("Sub", ca=True)
LEAF = ROOT.issue("gw", extensions=(crl_points(CRL_URL), ocsp_at(OCSP_URL)))
OTHER = ROOT.issue("other")
FLAGS = x509.ReasonFlags
GOOD, REVOKED, UNKNOWN = Status.GOOD, Status.REVOKED, Status.UNKNOWN


def by_crl(data: bytes, subject: Issued = LEAF, issuer: Issued = ROOT) -> Answer:
    answer = judge_crl(data, subject.parsed, issuer.parsed, NOW)
    assert answer.detail.isprintable()
    return answer


def by_ocsp(data: bytes, subject: Issued = LEAF, issuer: Issued = ROOT, nonce: bytes = b"") -> Answer:
    answer = judge_ocsp(data, subject.parsed, issuer.parsed, NOW, nonce)
    assert answer.detail.isprintable()
    return answer


# --- where to ask ---

def test_sources() -> None:
    assert sources(LEAF.parsed) == Sources((OCSP_URL,), (CRL_URL,))
    assert not sources(OTHER.parsed)
    many = ROOT.issue("x", extensions=(crl_points("ldap://a/b", "file:///etc/passwd", "HTTPS://a/1", *(
        f"http://a/{n}" for n in range(9))), ocsp_at("http://a/\x7f", "http://a/ b", "http://" + "a" * 3000)))
    assert sources(many.parsed) == Sources((), ("HTTPS://a/1", "http://a/0", "http://a/1")[:MAX_URLS])
    partial = ROOT.issue("x", extensions=(crl_points(CRL_URL, reasons=frozenset({FLAGS.key_compromise})),))
    indirect = ROOT.issue("x", extensions=(crl_points(
        CRL_URL, crl_issuer=[x509.DirectoryName(SUB.certificate.subject)]),))
    assert not sources(partial.parsed)
    assert not sources(indirect.parsed)


# --- CRLs ---

@pytest.mark.parametrize("make_key", [lambda: rsa.generate_private_key(65537, 2048), ed25519.Ed25519PrivateKey.generate,
                                      ed448.Ed448PrivateKey.generate, lambda: ec.generate_private_key(ec.SECP521R1())])
def test_a_good_and_a_revoked_certificate_by_every_kind_of_key(make_key: Any) -> None:
    ca = make_ca("CA", key=make_key())
    one, two = ca.issue("one"), ca.issue("two")
    crl = make_crl(ca, entry(two, FLAGS.key_compromise))
    assert by_crl(crl, one, ca) == Answer(GOOD, until=NOW + DAY)
    assert by_crl(crl, two, ca) == Answer(REVOKED, "on 2026-05-31 (keyCompromise)", NOW + DAY)
    for subject, when, status in ((one, None, GOOD), (two, NOW - DAY, REVOKED)):
        assert by_ocsp(make_ocsp(subject, ca, revoked=when), subject, ca).status is status


def test_pem_is_taken_too() -> None:
    crl = x509.load_der_x509_crl(make_crl(ROOT)).public_bytes(Encoding.PEM)
    assert by_crl(crl).status is GOOD


def test_holds_and_what_is_taken_back() -> None:
    assert by_crl(make_crl(ROOT, entry(LEAF, FLAGS.certificate_hold))).status is REVOKED
    assert by_crl(make_crl(ROOT, entry(LEAF, FLAGS.remove_from_crl))).status is GOOD
    assert by_crl(make_crl(ROOT, entry(LEAF), entry(OTHER))).detail == "on 2026-05-31"


def test_old_lists_still_tell_of_revocations() -> None:
    old = {"begin": NOW - 9 * DAY, "end": NOW - DAY}
    assert by_crl(make_crl(ROOT, **old)) == Answer(UNKNOWN, "the CRL is out of date")
    assert by_crl(make_crl(ROOT, entry(LEAF), **old)) == Answer(REVOKED, "on 2026-05-31")
    assert by_crl(make_crl(ROOT, entry(LEAF, FLAGS.certificate_hold), **old)).status is UNKNOWN


def test_clocks_may_differ_a_little() -> None:
    minute = timedelta(minutes=1)
    assert by_crl(make_crl(ROOT, begin=NOW + 2 * minute)).status is GOOD
    assert by_crl(make_crl(ROOT, begin=NOW - DAY, end=NOW - 2 * minute)).status is GOOD
    assert by_crl(make_crl(ROOT, begin=NOW + 9 * minute)).detail == "the CRL is from the future"
    assert by_ocsp(make_ocsp(LEAF, ROOT, begin=NOW + 2 * minute)).status is GOOD
    assert by_ocsp(make_ocsp(LEAF, ROOT, begin=NOW + 9 * minute)).detail == "the OCSP response is from the future"


def point(**fields: Any) -> tuple[x509.ExtensionType, bool]:
    blank: dict[str, Any] = dict.fromkeys(("full_name", "relative_name", "only_some_reasons"))
    flags = dict.fromkeys(("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl",
                           "only_contains_attribute_certs"), False)
    return x509.IssuingDistributionPoint(**(blank | flags | fields)), True


URI = x509.UniformResourceIdentifier


@pytest.mark.parametrize(("extensions", "status", "words"), [
    ((), GOOD, ""),     # no authorityKeyIdentifier: keys are what is checked
    ((point(full_name=[URI(CRL_URL)]),), GOOD, ""),
    ((point(full_name=[URI("http://else/x.crl"), URI(CRL_URL)]),), GOOD, ""),
    ((point(full_name=[URI("http://else/x.crl")]),), UNKNOWN, "another distribution point"),
    ((point(relative_name=x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "x")])),), UNKNOWN,
     "not understood"),
    ((point(only_contains_user_certs=True),), GOOD, ""),
    ((point(only_contains_ca_certs=True),), UNKNOWN, "other certificates"),
    ((point(only_contains_attribute_certs=True),), UNKNOWN, "other certificates"),
    ((point(indirect_crl=True),), UNKNOWN, "indirect"),
    ((point(only_some_reasons=frozenset({FLAGS.key_compromise})),), UNKNOWN, "some reasons"),
    (((x509.DeltaCRLIndicator(1), True),), UNKNOWN, "delta"),
    (((x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0"), True),), UNKNOWN, "not understood"),
    (((x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0"), False),), GOOD, ""),
    (((x509.CRLNumber(7), False),), GOOD, ""),
])
def test_scopes_and_extensions(extensions: Any, status: Status, words: str) -> None:
    answer = by_crl(make_crl(ROOT, extensions=extensions))
    assert answer.status is status
    assert words in answer.detail
    # What says nothing says nothing of a revocation either.
    assert by_crl(make_crl(ROOT, entry(LEAF), extensions=extensions)).status is (REVOKED if status is GOOD else UNKNOWN)


def test_an_authority_needs_a_list_for_authorities() -> None:
    assert by_crl(make_crl(ROOT, extensions=(point(only_contains_ca_certs=True),)), SUB).status is GOOD
    assert by_crl(make_crl(ROOT, extensions=(point(only_contains_user_certs=True),)), SUB).status is UNKNOWN


def test_lists_by_somebody_else() -> None:
    other = make_ca("Root")         # of the same name
    assert by_crl(make_crl(ROOT, key=other.key)).detail == "the signature of the CRL is wrong"
    assert by_crl(make_crl(SUB)).detail == "the CRL is by another authority"
    known = make_ca("CA")
    known = make_ca("CA", key=known.key, extensions=(
        (x509.SubjectKeyIdentifier.from_public_key(known.key.public_key()), False),))
    leaf = known.issue("gw")
    assert by_crl(make_crl(known), leaf, known).status is GOOD
    aki = x509.AuthorityKeyIdentifier.from_issuer_public_key(other.key.public_key())
    assert by_crl(make_crl(known, extensions=((aki, False),)), leaf, known).detail == (
        "the CRL is by another key of the authority")
    assert by_crl(make_crl(ROOT, hash_algorithm=hashes.SHA224())).detail == "the CRL is signed with SHA224"
    no_crls = make_ca("No CRLs", extensions=((key_usage(key_cert_sign=True), True),))
    assert "cRLSign" in by_crl(make_crl(no_crls), no_crls.issue("x"), no_crls).detail


@pytest.mark.parametrize("data", [b"", b"\x30", b"\x30\x00", b"<html>", LEAF.der, make_crl(ROOT)[:-1],
                                  make_crl(ROOT) + b"x", b"-----", bytes(MAX_CRL + 1),
                                  b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"])
def test_what_is_no_list(data: bytes) -> None:
    assert by_crl(data).status is UNKNOWN
    assert by_ocsp(data).status is UNKNOWN


# --- OCSP ---

def test_a_request_is_about_this_certificate() -> None:
    request = ocsp.load_der_ocsp_request(build_request(LEAF.parsed, ROOT.parsed, b"n" * 16))
    assert request.serial_number == LEAF.certificate.serial_number
    assert isinstance(request.hash_algorithm, hashes.SHA1)
    assert request.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 16


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.SHA256()])
@pytest.mark.parametrize("by_name", [True, False])
def test_by_the_authority_itself(algorithm: hashes.HashAlgorithm, by_name: bool) -> None:
    assert by_ocsp(make_ocsp(LEAF, ROOT, algorithm=algorithm, by_name=by_name)) == Answer(GOOD, "", NOW + DAY)
    assert by_ocsp(make_ocsp(LEAF, ROOT, algorithm=algorithm, by_name=by_name, revoked=NOW - DAY)) == Answer(
        REVOKED, "on 2026-05-31 (keyCompromise)", NOW + DAY)


def test_by_a_delegate() -> None:
    responder = make_responder(ROOT)
    for by_name in (True, False):
        assert by_ocsp(make_ocsp(LEAF, ROOT, signer=responder, by_name=by_name)) == Answer(GOOD, "", NOW + DAY)
    assert by_ocsp(make_ocsp(LEAF, ROOT, signer=responder, revoked=NOW - DAY)).status is REVOKED


def test_a_delegate_that_may_have_been_revoked_himself() -> None:
    checked = make_responder(ROOT, crl_points(CRL_URL), nocheck=False)
    answer = by_ocsp(make_ocsp(LEAF, ROOT, signer=checked))
    assert answer.signer is not None
    assert answer.signer.der == checked.der
    assert by_ocsp(make_ocsp(LEAF, ROOT, signer=make_responder(ROOT, crl_points(CRL_URL)))).signer is None   # nocheck
    assert by_ocsp(make_ocsp(LEAF, ROOT, signer=make_responder(ROOT, nocheck=False))).signer is None   # nowhere to ask


OCSP_EKU = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False)
IMPOSTORS = {
    "no delegate": ROOT.issue("x"),
    "any usage is not enough": ROOT.issue("x", extensions=(
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False),)),
    "by another authority": make_responder(make_ca("Evil")),
    "by another authority of the same name": make_responder(make_ca("Root")),
    "below an intermediate": make_responder(SUB),
    "expired": make_responder(ROOT, before=NOW - 9 * DAY, after=NOW - DAY),
    "not yet": make_responder(ROOT, before=NOW + DAY, after=NOW + 9 * DAY),
    "does not sign": ROOT.issue("x", extensions=(OCSP_EKU, (key_usage(key_encipherment=True), True))),
    "weak": make_responder(ROOT, key=rsa.generate_private_key(65537, 1024)),
    "itself": LEAF,
}


@pytest.mark.parametrize("name", IMPOSTORS)
def test_impostors(name: str) -> None:
    answer = by_ocsp(make_ocsp(LEAF, ROOT, signer=IMPOSTORS[name]))
    assert answer == Answer(UNKNOWN, "the OCSP response is not signed by whoever may do so")


def test_other_faults_of_responses() -> None:
    responder = make_responder(ROOT)
    old = {"begin": NOW - 9 * DAY}
    nonce = ((x509.OCSPNonce(b"n" * 16), False),)
    critical = ((x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\5\0"), True),)
    for data, words in (
            (make_ocsp(LEAF, ROOT, status=ocsp.OCSPCertStatus.UNKNOWN), "does not know"),
            (make_ocsp(OTHER, ROOT), "about other certificates"),
            (make_ocsp(LEAF, make_ca("Else")), "about other certificates"),
            (make_ocsp(LEAF, ROOT, end=NOW - DAY, **old), "out of date"),
            (make_ocsp(LEAF, ROOT, end=None, **old), "out of date"),
            (make_ocsp(LEAF, ROOT, signer=responder, send=False), "not signed by whoever"),
            (make_ocsp(LEAF, ROOT)[:-1] + b"x", "not signed by whoever"),
            (make_ocsp(LEAF, ROOT, hash_algorithm=hashes.SHA224()), "not signed by whoever"),
            (make_ocsp(LEAF, ROOT, extensions=nonce), "answers another question"),
            (make_ocsp(LEAF, ROOT, extensions=critical), "not understood"),
            (ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER),
             "try later"),
            (bytes(MAX_RESPONSE + 1), "too large")):
        answer = by_ocsp(data, nonce=b"m" * 16)
        assert answer.status is UNKNOWN, words
        assert words in answer.detail
    assert by_ocsp(make_ocsp(LEAF, ROOT, extensions=nonce), nonce=b"n" * 16).status is GOOD
    assert by_ocsp(make_ocsp(LEAF, ROOT, extensions=nonce)).status is GOOD       # sent in IKE: we asked with none
    assert by_ocsp(make_ocsp(LEAF, ROOT), nonce=b"n" * 16).status is GOOD        # responders may leave it out
    assert by_ocsp(make_ocsp(LEAF, ROOT, end=None, begin=NOW - timedelta(hours=2))) == Answer(GOOD)
