"""The agent's part of EAP-TLS, TTLS and PEAP: the server judged by the profile, the key's own signatures."""

import asyncio
import hashlib
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from client.agent.keys import Credential, SoftwareSigner
from client.agent.service import AgentService
from client.agent.tls_keys import signature_of, tls_credential
from client.core.eap.packet import EapType
from client.core.ikev2 import auth
from client.core.pki.server import verify_server
from client.model.cause import Cause, RoveError
from client.model.profile import Profile, parse_profile
from tests.agent.material import Answers
from tests.agent.test_service import agent, cause_of, run
from tests.eap.test_peap import PeapServer
from tests.eap.test_ttls import MsChapInside, WithMsChap, read
from tests.eap.tls_server import CA, CLIENT, SERVER, VALID, TlsServer, context
from tests.pki.factory import Issued, dns, key_usage, make_ca


def profile(auth_method: str, *, user: str = "alice@lab.test", name: str = "radius.lab.test", more: str = "",
            gateway: str = "trust = [\"\"\"{ca}\"\"\"]") -> str:
    return f"""
name = "work"
[gateway]
address = ["gw.lab.test"]
{gateway.format(ca=CA.pem)}
[user]
auth = "{auth_method}"
identity = '{user}'
{more}
[user.aaa]
server_name = "{name}"
"""


def tls_profile(**options: Any) -> str:
    return profile("eap-tls", more='certificate = "alice.pem"', **options)


def with_certificate(tmp_path: Path, client: Issued = CLIENT, *answers: Any) -> tuple[AgentService, Answers]:
    key = client.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    (tmp_path / "alice.pem").write_text(client.pem + key)
    (tmp_path / "alice.pem").chmod(0o600)
    return agent(*answers, credential_path=lambda name, file: tmp_path / file)


async def talk(service: AgentService, server: Any) -> bytes:
    """→ MSK"""
    packet = server.start()
    while True:
        response, msk = await service.eap("work", packet)
        if not response:
            return msk
        assert msk == b""       # what comes with the last response is not yet the gateway's word
        packet = server.receive(response)


# --- whole conversations ---


def test_eap_tls(tmp_path: Path) -> None:
    async def scenario() -> None:
        service, prompter = with_certificate(tmp_path)
        prepared = await service.prepare("work", tls_profile(), "connect", 30.0)
        assert (prepared.certificates[0], prepared.eap_identity) == (CLIENT.der, "alice@lab.test")
        server = TlsServer(EapType.TLS, context())
        assert await talk(service, server) == server.key_material(b"client EAP encryption")[:64]
        assert prompter.asked == []
        await service.cancel("work")
    run(scenario)


@pytest.mark.parametrize("tls13", [True, False])
def test_ttls_hides_the_name(tls13: bool) -> None:
    async def scenario() -> None:
        service, _ = agent("pässwörd €")
        text = profile("eap-ttls/mschapv2", user="LAB\\zoë", more='ike_identity = "anonymous@lab.test"')
        assert (await service.prepare("work", text, "connect", 30.0)).eap_identity == "anonymous@lab.test"
        server = WithMsChap(EapType.TTLS, context(tls13=tls13, client_ca=None), MsChapInside())     # type: ignore[arg-type]
        assert await talk(service, server) == server.key_material(b"ttls keying material")[:64]
        assert read(server.heard[0])[0, 1] == "LAB\\zoë".encode()
        await service.cancel("work")
    run(scenario)


def test_peap_and_what_it_asks() -> None:
    async def scenario() -> None:
        service, prompter = agent("123456")
        await service.prepare("work", profile("eap-peap/gtc"), "connect", 30.0)
        assert prompter.asked == []
        server = PeapServer(script=[b"\x06Code of your card"])
        assert await talk(service, server) == server.msk
        assert [question.gateway_words for question in prompter.asked] == ["Code of your card"]
        await service.cancel("work")
    run(scenario)


def test_a_refused_password_within_the_tunnel_is_asked_for_again() -> None:
    async def scenario() -> None:
        service, prompter = agent("wrong", "pässwörd")
        text = profile("eap-peap/mschapv2", user="zoë")
        await service.prepare("work", text, "connect", 30.0)
        assert await cause_of(talk(service, PeapServer())) is Cause.USER_REFUSED
        await service.prepare("work", text, "connect", 30.0)
        assert prompter.asked[1].again
        server = PeapServer()
        assert await talk(service, server) == server.msk
        await service.cancel("work")
    run(scenario)


@pytest.mark.parametrize(("text", "cause"), [
    (profile("eap-ttls/pap", name="other.lab.test"), Cause.GATEWAY_WRONG_NAME),
    (profile("eap-ttls/pap", gateway=f'trust = ["""{make_ca("other").pem}"""]'), Cause.GATEWAY_UNTRUSTED),
    (profile("eap-ttls/pap", gateway="trust = \"eap\""), Cause.GATEWAY_UNTRUSTED)])
def test_a_server_that_is_not_the_one_hears_nothing(text: str, cause: Cause) -> None:
    async def scenario() -> None:
        service, _ = agent("secret")
        await service.prepare("work", text, "connect", 30.0)
        server = TlsServer(EapType.TTLS, context(client_ca=None), lambda plaintext: True)
        assert await cause_of(talk(service, server)) is cause
        assert (server.heard, len(server.messages)) == ([], 1)
        assert await cause_of(service.eap("work", server.start())) is Cause.NOT_AUTHORISED
    run(scenario)


