"""CRLs and OCSP responses, any octets at all, about a certificate that is what it is."""

from datetime import UTC, datetime
from functools import cache
from random import Random

from client.core.pki import crl, ocsp
from client.core.pki.certificate import Certificate, parse_certificate
from client.core.pki.revocation import Status
from tests.fuzz.frames import Octets
from tests.fuzz.judge import plain_words

MAX_LEN = 4096
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
# The authority and the certificate that the seeds are about; their keys are in seeds().
_ISSUER = bytes.fromhex(
    "3082014f3081f5a003020102021433fbe7205a785fbc72152a256178efc442bf6fdc300a06082a8648ce3d040302301d310c300a0603"
    "55040a0c034c6162310d300b06035504030c04526f6f74301e170d3236303530323132303030305a170d323630373031313230303030"
    "5a301d310c300a060355040a0c034c6162310d300b06035504030c04526f6f743059301306072a8648ce3d020106082a8648ce3d0301"
    "07034200045cd4cecc42489e98ed3ff71498051f780f36486d4d44d867d998185784e7da57eef71a40d6a6ad113d47bbf3110bf1185c"
    "3ae463317ab00673043abcbcd4054ba3133011300f0603551d130101ff040530030101ff300a06082a8648ce3d040302034900304602"
    "21008819e3a1ddeda9c389e01f7d0a949debe6b2c1318b8702bd8a4607a1be7da111022100adb2b7519bc5203299c2193b527d4613ea"
    "825c10f212f15eaaae1a1f09438d55")
_SUBJECT = bytes.fromhex(
    "308201ad30820153a00302010202147fb86a05d14adc89493522ab24ec8e399c86a3d4300a06082a8648ce3d040302301d310c300a06"
    "0355040a0c034c6162310d300b06035504030c04526f6f74301e170d3236303530323132303030305a170d3236303730313132303030"
    "305a301b310c300a060355040a0c034c6162310b300906035504030c0267773059301306072a8648ce3d020106082a8648ce3d030107"
    "03420004f7631cc34b56c24b1758ae6867b23811c129c035fa67cc2a40c617bedb3c4b51db6bdf29e488c62b18e938e5fb42eed65fa7"
    "4ea4f3d53ebd35cf9b385374d042a3733071300c0603551d130101ff04023000302b0603551d1f042430223020a01ea01c861a687474"
    "703a2f2f706b692e6c61622e746573742f63612e63726c303406082b0601050507010104283026302406082b06010505073001861868"
    "7474703a2f2f706b692e6c61622e746573742f6f637370300a06082a8648ce3d0403020348003045022100f31d87aa589a47d89b88eb"
    "5785a116600d53eca3679a7f21fa1b3269f6b94f9c0220555bedf76ee7f2bf82ea6f6701f68927679a64c26b720e72f2ef7ec50e08dd"
    "ef")
_is_signed, _is_signed_by = crl._is_signed, ocsp.is_signed_by


@cache
def _pair() -> tuple[Certificate, Certificate]:
    return parse_certificate(_SUBJECT), parse_certificate(_ISSUER)


def one(data: bytes) -> None:
    """An octet of choices, then DER. Mutations break signatures: without them the rest would stay unseen."""
    if not data:
        return
    subject, issuer = _pair()
    if data[0] & 1:
        crl._is_signed, ocsp.is_signed_by = (lambda *_: True), (lambda *_: True)
    try:
        for judge in (crl.judge_crl, ocsp.judge_ocsp):
            answer = judge(data[1:], subject, issuer, NOW)
            plain_words(answer.detail)
            assert answer.detail or answer.status is not Status.UNKNOWN
            assert answer.status is not Status.GOOD or answer.until is None or answer.until > NOW - ocsp.SKEW
    finally:
        crl._is_signed, ocsp.is_signed_by = _is_signed, _is_signed_by


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    """Somewhere in the middle of a DER value, where lengths further out stay right if its own does."""
    if len(data) < 64 or random.randrange(3) == 0:
        return octets(data, limit)
    at = random.randrange(1, len(data) - 16)
    piece = data[at:at + random.choice((1, 2, 4, 8, 16))]
    return data[:at] + (octets(piece, len(piece)) + piece)[:len(piece)] + data[at + len(piece):]


def seeds() -> dict[str, bytes]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    from tests.pki.factory import DAY, Issued
    from tests.pki.lists import CRL_URL, crl_points, entry, make_crl, make_ocsp, make_responder
    root = Issued(x509.load_der_x509_certificate(_ISSUER), ec.derive_private_key(0x5EED, ec.SECP256R1()))
    leaf = Issued(x509.load_der_x509_certificate(_SUBJECT), ec.derive_private_key(0xBEEF, ec.SECP256R1()))
    point = x509.IssuingDistributionPoint([x509.UniformResourceIdentifier(CRL_URL)], None, True, False, None, False,
                                          False)
    responder = make_responder(root, crl_points(CRL_URL), nocheck=False)
    made = {
        "crl": make_crl(root), "crl-revoked": make_crl(root, entry(leaf, x509.ReasonFlags.key_compromise)),
        "crl-extensions": make_crl(root, entry(leaf), extensions=(
            (point, True), (x509.CRLNumber(7), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), False))),
        "crl-old": make_crl(root, begin=NOW - 9 * DAY, end=NOW - DAY), "ocsp": make_ocsp(leaf, root),
        "ocsp-revoked": make_ocsp(leaf, root, revoked=NOW - DAY, algorithm=hashes.SHA256(), by_name=True),
        "ocsp-delegate": make_ocsp(leaf, root, signer=responder,
                                   extensions=((x509.OCSPNonce(b"n" * 16), False),))}
    return {f"{name}-{choice}": bytes((choice,)) + data for name, data in made.items() for choice in (0, 1)}
