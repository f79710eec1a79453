"""Smartcards by PKCS#11: what is there, logging in, signing. The only importer of python-pkcs11.

Everything here blocks and must run in one thread (``worker.Worker``). A module is loaded once and stays. What a module
says of itself is foreign text: it is bounded and made printable.
"""

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from client.agent import encoding
from client.agent.modules import Module
from client.core.ikev2 import auth
from client.core.pki.certificate import BadCertificate, Certificate, display, parse_certificate
from client.model.cause import Cause, RoveError
from client.model.pkcs11_uri import Pkcs11Uri

if TYPE_CHECKING:
    import pkcs11

MAX_TOKENS = 64
MAX_CERTIFICATES = 64           # of one token
_UNSUPPORTED = ("MechanismInvalid", "MechanismParamInvalid", "FunctionNotSupported", "KeyTypeInconsistent",
                "KeyFunctionNotPermitted", "DataLenRange", "DataInvalid")


class PinRefused(Exception):
    """``counted``: it was a try, of which the token has a few."""

    def __init__(self, words: str, *, counted: bool = True) -> None:
        super().__init__(words)
        self.counted = counted


@dataclass(frozen=True)
class TokenId:
    """Which token: what it says of itself, and the module that shows it."""

    module: Module
    label: str
    manufacturer: str
    model: str
    serial: str


@dataclass(frozen=True)
class PinState:
    """PKCS#11 has no number of tries, only these flags."""

    needed: bool
    pad: bool                   # the PIN is typed on the reader: protected authentication path
    count_low: bool = False     # a wrong PIN was given since the last right one
    final_try: bool = False
    locked: bool = False


@dataclass(frozen=True)
class TokenCertificate:
    """``key``: is its private key there? None: only the PIN would tell."""

    certificate: Certificate
    label: str
    id: bytes
    key: bool | None


@dataclass(frozen=True)
class TokenInfo:
    id: TokenId
    slot: str
    slot_id: int
    pin: PinState
    certificates: tuple[TokenCertificate, ...] = ()

    def uri(self, of: TokenCertificate | None = None) -> Pkcs11Uri:
        """RFC 7512: of the token, or of one certificate; as short as it can be and still the only one."""
        path = self.id.module.path if not self.id.module.name else None
        return Pkcs11Uri(
            token=self.id.label, serial=self.id.serial, object=(of.label or None) if of else None,
            type="cert" if of else None, id=(of.id or None) if of else None, module_path=path)


@dataclass
class Login:
    """Logged in to a token, with the key of one certificate. ``close`` logs out."""

    token: TokenId
    algorithms: tuple[str, ...]     # keys of auth.SIGNATURES, best first
    asks_each_time: bool            # CKA_ALWAYS_AUTHENTICATE: each signature needs the PIN anew
    pad: bool
    _certificate: Certificate = field(repr=False)
    _session: "pkcs11.Session" = field(repr=False)
    _key: Any = field(repr=False)
    _mechanisms: frozenset[str] = field(repr=False)
    _present: Callable[[], bool] = field(repr=False)
    _closer: Callable[[], None] = field(repr=False)

    def sign(self, algorithm: str, octets: bytes, pin: str | None) -> bytes:
        """The raw signature, checked against the certificate. ``pin`` where ``asks_each_time``; empty with a pad.

        Raises RoveError: TOKEN_REMOVED, CREDENTIAL_UNUSABLE; PinRefused.
        """
        with _translated(Cause.TOKEN_REMOVED, self._present):
            raw = self._signature(algorithm, octets, pin if self.asks_each_time else None)
        try:
            auth.verify_signature(self._certificate.public_key, *auth.auth_payload_data(algorithm, raw), octets)
        except auth.SignatureError as error:
            raise RoveError(Cause.CREDENTIAL_UNUSABLE,
                            "what the smartcard signs does not fit the certificate on it") from error
        return raw

    def close(self) -> None:
        self._closer()

    def _signature(self, algorithm: str, octets: bytes, pin: str | None) -> bytes:
        problem: Exception | None = None
        for way in _ways(algorithm, self._certificate.public_key):
            if way.mechanism not in self._mechanisms:
                continue
            try:
                raw = way.sign(self._key, octets, pin)
            except RuntimeError as error:       # PKCS11Error
                if type(error).__name__ not in _UNSUPPORTED:
                    raise
                problem = error                 # tokens announce what they do not do: try the next way
            else:
                return raw
        raise RoveError(Cause.CREDENTIAL_UNUSABLE,
                        f"the smartcard does not sign with {display(algorithm)}") from problem


