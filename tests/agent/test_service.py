"""The agent's logic: when it asks, what it makes, what it refuses, what it forgets."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from client.agent.prompts import PromptCancelled, PromptKind, Question, SecretUsedUp
from client.agent.service import AgentService
from client.core.eap.peer import MAX_ROUNDS
from client.core.ikev2 import auth
from client.model.cause import Cause, Finding, RoveError
from tests.agent.material import CERTIFICATE_PROFILE, EAP_PROFILE, PSK_PROFILE, Answers, ike_sa_init
from tests.eap.mschap_server import MsChapServer
from tests.pki.factory import Issued, make_ca

CHALLENGE = bytes(range(16))
NONCE_R, MACED_ID = bytes(range(32)), bytes(range(32, 64))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scenario()
        assert asyncio.all_tasks() == {asyncio.current_task()}      # nothing goes on in the background
    asyncio.run(bounded(), debug=True)


async def cause_of(work: Coroutine[Any, Any, Any]) -> Cause:
    with pytest.raises(RoveError) as error:
        await work
    return error.value.cause


def agent(*answers: str | Exception | None, clock: Clock | None = None, **options: Any) -> tuple[AgentService, Answers]:
    prompter = Answers(list(answers))
    return AgentService(prompter, clock=clock or Clock(), **options), prompter


async def log_in(service: AgentService, server: MsChapServer, name: str = "work") -> tuple[bytes, bytes]:
    packet = server.start()
    while True:
        response, msk = await service.eap(name, packet)
        if not response:
            return response, msk
        packet = server.answer(response)


async def refuse(service: AgentService, server: MsChapServer) -> Cause:
    return await cause_of(log_in(service, server))


# --- EAP ---


def test_eap_from_prompt_to_msk() -> None:
    async def scenario() -> None:
        service, prompter = agent("pw")
        prepared = await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        assert (prepared.certificates, prepared.signatures, prepared.identity) == ((), (), "")
        assert prompter.asked == [Question(PromptKind.PASSWORD, "Password of alice@lab.test for work", "work")]
        server = MsChapServer("alice@lab.test", "pw", CHALLENGE)
        assert await log_in(service, server) == (b"", server.msk)
        await service.cancel("work")
    run(scenario)


def test_a_refused_password_is_forgotten_and_the_next_prompt_says_why() -> None:
    async def scenario() -> None:
        notices: list[tuple[str, str]] = []
        service, prompter = agent("wrong", "right", on_notice=lambda *notice: notices.append(notice))
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        server = MsChapServer("alice@lab.test", "right", CHALLENGE)
        assert await refuse(service, server) is Cause.USER_REFUSED
        assert notices == [("work", "Go away [31m now")]
        assert await cause_of(service.eap("work", server.start())) is Cause.NOT_AUTHORISED
        await service.prepare("work", EAP_PROFILE, "reconnect", 30.0)
        assert prompter.asked[1] == Question(
            PromptKind.PASSWORD,
            "The last one was refused: wrong name or password (E=691). Password of alice@lab.test for work",
            "work", "Go away [31m now", again=True)
        server = MsChapServer("alice@lab.test", "right", CHALLENGE)
        assert (await log_in(service, server))[1] == server.msk
        await service.cancel("work")
    run(scenario)


@pytest.mark.parametrize(("reason", "cancelled", "tried", "asked"), [
    ("reconnect", False, "accepted", 1), ("reauth", False, "accepted", 1), ("connect", False, "accepted", 2),
    ("reconnect", True, "accepted", 2), ("reconnect", False, "half", 2), ("connect", False, "half", 2),
    ("connect", False, "no", 1), ("reconnect", False, "no", 1), ("connect", True, "no", 2)])
def test_a_secret_that_may_have_been_refused_or_was_cancelled_is_not_used_again(
        reason: str, *, cancelled: bool, tried: str, asked: int) -> None:
    async def scenario() -> None:
        service, prompter = agent("pw", "pw")
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        first = MsChapServer("alice@lab.test", "pw", CHALLENGE)
        if tried == "accepted":
            await log_in(service, first)
        elif tried == "half":
            await service.eap("work", first.start())
        if cancelled:
            await service.cancel("work")
        await service.prepare("work", EAP_PROFILE, reason, 30.0)
        assert len(prompter.asked) == asked
        server = MsChapServer("alice@lab.test", "pw", CHALLENGE)
        assert (await log_in(service, server))[1] == server.msk
        await service.cancel("work")
    run(scenario)


def test_a_changed_profile_does_not_inherit_the_secret() -> None:
    async def scenario() -> None:
        service, prompter = agent("pw", "other")
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        await log_in(service, MsChapServer("alice@lab.test", "pw", CHALLENGE))
        await service.prepare("work", EAP_PROFILE.replace("gw.lab.test", "evil.test"), "reconnect", 30.0)
        assert len(prompter.asked) == 2
        await service.cancel("work")
    run(scenario)


def test_eap_rounds_are_bounded_and_an_error_ends_the_attempt() -> None:
    async def scenario() -> None:
        service, _ = agent("pw")
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        for number in range(MAX_ROUNDS):
            await service.eap("work", bytes((1, number, 0, 5, 1)))
        assert await cause_of(service.eap("work", bytes((1, 250, 0, 5, 1)))) is Cause.PROTOCOL_ERROR
        assert await cause_of(service.eap("work", bytes((1, 251, 0, 5, 1)))) is Cause.NOT_AUTHORISED
    run(scenario)


# --- Prepare ---


@pytest.mark.parametrize(("name", "toml", "reason", "deadline"), [
    ("work", EAP_PROFILE, "because", 30.0), ("work", EAP_PROFILE, "connect", float("nan")),
    ("work", EAP_PROFILE, "connect", 0.0), ("work", EAP_PROFILE, "connect", float("inf")),
    ("home", EAP_PROFILE, "connect", 30.0), ("work", "name = ", "connect", 30.0),
    ("work", "x" * 300_000, "connect", 30.0)])
def test_impossible_preparations_ask_nobody(name: str, toml: str, reason: str, deadline: float) -> None:
    async def scenario() -> None:
        service, prompter = agent("pw")
        assert await cause_of(service.prepare(name, toml, reason, deadline)) is Cause.BAD_SETTINGS
        assert prompter.asked == []
    run(scenario)


def test_the_deadline_takes_the_prompt_away() -> None:
    async def scenario() -> None:
        service, prompter = agent(None)
        assert await cause_of(service.prepare("work", EAP_PROFILE, "connect", 0.02)) is Cause.PROMPT_UNANSWERED
        assert prompter.open == 0
    run(scenario)


@pytest.mark.parametrize(("answer", "cause"), [
    (PromptCancelled("no"), Cause.PROMPT_CANCELLED), (SecretUsedUp("gone"), Cause.CREDENTIAL_UNUSABLE),
    ("", Cause.CREDENTIAL_UNUSABLE), ("x" * 300, Cause.CREDENTIAL_UNUSABLE)])
def test_answers_that_end_the_attempt(answer: Any, cause: Cause) -> None:
    async def scenario() -> None:
        service, _ = agent(answer)
        assert await cause_of(service.prepare("work", EAP_PROFILE, "connect", 30.0)) is cause
        assert await cause_of(service.eap("work", b"\x01\x01\x00\x05\x01")) is Cause.NOT_AUTHORISED
    run(scenario)


@pytest.mark.parametrize("end", ["cancel", "prepare", "forget_all"])
def test_cancel_and_a_new_prepare_withdraw_the_open_prompt(end: str) -> None:
    async def scenario() -> None:
        service, prompter = agent(None, "pw")
        first = asyncio.create_task(cause_of(service.prepare("work", EAP_PROFILE, "connect", 30.0)))
        await prompter.shown.wait()
        if end == "cancel":
            await service.cancel("work")
        elif end == "forget_all":
            await service.forget_all()
        else:
            await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        assert await first is Cause.PROMPT_CANCELLED
        assert prompter.open == 0
        assert (await service.eap("work", b"\x01\x01\x00\x05\x01") if end == "prepare"
                else await cause_of(service.eap("work", b"\x01\x01\x00\x05\x01")) is Cause.NOT_AUTHORISED)
        await service.cancel("work")
    run(scenario)


def test_prompts_of_two_profiles_come_one_after_the_other() -> None:
    async def scenario() -> None:
        service, prompter = agent(None, "pw")
        first = asyncio.create_task(cause_of(service.prepare("work", EAP_PROFILE, "connect", 30.0)))
        second = asyncio.create_task(service.prepare("home", EAP_PROFILE.replace("work", "home"), "connect", 30.0))
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(prompter.asked) == 1
        await service.cancel("work")
        assert await first is Cause.PROMPT_CANCELLED
        await second
        await service.forget_all()
    run(scenario)


def test_preparations_expire_after_ten_minutes() -> None:
    async def scenario() -> None:
        clock = Clock()
        service, _ = agent("pw", clock=clock)
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        clock.now += 600.0
        assert await cause_of(service.eap("work", b"\x01\x01\x00\x05\x01")) is Cause.NOT_AUTHORISED
    run(scenario)


# --- PSK ---


@pytest.mark.parametrize(("typed", "key"), [("swordfish", b"swordfish"), ("0x00ff10", b"\x00\xff\x10"),
                                            ("0sAAEC", b"\x00\x01\x02"), ("clé", "clé".encode())])
def test_psk_values(typed: str, key: bytes) -> None:
    async def scenario() -> None:
        service, prompter = agent(typed)
        await service.prepare("work", PSK_PROFILE, "connect", 30.0)
        assert prompter.asked[0].kind is PromptKind.PSK
        octets = bytes(100)
        padded = hmac.digest(key, b"Key Pad for IKEv2", hashlib.sha384)      # RFC 7296 §2.15
        assert await service.psk_auth("work", "prfsha384", octets) == hmac.digest(padded, octets, hashlib.sha384)
        await service.cancel("work")
    run(scenario)


@pytest.mark.parametrize("typed", ["0xzz", "0x", "0s!", "0s", ""])
def test_unusable_psks_are_refused_before_the_gateway_is_troubled(typed: str) -> None:
    async def scenario() -> None:
        service, _ = agent(typed)
        assert await cause_of(service.prepare("work", PSK_PROFILE, "connect", 30.0)) is Cause.CREDENTIAL_UNUSABLE
    run(scenario)


@pytest.mark.parametrize(("prf", "octets"), [("prfmd5", bytes(100)), ("", bytes(100)), ("prfsha256", b""),
                                             ("prfsha256", bytes(200_000))])
def test_psk_requests_are_bounded(prf: str, octets: bytes) -> None:
    async def scenario() -> None:
        service, _ = agent("key")
        await service.prepare("work", PSK_PROFILE, "connect", 30.0)
        assert await cause_of(service.psk_auth("work", prf, octets)) is Cause.NOT_AUTHORISED
        await service.cancel("work")
    run(scenario)


# --- signatures ---


@pytest.fixture(scope="module")
def alice() -> Issued:
    now = datetime.now(UTC)
    days = timedelta(days=1)
    return make_ca("Root", before=now - days, after=now + days).issue("alice", before=now - days, after=now + days)


@pytest.fixture
def path_of(alice: Issued, tmp_path: Path) -> Callable[[str, str], Path]:
    data = pkcs12.serialize_key_and_certificates(b"alice", alice.key, alice.certificate, None,
                                                 BestAvailableEncryption(b"open"))
    (tmp_path / "alice.p12").write_bytes(data)
    (tmp_path / "alice.p12").chmod(0o640)
    return lambda profile, file: tmp_path / file


def test_a_signature_over_the_signed_octets(alice: Issued, path_of: Callable[[str, str], Path]) -> None:
    async def scenario() -> None:
        findings: list[tuple[str, Finding]] = []
        service, prompter = agent("open", credential_path=path_of, on_finding=lambda *one: findings.append(one))
        prepared = await service.prepare("work", CERTIFICATE_PROFILE, "connect", 30.0)
        assert prepared.certificates == (alice.der,)
        assert prepared.identity == "CN=alice,O=Lab"
        assert prompter.asked == [Question(PromptKind.PASSPHRASE, "Passphrase of alice.p12 for work", "work")]
        assert [finding.code for _, finding in findings] == ["credential-file-open"]
        message = ike_sa_init()
        for int_auth in (b"", b"i" * 64):
            raw = await service.sign_ike_auth("work", message, NONCE_R, MACED_ID, int_auth, prepared.signatures[0])
            auth.verify_signature(alice.key.public_key(), *auth.auth_payload_data(prepared.signatures[0], raw),
                                  message + NONCE_R + MACED_ID + int_auth)
        assert isinstance(alice.key, ec.EllipticCurvePrivateKey)
        await service.cancel("work")
    run(scenario)


GOOD = (ike_sa_init(), NONCE_R, MACED_ID, b"")


@pytest.mark.parametrize("parts", [
    (b"", *GOOD[1:]), (bytes(28), *GOOD[1:]), (b"x" * 200, *GOOD[1:]), (GOOD[0][:-1], *GOOD[1:]),
    (GOOD[0] + b"x", *GOOD[1:]), (GOOD[0] + bytes(70_000), *GOOD[1:]),
    (ike_sa_init(flags=0x28), *GOOD[1:]), (ike_sa_init(flags=0), *GOOD[1:]), (ike_sa_init(exchange=35), *GOOD[1:]),
    (ike_sa_init(exchange=37), *GOOD[1:]), (ike_sa_init(spi_r=b"responde"), *GOOD[1:]),
    (ike_sa_init(spi_i=bytes(8)), *GOOD[1:]), (ike_sa_init(message_id=1), *GOOD[1:]),
    *((ike_sa_init(drop=kind), *GOOD[1:]) for kind in (33, 34, 40)),
    (GOOD[0], bytes(15), MACED_ID, b""), (GOOD[0], bytes(257), MACED_ID, b""), (GOOD[0], NONCE_R, bytes(31), b""),
    (GOOD[0], NONCE_R, bytes(65), b""), (GOOD[0], NONCE_R, MACED_ID, bytes(65537))])
def test_nothing_but_ike_auth_is_signed(parts: tuple[bytes, bytes, bytes, bytes],
                                        path_of: Callable[[str, str], Path]) -> None:
    async def scenario() -> None:
        service, _ = agent("open", credential_path=path_of)
        prepared = await service.prepare("work", CERTIFICATE_PROFILE, "connect", 30.0)
        name = prepared.signatures[0]
        assert await cause_of(service.sign_ike_auth("work", *parts, name)) is Cause.NOT_AUTHORISED
        await service.cancel("work")
    run(scenario)


def test_only_the_prepared_profile_and_its_kind_of_proof(path_of: Callable[[str, str], Path]) -> None:
    async def scenario() -> None:
        service, _ = agent("open", credential_path=path_of)
        name = (await service.prepare("work", CERTIFICATE_PROFILE, "connect", 30.0)).signatures[0]
        for work in (service.sign_ike_auth("home", *GOOD, name), service.psk_auth("work", "prfsha256", bytes(100)),
                     service.eap("work", b"\x01\x01\x00\x05\x01")):
            assert await cause_of(work) is Cause.NOT_AUTHORISED
        assert await cause_of(service.sign_ike_auth("work", *GOOD, "ed25519")) is Cause.CREDENTIAL_UNUSABLE
        await service.cancel("work")
        assert await cause_of(service.sign_ike_auth("work", *GOOD, name)) is Cause.NOT_AUTHORISED
    run(scenario)


def test_the_rate_is_limited_across_preparations(path_of: Callable[[str, str], Path]) -> None:
    async def scenario() -> None:
        clock = Clock()
        service, _ = agent(*["open"] * 10, credential_path=path_of, clock=clock)
        for number in range(8):
            clock.now += 1
            name = (await service.prepare("work", CERTIFICATE_PROFILE, "connect", 30.0)).signatures[0]
            assert await service.sign_ike_auth("work", *GOOD, name), number
        assert await cause_of(service.sign_ike_auth("work", *GOOD, name)) is Cause.NOT_AUTHORISED
        clock.now += 53     # 60 s after the first
        assert await service.sign_ike_auth("work", *GOOD, name)
        assert await cause_of(service.sign_ike_auth("work", *GOOD, name)) is Cause.NOT_AUTHORISED
        await service.cancel("work")
    run(scenario)


def test_a_credential_that_is_not_there(tmp_path: Path) -> None:
    async def scenario() -> None:
        service, _ = agent(credential_path=lambda profile, file: tmp_path / file)
        prepare = service.prepare("work", CERTIFICATE_PROFILE, "connect", 30.0)
        assert await cause_of(prepare) is Cause.CREDENTIAL_UNUSABLE
    run(scenario)


# --- secrets ---


def test_secrets_are_neither_printed_nor_logged_nor_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        service, _ = agent("tops3cret")
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        [attempt] = service._attempts.values()
        assert "tops3cret" not in repr(attempt)
        server = MsChapServer("alice@lab.test", "tops3cret", CHALLENGE)
        await log_in(service, server)
        await service.cancel("work")
        assert attempt.secrets == {}
        assert attempt.eaps == []
    run(scenario)
    assert "tops3cret" not in caplog.text
