"""Does an AUTH payload prove that the peer has the private key of this public key? (RFC 7296 §3.8, RFC 7427)"""

from dataclasses import replace

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from client.core.ikev2 import der
from client.core.ikev2.constants import AuthMethod
from client.core.ikev2.errors import InvalidSyntax
from client.core.ikev2.signatures import (
    MAX_RSA_BITS,
    MIN_RSA_BITS,
    OID_MGF1,
    OID_PSS,
    OID_RSA_ENCRYPTION_SHA,
    OID_SHA2,
    PSS_ONLY,
    SIGNATURES,
    Signature,
    SignatureError,
    curve_octets,
    der_from_raw,
)
from client.core.ikev2.wire import Reader

_BY_IDENTIFIER = {row.algorithm: row for row in SIGNATURES.values() if row.algorithm}
_BY_METHOD: dict[int, Signature] = {
    row.method: row for row in SIGNATURES.values() if row.method != AuthMethod.DIGITAL_SIGNATURE}
# RFC 7296 §3.8: SHA-1 is the rule of method 1, other hashes are allowed, and nothing says which it was.
_RSA_HASHES = (hashes.SHA1(), hashes.SHA256(), hashes.SHA384(), hashes.SHA512())    # noqa: S303
_SHA2_OIDS: dict[str, tuple[int, hashes.HashAlgorithm]] = {
    f"{OID_SHA2}1": (256, hashes.SHA256()), f"{OID_SHA2}2": (384, hashes.SHA384()),
    f"{OID_SHA2}3": (512, hashes.SHA512())}
_MAX_SALT = 255


def verify_signature(public_key: object, method: int, auth_data: bytes, octets: bytes) -> bool:
    """Accepts, and says whether with SHA-1; or raises SignatureError.

    ``public_key`` is the one of the peer's certificate, ``auth_data`` the data of its AUTH payload, ``octets`` what it
    must have signed. SHA-1 is taken in method 1 only; RSA keys have at least 2048 bits.
    """
    if method == AuthMethod.DIGITAL_SIGNATURE:
        row, signature = _digital_signature(auth_data)
        rows = [row]
    elif method == AuthMethod.RSA_SIGNATURE:
        signature = auth_data
        rows = [replace(_BY_METHOD[AuthMethod.RSA_SIGNATURE], hash=algorithm) for algorithm in _RSA_HASHES]
    elif method in _BY_METHOD:
        signature = auth_data
        rows = [_BY_METHOD[method]]
    else:
        raise SignatureError(f"AUTH method {AuthMethod(method).name} is no signature that we know")
    valid = next((row for row in rows if _is_valid(public_key, row, signature, octets)), None)
    if valid is None:
        raise SignatureError("the signature is wrong")
    return isinstance(valid.hash, hashes.SHA1)


def signatures_of_pss_key(certificate: bytes) -> tuple[str, ...]:
    """SIGNATURES of a key that its certificate (DER) keeps for RSASSA-PSS (RFC 4055 §1.2), best first; none where it
    wants a hash that is not ours."""
    try:
        algorithm = Reader(_key_algorithm(certificate))
        if der.oid_text(der.read_tag(algorithm, der.OID)) != OID_PSS:
            return ()
        return (_pss(algorithm).name,) if algorithm.remaining else PSS_ONLY
    except (InvalidSyntax, SignatureError):
        return ()


def _key_algorithm(certificate: bytes) -> bytes:
    """What the AlgorithmIdentifier of the SubjectPublicKeyInfo holds (RFC 5280 §4.1)."""
    tbs = Reader(der.read_tag(Reader(der.read_tag(Reader(certificate), der.SEQUENCE)), der.SEQUENCE))
    versioned = der.read(tbs)[0] == der.context(0)      # or that was the serial number
    for _ in range(4 + versioned):                      # up to the subject
        der.read(tbs)
    return der.read_tag(Reader(der.read_tag(tbs, der.SEQUENCE)), der.SEQUENCE)


