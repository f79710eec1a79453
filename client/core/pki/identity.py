"""Is this certificate for that IKE identity? RFC 4945 §3.1: the same type, the same value, no wildcards, no CN."""

from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import NameOID

from client.core.ikev2.constants import IdType
from client.core.ikev2.payloads import identity_from_text, identity_to_text
from client.core.pki.certificate import Certificate, display
from client.core.pki.names import folded_name, same_mailbox
from client.model.cause import Cause, RoveError

_MAX_LISTED = 16


def check_identity(leaf: Certificate, id_type: int, id_data: bytes, expected: str) -> None:
    """``id_type``/``id_data`` is the gateway's IDr, ``expected`` the profile's text.

    Raises RoveError (GATEWAY_WRONG_NAME) whose detail lists the names that the certificate has.
    """
    has = ", ".join(certificate_names(leaf)) or "no names"
    said = display(identity_to_text(id_type, id_data))
    if not _is_expected(leaf, id_type, id_data, expected):
        raise RoveError(Cause.GATEWAY_WRONG_NAME, f"the gateway says it is {said}, the profile expects "
                                                  f"{display(expected)}; its certificate has {has}")
    if not names_identity(leaf, id_type, id_data):
        raise RoveError(Cause.GATEWAY_WRONG_NAME, f"the certificate does not name {said}; it has {has}")


def certificate_names(certificate: Certificate) -> tuple[str, ...]:
    """The alternative names and the subject, for people; bounded."""
    names = [display(name.value.rfc4514_string() if isinstance(name.value, x509.Name) else str(name.value))
             for name in certificate.alternative_names()[:_MAX_LISTED] if not isinstance(name, x509.OtherName)]
    return (*names, certificate.name) if certificate.parsed.subject.rdns else tuple(names)


def _is_expected(leaf: Certificate, id_type: int, id_data: bytes, expected: str) -> bool:
    try:
        wanted_type, wanted = identity_from_text(expected)
    except ValueError as error:
        raise RoveError(Cause.BAD_SETTINGS, f"gateway.identity: {error}") from error
    if wanted_type != id_type:
        return False
    if id_type == IdType.DER_ASN1_DN:
        return wanted == id_data or (id_data == leaf.subject and _same_subject(leaf, wanted))
    return wanted == id_data or _same_text(id_type, wanted, id_data)


def names_identity(leaf: Certificate, id_type: int, id_data: bytes) -> bool:
    """Is this its subject or one of its alternative names?"""
    if id_type == IdType.DER_ASN1_DN:
        return id_data == leaf.subject or any(
            isinstance(name, x509.DirectoryName) and name.value.public_bytes() == id_data
            for name in leaf.alternative_names())
    return any(_matches(name, id_type, id_data) for name in leaf.alternative_names())


def _matches(name: x509.GeneralName, id_type: int, id_data: bytes) -> bool:
    """RFC 4945 §5.1.3.6, table of identity types; a wildcard is only a name that nobody has."""
    if isinstance(name, x509.IPAddress):
        wanted = IdType.IPV4_ADDR if len(id_data) == 4 else IdType.IPV6_ADDR
        return id_type == wanted and str(name.value) == str(ip_address(id_data))
    if isinstance(name, x509.DNSName):
        return id_type == IdType.FQDN and "*" not in name.value and _same_text(id_type, name.value.encode(), id_data)
    if isinstance(name, x509.RFC822Name):
        return id_type == IdType.RFC822_ADDR and _same_text(id_type, name.value.encode(), id_data)
    return False


def _same_text(id_type: int, one: bytes, other: bytes) -> bool:
    try:
        first, second = one.decode("ascii"), other.decode("ascii")
    except UnicodeDecodeError:
        return False
    if id_type == IdType.RFC822_ADDR:
        return same_mailbox(first, second)
    return id_type == IdType.FQDN and bool(first) and first.lower() == second.lower()


def _same_subject(leaf: Certificate, wanted: bytes) -> bool:
    """The case, the string types and the order do not count: people write names as RFC 4514 (CN first) or turned."""
    try:
        text = identity_to_text(IdType.DER_ASN1_DN, wanted)
        name = folded_name(x509.Name.from_rfc4514_string(text, {"E": NameOID.EMAIL_ADDRESS}))
    except ValueError:
        return False        # too odd a name to compare but by its octets
    subject = folded_name(leaf.parsed.subject)
    return bool(name) and subject in (name, name[::-1])
