"""What a report is made of: asked of roved where that is there, else of this computer alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from client.bus.client import RovedNotRunning, VpnClient
from client.model.cause import RoveError
from client.report.facts import names_here, system_facts


@dataclass(frozen=True)
class Material:
    """Nothing in it is masked. ``trouble``: why roved was not asked, or did not answer."""

    facts: tuple[tuple[str, str], ...]
    names: tuple[tuple[str, str], ...] = field(repr=False)
    profiles: Mapping[str, str] = field(default_factory=dict, repr=False)      # name → TOML
    status: Mapping[str, Any] = field(default_factory=dict, repr=False)
    log: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    trouble: str = ""


async def collect(client: VpnClient | None = None) -> Material:
    """``client``: one that is open; else a connection is made for this. Whatever roved does, there is a report."""
    facts, names = tuple(system_facts()), tuple(names_here())
    try:
        if client is not None:
            return await _asked(client, facts, names)
        async with VpnClient() as own:
            return await _asked(own, facts, names)
    except (RoveError, RovedNotRunning, OSError) as error:
        return Material(facts, names, trouble=str(error))


async def _asked(client: VpnClient, facts: tuple[tuple[str, str], ...], names: tuple[tuple[str, str], ...]) -> Material:
    profiles = {str(row.get("name", "")): await client.get_profile(str(row.get("name", "")))
                for row in await client.list_profiles()}
    return Material(facts, names, profiles, await client.status(), tuple(await client.log(0.0)))