class Tokens:
    """All modules that were loaded, and who is logged in."""

    def __init__(self) -> None:
        self._libraries: dict[str, Any] = {}
        self._logins: dict[TokenId, int] = {}
        self._stale: set[str] = set()           # modules with sessions that nobody can close any more

    def scan(self, modules: Sequence[Module]) -> tuple[list[TokenInfo], list[tuple[Module, str]]]:
        """The tokens with their certificates, and the modules that did not work, each with why."""
        found: list[TokenInfo] = []
        problems: list[tuple[Module, str]] = []
        for module in modules:
            try:
                found += self._scan_module(module)
            except RoveError as error:
                problems.append((module, error.detail))
        return found[:MAX_TOKENS], problems

    def present(self, modules: Sequence[Module]) -> frozenset[TokenId]:
        """Only who is there: costs microseconds. A module that does not work has no tokens."""
        found: set[TokenId] = set()
        for module in modules:
            with suppress(RoveError):
                found.update(identity for identity, _, _ in self._tokens(module))
        return frozenset(found)

    def pin_state(self, wanted: TokenId) -> PinState:
        """As it is now. Raises RoveError (TOKEN_MISSING)."""
        return _pin_state(self._token(wanted).flags)

    def logged_in(self, token: TokenId) -> bool:
        """By us, in this process: another login needs no PIN, and would be refused."""
        return self._logins.get(token, 0) > 0

    def log_in(self, wanted: TokenId, of: TokenCertificate, pin: str | None) -> Login:
        """``pin`` None: on the reader's pad, or none is needed.

        Raises PinRefused, RoveError: PIN_LOCKED, TOKEN_MISSING, PROMPT_CANCELLED (on the pad), CREDENTIAL_UNUSABLE.
        """
        token = self._token(wanted)
        state = _pin_state(token.flags)
        with _translated(Cause.TOKEN_REMOVED, lambda: self._is_present(wanted)):
            known = not state.needed or self.logged_in(wanted)
            session = token.open() if known else self._open(wanted, token, pin)
        self._logins[wanted] = self._logins.get(wanted, 0) + 1
        try:
            with _translated(Cause.TOKEN_REMOVED, lambda: self._is_present(wanted)):
                return self._with_key(wanted, token, session, of, state)
        except BaseException:
            self._close(wanted, session)
            raise

    # --- modules ---

    def _library(self, module: Module) -> Any:
        if module.path not in self._libraries:
            import pkcs11
            try:
                library = pkcs11.lib(module.path)
            except RuntimeError as error:
                raise RoveError(Cause.CREDENTIAL_UNUSABLE, display(str(error) or type(error).__name__)) from error
            # For good: at the interpreter's end C_Finalize would run, and in a module that hangs so would the process.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
            self._libraries[module.path] = library
        with _translated(Cause.TOKEN_MISSING):
            self._libraries[module.path].initialize()       # again, where _renew did not succeed
        return self._libraries[module.path]

    def _tokens(self, module: Module) -> Iterator[tuple[TokenId, Any, Any]]:
        """(who, slot, token) of each that can be used."""
        import pkcs11
        library = self._library(module)
        with _translated(Cause.TOKEN_MISSING):
            slots = library.get_slots(token_present=True)
        for slot in slots:
            try:
                token = slot.get_token()
            except pkcs11.PKCS11Error:      # pulled this moment, or not for us
                continue
            if token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED:
                yield _identity(module, token), slot, token

    def _token(self, wanted: TokenId) -> Any:
        for identity, _, token in self._tokens(wanted.module):
            if identity == wanted:
                return token
        raise RoveError(Cause.TOKEN_MISSING, f"“{wanted.label}” is not there")

    def _is_present(self, wanted: TokenId) -> bool:
        return wanted in self.present((wanted.module,))

    def _scan_module(self, module: Module) -> list[TokenInfo]:
        found = []
        for identity, slot, token in self._tokens(module):
            with _translated(Cause.TOKEN_MISSING):
                session = token.open()
                try:
                    state = _pin_state(token.flags)
                    certificates = _certificates(session, state)
                finally:
                    with suppress(RuntimeError):
                        session.close()
            found.append(TokenInfo(identity, display(slot.slot_description), slot.slot_id, state, certificates))
        return found

    # --- logging in and out ---

    def _open(self, wanted: TokenId, token: Any, pin: str | None) -> Any:
        import pkcs11
        secret = pkcs11.PROTECTED_AUTH if pin is None else pin
        try:
            return token.open(user_pin=secret)
        except pkcs11.UserAlreadyLoggedIn:
            # A log-out of ours that failed. Nobody uses the module: from the beginning, then.
            self._stale.add(wanted.module.path)
            self._renew(wanted.module.path)
            return self._token(wanted).open(user_pin=secret)
        except pkcs11.PKCS11Error:
            self._stale.add(wanted.module.path)     # python-pkcs11 0.10 forgets the session that it had opened
            self._renew(wanted.module.path)
            raise

    def _with_key(self, wanted: TokenId, token: Any, session: Any, of: TokenCertificate, state: PinState) -> Login:
        import pkcs11
        key = _private_key(session, of)
        try:
            each_time = bool(key[pkcs11.Attribute.ALWAYS_AUTHENTICATE])
        except pkcs11.PKCS11Error:
            each_time = False
        mechanisms = frozenset(getattr(each, "name", "") for each in token.slot.get_mechanisms())
        algorithms = tuple(name for name in of.certificate.signatures
                           if any(way.mechanism in mechanisms for way in _ways(name, of.certificate.public_key)))
        if not algorithms:
            raise RoveError(Cause.CREDENTIAL_UNUSABLE,
                            "its key is of a kind or size that IKEv2, or this smartcard, does not sign with")
        return Login(wanted, algorithms, each_time, state.pad, of.certificate, session, key, mechanisms,
                     lambda: self._is_present(wanted), lambda: self._close(wanted, session))

    def _close(self, token: TokenId, session: Any) -> None:
        """The last one of a token logs out."""
        left = self._logins.get(token, 0) - 1
        if left < 0:
            return
        self._logins[token] = left
        import pkcs11
        try:
            # To log out is to log out all sessions of a token (PKCS#11 v2.40 §5.6): while others use it none is closed,
            # and C_Finalize closes them in the end.
            if left:
                self._stale.add(token.module.path)
            else:
                session.close()
        except pkcs11.PKCS11Error:          # the token is gone, say
            self._stale.add(token.module.path)
        self._renew(token.module.path)

    def _renew(self, path: str) -> None:
        """C_Finalize closes what cannot be closed otherwise, once nobody is logged in by this module."""
        if path not in self._stale or any(count and token.module.path == path
                                          for token, count in self._logins.items()):
            return
        self._stale.discard(path)
        with suppress(RuntimeError):
            self._libraries[path].reinitialize()


