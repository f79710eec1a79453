"""Smartcards that come and go, and what the profiles say to that; roved is a recording of its calls here."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import tomlkit

from client.agent import choices
from client.agent.choices import Choice
from client.agent.smartcard import Smartcards
from client.agent.token_policy import GONE_AFTER, TokenPolicy
from client.bus.client import VpnEvent
from client.model.cause import Cause, RoveError
from tests.lab.smartcard import Card


class Roved:
    """The part of VpnClient that is used: profiles as TOML, states, and what was asked."""

    def __init__(self, **profiles: dict[str, Any]) -> None:
        self.profiles = profiles
        self.states = dict.fromkeys(profiles, "disconnected")
        self.asked: list[tuple[str, str]] = []
        self.answer: Exception | None = None
        self.lists = 0

    async def list_profiles(self) -> list[dict[str, Any]]:
        self.lists += 1
        return [{"name": name} for name in self.profiles]

    async def get_profile(self, name: str) -> str:
        return tomlkit.dumps({"name": name, "gateway": {"address": ["gw.lab.test"]}, **self.profiles[name]})

    async def status(self) -> dict[str, Any]:
        return {"connections": [{"name": name, "state": state} for name, state in self.states.items()]}

    async def connect(self, name: str, timeout: float) -> None:     # noqa: ASYNC109 - as VpnClient has it
        self.asked.append(("connect", name))
        if self.answer:
            raise self.answer
        self.states[name] = "connected"

    async def disconnect(self, name: str) -> None:
        self.asked.append(("disconnect", name))
        self.states[name] = "disconnected"


def smartcard(certificate: Any = "pkcs11:object=alice", **policy: Any) -> dict[str, Any]:
    return {"user": {"auth": "smartcard", "certificate": certificate}, "policy": policy}


def run(roved: Roved, scenario: Callable[[TokenPolicy, list[str]], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        said: list[str] = []
        cards = Smartcards()
        policy = TokenPolicy(roved, cards, lambda _, words: said.append(words))     # type: ignore[arg-type]
        async with asyncio.timeout(20):
            await policy._load()
            await scenario(policy, said)
            await cards.settled()
    asyncio.run(bounded())


async def looks(policy: TokenPolicy, roved: Roved, times: int = 1) -> None:
    for _ in range(times):
        for name, state in roved.states.items():
            policy.heard(VpnEvent("state", name, "", {"state": {"state": state}}))
        await policy.look()


def test_inserted_and_removed(card: Card) -> None:
    roved = Roved(auto=smartcard(autoconnect=True), by_hand=smartcard(),
                  other=smartcard("pkcs11:token=other", autoconnect=True))
    card.turn_on("absent")

    async def scenario(policy: TokenPolicy, said: list[str]) -> None:
        await looks(policy, roved, 3)
        assert roved.asked == []
        card.turn_off("absent")
        await looks(policy, roved)
        assert roved.asked == [("connect", "auto")]
        assert said == ["The smartcard “badge” was inserted: connecting to auto."]
        policy.heard(VpnEvent("state", "auto", "", {"state": {"state": "connected"}}))
        assert said.pop() == "Connected to auto."
        token = next(token for token in policy._there if token.label == "badge")
        choices.remember("auto", Choice("00", token.label, token.serial, False))
        card.turn_on("absent")
        await looks(policy, roved, GONE_AFTER - 1)
        assert len(roved.asked) == 1            # a reader that blinks
        card.turn_off("absent")
        await looks(policy, roved, 2)
        assert len(roved.asked) == 1
        card.turn_on("absent")
        await looks(policy, roved, GONE_AFTER)
        assert roved.asked[1:] == [("disconnect", "auto")]
        assert said[1:] == ["The smartcard “badge” was removed: disconnecting auto."]
        card.turn_off("absent")
        await looks(policy, roved)
        assert roved.asked[2:] == [("connect", "auto")]
    run(roved, scenario)


@pytest.mark.parametrize(("removed", "used", "ends"), [
    ("disconnect", "this", True), ("keep", "this", False), ("disconnect", "another", False)])
def test_which_connection_a_removal_ends(card: Card, *, removed: str, used: str, ends: bool) -> None:
    roved = Roved(work=smartcard(token_removed=removed), beside=smartcard("pkcs11:token=other"))
    roved.states |= {"work": "connected", "beside": "connected"}

    async def scenario(policy: TokenPolicy, said: list[str]) -> None:
        await looks(policy, roved)
        token = next(token for token in policy._there if token.label == "badge")
        choices.remember("work", Choice("00", "badge", token.serial if used == "this" else "77", False))
        card.turn_on("absent")
        await looks(policy, roved, GONE_AFTER + 1)
        assert roved.asked == ([("disconnect", "work")] if ends else [])
    run(roved, scenario)


def test_drivers_that_do_not_answer_are_no_removal(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.agent.smartcard.QUICK_PATIENCE", 0.2)
    roved = Roved(work=smartcard())
    roved.states["work"] = "connected"

    async def scenario(policy: TokenPolicy, said: list[str]) -> None:
        await looks(policy, roved)
        token = next(token for token in policy._there if token.label == "badge")
        choices.remember("work", Choice("00", "badge", token.serial, False))
        card.turn_on("hang-list")
        await looks(policy, roved, GONE_AFTER + 1)
        card.turn_off("hang-list")
        await looks(policy, roved)
        assert roved.asked == []
    run(roved, scenario)


def test_nobody_is_asked_while_no_profile_depends_on_it(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: Smartcards, profiles: Any) -> None:
        raise AssertionError("the drivers were asked")
    monkeypatch.setattr(Smartcards, "present", never)
    roved = Roved(idle=smartcard(), keeps=smartcard(token_removed="keep"),
                  psk={"user": {"auth": "psk", "identity": "a"}})
    roved.states["keeps"] = "connected"
    run(roved, lambda policy, _: looks(policy, roved))


@pytest.mark.parametrize(("error", "told"), [
    (RoveError(Cause.ALREADY_ACTIVE), []), (RoveError(Cause.NOT_AUTHORISED, "no"), ["auto: no"])])
def test_a_refused_connect_is_told_unless_another_agent_was_faster(card: Card, error: RoveError, told: list[str]
                                                                   ) -> None:
    roved = Roved(auto=smartcard(autoconnect=True))
    roved.answer = error

    async def scenario(policy: TokenPolicy, said: list[str]) -> None:
        await looks(policy, roved, 2)
        assert said[1:] == told
        assert len(roved.asked) == 1
    run(roved, scenario)


def test_how_it_ends_is_told_by_whoever_began(card: Card) -> None:
    roved = Roved(auto=smartcard(autoconnect=True), other=smartcard())

    async def scenario(policy: TokenPolicy, said: list[str]) -> None:
        await looks(policy, roved)
        for name in ("auto", "other", "auto"):
            policy.heard(VpnEvent("error", name, "", {"final": True, "message": "No."}))
        assert said[1:] == ["auto: No."]
    run(roved, scenario)


def test_profiles_that_cannot_be_read_change_nothing(card: Card) -> None:
    roved = Roved(work=smartcard(autoconnect=True))

    async def scenario(policy: TokenPolicy, said: list[str]) -> None:
        async def refused() -> list[dict[str, Any]]:
            raise RoveError(Cause.NOT_AUTHORISED)
        roved.list_profiles = refused       # type: ignore[method-assign]
        await policy._load()
        await looks(policy, roved)
        assert roved.asked == [("connect", "work")]
    run(roved, scenario)


def test_it_ends_when_told_to_also_while_a_state_has_just_changed() -> None:
    """roved's last words and its end come together: who hosts us waits for our end, and then for roved's return."""
    async def scenario(policy: TokenPolicy, _said: list[str]) -> None:
        running = asyncio.ensure_future(policy.run())
        await asyncio.sleep(0.05)
        policy.heard(VpnEvent("state", "work", "", {"state": {"name": "work", "state": "connected"}}))
        running.cancel()
        await asyncio.wait({running}, timeout=1)
        assert running.cancelled()
    run(Roved(work={"user": {"auth": "psk"}}), scenario)
