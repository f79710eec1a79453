"""AUTH payloads against keys of the peer's own making, and identities in both directions."""

from random import Random

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from client.core.ikev2.auth import SignatureError, verify_signature
from client.core.ikev2.constants import IdType
from client.core.ikev2.identity import identity_from_text, identity_to_text
from tests.fuzz.frames import Octets, join, mutate_parts, split
from tests.fuzz.judge import plain_words

MAX_LEN = 2048
OCTETS = b"octets that the gateway signs"


def one(data: bytes) -> None:
    """Parts: method and AUTH data, identity type and data, an identity as text, a SubjectPublicKeyInfo."""
    parts = split(data)
    if len(parts) > 3 and parts[0]:
        _verify(parts[3], parts[0][0], parts[0][1:])
    if len(parts) > 1 and parts[1]:
        plain_words(identity_to_text(parts[1][0], parts[1][1:]), 300)
    if len(parts) > 2:
        _identity(parts[2].decode("utf-8", "surrogateescape"))


def _verify(spki: bytes, method: int, auth_data: bytes) -> None:
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):      # the library's business: certificates were parsed before
        return
    try:
        verify_signature(key, method, auth_data, OCTETS)
    except SignatureError as error:
        plain_words(str(error))


def _identity(text: str) -> None:
    try:
        kind, octets = identity_from_text(text)
    except ValueError:
        return
    shown = identity_to_text(kind, octets)
    plain_words(shown, 300)
    if kind in (IdType.IPV4_ADDR, IdType.IPV6_ADDR, IdType.FQDN, IdType.RFC822_ADDR) and len(shown) <= 200:
        prefix = {IdType.FQDN: "fqdn:", IdType.RFC822_ADDR: "email:"}.get(kind, "")
        assert identity_from_text(prefix + shown) == (kind, octets)


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    return octets(data, limit) if random.randrange(8) == 0 else mutate_parts(data, limit, random, octets)


def words() -> list[bytes]:
    return [b"fqdn:", b"email:", b"ipv4:", b"ipv6:", b"keyid:#", b"asn1dn:#30", b"CN=", b",O=", b"@#", b"dns:"]


def seeds() -> dict[str, bytes]:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from client.core.ikev2.auth import SIGNATURES, auth_payload_data, sign
    keys = {"rsa": rsa.generate_private_key(65537, 2048), "ed25519": ed25519.Ed25519PrivateKey.generate(),
            "secp256r1": ec.generate_private_key(ec.SECP256R1()), "secp384r1": ec.generate_private_key(ec.SECP384R1()),
            "secp521r1": ec.generate_private_key(ec.SECP521R1())}
    texts = ["alice@lab.test", "vpn.lab.test", "192.0.2.1", "2001:db8::1", "CN=gw, O=Lab\\, Inc.", "@#0badcafe",
             "asn1dn:#300d310b3009060355040302020131", "keyid:key", "E=a@b,CN=x+O=y", "@vpn"]
    made = {}
    for number, (name, row) in enumerate(SIGNATURES.items()):
        key = keys[row.kind if row.kind in keys else row.curve or "secp256r1"]
        method, auth = auth_payload_data(name, sign(key, name, OCTETS))
        text = texts[number % len(texts)]
        kind, octets = identity_from_text(text) if not text.startswith("asn1dn") else (9, bytes.fromhex(text[8:]))
        made[name] = join([bytes((method,)) + auth, bytes((kind,)) + octets, text.encode(),
                           key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)])
    return made