def test_without_the_engine_it_is_said_before_the_gateway_is_troubled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "client.core.eap._tls", None)

    async def scenario() -> None:
        service, _ = agent("secret")
        assert await cause_of(service.prepare("work", profile("eap-ttls/pap"), "connect", 30.0)) is (
            Cause.TLS_ENGINE_MISSING)
    run(scenario)


def test_a_signer_that_takes_its_time_and_one_that_fails(tmp_path: Path) -> None:
    """A token's key: the handshake stands still meanwhile, in no callback."""
    class Slow:
        algorithms = ("ecdsa-sha256",)
        error: RoveError | None = None

        async def sign(self, algorithm: str, octets: bytes) -> bytes:
            await asyncio.sleep(0.05)
            if self.error is not None:
                raise self.error
            return auth.sign(CLIENT.key, algorithm, octets)

    async def scenario() -> None:
        for error in (None, RoveError(Cause.CREDENTIAL_UNUSABLE, "the token is gone")):
            service, _ = with_certificate(tmp_path)
            await service.prepare("work", tls_profile(), "connect", 30.0)
            attempt = service._attempts["work"]
            signer = Slow()
            signer.error = error
            attempt.credential = Credential((CLIENT.der,), signer, "alice")
            server = TlsServer(EapType.TLS, context())
            if error is None:
                assert len(await talk(service, server)) == 64
            else:
                assert await cause_of(talk(service, server)) is Cause.CREDENTIAL_UNUSABLE
            await service.cancel("work")
    run(scenario)


# --- who the server must be ---


def judged(text: str, server: Issued, *chain: Issued) -> Cause | None:
    made = parse_profile(text)
    assert isinstance(made, Profile)
    try:
        verify_server([one.der for one in (server, *chain)], made, VALID["before"] + timedelta(days=2))
    except RoveError as error:
        return error.cause
    return None


def test_the_gateways_authority_and_name_are_the_default() -> None:
    default = tls_profile(name="")
    assert judged(default, CA.issue("x", san=dns("gw.lab.test"), **VALID)) is None
    assert judged(default, SERVER) is Cause.GATEWAY_WRONG_NAME
    assert judged(tls_profile(), SERVER) is None


@pytest.mark.parametrize(("server", "cause"), [
    (CA.issue("x", san=dns("radius.lab.test"), before=VALID["before"] - timedelta(days=9), after=VALID["before"]),
     Cause.GATEWAY_EXPIRED),
    (CA.issue("radius.lab.test", **VALID), Cause.GATEWAY_WRONG_NAME),       # by its CN alone
    (CA.issue("x", san=dns("*.lab.test"), **VALID), Cause.GATEWAY_WRONG_NAME),
    (CA.issue("x", san=(x509.RFC822Name("radius@lab.test"),), **VALID), Cause.GATEWAY_WRONG_NAME),
    (CA.issue("x", san=dns("radius.lab.test"), extensions=(
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),), **VALID), Cause.GATEWAY_KEY_USAGE),
    (CA.issue("x", san=dns("radius.lab.test"), extensions=((key_usage(key_encipherment=True), True),), **VALID),
     Cause.GATEWAY_KEY_USAGE),
    (make_ca("ca", **VALID).issue("x", san=dns("radius.lab.test"), **VALID), Cause.GATEWAY_UNTRUSTED)])
def test_servers_to_be_refused(server: Issued, cause: Cause) -> None:
    assert judged(tls_profile(), server) is cause


def test_an_authority_of_its_own() -> None:
    other = make_ca("radius ca", **VALID)
    server = other.issue("x", san=dns("radius.lab.test"), **VALID)
    text = tls_profile().replace("[user.aaa]", f'[user.aaa]\ntrust = ["""{other.pem}"""]')
    assert judged(text, server, other) is None
    assert judged(text, SERVER) is Cause.GATEWAY_UNTRUSTED


def test_the_gateways_pin_is_the_servers_unless_the_profile_says_whom_to_trust() -> None:
    pin = f'pin = "sha256:{hashlib.sha256(SERVER.parsed.spki).hexdigest()}"'
    assert judged(tls_profile(gateway=pin), SERVER) is None
    assert judged(tls_profile(gateway=pin), CA.issue("x", san=dns("radius.lab.test"), **VALID)) is Cause.GATEWAY_PIN


# --- which signatures ---


@pytest.mark.parametrize(("key", "schemes"), [
    (ec.generate_private_key(ec.SECP256R1()), (0x0403,)), (ec.generate_private_key(ec.SECP384R1()), (0x0503,)),
    (ec.generate_private_key(ec.SECP521R1()), (0x0603,)), (ed25519.Ed25519PrivateKey.generate(), (0x0807,)),
    (ed448.Ed448PrivateKey.generate(), (0x0808,)),
    (rsa.generate_private_key(65537, 2048), (0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601))],
    ids=lambda value: type(value).__name__)
def test_what_a_key_can_sign(key: Any, schemes: tuple[int, ...]) -> None:
    client = CA.issue("alice", key=key, **VALID)
    algorithms = auth.signatures_for(key.public_key())
    made = tls_credential(Credential((client.der,), SoftwareSigner(key, algorithms), "alice"))
    assert made.schemes == schemes
    assert all(signature_of(scheme) in algorithms for scheme in schemes)


def test_a_token_that_cannot_do_all_of_it() -> None:
    key = rsa.generate_private_key(65537, 2048)
    client = CA.issue("alice", key=key, **VALID)
    made = tls_credential(Credential((client.der,), SoftwareSigner(key, ("rsa-pkcs1-sha256", "rsa-sha1")), "alice"))
    assert made.schemes == (0x0401,)
