"""EAP-TTLS (RFC 5281) against OpenSSL and small inner servers: PAP, MSCHAPv2, EAP; keys, refusals, hostile AVPs."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.eap import avp
from client.core.eap.avp import Attribute
from client.core.eap.gtc import Gtc
from client.core.eap.md5 import Md5Challenge
from client.core.eap.packet import EapError, EapType
from client.core.eap.peer import EapPeer
from client.core.eap.questions import ServerToJudge, TextNeeded, Wanted
from client.core.eap.ttls import EapTtls, Pap, TunnelledEap, TunnelledMsChapV2
from client.model.cause import Cause, RoveError
from tests.eap.mschap_server import des, md4
from tests.eap.talk import Around, converse
from tests.eap.tls_server import TlsServer, context

TTLS = EapType.TTLS
USER, PASSWORD = "LAB\\zoë", "pässwörd €"


def read(data: bytes) -> dict[tuple[int, int], bytes]:
    """RFC 5281 §10.1, as a server reads it; all are marked as mandatory and padded."""
    found = {}
    while data:
        code, flags, length = int.from_bytes(data[:4], "big"), data[4], int.from_bytes(data[5:8], "big")
        assert flags in (0x40, 0xC0)
        header = 12 if flags & 0x80 else 8
        found[int.from_bytes(data[8:12], "big") if flags & 0x80 else 0, code] = data[header:length]
        padded = (length + 3) // 4 * 4
        assert data[length:padded] == bytes(padded - length)
        data = data[padded:]
    return found


def write(code: int, value: bytes, vendor: int = 0, flags: int = 0x40) -> bytes:
    """Without the padding of the last one, as some do."""
    head = vendor.to_bytes(4, "big") if vendor else b""
    length = 8 + len(head) + len(value)
    flags |= 0x80 if vendor else 0
    return code.to_bytes(4, "big") + bytes((flags,)) + length.to_bytes(3, "big") + head + value


def peer(make: Callable[[], Any]) -> EapPeer:
    return EapPeer("anonymous@lab.test", {TTLS: lambda: EapTtls(make())})


def server_of(inner: Callable[[TlsServer, bytes], bytes | bool], *, tls13: bool = True, **options: Any) -> TlsServer:
    made = TlsServer(TTLS, context(tls13=tls13, client_ca=None), lambda plaintext: inner(made, plaintext), **options)
    return made


def fails(eap: EapPeer, server: TlsServer, around: Around | None = None) -> RoveError:
    with pytest.raises(RoveError) as error:
        converse(eap, server, around)
    return error.value


# --- PAP ---


def pap() -> Pap:
    return Pap(USER, PASSWORD)


@pytest.mark.parametrize("tls13", [True, False])
def test_pap(tls13: bool) -> None:
    def inner(server: TlsServer, plaintext: bytes) -> bool:
        values = read(plaintext)
        assert len(values[0, 2]) == 16
        return (values[0, 1], values[0, 2].rstrip(b"\0")) == (USER.encode(), PASSWORD.encode())
    server, around = server_of(inner, tls13=tls13), Around()
    result = converse(peer(pap), server, around)
    assert result.msk == server.key_material(b"ttls keying material")[:64]
    assert [type(question) for question in around.asked] == [ServerToJudge]


def test_pap_refused_and_the_servers_words() -> None:
    def inner(server: TlsServer, plaintext: bytes) -> bytes | bool:
        return server.end(False) and False
    assert fails(peer(pap), server_of(inner)).cause is Cause.USER_REFUSED
    eap, server = peer(pap), server_of(lambda made, plaintext: write(18, b"Until\x1b May", flags=0))
    around, notices, packet = Around(), [], server.start()
    for _ in range(4):
        result = eap.receive(packet)
        while result.question is not None:
            result = eap.answer(around.answer(result.question))
        notices.append(result.notice)
        packet = server.receive(result.response)
    assert "Until May" in notices


def test_nothing_goes_to_a_server_that_is_not_the_one() -> None:
    server = server_of(lambda made, plaintext: True)
    assert fails(peer(pap), server, Around(distrust=True)).cause is Cause.GATEWAY_UNTRUSTED
    assert server.heard == []
    assert len(server.messages) == 1


def test_success_before_the_password_is_no_success() -> None:
    eap, server = peer(pap), server_of(lambda made, plaintext: True)
    first = eap.receive(server.start())
    eap.receive(server.receive(first.response))     # the server is to be judged
    with pytest.raises(EapError):
        eap.receive(server.end(True))


@pytest.mark.parametrize("password", ["", "x" * 129, "\ud800"])
def test_impossible_passwords(password: str) -> None:
    with pytest.raises(EapError) as error:
        Pap("a", password)
    assert error.value.cause is Cause.CREDENTIAL_UNUSABLE


# --- MSCHAPv2 ---


def mschapv2(password: str = PASSWORD) -> Callable[[], TunnelledMsChapV2]:
    return lambda: TunnelledMsChapV2(USER, password, lambda count: bytes(range(count)))


class MsChapInside:
    """RFC 5281 §11.2.4, RFC 2759; the challenge must be the tunnel's."""

    def __init__(self, proof: bytes = b"S=", ident: int = 0) -> None:
        self.proof, self.ident, self.over = proof, ident, False

    def __call__(self, server: TlsServer, plaintext: bytes) -> bytes | bool:
        values = read(plaintext)
        implicit = server.export(b"ttls challenge", b"" if server.version_of_tls == "TLSv1.3" else None, 17)
        assert values[0, 1] == USER.encode()
        assert values[311, 11] == implicit[:16]
        said = values[311, 25]
        assert said[:2] == implicit[16:] + b"\0"
        peer, reserved, answer = said[2:18], said[18:26], said[26:]
        assert (reserved, len(answer)) == (bytes(8), 24)
        hashed = md4(PASSWORD.encode("utf-16-le"))
        challenge = hashlib.sha1(peer + implicit[:16] + USER.split("\\")[1].encode()).digest()[:8]
        if answer != b"".join(des(part, challenge) for part in (hashed[:7], hashed[7:14], hashed[14:] + bytes(5))):
            return write(2, said[:1] + b"E=691 R=0 C=" + b"0" * 32 + b" V=3 M=No", 311)
        first = hashlib.sha1(md4(hashed) + answer + b"Magic server to client signing constant").digest()
        proof = hashlib.sha1(first + challenge + b"Pad to make it do more than one iteration").hexdigest().upper()
        return write(26, bytes((said[0] ^ self.ident,)) + self.proof + proof.encode(), 311)


