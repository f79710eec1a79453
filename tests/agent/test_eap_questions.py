"""The agent where an EAP method asks in mid-conversation: codes, passwords by their words, new passwords."""

import asyncio

from client.agent.prompts import PromptCancelled, PromptKind, Question, SecretUsedUp
from client.core.eap.packet import EapCode, EapPacket, EapType
from client.model.cause import Cause
from tests.agent.material import EAP_PROFILE
from tests.agent.test_service import CHALLENGE, agent, cause_of, log_in, run
from tests.eap.mschap_server import MsChapServer

GTC_PROFILE = EAP_PROFILE.replace("eap-mschapv2", "eap-gtc")
SUCCESS = bytes((3, 9, 0, 4))


def gtc(identifier: int, words: bytes) -> bytes:
    return EapPacket(EapCode.REQUEST, identifier, EapType.GTC, words).encode()


def test_the_gateways_words_come_first() -> None:
    """Nothing is asked before: the words say whether a password is wanted, or a token's code."""
    async def scenario() -> None:
        service, prompter = agent("pw", "123456")
        prepared = await service.prepare("work", GTC_PROFILE, "connect", 30.0)
        assert (prepared.eap_identity, prompter.asked) == ("alice@lab.test", [])
        assert (await service.eap("work", gtc(8, b"Password: ")))[0][5:] == b"pw"
        assert (await service.eap("work", gtc(9, b"Code 7 of your card")))[0][5:] == b"123456"
        assert await service.eap("work", SUCCESS) == (b"", b"")
        assert prompter.asked == [
            Question(PromptKind.PASSWORD, "Password of alice@lab.test for work", "work"),
            Question(PromptKind.CHALLENGE, "Answer for work", "work", "Code 7 of your card")]
        await service.cancel("work")
    run(scenario)


def test_a_password_serves_again_and_a_code_does_not() -> None:
    async def scenario() -> None:
        service, prompter = agent("pw", "123456", "654321")
        for code in (b"123456", b"654321"):
            await service.prepare("work", GTC_PROFILE, "reauth" if prompter.asked else "connect", 30.0)
            assert (await service.eap("work", gtc(8, b"Password: ")))[0][5:] == b"pw"
            assert (await service.eap("work", gtc(9, b"Code")))[0][5:] == code
            assert await service.eap("work", SUCCESS) == (b"", b"")
        assert [question.kind.value for question in prompter.asked] == ["password", "challenge", "challenge"]
        await service.cancel("work")
    run(scenario)


def test_asked_for_the_password_twice_the_first_was_refused() -> None:
    async def scenario() -> None:
        service, prompter = agent("wrong", "right")
        await service.prepare("work", GTC_PROFILE, "connect", 30.0)
        assert (await service.eap("work", gtc(8, b"Password: ")))[0][5:] == b"wrong"
        assert (await service.eap("work", gtc(9, b"Password: ")))[0][5:] == b"right"
        assert [question.again for question in prompter.asked] == [False, True]
        await service.cancel("work")
    run(scenario)


def test_a_refused_password_is_asked_for_again_with_the_next_attempt() -> None:
    async def scenario() -> None:
        service, prompter = agent("wrong", "right")
        await service.prepare("work", GTC_PROFILE, "connect", 30.0)
        await service.eap("work", gtc(8, b"Password: "))
        assert await cause_of(service.eap("work", bytes((4, 8, 0, 4)))) is Cause.USER_REFUSED
        await service.prepare("work", GTC_PROFILE, "connect", 30.0)
        assert (await service.eap("work", gtc(8, b"Password: ")))[0][5:] == b"right"
        assert prompter.asked[1].again
        await service.cancel("work")
    run(scenario)


def test_cancel_takes_the_prompt_away() -> None:
    async def scenario() -> None:
        service, prompter = agent(None)
        await service.prepare("work", GTC_PROFILE, "connect", 30.0)
        asking = asyncio.create_task(cause_of(service.eap("work", gtc(8, b"Code"))))
        await prompter.shown.wait()
        assert await cause_of(service.eap("work", gtc(9, b"Code"))) is Cause.NOT_AUTHORISED
        await service.cancel("work")
        assert await asking is Cause.PROMPT_CANCELLED
        assert prompter.open == 0
        assert await cause_of(service.eap("work", gtc(8, b"Code"))) is Cause.NOT_AUTHORISED
    run(scenario)


def test_a_user_who_does_not_want_to_answer() -> None:
    async def scenario() -> None:
        for answer, cause in ((PromptCancelled("no"), Cause.PROMPT_CANCELLED),
                              (SecretUsedUp("one only"), Cause.CREDENTIAL_UNUSABLE)):
            service, _ = agent(answer)
            await service.prepare("work", GTC_PROFILE, "connect", 30.0)
            assert await cause_of(service.eap("work", gtc(8, b"Code"))) is cause
            assert await cause_of(service.eap("work", gtc(8, b"Code"))) is Cause.NOT_AUTHORISED
    run(scenario)


def expired() -> MsChapServer:
    server = MsChapServer("alice@lab.test", "old", CHALLENGE)
    server.failure, server.expired = b"E=648 R=1 C=" + b"5A" * 16 + b" V=3 M=Choose", True
    return server


def test_an_expired_password_is_changed_and_the_new_one_used_from_then_on() -> None:
    async def scenario() -> None:
        service, prompter = agent("old", "new")
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        server = expired()
        assert (await log_in(service, server))[1] == server.msk
        assert prompter.asked[1] == Question(
            PromptKind.NEW_PASSWORD, "The password of alice@lab.test has expired. New password for work", "work",
            "Choose")
        await service.prepare("work", EAP_PROFILE, "reauth", 30.0)
        again = MsChapServer("alice@lab.test", "new", CHALLENGE)
        assert (await log_in(service, again))[1] == again.msk
        assert len(prompter.asked) == 2
        await service.cancel("work")
    run(scenario)


def test_an_expired_password_where_nobody_can_choose_another() -> None:
    """``--password-fd`` with one line: the gateway's reason is what there is to say, not a missing line."""
    async def scenario() -> None:
        service, _ = agent("old", SecretUsedUp("one only"))
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        assert await cause_of(log_in(service, expired())) is Cause.USER_REFUSED
    run(scenario)
