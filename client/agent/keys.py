"""The user's certificate and key: from files, or behind any Signer."""

import os
import re
import stat
import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from client.agent.credentials import MAX_FILE
from client.agent.prompts import SecretUsedUp
from client.core.ikev2 import auth
from client.core.pki.certificate import BadCertificate, Certificate, display, parse_certificate, parse_pem
from client.model.cause import Cause, Finding, RoveError

MAX_CHAIN = 8
PASSPHRASE_TRIES = 3
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----.*?-----END \1-----", re.DOTALL)

AskPassphrase = Callable[[], Awaitable[str]]


class Signer(Protocol):
    """A private key that may live anywhere. ``algorithms`` are keys of ``auth.SIGNATURES``, best first."""

    @property
    def algorithms(self) -> tuple[str, ...]: ...

    async def sign(self, algorithm: str, octets: bytes) -> bytes:
        """The raw signature. Raises RoveError."""
        ...


@dataclass(frozen=True)
class SoftwareSigner:
    key: PrivateKeyTypes = field(repr=False)
    algorithms: tuple[str, ...]

    def rehearse(self) -> None:
        """The library's first signature takes 6 ms; this one is thrown away."""
        auth.sign(self.key, self.algorithms[0], b"rehearsal")

    async def sign(self, algorithm: str, octets: bytes) -> bytes:
        if algorithm not in self.algorithms:
            raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"this key does not sign with {display(algorithm)}")
        return auth.sign(self.key, algorithm, octets)


@dataclass(frozen=True)
class Credential:
    """``certificates`` are DER, the user's own first, then all that may lead to a root, and the roots: roved sends what
    the gateway asks for.

    ``release`` ends what the key needed: a smartcard is logged out. ``fresh`` says whether it still can sign, and has
    not done so: another Prepare need not ask again.
    """

    certificates: tuple[bytes, ...] = field(repr=False)
    signer: Signer
    subject: str
    findings: tuple[Finding, ...] = ()
    release: Callable[[], None] = field(default=lambda: None, repr=False)
    fresh: Callable[[], bool] = field(default=lambda: False, repr=False)


async def load_credential(path: Path, key_path: Path | None, ask: AskPassphrase, now: datetime) -> Credential:
    """PKCS#12, or PEM or DER certificates with a PEM or DER key (there, or in ``key_path``) → Credential.

    ``ask`` is called only for encrypted keys, up to three times. Raises RoveError (CREDENTIAL_UNUSABLE).
    """
    findings: list[Finding] = []
    data = _read(path, findings)
    key_data = _read(key_path, findings) if key_path else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")     # odd serial numbers and the like
            certificates, make_key = _material(path, data, key_data)
            loaded, more = await _unlocked(make_key, ask)
        chain = [parse_certificate(der) for der in (*certificates, *more)]
    except BadCertificate as error:
        raise _unusable(path, f"a certificate in it cannot be read: {error}") from error
    except UnsupportedAlgorithm as error:
        raise _unusable(path, f"its key or encryption is not supported: {error}") from error
    leaf = _leaf(path, loaded, chain)
    if not leaf.not_before <= now <= leaf.not_after:
        findings.append(Finding("certificate-not-valid-now", f"the certificate {leaf.name} is valid from "
                                f"{leaf.not_before:%Y-%m-%d} to {leaf.not_after:%Y-%m-%d}"))
    algorithms = leaf.signatures
    if not algorithms:
        raise _unusable(path, "its key is of a kind or size that IKEv2 does not sign with")
    return Credential(ordered_chain(leaf, chain), SoftwareSigner(loaded, algorithms), leaf.name, tuple(findings))


# A maker of the key from a passphrase (None: try without), with the certificates that come with it.
# It raises _Locked when the passphrase is missing or wrong.
_Unlocked = tuple[PrivateKeyTypes, tuple[bytes, ...]]
_MakeKey = Callable[[bytes | None], _Unlocked]


class _Locked(Exception):
    """The passphrase is missing or wrong."""


