"""A gateway's EAP packets, one after the other, against Identity, MSCHAPv2, MD5, GTC and the outside of EAP-TLS."""

from random import Random

from client.core.eap.gtc import Gtc
from client.core.eap.md5 import Md5Challenge
from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import MAX_TEXT, EapError, EapType
from client.core.eap.peer import MAX_ROUNDS, EapPeer
from client.core.eap.questions import Answer, Question, ServerToJudge, TextNeeded
from client.core.eap.tls import EapTls
from client.core.eap.tls_method import TlsCredential
from client.model.cause import Cause
from tests.fuzz.frames import Octets, join, mutate_parts, split
from tests.fuzz.judge import plain_words, refused

MAX_LEN = 2048
USER, PASSWORD, PEER_CHALLENGE, CHALLENGE = "LAB\\alice", "pässwörd", bytes(range(16)), bytes(range(16, 32))
_CAUSES = (Cause.PROTOCOL_ERROR, Cause.GATEWAY_NO_AUTH, Cause.USER_REFUSED, Cause.EAP_METHOD_UNSUPPORTED,
           Cause.NO_COMMON_PROPOSAL, Cause.GATEWAY_BAD_SIGNATURE, Cause.CREDENTIAL_UNUSABLE)
_METHODS = {EapType.MSCHAPV2: lambda: MsChapV2(USER, PASSWORD, PEER_CHALLENGE, bytes),
            EapType.MD5: lambda: Md5Challenge(USER, PASSWORD), EapType.GTC: Gtc,
            EapType.TLS: lambda: EapTls(TlsCredential((b"0\0",), (0x0403,)))}


def one(data: bytes) -> None:
    """Parts are packets. With a fixed challenge of ours the proof of the right gateway is one that seeds can hold."""
    peer = EapPeer(USER, _METHODS)
    over = False
    for count, packet in enumerate(split(data), 1):
        try:
            result = peer.receive(packet)
            while result.question is not None:
                result = peer.answer(_answer(result.question))
        except EapError as error:
            refused(error, _CAUSES, 4096)
            over = True
            continue
        assert not over, "an answer after the end"
        assert count <= MAX_ROUNDS
        assert len(result.response) <= 2048
        plain_words(result.notice, MAX_TEXT)
        plain_words(result.refused, 4096)
        if result.msk is not None:
            assert len(result.msk) == 64
        if not result.response:
            assert result.done
            over = True
        else:
            assert result.response[1] == packet[1]
            assert len(result.response) == int.from_bytes(result.response[2:4], "big")


def _answer(question: Question) -> Answer:
    if isinstance(question, TextNeeded):
        plain_words(question.words, MAX_TEXT)
        return "new" if question.words else None
    return True if isinstance(question, ServerToJudge) else bytes(70)


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    """Packets whose lengths fit, most of the time."""
    def packet(part: bytes, room: int) -> bytes:
        changed = octets(part, room)
        if len(changed) < 4 or random.randrange(4) == 0:
            return changed
        changed = changed[:2] + len(changed).to_bytes(2, "big") + changed[4:]
        if len(changed) >= 9 and changed[4] == EapType.MSCHAPV2 and random.randrange(4):
            changed = changed[:7] + (len(changed) - 5).to_bytes(2, "big") + changed[9:]
        return changed

    if random.randrange(16) == 0:
        return octets(data, limit)
    return mutate_parts(data, limit, random, octets, packet)


def words() -> list[bytes]:
    return [b"S=", b"E=691", b" R=1", b" C=", b" V=3", b" M=", b"\x1b[31m"]


def seeds() -> dict[str, bytes]:
    accepted, refused = _dialogue(PASSWORD), _dialogue("another")
    notice = bytes((1, 9, 0, 10, 2)) + b"hello"
    return {"accepted": join(accepted), "refused": join(refused),
            "notices": join([accepted[0], notice, *accepted[1:3], notice]),
            "duplicates": join([packet for packet in accepted for _ in range(2)]),
            "expired": join(_expired()),
            "gtc": join([accepted[0], _request(6, b"Password: "), _request(6, b"Code"), bytes((3, 3, 0, 4))]),
            "md5-success": join([accepted[0], _request(4, b"\x10" + bytes(16) + b"gate"), bytes((3, 3, 0, 4))]),
            "tls": join([accepted[0], _request(13, b"\x20"), _request(13, b"\xc0\0\0\0\x09\x15\x03\x03"),
                         _request(13, b"\0\0\2\2\x28\0\0"), bytes((4, 3, 0, 4))]),
            "tls-hello": join([accepted[0], _request(13, b"\x20"), _request(13, b"\0" + _server_hello())]),
            "md5": join([accepted[0], bytes((1, 3, 0, 22, 4, 16)) + bytes(16), bytes((4, 3, 0, 4))]),
            "expanded": join([bytes((1, 3, 0, 12, 254)) + bytes(7)]),
            "success-first": join([accepted[0], accepted[-1]]),
            "fortigate": join([*accepted[:-1], accepted[-1][:2] + b"\0\5\0"])}


def _dialogue(password: str) -> list[bytes]:
    """The packets of a gateway that knows this password."""
    from tests.eap.mschap_server import MsChapServer
    server = MsChapServer(USER, password, CHALLENGE)
    peer = EapPeer(USER, {EapType.MSCHAPV2: lambda: MsChapV2(USER, PASSWORD, PEER_CHALLENGE)})
    packets = [server.start()]
    try:
        while response := peer.receive(packets[-1]).response:
            packets.append(server.answer(response))
    except EapError:
        pass
    return packets


def _request(kind: int, data: bytes) -> bytes:
    return bytes((1, 3)) + (5 + len(data)).to_bytes(2, "big") + bytes((kind,)) + data


def _expired() -> list[bytes]:
    from tests.eap.mschap_server import MsChapServer
    server = MsChapServer(USER, PASSWORD, CHALLENGE)
    server.failure, server.expired = b"E=648 R=1 C=" + b"5A" * 16 + b" V=3 M=Choose", True
    peer, packets = EapPeer(USER, _METHODS), [server.start()]
    while True:
        result = peer.receive(packets[-1])
        if result.question is not None:
            result = peer.answer("new")
        if not result.response:
            return packets
        packets.append(server.answer(result.response))


def _server_hello() -> bytes:
    """TLS 1.2, X25519, without anything that would fit a ClientHello of ours but its form."""
    body = b"\x03\x03" + bytes(range(32)) + b"\0" + b"\xc0\x2b" + b"\0" + b"\0\0"
    hello = b"\x02" + len(body).to_bytes(3, "big") + body
    certificate = b"\x0b\0\0\x09\0\0\x06\0\0\x03abc"
    done = b"\x0e\0\0\0"
    handshake = hello + certificate + done
    return b"\x16\x03\x03" + len(handshake).to_bytes(2, "big") + handshake
