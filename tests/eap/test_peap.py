"""PEAPv0 against OpenSSL and an inner server written from MS-PEAP: result, cryptobinding, refusals, hostile data."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.eap import peap_tlv
from client.core.eap.gtc import Gtc
from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapError, EapType
from client.core.eap.peap import Peap
from client.core.eap.peer import EapPeer
from client.core.eap.questions import TextNeeded, Wanted
from client.model.cause import Cause, RoveError
from tests.eap.mschap_server import MsChapServer
from tests.eap.talk import Around, converse
from tests.eap.tls_server import TlsServer, context

PEAP = EapType.PEAP
USER, PASSWORD = "zoë", "pässwörd"
RESULT = b"\x80\x03\x00\x02\x00"


def prf_plus(key: bytes, label: bytes, seed: bytes, length: int) -> bytes:
    """MS-PEAP §3.1.5.5.2.2: T1 = HMAC-SHA1 (K, S | 0x01 | 0x00 | 0x00), Tn = HMAC-SHA1 (K, Tn-1 | S | n | 0 | 0)."""
    parts: list[bytes] = []
    while len(parts) * 20 < length:
        mac = hmac.new(key, digestmod=hashlib.sha1)
        for piece in (parts[-1] if parts else b"", label, seed, bytes((len(parts) + 1,)), b"\0\0"):
            mac.update(piece)
        parts.append(mac.digest())
    return b"".join(parts)[:length]


class PeapServer(TlsServer):
    """MSCHAPv2 within, or a script of types and data; then the result, with cryptobinding where ``binding``."""

    def __init__(self, *, tls13: bool = True, binding: bool = True, password: str = PASSWORD, version: int = 0,
                 script: list[bytes] | None = None, spoil: Callable[[bytes], bytes] = lambda tlvs: tlvs) -> None:
        super().__init__(PEAP, context(tls13=tls13, client_ca=None), version=version)
        self.binding, self.spoil, self.script = binding, spoil, script
        self.server = MsChapServer(USER, password, bytes(range(16)))
        self.inner_msk = b""
        self.begun = self.finishing = self.failing = False
        self.msk = b""
        self.nonce = bytes(range(100, 132))

    def after_handshake(self) -> bytes:
        plaintext = self.read()
        if plaintext:
            self.heard.append(plaintext)
        if self._out.pending:
            return self.say()       # the end of the handshake, session tickets
        if not self.begun:
            self.begun = True
            self.tls.write(b"\x01")
            return self.say()
        if not plaintext:
            return self.say()
        return self._finished(plaintext) if self.finishing else self._inner(plaintext)

    def _inner(self, plaintext: bytes) -> bytes:
        if self.script is not None:
            if not self.script:
                return self._result()
            self.tls.write(self.script.pop(0))
            return self.say()
        if len(self.heard) == 1:
            self.server.start()
        head = bytes((2, self.server.identifier)) + (4 + len(plaintext)).to_bytes(2, "big")
        packet = self.server.answer(head + plaintext)
        self.inner_msk = self.server.msk
        if packet[0] in (3, 4):
            self.failing = packet[0] == 4
            return self._result()
        self.tls.write(packet[4:])
        return self.say()

    def _result(self) -> bytes:
        self.finishing = True
        material = self.key_material(b"client EAP encryption")
        isk = (self.inner_msk[:32] + bytes(32))[:32]
        keys = prf_plus(material[:40], b"Inner Methods Compound Keys", isk, 60)
        self.ipmk, self.cmk = keys[:40], keys[40:]
        session = prf_plus(self.ipmk, b"Session Key Generating Function", b"\0", 128)
        self.msk = (session if self.binding else material)[:64]
        tlvs = RESULT + (b"\2" if self.failing else b"\1")
        if self.binding:
            tlv = b"\0\x0c\0\x38" + bytes(4) + self.nonce + bytes(20)
            tlvs += tlv[:-20] + hmac.digest(self.cmk, tlv + b"\x19", "sha1")
        tlvs = self.spoil(tlvs)
        self.tls.write(bytes((1, 99)) + (5 + len(tlvs)).to_bytes(2, "big") + b"\x21" + tlvs)
        return self.say()

    def _finished(self, plaintext: bytes) -> bytes:
        assert plaintext[:2] == b"\2\x63"
        assert int.from_bytes(plaintext[2:4], "big") == len(plaintext)
        assert plaintext[4] == 33
        tlvs = plaintext[5:]
        assert tlvs[:5] == RESULT
        if tlvs[5] != 1 or self.failing:
            return self.end(False)
        if self.binding:
            tlv = tlvs[6:]
            assert tlv[:8] == b"\0\x0c\0\x38\0\0\0\1"
            assert len(tlv) == 60
            assert tlv[-20:] == hmac.digest(self.cmk, tlv[:-20] + bytes(20) + b"\x19", "sha1")
        else:
            assert len(tlvs) == 6
        return self.end(True)


def peer(password: str = PASSWORD, methods: dict[int, Any] | None = None) -> EapPeer:
    inner = EapPeer(USER, methods or {26: lambda: MsChapV2(USER, password, bytes(16))})
    return EapPeer("anonymous@lab.test", {PEAP: lambda: Peap(inner)})


def fails(server: TlsServer, eap: EapPeer | None = None, around: Around | None = None) -> RoveError:
    with pytest.raises(RoveError) as error:
        converse(eap or peer(), server, around)
    return error.value


@pytest.mark.parametrize("binding", [True, False])
@pytest.mark.parametrize("tls13", [True, False])
def test_mschapv2_within(tls13: bool, binding: bool) -> None:
    server = PeapServer(tls13=tls13, binding=binding)
    result = converse(peer(), server)
    assert result.msk == server.msk
    assert len(server.msk) == 64
    assert server.heard[0] == b"\x01zo\xc3\xab"     # without its header


def test_gtc_within_makes_no_key_and_is_bound_all_the_same() -> None:
    server = PeapServer(script=[b"\x06Code of your card"])
    around = Around(texts=["123"])
    assert converse(peer(methods={6: Gtc}), server, around).msk == server.msk
    assert around.asked[1:] == [TextNeeded(Wanted.CHALLENGE, "Code of your card")]


def test_a_higher_version_is_answered_with_ours() -> None:
    class One(PeapServer):
        def start(self) -> bytes:
            packet = super().start()
            self.version = 0
            return packet
    server = One(version=1)
    assert converse(peer(), server).msk == server.msk


def test_methods_that_the_profile_has_not_get_a_nak() -> None:
    script = [b"\xfe\x00\x01\x37\x00\x00\x00\x01", b"\x04\x10" + bytes(16), b"\x06Password"]
    server = PeapServer(script=script, binding=False)
    assert converse(peer(methods={6: Gtc}), server, Around(texts=["pw"])).done
    assert server.heard[1:3] == [b"\x03\x06", b"\x03\x06"]


# --- refusals ---


def test_a_wrong_password() -> None:
    error = fails(PeapServer(), peer("wrong"))
    assert error.cause is Cause.USER_REFUSED
    assert error.detail.startswith("wrong name or password (E=691)")


def test_a_failure_without_a_reason() -> None:
    server = PeapServer(script=[b"\x06Password"], binding=False, spoil=lambda tlvs: RESULT + b"\2")
    error = fails(server, peer(methods={6: Gtc}), Around(texts=["pw"]))
    assert (error.cause, error.detail) == (Cause.USER_REFUSED, "the server refused within PEAP")
    assert server.heard[-1][-1] == 2


def test_nothing_goes_to_a_server_that_is_not_the_one() -> None:
    server = PeapServer()
    assert fails(server, around=Around(distrust=True)).cause is Cause.GATEWAY_UNTRUSTED
    assert (server.heard, len(server.messages)) == ([], 1)


def test_a_result_before_the_inner_method_is_done() -> None:
    assert fails(PeapServer(script=[])).cause is Cause.GATEWAY_NO_AUTH


def test_success_without_a_result_is_no_success() -> None:
    class Hasty(PeapServer):
        def _result(self) -> bytes:
            return self.end(True)
    assert fails(Hasty()).cause is Cause.GATEWAY_NO_AUTH


def test_an_inner_success_is_no_result() -> None:
    assert fails(PeapServer(script=[b"\3\7\0\4"])).cause is Cause.PROTOCOL_ERROR


def test_an_inner_failure_is_a_refusal() -> None:
    class Fails(PeapServer):
        def _inner(self, plaintext: bytes) -> bytes:
            if self.script:
                return super()._inner(plaintext)
            return self.end(False)

        def message(self, message: bytes) -> bytes:
            return self.end(False) if not message and self.script == [] else super().message(message)
    assert fails(Fails(script=[b"\4\7\0\4"])).cause is Cause.USER_REFUSED


# --- cryptobinding ---


def flip(place: int) -> Callable[[bytes], bytes]:
    def spoil(tlvs: bytes) -> bytes:
        changed = bytearray(tlvs)
        changed[place] ^= 1
        return bytes(changed)
    return spoil


@pytest.mark.parametrize("place", [-1, -20, -21, -52, 6 + 4, 6 + 6])
def test_a_binding_that_is_none(place: int) -> None:
    """The MAC, the nonce, the reserved octet, the received version."""
    error = fails(PeapServer(spoil=flip(place)))
    assert error.cause is Cause.GATEWAY_NO_AUTH
    assert "not bound" in error.detail


def test_a_binding_to_another_tunnel() -> None:
    """The man in the middle: he has a tunnel with us and one with the server, and lacks the key of the inner method."""
    class Middle(PeapServer):
        def _result(self) -> bytes:
            self.inner_msk = b""
            return super()._result()
    assert fails(Middle()).cause is Cause.GATEWAY_NO_AUTH


@pytest.mark.parametrize("spoil", [
    lambda tlvs: b"", lambda tlvs: tlvs[6:], lambda tlvs: tlvs[:6] + tlvs[:6], lambda tlvs: tlvs[:-1],
    lambda tlvs: tlvs + b"\0", lambda tlvs: tlvs + b"\x80\x09\0\0", lambda tlvs: tlvs + tlvs[6:],
    lambda tlvs: b"\x80\x03\0\2\0\3" + tlvs[6:], lambda tlvs: b"\x80\x03\0\1\1" + tlvs[6:],
    lambda tlvs: tlvs[:6] + b"\0\x0c\0\x37" + tlvs[10:-1], lambda tlvs: tlvs[:6 + 7] + b"\1" + tlvs[6 + 8:],
    lambda tlvs: tlvs[:6 + 5] + b"\1" + tlvs[6 + 6:], lambda tlvs: tlvs[:6] + b"\0\x0c\xff\xff" + tlvs[10:]],
    ids=["nothing", "no result", "two results", "short", "odd", "mandatory", "two bindings", "status 3", "short result",
         "short binding", "a response", "version 1", "long length"])
def test_tlvs_that_cannot_be(spoil: Callable[[bytes], bytes]) -> None:
    assert fails(PeapServer(spoil=spoil)).cause is Cause.PROTOCOL_ERROR


def test_optional_tlvs_are_passed_over() -> None:
    server = PeapServer(spoil=lambda tlvs: tlvs + b"\0\x07\0\2hi")
    assert converse(peer(), server).msk == server.msk


@given(st.binary(max_size=200))
def test_any_octets_are_tlvs_or_an_error(data: bytes) -> None:
    try:
        peap_tlv.parse(data)
    except EapError as error:
        assert error.cause is Cause.PROTOCOL_ERROR  # noqa: PT017 - or there is none


@pytest.mark.parametrize("first", [
    b"\x01\x07\x00\x09\x21\x80\x03\x00\x02", b"\x02", b"\x03", b"\x01\x07\x00\x20\x21" + bytes(9), b"\x19",
    b"\x0d\x20", b"\x2b"])
def test_hostile_first_octets_in_the_tunnel(first: bytes) -> None:
    """Never a success, never anything but a named error or a Nak."""
    server = PeapServer(script=[first])
    assert fails(server).cause in (Cause.PROTOCOL_ERROR, Cause.GATEWAY_NO_AUTH)