async def _unlocked(make_key: _MakeKey, ask: AskPassphrase) -> _Unlocked:
    try:
        return make_key(None)
    except _Locked as error:
        problem = error
    for attempt in range(PASSPHRASE_TRIES):
        try:
            return make_key((await ask()).encode())
        except _Locked as error:
            problem = error
        except SecretUsedUp:
            if attempt:
                break       # the answer given beforehand was the wrong one: that is what to say
            raise
    raise RoveError(Cause.CREDENTIAL_UNUSABLE, "the passphrase of the key is wrong") from problem


def _material(path: Path, data: bytes, key_data: bytes | None) -> tuple[tuple[bytes, ...], _MakeKey]:
    blocks = [(match[1], match[0]) for match in _PEM.finditer(data)]
    if blocks:
        certificates = tuple(_der(path, pem) for label, pem in blocks if label in (b"CERTIFICATE", b"X509 CERTIFICATE"))
        keys = [pem for label, pem in blocks if label.endswith(b"PRIVATE KEY")]
        if not certificates:
            raise _unusable(path, "it has no certificate")
        if key_data is None and not keys:
            raise _unusable(path, "it has no key, and user.key names none")
        return certificates, _key_maker(path, key_data if key_data is not None else keys[0])
    if key_data is not None:
        return (data,), _key_maker(path, key_data)
    return (), _pkcs12_maker(path, data)


def _key_maker(path: Path, data: bytes) -> _MakeKey:
    found = next((match[0] for match in _PEM.finditer(data) if match[1].endswith(b"PRIVATE KEY")), None)

    def make(passphrase: bytes | None) -> _Unlocked:
        try:
            if found is not None:
                return load_pem_private_key(found, passphrase), ()
            return load_der_private_key(data, passphrase), ()
        except TypeError as error:      # the library: "Password was not given but private key is encrypted"
            raise _Locked from error
        except (ValueError, UnsupportedAlgorithm) as error:
            if passphrase is None or isinstance(error, UnsupportedAlgorithm):
                raise _unusable(path, "its key cannot be read") from error
            raise _Locked from error
    return make


def _pkcs12_maker(path: Path, data: bytes) -> _MakeKey:
    if data[:1] != b"\x30":
        raise _unusable(path, "it is neither PEM nor PKCS#12")

    def make(passphrase: bytes | None) -> _Unlocked:
        try:
            bundle = pkcs12.load_pkcs12(data, passphrase)
        except UnsupportedAlgorithm as error:
            raise _unusable(path, "its key is of a kind that is not known here") from error
        except ValueError as error:     # the library does not tell a wrong passphrase from a broken file
            raise _Locked from error
        if bundle.key is None or bundle.cert is None:
            raise _unusable(path, "it lacks the key or its certificate")
        certificates = (bundle.cert, *bundle.additional_certs)
        return bundle.key, tuple(item.certificate.public_bytes(Encoding.DER) for item in certificates)
    return make


def _leaf(path: Path, key: PrivateKeyTypes, chain: Sequence[Certificate]) -> Certificate:
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for certificate in chain:
        if certificate.spki == spki:
            return certificate
    raise _unusable(path, "the key does not belong to the certificate")


def ordered_chain(leaf: Certificate, chain: Sequence[Certificate]) -> tuple[bytes, ...]:
    """The issuers of each are somewhere after it."""
    ordered = [leaf]
    for one in ordered:         # grows meanwhile
        ordered += [issuer for issuer in chain if issuer.subject == one.issuer and issuer not in ordered]
    return tuple(certificate.der for certificate in ordered[:MAX_CHAIN])


def _read(path: Path, findings: list[Finding]) -> bytes:
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _unusable(path, "it is not a file")
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise _unusable(path, str(error.strerror)) from error
    if len(data) > MAX_FILE:
        raise _unusable(path, f"larger than {MAX_FILE // 1024} KiB")
    if status.st_mode & 0o077:
        findings.append(Finding("credential-file-open", f"{path.name} can be read by other users: chmod 600 it"))
    return data


def _der(path: Path, pem: bytes) -> bytes:
    try:
        return parse_pem(pem)[0].der
    except BadCertificate as error:
        raise _unusable(path, "a certificate in it cannot be read") from error


def _unusable(path: Path, why: str) -> RoveError:
    return RoveError(Cause.CREDENTIAL_UNUSABLE, f"{path.name}: {why}")