class WithMsChap(TlsServer):
    """After MS-CHAP2-Success the client sends an empty message, and EAP-Success follows."""

    def after_handshake(self) -> bytes:
        plaintext = self.read()
        if not plaintext and self.heard and not self._out.pending:
            return self.end(self.ok)
        if plaintext:
            self.heard.append(plaintext)
            answer = self.inner(self, plaintext)    # type: ignore[call-arg,misc] # it gets the server
            self.ok = b"E=" not in answer
            self.tls.write(answer)
        return self.say()


def mschap_server(tls13: bool = True, **changes: Any) -> WithMsChap:
    return WithMsChap(TTLS, context(tls13=tls13, client_ca=None), MsChapInside(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("tls13", [True, False])
def test_mschapv2(tls13: bool) -> None:
    server = mschap_server(tls13)
    result = converse(peer(mschapv2()), server)
    assert result.msk == server.key_material(b"ttls keying material")[:64]


def test_mschapv2_refused() -> None:
    error = fails(peer(mschapv2("wrong")), mschap_server())
    assert error.cause is Cause.USER_REFUSED
    assert error.detail == 'wrong name or password (E=691); the gateway says: "No"'


@pytest.mark.parametrize("changes", [{"proof": b"S=0"}, {"proof": b""}, {"ident": 1}])
def test_a_server_that_does_not_prove_to_know_the_password(changes: dict[str, Any]) -> None:
    assert fails(peer(mschapv2()), mschap_server(**changes)).cause is Cause.GATEWAY_NO_AUTH


def test_success_without_its_proof_is_no_success() -> None:
    class Hasty(WithMsChap):
        def after_handshake(self) -> bytes:
            return self.end(True) if self.read() else self.say()
    error = fails(peer(mschapv2()), Hasty(TTLS, context(client_ca=None), MsChapInside()))   # type: ignore[arg-type]
    assert error.cause is Cause.GATEWAY_NO_AUTH


@pytest.mark.parametrize("attributes", [
    b"", write(26, b"", 311), write(26, b"x", 311) + bytes(3) + write(2, b"x", 311), write(1, b"x"), write(79, b"x")])
def test_what_is_no_answer_to_mschapv2(attributes: bytes) -> None:
    method = mschapv2()()
    method.begin(lambda count: bytes(count))
    with pytest.raises(EapError) as error:
        method.receive(avp.parse(attributes))
    assert error.value.cause is Cause.PROTOCOL_ERROR


# --- EAP within ---


class EapInside:
    """Asks as an inner EAP server: a type and type-data per round."""

    def __init__(self, *rounds: tuple[int, bytes], check: Callable[[list[bytes]], bool] = lambda heard: True) -> None:
        self.rounds, self.check, self.heard = list(rounds), check, []    # type: ignore[var-annotated]

    def __call__(self, server: TlsServer, plaintext: bytes) -> bytes | bool:
        packet = read(plaintext)[0, 79]
        assert packet[0] == 2
        assert int.from_bytes(packet[2:4], "big") == len(packet)
        self.heard.append(packet[4:])
        if not self.rounds:
            return self.check(self.heard)
        kind, data = self.rounds.pop(0)
        request = bytes((1, 7)) + (5 + len(data)).to_bytes(2, "big") + bytes((kind,)) + data
        first, rest = request[:9], request[9:]      # in two AVPs where it is long: they are one packet
        return write(79, first) + bytes(-(8 + len(first)) % 4) + (write(79, rest) if rest else b"")


def eap_within(methods: dict[int, Any]) -> Callable[[], TunnelledEap]:
    return lambda: TunnelledEap(EapPeer("zoë", methods), "zoë")


@pytest.mark.parametrize("tls13", [True, False])
def test_md5_within(tls13: bool) -> None:
    digest = hashlib.md5(b"\x07pw" + bytes(range(16))).digest()
    inside = EapInside((4, b"\x10" + bytes(range(16)) + b"name"),
                       check=lambda heard: heard == [b"\x01zo\xc3\xab", b"\x04\x10" + digest + "zoë".encode()])
    server = server_of(inside, tls13=tls13)
    result = converse(peer(eap_within({4: lambda: Md5Challenge("zoë", "pw")})), server)
    assert result.msk == server.key_material(b"ttls keying material")[:64]


def test_gtc_within_asks_in_mid_conversation() -> None:
    inside = EapInside((6, b"Code of your card"), (6, b"Password: "),
                       check=lambda heard: heard[1:] == [b"\x06123", b"\x06pw"])
    around = Around(texts=["123", "pw"])
    assert converse(peer(eap_within({6: Gtc})), server_of(inside), around).done
    assert around.asked[1:] == [TextNeeded(Wanted.CHALLENGE, "Code of your card"),
                                TextNeeded(Wanted.PASSWORD, "Password:")]


def test_another_method_within_gets_a_nak_of_ours() -> None:
    inside = EapInside((4, b"\x10" + bytes(16)), (6, b"Password"), check=lambda heard: heard[1] == b"\x03\x06")
    assert converse(peer(eap_within({6: Gtc})), server_of(inside), Around(texts=["pw"])).done


def test_success_amid_the_inner_conversation_is_no_success() -> None:
    inside = EapInside(check=lambda heard: True)        # at once after the identity
    assert fails(peer(eap_within({6: Gtc})), server_of(inside)).cause is Cause.GATEWAY_NO_AUTH


# --- AVPs ---


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=40), st.integers(0, 2**32 - 1), st.booleans()),
                max_size=8))
def test_avps_go_there_and_back(rows: list[tuple[int, bytes, int, bool]]) -> None:
    made = tuple(Attribute(*row) for row in rows)
    assert avp.parse(avp.encode(made)) == made


@given(st.binary(max_size=200))
def test_any_octets_are_avps_or_an_error(data: bytes) -> None:
    try:
        avp.parse(data)
    except EapError as error:
        assert error.cause is Cause.PROTOCOL_ERROR  # noqa: PT017 - or there is none


@pytest.mark.parametrize("data", [
    bytes(7), b"\0\0\0\1\x40\0\0\7", b"\0\0\0\1\xc0\0\0\x0b" + bytes(8), b"\0\0\0\1\x40\xff\xff\xff",
    write(1, b"") * 65])
def test_malformed_avps(data: bytes) -> None:
    with pytest.raises(EapError):
        avp.parse(data)


def test_unknown_ones_count_only_where_they_must_be_understood() -> None:
    optional = avp.parse(write(1000, b"x", 9, flags=0))
    assert avp.only(optional) == {}
    with pytest.raises(EapError, match="1000 of vendor 9"):
        avp.only(avp.parse(write(1000, b"x", 9)))
