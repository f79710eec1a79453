"""import, list, show, delete."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from client.bus.client import VpnClient
from client.bus.question import ask
from client.bus.replies import parsed_documents
from client.cli.screen import Screen, is_terminal
from client.cli.session import prompter_for
from client.model.cause import Cause, ExitCode, RoveError
from client.texts import plain, state_text

if TYPE_CHECKING:
    from client.agent.prompts import Prompter
    from client.importers import Imported

_TRUSTED = {"system": "the system's authorities", "eap": "the EAP method alone", "pin": "the key of its pin alone"}


def run_import(options: argparse.Namespace) -> int:
    """--check needs no roved."""
    from client.importers import ImportFailed
    screen = Screen()
    try:
        imported = _read(options)
    except ImportFailed as error:
        return _cannot(screen, options.file, error.problems)
    if options.password_fd is not None:
        from client.agent.harden import harden_process
        harden_process()
    prompter = None if options.password_fd is None else prompter_for(options.password_fd)
    try:
        if not options.check:
            asyncio.run(_import(imported, options.system, prompter))
    except RoveError as error:
        if error.cause is not Cause.BAD_SETTINGS:
            raise
        return _cannot(screen, options.file, [error.detail])    # the name is taken, too many profiles
    screen.line(f"{'Can be imported as' if options.check else 'Imported'} {screen.paint(imported.name, 'good')}.")
    _summary(screen, imported)
    if not options.check:
        screen.line(f"Connect with: rove connect {imported.name}")
    return ExitCode.DONE.value


def run_list(options: argparse.Namespace) -> int:
    profiles = parsed_documents(ask("ListProfiles"))
    screen = Screen()
    if options.json:
        screen.line(json.dumps(profiles, indent=2))
    elif not profiles:
        screen.line("No profiles. “rove import FILE” takes one over.")
    else:
        rows = [(str(row.get("name", "")), state_text(str(row.get("state", ""))), str(row.get("gateway", "")),
                 str(row.get("auth", "")), "all users" if row.get("system") else "you") for row in profiles]
        screen.table([("NAME", "STATE", "GATEWAY", "LOGIN", "FOR"), *rows])
        for row in profiles:
            if row.get("error"):
                screen.line(f"{plain(str(row.get('name')))} cannot be used: {plain(str(row['error']))}")
    return ExitCode.DONE.value


def run_show(options: argparse.Namespace) -> int:
    """A profile holds no secrets: passwords are asked for, keys stay in the user's own folder."""
    text = str(ask("GetProfile", options.name))
    sys.stdout.write("".join(char for char in text if char.isprintable() or char in "\n\t").rstrip("\n") + "\n")
    return ExitCode.DONE.value


def run_delete(options: argparse.Namespace) -> int:
    from client.agent import credentials
    screen = Screen()
    if not options.yes and is_terminal(sys.stdin):
        try:
            answer = input(f"Delete {options.name} and its copied credentials? [y/N] ")
        except EOFError:
            answer = ""
        if answer.strip().lower() not in ("y", "yes"):
            screen.line("Nothing was deleted.")
            return ExitCode.ERROR.value

    async def delete() -> None:
        async with VpnClient() as client:
            await client.delete_profile(options.name)
    asyncio.run(delete())
    credentials.remove(options.name)
    screen.line(f"Deleted {options.name}.")
    asyncio.run(_forget(screen, options.name))
    return ExitCode.DONE.value


async def _forget(screen: Screen, name: str) -> None:
    """What the keyring has of the profile."""
    from client.agent.keyring import KeyringVault
    from client.agent.vault import VaultError
    try:
        await KeyringVault().forget_all(name)
    except VaultError as error:
        screen.error(f"What the keyring holds for {name} was not removed: {error}.",
                     f"Remove “Rove VPN {name}” with your desktop's password manager.")


def _cannot(screen: Screen, file: str, problems: Sequence[str]) -> int:
    screen.error(f"{file} cannot be imported.")
    for problem in problems:
        print(f"      {plain(problem)}", file=sys.stderr)
    return ExitCode.ERROR.value


def _read(options: argparse.Namespace) -> "Imported":
    """Raises ImportFailed. Where only the user's name is missing, it is asked for."""
    from client.importers import IdentityMissing, import_file
    try:
        return import_file(Path(options.file), options.name)
    except IdentityMissing:
        if not is_terminal(sys.stdin) or not is_terminal(sys.stdout):
            raise
        try:
            identity = input("Your user name for this connection: ").strip()
        except EOFError:
            identity = ""
        if not identity:
            raise
        return import_file(Path(options.file), options.name, identity)


async def _import(imported: "Imported", system: bool, prompter: "Prompter | None") -> None:
    from client.agent.adopt import adopt
    async with VpnClient() as client:
        await adopt(client, imported.profile_toml, imported.credentials, system, prompter)


def _summary(screen: Screen, imported: "Imported") -> None:
    from client.model.profile import parse_profile
    profile = parse_profile(imported.profile_toml)
    trust = profile.gateway.trust
    ways = "all traffic" if profile.tunnel.full else ", ".join(map(str, profile.tunnel.remote))
    screen.labelled([
        ("gateway", ", ".join(profile.gateway.address)),
        ("must be", profile.gateway.identity),
        ("trusts", _TRUSTED[trust] if isinstance(trust, str) else f"{len(trust)} certificate(s) of its own"),
        ("login", profile.user.auth + (f" as {profile.user.identity}" if profile.user.identity else "")),
        ("carries", ways),
        *((("copied" if index == 0 else "", file.name)) for index, file in enumerate(imported.credentials))])
    for heading, lines in (("Not available in this version, and left out:", imported.missing),
                           ("Not understood, and left out:", imported.not_understood)):
        if lines:
            screen.line(heading)
            for line in lines:
                screen.line(f"  {plain(line)}")
