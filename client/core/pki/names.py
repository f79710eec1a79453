"""Comparing names: distinguished names, host names, mailboxes, addresses; and name constraints."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from cryptography import x509
from cryptography.x509.oid import NameOID

from client.core.pki.certificate import Certificate, display

# One RDN: a set of (attribute type, folded value).
Rdn = frozenset[tuple[str, str]]
_COMPARABLE = (x509.DNSName, x509.RFC822Name, x509.IPAddress, x509.DirectoryName)


def folded_name(name: x509.Name) -> tuple[Rdn, ...]:
    """For comparison after RFC 5280 §7.1: case and runs of spaces do not count, nor does the string type."""
    return tuple(frozenset((attribute.oid.dotted_string, _folded(attribute.value)) for attribute in rdn)
                 for rdn in name.rdns)


def same_mailbox(one: str, other: str) -> bool:
    """RFC 5280 §7.5: the local part as it is, the domain without case."""
    (local, _, domain), (other_local, _, other_domain) = one.rpartition("@"), other.rpartition("@")
    return bool(local) and local == other_local and domain.lower() == other_domain.lower()


def constraint_violation(constraints: x509.NameConstraints, certificate: Certificate) -> str | None:
    """RFC 5280 §4.2.1.10: the first name of ``certificate`` that an issuer's constraints forbid, for people."""
    permitted, excluded = constraints.permitted_subtrees or (), constraints.excluded_subtrees or ()
    for name in _constrained_names(certificate):
        same_form = [tree for tree in permitted if type(tree) is type(name)]
        forbidden = [tree for tree in excluded if type(tree) is type(name)]
        if (same_form or forbidden) and not isinstance(name, _COMPARABLE):
            return f"{_text(name)} is of a form whose constraints are not understood"
        if any(_within(name, tree) for tree in forbidden):
            return f"{_text(name)} is excluded"
        if same_form and not any(_within(name, tree) for tree in same_form):
            return f"{_text(name)} is not permitted"
    return None


def _constrained_names(certificate: Certificate) -> Iterable[x509.GeneralName]:
    names: list[x509.GeneralName] = list(certificate.alternative_names())
    subject = certificate.parsed.subject
    if subject.rdns:
        names.append(x509.DirectoryName(subject))
    if not any(isinstance(name, x509.RFC822Name) for name in names):
        names += (x509.RFC822Name(str(attribute.value))
                  for attribute in subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
                  if str(attribute.value).isascii())
    return names


def _within(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    """Is ``name`` in the subtree? Both are of the same form."""
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        return _host_within(name.value.lower(), tree.value.lower())
    if isinstance(name, x509.RFC822Name) and isinstance(tree, x509.RFC822Name):
        return _mailbox_within(name.value, tree.value)
    if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
        return _address_within(name.value, tree.value)
    if isinstance(name, x509.DirectoryName) and isinstance(tree, x509.DirectoryName):
        return _starts_with(folded_name(name.value), folded_name(tree.value))
    return False


def _host_within(host: str, tree: str) -> bool:
    if tree.startswith("."):    # subdomains only: not in the RFC for host names, but in use
        return host.endswith(tree)
    return not tree or host == tree or host.endswith("." + tree)


def _address_within(address: object, network: object) -> bool:
    if isinstance(address, IPv4Address) and isinstance(network, IPv4Network):
        return address in network
    return isinstance(address, IPv6Address) and isinstance(network, IPv6Network) and address in network


def _mailbox_within(mailbox: str, tree: str) -> bool:
    if "@" in tree:
        return same_mailbox(mailbox, tree)
    domain = mailbox.rpartition("@")[2].lower()
    return domain.endswith(tree.lower()) if tree.startswith(".") else domain == tree.lower()


def _starts_with(name: Sequence[Rdn], tree: Sequence[Rdn]) -> bool:
    return name[:len(tree)] == tree


def _text(name: x509.GeneralName) -> str:
    value = name.value
    return display(value.rfc4514_string() if isinstance(value, x509.Name) else str(value))


def _folded(value: str | bytes) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return " ".join(value.casefold().split())