@dataclass(frozen=True)
class _Way:
    """One way to make a signature: the mechanism, what it is given, what its output is made into."""

    mechanism: str
    data: Callable[[bytes], bytes]
    parameter: tuple[str, str, int] | None = None
    made: Callable[[bytes], bytes] = bytes

    def sign(self, key: Any, octets: bytes, pin: str | None) -> bytes:
        import pkcs11
        parameter = None
        if self.parameter is not None:
            name, mgf, salt = self.parameter
            parameter = (pkcs11.Mechanism[name], pkcs11.MGF[mgf], salt)
        options = {} if pin is None else {"pin": pin}
        return self.made(bytes(key.sign(self.data(octets), mechanism=pkcs11.Mechanism[self.mechanism],
                                        mechanism_param=parameter, **options)))


def _ways(algorithm: str, key: object) -> list[_Way]:
    """All ways to make this signature, best first: the token hashes, it pads, or it knows only the bare function."""
    row = auth.SIGNATURES[algorithm]
    if row.hash is None:
        return [_Way("EDDSA", bytes)]
    name = row.hash.name
    upper = name.upper()
    if isinstance(key, rsa.RSAPublicKey) and algorithm.startswith("rsa-pss"):
        pss = (upper, upper, row.hash.digest_size)
        return [_Way(f"{upper}_RSA_PKCS_PSS", bytes, pss),
                _Way("RSA_PKCS_PSS", lambda octets: encoding.digest(name, octets), pss),
                _Way("RSA_X_509", lambda octets: encoding.emsa_pss(name, octets, key.key_size, os.urandom))]
    if isinstance(key, rsa.RSAPublicKey):
        return [_Way(f"{upper}_RSA_PKCS", bytes), _Way("RSA_PKCS", lambda octets: encoding.digest_info(name, octets)),
                _Way("RSA_X_509", lambda octets: encoding.emsa_pkcs1(name, octets, (key.key_size + 7) // 8))]
    if isinstance(key, ec.EllipticCurvePublicKey):
        made = encoding.ecdsa_der if row.kind == "ecdsa" else bytes
        return [_Way(f"ECDSA_{upper}", bytes, made=made),
                _Way("ECDSA", lambda octets: encoding.ecdsa_input(name, octets, key.key_size), made=made)]
    return []


def issuer_name(certificate: Certificate) -> str:
    return display(certificate.parsed.issuer.rfc4514_string())


def key_kind(certificate: Certificate) -> str:
    """ "RSA 2048", "EC secp256r1" …"""
    key = certificate.public_key
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").strip("_")


def _certificates(session: Any, state: PinState) -> tuple[TokenCertificate, ...]:
    import pkcs11
    # list(): an unfinished search blocks whatever comes next on the session (OperationActive)
    private = {_id(key) for key in _objects(session, pkcs11.ObjectClass.PRIVATE_KEY)}
    public = {_id(key) for key in _objects(session, pkcs11.ObjectClass.PUBLIC_KEY)}
    found = []
    for item in _objects(session, pkcs11.ObjectClass.CERTIFICATE)[:MAX_CERTIFICATES]:
        try:
            certificate = parse_certificate(bytes(item[pkcs11.Attribute.VALUE]))
        except (BadCertificate, pkcs11.PKCS11Error, ValueError, TypeError):
            continue
        of = _id(item)
        hidden = None if state.needed else False
        found.append(TokenCertificate(certificate, _label(item), of, True if of and of in private | public else hidden))
    return tuple(found)


def _private_key(session: Any, of: TokenCertificate) -> Any:
    """PKCS#11 v2.40 §4.6.3: the certificate and its key have the same CKA_ID; where there is none, the label tells."""
    import pkcs11
    keys = _objects(session, pkcs11.ObjectClass.PRIVATE_KEY)
    mine = [key for key in keys if _id(key) == of.id and of.id] or [key for key in keys if _label(key) == of.label]
    if not mine:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"the smartcard has no private key for {of.certificate.name}")
    signing = next((key for key in mine if hasattr(key, "sign")), None)     # with CKA_SIGN
    if signing is None:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"the private key of {of.certificate.name} may not sign")
    return signing


def _objects(session: Any, kind: Any) -> list[Any]:
    import pkcs11
    return list(session.get_objects({pkcs11.Attribute.CLASS: kind}))


def _id(item: Any) -> bytes:
    import pkcs11
    try:
        return bytes(item[pkcs11.Attribute.ID] or b"")
    except (pkcs11.PKCS11Error, ValueError, TypeError):
        return b""


def _label(item: Any) -> str:
    import pkcs11
    try:
        return display(str(item[pkcs11.Attribute.LABEL] or ""))
    except (pkcs11.PKCS11Error, ValueError, TypeError):
        return ""


def _identity(module: Module, token: Any) -> TokenId:
    serial = bytes(token.serial).decode("utf-8", "replace").rstrip(" \0")
    return TokenId(module, *map(display, (token.label, token.manufacturer_id, token.model, serial)))


def _pin_state(flags: Any) -> PinState:
    from pkcs11 import TokenFlag
    return PinState(
        needed=bool(flags & TokenFlag.LOGIN_REQUIRED), pad=bool(flags & TokenFlag.PROTECTED_AUTHENTICATION_PATH),
        count_low=bool(flags & TokenFlag.USER_PIN_COUNT_LOW), final_try=bool(flags & TokenFlag.USER_PIN_FINAL_TRY),
        locked=bool(flags & TokenFlag.USER_PIN_LOCKED))


_GONE = ("TokenNotPresent", "DeviceRemoved", "SessionHandleInvalid", "SessionClosed", "SlotIDInvalid",
         "TokenNotRecognised")
# CKR_… as python-pkcs11 names it → what it means for people; anything else is said by its name.
_MEANINGS: dict[str, Callable[[], Exception]] = {
    "PinIncorrect": lambda: PinRefused("That PIN was wrong."),
    "PinLenRange": lambda: PinRefused("No PIN of this smartcard has that length.", counted=False),
    "PinInvalid": lambda: PinRefused("That PIN has characters that the smartcard does not take.", counted=False),
    "PinLocked": lambda: RoveError(Cause.PIN_LOCKED),
    "PinExpired": lambda: RoveError(Cause.CREDENTIAL_UNUSABLE, "the smartcard wants its PIN to be changed first"),
    "UserPinNotInitialized": lambda: RoveError(Cause.CREDENTIAL_UNUSABLE, "the smartcard has no PIN yet"),
    "FunctionCancelled": lambda: RoveError(Cause.PROMPT_CANCELLED, "on the card reader"),
}


@contextmanager
def _translated(gone: Cause, present: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """A module's error → RoveError or PinRefused. ``present`` tells a broken token from one that was pulled."""
    try:
        yield
    except RuntimeError as error:       # PKCS11Error is one
        name = type(error).__name__
        if name in _MEANINGS:
            raise _MEANINGS[name]() from error
        if name in _GONE or not present():
            raise RoveError(gone, f"the driver says {name}") from error
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"the smartcard's driver reports {name}") from error
