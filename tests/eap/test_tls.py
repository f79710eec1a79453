"""EAP-TLS (RFC 5216, RFC 9190) against OpenSSL: keys, fragments, refusals, and what a hostile server tries."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from client.core.eap.packet import EapCode, EapError, EapPacket, EapType
from client.core.eap.peer import EapPeer
from client.core.eap.questions import ServerToJudge, SignatureNeeded
from client.core.eap.tls import EapTls
from client.core.eap.tls_method import TlsCredential
from client.model.cause import Cause, RoveError
from tests.eap.talk import Around, converse, credential
from tests.eap.tls_server import CA, CLIENT, SERVER, VALID, TlsServer, context
from tests.pki.factory import Issued, make_ca

TLS = EapType.TLS


def peer(with_credential: TlsCredential | None = None, *, tls13: bool = True) -> EapPeer:
    mine = credential() if with_credential is None else with_credential
    return EapPeer("alice", {TLS: lambda: EapTls(mine, tls13=tls13)})


def fails(server: Any, around: Around | None = None, **options: Any) -> RoveError:
    with pytest.raises(RoveError) as error:
        converse(options.pop("peer", None) or peer(), server, around, **options)
    return error.value


@pytest.mark.parametrize("tls13", [True, False])
def test_both_sides_have_the_same_key(tls13: bool) -> None:
    server, around = TlsServer(TLS, context(tls13=tls13)), Around()
    result = converse(peer(), server, around)
    assert server.version_of_tls == ("TLSv1.3" if tls13 else "TLSv1.2")
    material = server.key_material(b"client EAP encryption")
    assert result.msk == material[:64]
    assert around.judged == [SERVER.der, CA.der]     # OpenSSL adds what it knows of the chain
    assert around.signed == [0x0403]
    assert server.tls.getpeercert(binary_form=True) == CLIENT.der


def test_the_server_is_judged_before_anything_of_the_user_leaves() -> None:
    """The one that is not trusted gets no certificate, no signature, no word."""
    for tls13 in (True, False):
        server, around = TlsServer(TLS, context(tls13=tls13)), Around(distrust=True)
        assert fails(server, around).cause is Cause.GATEWAY_UNTRUSTED
        assert [type(question) for question in around.asked] == [ServerToJudge]
        assert len(server.messages) == 1        # the ClientHello
        assert CLIENT.der not in b"".join(server.messages)


def test_the_order_of_questions() -> None:
    around = Around()
    converse(peer(), TlsServer(TLS, context()), around)
    assert [type(question) for question in around.asked] == [ServerToJudge, SignatureNeeded]


@pytest.mark.parametrize("always_length", [False, True])
@pytest.mark.parametrize("tls13", [True, False])
def test_fragments_both_ways(tls13: bool, always_length: bool) -> None:
    """Long chains: RSA-4096 all along."""
    key = rsa.generate_private_key(65537, 4096)
    ca = make_ca("big ca", key=key, **VALID)
    server_cert, client_cert = (ca.issue(name, key=key, **VALID) for name in ("server", "alice"))
    server = TlsServer(TLS, context(server_cert, tls13=tls13, client_ca=ca, chain=(ca,)), fragment=400,
                       always_length=always_length)
    around = Around(client_cert)
    result = converse(peer(TlsCredential((client_cert.der,), (0x0804,))), server, around)
    assert result.msk == server.key_material(b"client EAP encryption")[:64]
    assert len(around.judged) == 2
    assert max(map(len, server.messages)) > 1020


@pytest.mark.parametrize(("key", "scheme", "tls13"), [
    (ec.generate_private_key(ec.SECP384R1()), 0x0503, True), (ec.generate_private_key(ec.SECP521R1()), 0x0603, True),
    (ed25519.Ed25519PrivateKey.generate(), 0x0807, True), (ed25519.Ed25519PrivateKey.generate(), 0x0807, False),
    (rsa.generate_private_key(65537, 2048), 0x0804, True), (rsa.generate_private_key(65537, 2048), 0x0804, False),
    (rsa.generate_private_key(65537, 2048), 0x0401, False)],
    ids=["p384", "p521", "ed25519", "ed25519-1.2", "pss", "pss-1.2", "pkcs1"])
def test_kinds_of_keys_of_the_user(key: Any, scheme: int, tls13: bool) -> None:
    client = CA.issue("alice", key=key, **VALID)
    server, around = TlsServer(TLS, context(tls13=tls13)), Around(client)
    assert converse(peer(credential(client, scheme)), server, around).done
    assert around.signed == [scheme]


@pytest.mark.parametrize("key", [
    ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate(),
    rsa.generate_private_key(65537, 2048)], ids=["p384", "ed25519", "rsa"])
@pytest.mark.parametrize("tls13", [True, False])
def test_kinds_of_keys_of_the_server(key: Any, tls13: bool) -> None:
    server = TlsServer(TLS, context(CA.issue("server", key=key, **VALID), tls13=tls13))
    assert converse(peer(), server).msk == server.key_material(b"client EAP encryption")[:64]


def test_a_profile_can_be_held_to_tls_1_2() -> None:
    server = TlsServer(TLS, context())
    converse(peer(tls13=False), server)
    assert server.version_of_tls == "TLSv1.2"


# --- refusals ---


@pytest.mark.parametrize("tls13", [True, False])
def test_a_certificate_that_the_server_refuses(tls13: bool) -> None:
    """→ { TLS: Certificate … } ← { TLS: alert } → { } ← EAP-Failure, and the alert says why."""
    expired = CA.issue("alice", before=VALID["before"] - timedelta(days=9), after=VALID["before"])
    for client, why in ((make_ca("rogue", **VALID).issue("alice", **VALID), "its authority is not known"),
                        (expired, "it has expired")):
        server = TlsServer(TLS, context(tls13=tls13))
        error = fails(server, Around(client), peer=peer(credential(client)))
        assert error.cause is Cause.USER_REFUSED
        assert error.detail.startswith(f"your certificate: {why} (TLS: ")


def test_no_certificate_where_one_is_required() -> None:
    for tls13 in (True, False):
        error = fails(TlsServer(TLS, context(tls13=tls13)), peer=peer(TlsCredential()))
        assert error.cause in (Cause.USER_REFUSED, Cause.NO_COMMON_PROPOSAL)


def test_a_key_that_does_not_sign() -> None:
    class Lost(Around):
        def answer(self, question: Any) -> Any:
            return None if isinstance(question, SignatureNeeded) else super().answer(question)
    assert fails(TlsServer(TLS, context()), Lost()).cause is Cause.CREDENTIAL_UNUSABLE


def test_a_wrong_signature_is_the_servers_to_refuse() -> None:
    other = Issued(CLIENT.certificate, ec.generate_private_key(ec.SECP256R1()))
    error = fails(TlsServer(TLS, context()), Around(other))
    assert error.cause is Cause.USER_REFUSED
    assert "its signature is wrong" in error.detail


def test_nothing_in_common() -> None:
    made = context(tls13=False)
    made[0].set_ciphers("AES128-SHA")       # RSA key exchange, without forward secrecy: not with us
    assert fails(TlsServer(TLS, made)).cause is Cause.NO_COMMON_PROPOSAL


# --- hostile servers ---


def request(identifier: int, data: bytes, kind: int = TLS) -> bytes:
    return EapPacket(EapCode.REQUEST, identifier, kind, data).encode()


def begun() -> EapPeer:
    eap = peer()
    assert eap.receive(request(1, b"\x20")).response[5:6] == b"\0"
    return eap


@pytest.mark.parametrize("message", [
    b"\x16\x03\x03\0\4junk", bytes(100), b"\x15\x03\x03\0\2\2\x33", b"\x15\x03\x03\0\2\1\0", b"\x17\x03\x03\0\5hello",
    b"\x16\x03\x03\xff\xff" + bytes(2000), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x03\0\0", b"\x14\x03\x03\0\1\1"])
def test_what_is_no_server_hello(message: bytes) -> None:
    eap = begun()
    try:
        result = eap.receive(request(2, b"\0" + message))
    except EapError as error:
        assert error.cause in (Cause.PROTOCOL_ERROR, Cause.NO_COMMON_PROPOSAL)  # noqa: PT017 - either is right
    else:
        assert result.msk is None
        assert result.question is None


@pytest.mark.parametrize("alert", [40, 70])
def test_an_alert_instead_of_a_hello_says_that_there_is_nothing_in_common(alert: int) -> None:
    with pytest.raises(EapError) as error:
        begun().receive(request(2, b"\0\x15\x03\x03\0\2\2" + bytes((alert,))))
    assert error.value.cause is Cause.NO_COMMON_PROPOSAL


@pytest.mark.parametrize(("tls13", "steps"), [
    (True, 0), (True, 1), (True, 2), (True, 3), (False, 0), (False, 1), (False, 2)])
def test_success_before_the_end_is_no_success(tls13: bool, steps: int) -> None:
    """After the start, amid fragments, after the server's flight; with TLS 1.3 before the commitment (RFC 9190)."""
    server, around, eap = TlsServer(TLS, context(tls13=tls13), fragment=500), Around(), peer()
    packet = server.start()
    for _ in range(steps + 1):
        result = eap.receive(packet)
        while result.question is not None:
            result = eap.answer(around.answer(result.question))
        assert result.msk is None
        packet = server.receive(result.response)
    with pytest.raises(EapError) as error:
        eap.receive(server.end(True))
    assert error.value.cause is Cause.GATEWAY_NO_AUTH


