"""What a gateway has accepted is asked for once per connection, however long that lasts."""

import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from client.agent.attempt import VALID_FOR
from client.agent.held import MAX_UNDECIDED
from client.agent.prompts import PromptKind
from client.agent.service import AgentService
from client.model.cause import Cause
from tests.agent.material import CERTIFICATE_PROFILE, EAP_PROFILE, PSK_PROFILE, Answers
from tests.agent.test_service import CHALLENGE, Clock, agent, cause_of, log_in, refuse, run
from tests.eap.mschap_server import MsChapServer
from tests.pki.factory import make_ca

DAY = 24 * 3600.0


def server(password: str = "pw") -> MsChapServer:
    return MsChapServer("alice@lab.test", password, CHALLENGE)


async def connected(*answers: str) -> tuple[AgentService, Answers, Clock]:
    """After a log-in with EAP, a day ago."""
    clock = Clock()
    service, prompter = agent(*answers, clock=clock)
    await service.prepare("work", EAP_PROFILE, "connect", 30.0)
    await log_in(service, server())
    await service.outcome("work", accepted=True)
    clock.now += DAY
    service._forget("work")         # what the event loop's timer does after VALID_FOR
    return service, prompter, clock


@pytest.mark.parametrize("reason", ["reconnect", "reauth"])
def test_an_accepted_password_lasts_as_long_as_the_connection(reason: str) -> None:
    async def scenario() -> None:
        service, prompter, clock = await connected("pw")
        assert await cause_of(service.eap("work", server().start())) is Cause.NOT_AUTHORISED   # not without Prepare
        for _ in range(3):
            await service.prepare("work", EAP_PROFILE, reason, 30.0)
            gateway = server()
            assert (await log_in(service, gateway))[1] == gateway.msk
            await service.outcome("work", accepted=True)
            clock.now += VALID_FOR + 1
        assert len(prompter.asked) == 1
        await service.cancel("work")
    run(scenario)


@pytest.mark.parametrize("end", ["cancel", "forget_all", "connect", "other", "refused", "outcome"])
def test_and_no_longer(end: str) -> None:
    async def scenario() -> None:
        service, prompter, _ = await connected("pw", "pw")
        profile, reason = EAP_PROFILE, "reconnect"
        if end == "cancel":
            await service.cancel("work")
        elif end == "forget_all":
            await service.forget_all()
        elif end == "connect":
            reason = "connect"
        elif end == "other":
            profile = EAP_PROFILE.replace("gw.lab.test", "other.lab.test")
        else:
            await service.prepare("work", EAP_PROFILE, "reconnect", 30.0)
            assert len(prompter.asked) == 1
            if end == "refused":
                assert await refuse(service, server("changed")) is Cause.USER_REFUSED
            else:
                await service.outcome("work", accepted=False)
        await service.prepare("work", profile, reason, 30.0)
        assert len(prompter.asked) == 2
        await service.cancel("work")
    run(scenario)


def test_a_psk_too() -> None:
    async def scenario() -> None:
        clock = Clock()
        service, prompter = agent("swordfish", clock=clock)
        await service.prepare("work", PSK_PROFILE, "connect", 30.0)
        proof = await service.psk_auth("work", "prfsha256", bytes(64))
        await service.outcome("work", accepted=True)
        clock.now += DAY
        await service.prepare("work", PSK_PROFILE, "reconnect", 30.0)
        assert await service.psk_auth("work", "prfsha256", bytes(64)) == proof
        assert len(prompter.asked) == 1
        await service.cancel("work")
    run(scenario)


def test_conversations_without_an_end_are_not_repeated_for_ever() -> None:
    """A gateway that goes silent in the middle may count each as a refusal, whatever it accepted yesterday."""
    async def scenario() -> None:
        service, prompter, _ = await connected("pw", "pw")
        for _ in range(MAX_UNDECIDED):
            await service.prepare("work", EAP_PROFILE, "reconnect", 30.0)
            await service.eap("work", server().start())
        assert len(prompter.asked) == 1
        await service.prepare("work", EAP_PROFILE, "reconnect", 30.0)
        assert len(prompter.asked) == 2
        await service.cancel("work")
    run(scenario)


def test_a_silent_gateway_is_no_such_conversation() -> None:
    async def scenario() -> None:
        service, prompter, clock = await connected("pw")
        for _ in range(5 * MAX_UNDECIDED):
            await service.prepare("work", EAP_PROFILE, "reconnect", 30.0)
            clock.now += 60
        assert len(prompter.asked) == 1
        await service.cancel("work")
    run(scenario)


def test_a_keys_passphrase(tmp_path: Path) -> None:
    """Once per connection, and once for all attempts to begin it."""
    async def scenario() -> None:
        user = make_ca().issue("alice")
        (tmp_path / "alice.p12").write_bytes(pkcs12.serialize_key_and_certificates(
            b"alice", user.key, user.certificate, None, BestAvailableEncryption(b"right")))   # type: ignore[arg-type]
        clock = Clock()
        service, prompter = agent("right", "right", clock=clock, credential_path=lambda _, file: tmp_path / file)
        for _ in range(3):
            await service.prepare("work", CERTIFICATE_PROFILE, "connect", 30.0)
        await service.outcome("work", accepted=True)
        clock.now += DAY
        await service.prepare("work", CERTIFICATE_PROFILE, "reconnect", 30.0)
        assert [question.kind for question in prompter.asked] == [PromptKind.PASSPHRASE]
        await service.cancel("work")
        await service.prepare("work", CERTIFICATE_PROFILE, "connect", 30.0)
        assert len(prompter.asked) == 2
        await service.cancel("work")
    run(scenario)


def test_it_is_neither_printed_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        service, _ = agent("s3cret-words")
        await service.prepare("work", PSK_PROFILE, "connect", 30.0)
        await service.outcome("work", accepted=True)
        assert "s3cret" not in repr(list(service._held._held.values())) + repr(service._attempts)
        held = service._held._held["work"]
        await service.cancel("work")
        assert held.secrets == {}
    run(scenario)
    assert "s3cret" not in caplog.text
