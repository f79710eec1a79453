"""A connection while an EAP method asks the user in mid-conversation: everybody is told, and --timeout waits."""

import asyncio
from typing import Any

import pytest

from client.core.helper.agents import EapAnswer
from client.core.helper.connection import Connection
from client.core.ikev2 import events as ike
from client.model.cause import Cause, RoveError
from client.model.profile import parse_profile
from tests.helper.test_connection_review import FakeAgent, Rig, in_loop
from tests.helper.test_connection_review import rig as plain_rig  # noqa: F401 - a fixture
from tests.ikev2.conftest import GATEWAY
from tests.ikev2.people import GATEWAY_KEY, Scripted
from tests.peer.rounds import Demands, RoundsResponder
from tests.sim.world import seeded

GTC = bytes((1, 7, 0, 9, 6)) + b"Code"
SUCCESS = bytes((3, 7, 0, 4))
PROFILE = parse_profile("""
name = "work"
[gateway]
address = ["192.0.2.1"]
identity = "gw.test"
[user]
auth = "eap-gtc"
identity = "alice@test"
""")


class AskingAgent(FakeAgent):
    """Its user takes ``thinking`` seconds for the code, or does not want to."""

    thinking = 0.0
    error: RoveError | None = None

    async def eap(self, packet: bytes, patience: float) -> EapAnswer:
        if packet[0] == 3:
            return EapAnswer(b"", b"")
        await asyncio.sleep(self.thinking)
        if self.error is not None:
            raise self.error
        return EapAnswer(bytes((2, 7, 0, 11, 6)) + b"123456", b"")


@pytest.fixture
def rig(plain_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:  # noqa: F811 - the fixture
    """The gateway wants EAP-GTC; whose certificate it has is not the question here."""
    async def judge(self: Any, event: Any) -> Any:
        return lambda engine, now: engine.provide_peer_verdict(event.request_id, ike.PeerVerdict(), now)
    monkeypatch.setattr("client.core.helper.answers.Answers.judge", judge)
    demands = Demands(rounds=("eap",), own=("certificate",), servers=[Scripted([GTC, SUCCESS], msk=b"")])
    demands.private_key = GATEWAY_KEY
    plain_rig.surface.gateway = RoundsResponder(GATEWAY, seeded("gateway"), demands)
    return plain_rig


def with_agent(rig: Rig, timeout: float = 0.0) -> AskingAgent:
    agent: Any = AskingAgent(rig.surface)
    rig.connection = Connection(PROFILE, agent, timeout, rig.connection._around)
    return agent


@in_loop
async def test_it_is_said_that_somebody_is_asked(rig: Rig) -> None:
    with_agent(rig).thinking = 0.8
    await rig.connected()
    states = rig.surface.states()
    assert states[:2] == ["waiting-for-user", "connecting"]
    assert states[-1] == "connected"
    assert [event["what"] for event in rig.surface.events if event["kind"] == "prompt"] == [
        "what work needs to log in"]


@in_loop
async def test_a_method_that_asks_nothing_is_not_worth_a_word(rig: Rig) -> None:
    with_agent(rig)
    await rig.connected()
    assert "waiting-for-user" not in rig.surface.states()


@in_loop
async def test_the_users_time_is_not_the_gateways(rig: Rig) -> None:
    with_agent(rig, timeout=0.7).thinking = 1.2
    await rig.connected()


@in_loop
async def test_a_user_who_does_not_want_to(rig: Rig) -> None:
    agent = with_agent(rig)
    agent.thinking, agent.error = 0.6, RoveError(Cause.PROMPT_CANCELLED, "no")
    rig.connection.start()
    await rig.until(lambda: not rig.connection.active)
    assert rig.surface.final() == Cause.PROMPT_CANCELLED.code
    assert rig.surface.states()[-1] == "failed"
