"""What an authentication server says within TTLS and PEAP: AVPs, EAP without headers, TLVs.

The tunnel itself is a stand-in that hands octets through: a real one would let nothing in but what its keys have
sealed, so no input would ever get past it.
"""

from random import Random

from client.core.eap.gtc import Gtc
from client.core.eap.md5 import Md5Challenge
from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import MAX_TEXT, EapCode, EapError, EapPacket, EapType
from client.core.eap.peap import Peap
from client.core.eap.peer import EapPeer
from client.core.eap.questions import TextNeeded
from client.core.eap.tls_method import TLS12, TLS13, TlsMethod
from client.core.eap.ttls import EapTtls, Pap, TunnelledEap, TunnelledMsChapV2
from client.model.cause import Cause
from tests.eap.mschap_server import MsChapServer
from tests.fuzz.frames import Octets, join, mutate_parts, split
from tests.fuzz.judge import plain_words, refused

MAX_LEN = 2048
USER, PASSWORD, CHALLENGE = "LAB\\alice", "pässwörd", bytes(range(16))
_CAUSES = (Cause.PROTOCOL_ERROR, Cause.GATEWAY_NO_AUTH, Cause.USER_REFUSED, Cause.EAP_METHOD_UNSUPPORTED)
MAX_PLAIN = 4096


class _Open:
    """A TlsClient whose handshake is over, without TLS."""

    handshaking = closed = False
    error = certificates_to_judge = message_to_sign = None

    def __init__(self, version: int) -> None:
        self.version, self.heard, self.said = version, b"", b""

    def receive(self, data: bytes) -> None:
        self.heard += data

    def write(self, data: bytes) -> None:
        self.said += data

    def take_plaintext(self) -> bytes:
        heard, self.heard = self.heard, b""
        return heard

    def take_output(self) -> bytes:
        said, self.said = self.said, b""
        return said

    def export(self, label: bytes, context: bytes | None, length: int) -> bytes:
        return (label + b"\0").ljust(length, b"k")[:length]


def _within(name: str) -> EapPeer:
    makers = {"mschapv2": {EapType.MSCHAPV2: lambda: MsChapV2(USER, PASSWORD, bytes(16), bytes)},
              "gtc": {EapType.GTC: Gtc}, "md5": {EapType.MD5: lambda: Md5Challenge(USER, PASSWORD)}}
    return EapPeer(USER, makers[name])


MODES = (lambda: Peap(_within("mschapv2")), lambda: Peap(_within("gtc")), lambda: EapTtls(Pap(USER, PASSWORD)),
         lambda: EapTtls(TunnelledMsChapV2(USER, PASSWORD, bytes)), lambda: EapTtls(TunnelledEap(_within("gtc"), USER)),
         lambda: EapTtls(TunnelledEap(_within("md5"), USER)))


def one(data: bytes) -> None:
    """An octet that says which method and which TLS, then parts: what each message holds within the tunnel."""
    if not data:
        return
    method: TlsMethod = MODES[data[0] % len(MODES)]()
    kind = method.type
    peer = EapPeer("anonymous", {kind: lambda: method})
    peer.receive(_request(kind, 0, b"\x20"))
    method._tls = _Open(TLS13 if data[0] & 0x80 else TLS12)     # type: ignore[assignment]
    over = False
    for number, part in enumerate([b"", *split(data[1:])], 1):
        try:
            result = peer.receive(_request(kind, number % 256, b"\0" + part))
            while result.question is not None:
                assert isinstance(result.question, TextNeeded)
                plain_words(result.question.words, MAX_TEXT)
                result = peer.answer("answer" if result.question.words else None)
            while len(result.response) > 5 and result.response[5] & 0x40:      # a fragment: acknowledged
                assert len(result.response) <= 1020
                number += 1
                result = peer.receive(_request(kind, number % 256, b"\0"))
        except EapError as error:
            refused(error, (*_CAUSES, Cause.CREDENTIAL_UNUSABLE), 4096)
            over = True
            continue
        assert not over, "an answer after the end"
        plain_words(result.notice, MAX_TEXT)
        plain_words(result.refused, 4096)
        assert result.msk is None       # not before EAP-Success
        assert len(method.tls.take_output()) <= MAX_PLAIN


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    if len(data) < 2 or random.randrange(16) == 0:
        return octets(data, limit)
    mode = data[:1] if random.randrange(16) else bytes((random.randrange(256),))
    return mode + mutate_parts(data[1:], limit - 1, random, octets)


def words() -> list[bytes]:
    return [b"\x80\x03\x00\x02\x00\x01", b"\x00\x0c\x00\x38", b"\0\0\0\x4f\x40", b"\0\0\0\x1a\xc0", b"S=", b"E=691"]


def seeds() -> dict[str, bytes]:
    server = MsChapServer(USER, PASSWORD, CHALLENGE)
    server.start()
    challenge = server.answer(EapPacket(EapCode.RESPONSE, server.identifier, 1, USER.encode()).encode())
    success, failure = (_avp(26, b"k" + b"S=" + b"0" * 40, 311), _avp(2, b"kE=691 R=0 M=No", 311))
    binding = b"\0\x0c\0\x38" + bytes(56)
    made = {
        "peap": (0, [b"\1", challenge[4:], _tlv(1)]), "peap-bound": (0x80, [b"\1", challenge[4:], _tlv(1, binding)]),
        "peap-failure": (0, [b"\1", b"\4\7\0\4"]), "peap-gtc": (1, [b"\1", b"\6Code", _tlv(1, binding)]),
        "peap-refused": (1, [b"\1", b"\6Code", _tlv(2)]), "peap-nak": (1, [b"\1", b"\4\x10" + bytes(16), b"\6Code"]),
        "pap": (2, [_avp(18, b"Hello", flags=0)]), "mschapv2": (3, [success]), "mschapv2-refused": (3, [failure]),
        "ttls-gtc": (4, [_avp(79, _request(6, 9, b"Code")), _avp(79, b"\3\x09\0\4")]),
        "ttls-md5": (5, [_avp(79, _request(4, 9, b"\x10" + bytes(16)))])}
    return {name: bytes((mode,)) + join(parts) for name, (mode, parts) in made.items()}


def _request(kind: int, identifier: int, data: bytes) -> bytes:
    return EapPacket(EapCode.REQUEST, identifier, kind, data).encode()


def _tlv(status: int, more: bytes = b"") -> bytes:
    return _request(33, 99, b"\x80\x03\0\2\0" + bytes((status,)) + more)


def _avp(code: int, data: bytes, vendor: int = 0, flags: int = 0x40) -> bytes:
    head = vendor.to_bytes(4, "big") if vendor else b""
    whole = 8 + len(head) + len(data)
    return (code.to_bytes(4, "big") + bytes((flags | (0x80 if vendor else 0),)) + whole.to_bytes(3, "big") + head + data
            + bytes(-whole % 4))
