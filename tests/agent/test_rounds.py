"""The agent where a profile needs several secrets: one Prepare asks for all, each request gets the right one."""

import hmac

import pytest

from client.agent.attempt import MAX_PPK_VALUES
from client.agent.prompts import PromptKind
from client.core.ikev2 import auth
from client.model.cause import Cause
from tests.agent.material import EAP_PROFILE
from tests.agent.test_service import CHALLENGE, agent, cause_of, log_in, run
from tests.eap.mschap_server import MsChapServer

KEYS = [bytes([number]) * 32 for number in range(3)]


def profile(auth: str, more: str = "", identity: str = '"alice@lab.test"') -> str:
    return EAP_PROFILE.replace('"eap-mschapv2"', auth).replace('"alice@lab.test"', identity) + more


THREE = profile('["psk", "eap-mschapv2"]', '[ike]\nppk = "ppk1"\n')
TWICE = profile('["eap-mschapv2", "eap-mschapv2"]', identity='["alice@lab.test", "bob"]')


def test_all_is_asked_before_anything_is_sent() -> None:
    async def scenario() -> None:
        service, prompter = agent("key", "pw", "0x" + "07" * 32)
        prepared = await service.prepare("work", THREE, "connect", 30.0)
        assert prepared.eap_identity == "alice@lab.test"
        assert [(question.kind, question.text) for question in prompter.asked] == [
            (PromptKind.PSK, "Pre-shared key for work"), (PromptKind.PASSWORD, "Password of alice@lab.test for work"),
            (PromptKind.PPK, "Post-quantum key ppk1 for work")]
        octets = bytes(100)
        assert await service.psk_auth("work", "prfsha256", octets) == auth.psk_auth("prfsha256", b"key", octets)
        server = MsChapServer("alice@lab.test", "pw", CHALLENGE)
        assert (await log_in(service, server))[1] == server.msk
        assert await service.ppk_mix("work", "prfsha256", *KEYS) == tuple(
            hmac.digest(b"\x07" * 32, key + b"\x01", "sha256") for key in KEYS)
        await service.cancel("work")
        assert await cause_of(service.ppk_mix("work", "prfsha256", *KEYS)) is Cause.NOT_AUTHORISED
    run(scenario)


def test_two_rounds_of_eap_are_two_conversations() -> None:
    async def scenario() -> None:
        service, prompter = agent("pw", "b0b")
        prepared = await service.prepare("work", TWICE, "connect", 30.0)
        assert prepared.eap_identity == ""      # it depends on the round
        assert [question.text for question in prompter.asked] == ["Password of alice@lab.test for work",
                                                                     "Password of bob for work"]
        first, second = (MsChapServer(*who, CHALLENGE) for who in (("alice@lab.test", "pw"), ("bob", "b0b")))
        assert (await log_in(service, first))[1] == first.msk
        assert (await log_in(service, second))[1] == second.msk
        assert await cause_of(log_in(service, first)) is Cause.PROTOCOL_ERROR       # there is no third
        await service.cancel("work")
    run(scenario)


@pytest.mark.parametrize(("rounds", "asked"), [(2, 2), (1, 4)])
def test_secrets_are_used_again_only_when_all_were_accepted(rounds: int, asked: int) -> None:
    async def scenario() -> None:
        service, prompter = agent("pw", "b0b", "pw", "b0b")
        await service.prepare("work", TWICE, "connect", 30.0)
        for who in (("alice@lab.test", "pw"), ("bob", "b0b"))[:rounds]:
            await log_in(service, MsChapServer(*who, CHALLENGE))
        await service.prepare("work", TWICE, "reconnect", 30.0)
        assert len(prompter.asked) == asked
        await log_in(service, MsChapServer("alice@lab.test", "pw", CHALLENGE))
        await service.cancel("work")
    run(scenario)


def test_the_prompt_of_the_refused_round_says_so_and_no_other() -> None:
    async def scenario() -> None:
        service, prompter = agent("pw", "wrong", "pw", "b0b")
        await service.prepare("work", TWICE, "connect", 30.0)
        await log_in(service, MsChapServer("alice@lab.test", "pw", CHALLENGE))
        assert await cause_of(log_in(service, MsChapServer("bob", "b0b", CHALLENGE))) is Cause.USER_REFUSED
        await service.prepare("work", TWICE, "connect", 30.0)
        assert ["refused" in question.text for question in prompter.asked] == [False, False, False, True]
        await service.cancel("work")
    run(scenario)


@pytest.mark.parametrize("secret", ["0xzz", "0s?", "0x"])
def test_a_post_quantum_key_that_cannot_be_read_is_told_before_the_gateway_is_troubled(secret: str) -> None:
    async def scenario() -> None:
        service, _ = agent("key", "pw", secret)
        assert await cause_of(service.prepare("work", THREE, "connect", 30.0)) is Cause.CREDENTIAL_UNUSABLE
    run(scenario)


def test_only_keys_of_an_ike_sa_are_mixed_and_not_often() -> None:
    async def scenario() -> None:
        service, _ = agent("key", "pw", "ppk")
        await service.prepare("work", THREE, "connect", 30.0)
        for prf, keys in (("prfsha1", KEYS), ("prfsha384", KEYS), ("prfsha256", [*KEYS[:2], bytes(33)])):
            assert await cause_of(service.ppk_mix("work", prf, *keys)) is Cause.NOT_AUTHORISED
        for _ in range(MAX_PPK_VALUES):
            await service.ppk_mix("work", "prfsha256", *KEYS)
        assert await cause_of(service.ppk_mix("work", "prfsha256", *KEYS)) is Cause.NOT_AUTHORISED
        await service.cancel("work")
    run(scenario)


def test_a_profile_without_one_mixes_nothing() -> None:
    async def scenario() -> None:
        service, _ = agent("pw")
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        assert await cause_of(service.ppk_mix("work", "prfsha256", *KEYS)) is Cause.NOT_AUTHORISED
        await service.cancel("work")
    run(scenario)
