"""token list: smartcards and their certificates. Needs neither roved nor a PIN."""

import argparse
import asyncio
import json
import sys
from typing import TYPE_CHECKING, Any

from client.cli.screen import Screen

if TYPE_CHECKING:
    from client.agent.modules import Module
    from client.agent.pkcs11 import PinState, TokenCertificate, TokenInfo

_KEY = {True: "key on the card", False: "no key", None: "key not known before the PIN"}


def run_token(options: argparse.Namespace) -> int:
    """``list`` is all there is. Raises RoveError when a module is not to be loaded, or hangs."""
    from client.agent.harden import harden_process
    from client.agent.modules import configured_modules, named_module
    from client.agent.smartcard import Smartcards
    harden_process()
    modules = (named_module(options.module),) if options.module else configured_modules()
    tokens, problems = asyncio.run(Smartcards().scan(modules))
    screen = Screen()
    if options.json:
        screen.line(json.dumps(document(tokens, problems), indent=2))
        return 0
    for token in tokens:
        _print(screen, token)
    for module, why in problems:
        print(f"{screen.paint('rove:', 'warn', sys.stderr)} the module {module.name or module.path} does not work: "
              f"{why}", file=sys.stderr)
    if not tokens:
        screen.line("No smartcards." if modules else "No smartcards: p11-kit knows no PKCS#11 module.")
    return 0


def document(tokens: "list[TokenInfo]", problems: "list[tuple[Module, str]]") -> dict[str, Any]:
    """What ``--json`` prints."""
    return {"version": 1, "tokens": [_token(token) for token in tokens],
            "problems": [{"module": module.path, "message": why} for module, why in problems]}


def _token(token: "TokenInfo") -> dict[str, Any]:
    state = token.pin
    return {
        "label": token.id.label, "serial": token.id.serial, "manufacturer": token.id.manufacturer,
        "model": token.id.model, "slot": token.slot, "slot_id": token.slot_id, "module": token.id.module.path,
        "uri": str(token.uri()),
        "pin": {"needed": state.needed, "pad": state.pad, "count_low": state.count_low, "final_try": state.final_try,
                "locked": state.locked},
        "certificates": [_certificate(token, one) for one in token.certificates]}


def _certificate(token: "TokenInfo", one: "TokenCertificate") -> dict[str, Any]:
    from client.agent.pkcs11 import issuer_name, key_kind
    certificate = one.certificate
    return {
        "subject": certificate.name, "issuer": issuer_name(certificate), "label": one.label, "id": one.id.hex(),
        "not_before": _time(certificate.not_before), "not_after": _time(certificate.not_after),
        "key": key_kind(certificate), "private_key": one.key, "uri": str(token.uri(one))}


def _time(when: Any) -> str:
    from client.model.state import rfc3339
    return rfc3339(when.timestamp())


def _print(screen: Screen, token: "TokenInfo") -> None:
    from client.agent.pkcs11 import issuer_name, key_kind
    screen.line(f"{screen.paint(token.id.label or '(no label)', 'bold')}  {_pin(screen, token.pin)}")
    screen.labelled([("serial", token.id.serial), ("made by", f"{token.id.manufacturer} {token.id.model}".strip()),
                     ("slot", token.slot), ("module", token.id.module.path)])
    for one in token.certificates:
        certificate = one.certificate
        screen.line(f"  {screen.paint(certificate.name, 'good')}")
        screen.labelled([
            ("issuer", issuer_name(certificate)),
            ("valid", f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"),
            ("key", f"{key_kind(certificate)}, {_KEY[one.key]}"), ("URI", str(token.uri(one)))])
    if not token.certificates:
        screen.line("  no certificates")


def _pin(screen: Screen, state: "PinState") -> str:
    if state.locked:
        return screen.paint("PIN locked", "bad")
    if state.final_try:
        return screen.paint("last try of the PIN", "bad")
    if state.count_low:
        return screen.paint("few tries of the PIN left", "warn")
    return screen.paint("PIN on the reader" if state.pad else "PIN" if state.needed else "no PIN", "dim")