def _is_valid(key: object, row: Signature, signature: bytes, octets: bytes) -> bool:
    """Raises SignatureError for a key of the wrong kind."""
    try:
        if row.kind == "rsa" and isinstance(key, rsa.RSAPublicKey):
            if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
                raise SignatureError(f"an RSA key of {key.key_size} bits")
            assert row.rsa_padding is not None
            assert row.hash is not None
            key.verify(signature, octets, row.rsa_padding, row.hash)
        elif row.kind in ("ecdsa", "ecdsa-raw") and isinstance(key, ec.EllipticCurvePublicKey):
            if row.curve not in ("", key.curve.name):
                raise SignatureError(f"{row.name} with a key on {key.curve.name}")
            if row.kind == "ecdsa-raw":
                signature = der_from_raw(signature, curve_octets(key.curve))
            assert row.hash is not None
            key.verify(signature, octets, ec.ECDSA(row.hash))
        elif ((row.kind == "ed25519" and isinstance(key, Ed25519PublicKey))
              or (row.kind == "ed448" and isinstance(key, Ed448PublicKey))):
            key.verify(signature, octets)
        else:
            raise SignatureError(f"{row.name} with a key of another kind")
    except InvalidSignature:
        return False
    except (ValueError, UnsupportedAlgorithm) as error:     # e.g. a salt longer than the key has room for
        raise SignatureError(f"{row.name}: {error}") from error
    return True


def _digital_signature(data: bytes) -> tuple[Signature, bytes]:
    """RFC 7427 §3: length, AlgorithmIdentifier, signature."""
    reader = Reader(data)
    try:
        identifier = reader.take(reader.u8())
        row = _BY_IDENTIFIER.get(identifier) or _parse_identifier(identifier)
    except InvalidSyntax as error:
        raise SignatureError(f"AlgorithmIdentifier: {error.detail}") from error
    return row, reader.rest()


def _parse_identifier(identifier: bytes) -> Signature:
    """The ways to write it that are not ours: RSA without its NULL, PSS with other parameters."""
    outer = Reader(identifier)
    reader = Reader(der.read_tag(outer, der.SEQUENCE))
    outer.expect_end()
    oid = der.oid_text(der.read_tag(reader, der.OID))
    row = _pss(reader) if oid == OID_PSS else _without_null(oid)
    reader.expect_end()
    return row


def _without_null(oid: str) -> Signature:
    for arc, bits in ((11, 256), (12, 384), (13, 512)):
        if oid == f"{OID_RSA_ENCRYPTION_SHA}{arc}":
            return SIGNATURES[f"rsa-pkcs1-sha{bits}"]
    raise SignatureError(f"signature algorithm {oid}")


def _pss(reader: Reader) -> Signature:
    """RFC 4055 §3.1. What is left out defaults to SHA-1, so the hashes have to be there."""
    parameters = Reader(der.read_tag(reader, der.SEQUENCE))
    bits, algorithm = _hash(Reader(der.read_tag(parameters, der.context(0))))
    generator = Reader(der.read_tag(parameters, der.context(1)))
    mask = Reader(der.read_tag(generator, der.SEQUENCE))
    generator.expect_end()
    if der.oid_text(der.read_tag(mask, der.OID)) != OID_MGF1 or _hash(mask)[0] != bits:
        raise SignatureError("PSS with a mask generation that does not match its hash")
    salt, fields = 20, {}
    while parameters.remaining:
        tag, contents = der.read(parameters)
        if tag not in (der.context(2), der.context(3)) or tag in fields:
            raise SignatureError("unknown parameters of PSS")
        fields[tag] = _small_integer(contents)
    salt = fields.get(der.context(2), salt)
    if salt > _MAX_SALT or fields.get(der.context(3), 1) != 1:
        raise SignatureError("impossible parameters of PSS")
    return replace(SIGNATURES[f"rsa-pss-sha{bits}"], rsa_padding=padding.PSS(padding.MGF1(algorithm), salt))


def _hash(reader: Reader) -> tuple[int, hashes.HashAlgorithm]:
    """Its AlgorithmIdentifier, to the end of ``reader``; the NULL may be missing (RFC 4055 §2.1)."""
    identifier = Reader(der.read_tag(reader, der.SEQUENCE))
    reader.expect_end()
    oid = der.oid_text(der.read_tag(identifier, der.OID))
    if identifier.remaining and der.read(identifier) != (der.NULL, b""):
        raise SignatureError("a hash with parameters")
    identifier.expect_end()
    if oid not in _SHA2_OIDS:
        raise SignatureError(f"hash {oid} is not taken")
    return _SHA2_OIDS[oid]


def _small_integer(contents: bytes) -> int:
    reader = Reader(contents)
    value = der.read_tag(reader, der.INTEGER)
    reader.expect_end()
    if not 1 <= len(value) <= 2 or value[0] & 0x80:
        raise SignatureError("an impossible number among the parameters of PSS")
    return int.from_bytes(value, "big")
