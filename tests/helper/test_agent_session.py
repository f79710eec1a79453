"""Which agent a connection asks again: the one that holds what the gateway has accepted."""

import asyncio
from typing import Any

from client.core.helper.agents import Agent, AgentSession


class Registry:
    """All agents of one user, the newest of a kind last; all have an answer."""

    def __init__(self, *senders: str) -> None:
        self.senders = list(senders)
        self.prepared: list[str] = []
        self.told: list[tuple[str, str]] = []

    async def candidates(self, uid: int, connect_sender: str | None) -> list[Agent]:
        order = sorted(self.senders, key=lambda sender: sender != connect_sender)
        return [Agent(sender, uid, 1, "agent", number) for number, sender in enumerate(order)]

    async def call(self, sender: str, method: str, arguments: list[Any], patience: float) -> dict[str, Any]:
        assert method == "Prepare"
        self.prepared.append(sender)
        return {}

    def has(self, sender: str) -> bool:
        return sender in self.senders

    def tell(self, sender: str, method: str, arguments: list[Any]) -> None:
        self.told.append((sender, method))


def asked(registry: Registry, *steps: Any) -> list[str]:
    """``steps``: reasons to prepare for, or what to do between."""
    async def scenario() -> None:
        session = AgentSession(registry, 1000, None, "work", "")  # type: ignore[arg-type] # as far as it is used
        for step in steps:
            if callable(step):
                step(session)
            else:
                await session.prepare(step, 30.0)
    asyncio.run(scenario())
    return registry.prepared


def test_the_agent_that_answered_is_asked_again_although_another_comes_first_now() -> None:
    registry = Registry("agent")
    assert asked(registry, "connect", lambda _: registry.senders.insert(0, "tray"), "reconnect", "reauth") == [
        "agent", "agent", "agent"]
    assert registry.told == []          # and was never told to forget


def test_one_that_left_is_not() -> None:
    registry = Registry("cli", "agent")
    assert asked(registry, "connect", lambda _: registry.senders.remove("cli"), "reconnect", "reconnect") == [
        "cli", "agent", "agent"]


def test_who_wants_to_log_in_anew_is_asked_himself() -> None:
    registry = Registry("agent", "cli")
    assert asked(registry, "connect", lambda session: session.prefer("cli"), "reauth", "reconnect") == [
        "agent", "cli", "cli"]
    assert ("agent", "Cancel") in registry.told