class Uncommitted(TlsServer):
    """TLS 1.3 that never says that it is done."""

    what = b""

    def after_handshake(self) -> bytes:
        self.read()
        if self._committed:
            return self.end(True)
        self._committed = True
        if self.what:
            self.tls.write(self.what)
        return self.say()


@pytest.mark.parametrize("what", [b"", b"\1", b"\0\0", b"hello"])
def test_only_the_commitment_is_one(what: bytes) -> None:
    server = Uncommitted(TLS, context())
    server.what = what
    assert fails(server).cause in (Cause.GATEWAY_NO_AUTH, Cause.PROTOCOL_ERROR)


@pytest.mark.parametrize("tls13", [True, False])
def test_a_changed_octet_of_the_handshake_is_noticed(tls13: bool) -> None:
    for number, place in ((1, 60), (1, 300), (1, -5)):
        def change(count: int, packet: bytes, number: int = number, place: int = place) -> bytes:
            if count != number:
                return packet
            changed = bytearray(packet)
            changed[place] ^= 1
            return bytes(changed)
        error = fails(TlsServer(TLS, context(tls13=tls13), fragment=4000), change=change)
        assert error.cause in (Cause.PROTOCOL_ERROR, Cause.GATEWAY_BAD_SIGNATURE, Cause.NO_COMMON_PROPOSAL,
                               Cause.USER_REFUSED)


