"""roved's part where a profile has several rounds, or a post-quantum key: identities, agents, whom to believe."""

import asyncio
from typing import Any, cast

import pytest
from cryptography import x509

from client.core.helper.agents import AgentRegistry, AgentSession, Prepared
from client.core.helper.settings import engine_config, trusted
from client.core.ikev2.constants import IdType
from client.core.pki.certificate import parse_certificate
from client.model.cause import Cause, RoveError
from client.model.profile import Profile, profile_from_dict
from tests.pki.factory import make_ca

DER = make_ca("ca").issue("laptop", san=(x509.RFC822Name("alice@lab.test"), x509.DNSName("laptop.lab.test"))).der
SUBJECT = (IdType.DER_ASN1_DN, parse_certificate(DER).subject)
ALICE = (IdType.RFC822_ADDR, b"alice@lab.test")
BOB = (IdType.RFC822_ADDR, b"bob@lab.test")


def profile(auth: object, identity: object = "", *, trust: object = "system", ppk: str = "", **user: object) -> Profile:
    made = {"name": "work", "gateway": {"address": "gw.test"}, "ike": {"ppk": ppk},
            "user": {"auth": auth, "identity": identity, "certificate": "a.p12", **user}}
    return profile_from_dict(made)


def identities(made: Profile) -> list[tuple[int, bytes]]:
    config = engine_config(made, Prepared((DER,), ("ecdsa-sha256",), ""), lambda n: bytes(n))
    return [each.local_id for each in config.rounds]


@pytest.mark.parametrize(("made", "expected"), [
    (profile("certificate"), [SUBJECT]),
    (profile("certificate", "bob@lab.test"), [BOB]),        # as configured, whatever the certificate says
    (profile(["certificate", "eap-mschapv2"], "alice@lab.test"), [ALICE, ALICE]),
    (profile(["certificate", "eap-mschapv2"], "bob@lab.test"), [SUBJECT, BOB]),     # the certificate has no such name
    (profile(["certificate", "eap-mschapv2"], ["bob@lab.test", "bob@lab.test"]), [BOB, BOB]),
    (profile(["certificate", "eap-mschapv2"], ["", "bob@lab.test"]), [SUBJECT, BOB]),
    (profile(["psk", "certificate", "eap-mschapv2"], "bob@lab.test", ike_identity="alice@lab.test"), [ALICE] * 3),
    (profile(["psk", "eap-mschapv2"], "bob@lab.test", ike_identity=["alice@lab.test", ""]), [ALICE, BOB])])
def test_the_identity_of_each_round(made: Profile, expected: list[tuple[int, bytes]]) -> None:
    assert identities(made) == expected


def test_the_engine_is_told_of_rounds_and_keys() -> None:
    made = profile(["psk", "certificate", "eap-mschapv2"], "alice@lab.test", ppk="ppk1")
    config = engine_config(made, Prepared((DER,), ("ecdsa-sha256",), ""), lambda n: bytes(n))
    assert [each.auth for each in config.rounds] == ["psk", "certificate", "eap"]
    assert (config.auth, config.ppk_id, config.eap_only) == ("psk", b"ppk1", False)
    assert trusted(made).system
    with pytest.raises(RoveError, match="no certificate for this profile"):
        engine_config(made, Prepared((), (), ""), lambda n: bytes(n))


class Registry:
    """One agent that answers these, by method."""

    def __init__(self, answers: dict[str, list[Any]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, list[Any]]] = []

    async def candidates(self, uid: int, connect_sender: str | None) -> list[Any]:
        return [type("One", (), {"sender": ":1.1"})()]

    def has(self, sender: str) -> bool:
        return True

    def tell(self, sender: str, method: str, arguments: list[Any]) -> None:
        self.asked.append((method, arguments))

    async def call(self, sender: str, method: str, arguments: list[Any], patience: float) -> Any:
        self.asked.append((method, arguments))
        return self.answers[method].pop(0)


def session(**answers: list[Any]) -> tuple[AgentSession, Registry]:
    registry = Registry({"Prepare": [{}], **answers})
    return AgentSession(cast(AgentRegistry, registry), 1000, None, "work", "toml"), registry


def test_the_msk_of_one_round_is_not_the_next_ones() -> None:
    """EAP-Success is answered here; a second one without a second method has to ask the agent, which knows better."""
    async def scenario() -> None:
        agent, registry = session(Eap=[(b"\2\1\0\4", b"m" * 64), (b"", b"")])
        await agent.prepare("connect", 30.0)
        assert (await agent.eap(b"\1\1\0\6\x1a\0")).msk == b""
        assert (await agent.eap(b"\3\1\0\4")).msk == b"m" * 64
        assert (await agent.eap(b"\3\2\0\4")).msk == b""
        assert [method for method, _ in registry.asked] == ["Prepare", "Eap", "Eap"]
    asyncio.run(scenario())


def test_the_agent_mixes_the_key() -> None:
    async def scenario() -> None:
        keys = (b"d" * 32, b"i" * 32, b"r" * 32)
        agent, registry = session(PpkMix=[[b"D" * 32, b"I" * 32, b"R" * 32]])
        await agent.prepare("connect", 30.0)
        assert await agent.ppk_mix("prfsha256", *keys) == (b"D" * 32, b"I" * 32, b"R" * 32)
        assert registry.asked[-1] == ("PpkMix", ["work", "prfsha256", *keys])
    asyncio.run(scenario())


@pytest.mark.parametrize("lengths", [(31, 32, 32), (32, 33, 32), (32, 32, 0)])
def test_mixed_keys_are_as_long_as_they_were(lengths: tuple[int, ...]) -> None:
    async def scenario() -> None:
        agent, _ = session(PpkMix=[[bytes(length) for length in lengths]])
        await agent.prepare("connect", 30.0)
        with pytest.raises(RoveError) as error:
            await agent.ppk_mix("prfsha256", bytes(32), bytes(32), bytes(32))
        assert error.value.cause is Cause.CREDENTIAL_UNUSABLE
    asyncio.run(scenario())
