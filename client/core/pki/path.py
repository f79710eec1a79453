"""Certification path building and validation (RFC 5280 §6) for IKE gateways.

``cryptography.x509.verification`` is made for the web: it refuses Ed25519 keys and does not tell an expired
certificate from an unknown issuer. The checks here are the same, without its web rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from client.core.pki.anchors import Trust
from client.core.pki.certificate import Certificate
from client.core.pki.names import constraint_violation
from client.core.pki.usage import ca_usage_problem
from client.core.pki.weak import weak_hash
from client.model.cause import Cause, RoveError

MAX_DEPTH = 8                # certificates in a path, both ends counted
MAX_SIGNATURE_CHECKS = 64    # of one handshake: what the peer sends must not cost us more
MAX_STEPS = 512
MIN_RSA_BITS = 2048
MIN_EC_BITS = 256

# Extensions whose criticality we honour. CertificatePolicies: any policy will do (§6.1.1 (c)).
_UNDERSTOOD = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName,
               x509.IssuerAlternativeName, x509.NameConstraints, x509.CertificatePolicies,
               x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)


def build_path(leaf: Certificate, others: Sequence[Certificate], trust: Trust, now: datetime,
               ) -> tuple[Certificate, ...]:
    """The path from ``leaf`` to an anchor, through any of ``others``, valid at ``now``.

    Raises RoveError: GATEWAY_EXPIRED when only time stands between the leaf and trust, else GATEWAY_UNTRUSTED.
    """
    search = _Search(tuple(others), trust, now)
    search.extend((leaf,))
    if search.found:
        return search.found
    if search.expired:
        raise RoveError(Cause.GATEWAY_EXPIRED, search.expired)
    problem = "; ".join(dict.fromkeys(search.problems[:4])) or f"the issuer of {leaf.name} is not known"
    raise RoveError(Cause.GATEWAY_UNTRUSTED, problem)


def check_alone(leaf: Certificate, now: datetime) -> tuple[Certificate, ...]:
    """A certificate that nobody has to vouch for. Raises as ``build_path``."""
    if problem := certificate_problem(leaf, is_anchor=False):
        raise RoveError(Cause.GATEWAY_UNTRUSTED, problem)
    if problem := _time_problem((leaf,), now):
        raise RoveError(Cause.GATEWAY_EXPIRED, problem)
    return (leaf,)


@dataclass
class _Search:
    """Depth first. ``links`` remembers the signatures that were checked."""

    others: tuple[Certificate, ...]
    trust: Trust
    now: datetime
    found: tuple[Certificate, ...] = ()
    expired: str = ""
    problems: list[str] = field(default_factory=list)
    links: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)
    steps: int = 0

    def extend(self, path: tuple[Certificate, ...]) -> None:
        self.steps += 1
        if self.found or self.steps > MAX_STEPS or len(path) > MAX_DEPTH:
            return
        last = path[-1]
        if problem := certificate_problem(last, is_anchor=False):
            self.problems.append(problem)
            return
        if last.der in self.trust.direct and len(path) == 1:
            self._judge(path)
        for anchor in self.trust.issuers_of(last):
            if self._issued(anchor, last, is_anchor=True):
                self._judge((*path, anchor))
        issuers = [other for other in self.others if other.subject == last.issuer and other not in path]
        for issuer in issuers:
            if self._issued(issuer, last, is_anchor=False):
                self.extend((*path, issuer))
        if not issuers and not self.trust.issuers_of(last):
            self.problems.append(f"the issuer of {last.name} is not known")

    def _issued(self, issuer: Certificate, subject: Certificate, *, is_anchor: bool) -> bool:
        if issuer.der == subject.der:
            return False
        problem = ca_usage_problem(issuer, is_anchor=is_anchor) or certificate_problem(issuer, is_anchor=is_anchor)
        if problem:
            self.problems.append(problem)
            return False
        key = (issuer.der, subject.der)
        if key not in self.links:
            if len(self.links) >= MAX_SIGNATURE_CHECKS:
                self.problems.append("too many certificates to check")
                return False
            self.links[key] = signed_by(issuer, subject)
        if not self.links[key]:
            self.problems.append(f"the signature of {subject.name} is not by {issuer.name}")
        return self.links[key]

    def _judge(self, path: tuple[Certificate, ...]) -> None:
        if self.found:
            return
        if problem := _path_problem(path):
            self.problems.append(problem)
        elif problem := _time_problem(path, self.now):
            self.expired = self.expired or problem
        else:
            self.found = path


def signed_by(issuer: Certificate, subject: Certificate) -> bool:
    try:
        subject.parsed.verify_directly_issued_by(issuer.parsed)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def certificate_problem(certificate: Certificate, *, is_anchor: bool) -> str | None:
    """What is wrong with a certificate by itself. An anchor's own signature proves nothing and is not judged."""
    key = certificate.public_key
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < MIN_RSA_BITS:
            return f"the key of {certificate.name} has only {key.key_size} bits"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.key_size < MIN_EC_BITS:
            return f"the key of {certificate.name} has only {key.curve.key_size} bits"
    elif not isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return f"the key of {certificate.name} is of a kind that is not used here"
    if not is_anchor and (problem := _weak_signature(certificate)):
        return problem
    for extension in certificate.extensions:
        if extension.critical and not isinstance(extension.value, _UNDERSTOOD):
            return f"{certificate.name} has a critical extension {extension.oid.dotted_string} that is not understood"
    return None


def _weak_signature(certificate: Certificate) -> str | None:
    try:
        algorithm = certificate.parsed.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return f"the signature algorithm of {certificate.name} is not known"
    name = weak_hash(algorithm)
    return f"{certificate.name} is signed with {name}, which is not trusted any more" if name else None


def _path_problem(path: tuple[Certificate, ...]) -> str | None:
    """RFC 5280 §6.1.4: path lengths and name constraints of every CA in it. ``path`` is leaf first."""
    for index, authority in enumerate(path[1:], start=1):
        below = path[:index]
        basic = authority.extension(x509.BasicConstraints)
        length = basic.path_length if basic else None
        if length is not None and sum(not certificate.self_issued for certificate in below[1:]) > length:
            return f"{authority.name} allows only {length} CAs below it"
        constraints = authority.extension(x509.NameConstraints)
        if constraints is None:
            continue
        for position, certificate in enumerate(below):
            if position and certificate.self_issued:
                continue
            if violation := constraint_violation(constraints, certificate):
                return f"{authority.name} may not vouch for {certificate.name}: {violation}"
    return None


def _time_problem(path: tuple[Certificate, ...], now: datetime) -> str | None:
    for certificate in path:
        if now > certificate.not_after:
            return f"the certificate of {certificate.name} expired on {_date(certificate.not_after)}"
        if now < certificate.not_before:
            return (f"the certificate of {certificate.name} is not valid before {_date(certificate.not_before)}; "
                    f"this machine's clock says {_date(now)}")
    return None


def _date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