def test_a_server_without_the_key_to_its_certificate() -> None:
    """The chain may be anybody's: it is the signature that proves the server."""
    server = TlsServer(TLS, context(tls13=False), fragment=4000)

    def change(count: int, packet: bytes) -> bytes:
        """An octet of the signature in ServerKeyExchange: header, X25519 or P-256 point, scheme, length, signature."""
        at = packet.find(b"\x03\x00\x1d\x20") + 4 + 32 + 4
        return packet if count != 1 else packet[:at + 40] + bytes((packet[at + 40] ^ 1,)) + packet[at + 41:]
    assert fails(server, change=change).cause is Cause.GATEWAY_BAD_SIGNATURE


def test_the_conversation_ends_once() -> None:
    server = TlsServer(TLS, context(tls13=False))
    eap, around = peer(), Around()
    converse(eap, server, around)
    with pytest.raises(EapError, match="after the end"):
        eap.receive(server.start())


def test_more_after_the_end_of_the_handshake_is_refused() -> None:
    class Chatty(TlsServer):
        def end(self, well: bool) -> bytes:
            self.tls.write(b"\0")
            return self.say()
    assert fails(Chatty(TLS, context(tls13=False))).cause is Cause.PROTOCOL_ERROR


def test_a_method_that_is_dropped_takes_its_thread_along() -> None:
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))
    before = threads()
    for _ in range(20):
        eap = begun()
        del eap
    for _ in range(100):
        if threads() <= before:
            break
        time.sleep(0.01)
    assert threads() <= before


def test_nothing_secret_prints() -> None:
    assert CLIENT.der.hex()[:40] not in repr(credential())
    assert "octets" not in repr(SignatureNeeded(1, b"x"))
