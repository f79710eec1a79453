"""Smartcard re-authentication with the PIN typed at a prompt each time, under a ping every 10 ms; then one that is
cancelled: ``python -m tests.soak.smartcard --minutes 10`` (root, the lab's packages)."""

import argparse
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.interop.rovetest import state, status
from tests.interop.terminal import Terminal
from tests.lab import measure, pki, plan
from tests.lab.accounts import ACCOUNTS
from tests.lab.lab import Lab
from tests.lab.ping import lost
from tests.lab.shell import LabError
from tests.lab.smartcard import PIN, Card

TYPING = 1.0        # s that the person takes
NEAR_THE_END = 0.5  # s before the deadline in which a packet may be lost already


@dataclass
class Figures:
    """``lost`` of ``sent`` while logging in again; after the cancelled prompt traffic flowed for ``until_deadline`` s,
    the connection ended ``late`` s after its deadline, and ``lost_before_deadline`` packets were lost until then."""

    reauthentications: int = 0
    sent: int = 0
    lost: int = 0
    until_deadline: float = 0.0
    late: float = 0.0
    lost_before_deadline: int = 0

    def __str__(self) -> str:
        text = f"{self.reauthentications} re-authentications, {self.sent} pings, {self.lost} lost"
        if self.until_deadline:
            text += (f"; prompt cancelled: traffic flowed for {self.until_deadline:.1f} s until the deadline, "
                     f"{self.lost_before_deadline} lost, ended {self.late:+.1f} s from it")
        return text


def reauthentications(lab: Lab, card: Card, name: str, times: int, interval: float, *, cancel_last: bool,
                      tell: bool = False) -> Figures:
    """The profile is imported, with ``ike.reauth`` of ``interval`` seconds. Raises LabError, AssertionError."""
    figures = Figures()
    terminal = Terminal(lab, env=card.environment)
    try:
        terminal.wait("Ready to be asked")
        done = lab.rove("connect", name, secrets={"--pin-fd": PIN}, env=card.environment)
        if done.returncode:
            raise LabError(done.stdout + done.stderr)
        with lab.ping_stream("client", plan.CORP_HOST, seconds=times * interval + 120) as stream:
            for number in range(1, times + 1):
                terminal.new("PIN of the smartcard", interval + 10)
                time.sleep(TYPING)
                terminal.type(PIN)
                measure.wait_until(lambda done=number: status(lab, name)["counters"]["reauths"] == done,
                                   "it is logged in again", 10)
                figures.reauthentications = number
                if tell:
                    print(f"{time.strftime('%H:%M:%S')} logged in again, {number} of {times}", flush=True)
            time.sleep(0.5)
        figures.sent, figures.lost = len(stream.probes), len(lost(stream.probes[:-1]))
        if cancel_last:
            _cancelled(lab, name, interval, terminal, figures)
        assert PIN not in terminal.said
    finally:
        terminal.close()
    return figures


def _cancelled(lab: Lab, name: str, interval: float, terminal: Terminal, figures: Figures) -> None:
    """The old IKE_SA carries the traffic until its time is over."""
    terminal.new("PIN of the smartcard", interval + 10)
    with lab.ping_stream("client", plan.CORP_HOST, seconds=interval + 60) as stream:
        terminal.type("")
        cancelled = time.monotonic()
        said: list[str] = []
        measure.wait_until(lambda: said.extend(_until(lab, name)) or said, "it says until when it lasts", 3)
        deadline = time.monotonic() + datetime.fromisoformat(said[0]).timestamp() - time.time()
        measure.wait_until(lambda: state(lab, name) in ("failed", "disconnected"), "it has ended", interval + 10)
        figures.late = time.monotonic() - deadline
    answered = [probe for probe in stream.probes if probe.rtt is not None]
    early = [probe for probe in stream.probes if cancelled <= probe.sent < deadline - NEAR_THE_END]
    figures.lost_before_deadline = len(lost(early))
    figures.until_deadline = answered[-1].sent - cancelled
    assert early
    assert figures.until_deadline > deadline - cancelled - NEAR_THE_END, figures


def _until(lab: Lab, name: str) -> list[str]:
    """The deadline, as the finding says it to people."""
    messages = [each["message"] for each in status(lab, name)["findings"] if each["code"] == "reauth-failed"]
    return re.findall(r"until (\S+Z)", " ".join(messages))


def new_card(folder: Path) -> Card:
    """For the lab's user, with an RSA and an EC key and the intermediate CA."""
    folder.chmod(0o755)
    card = Card(folder / "card", ACCOUNTS["rovetest1"].uid)
    card.token("badge")
    card.add("badge", 1, pki.directory() / "client-rsa")
    card.add("badge", 2, pki.directory() / "client-ec")
    card.certificate("badge", 0x11, pki.directory() / "int.crt")
    return card


def _unanswered(lab: Lab, card: Card) -> int:
    """``rove connect`` on a terminal where nobody is."""
    terminal = Terminal(lab, "connect", "cert", env=card.environment)
    try:
        began = time.monotonic()
        terminal.wait("PIN of the smartcard", 20)
        code = terminal.process.wait(320)
        terminal.look()
        said = [line for line in terminal.said.splitlines() if "rove:" in line]
        print(f"after {time.monotonic() - began:.1f} s exit code {code}, {said}; the card saw {card.log}")
        return 0 if code == 7 and not card.log and not lab.gateway.sas() else 1
    finally:
        terminal.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.smartcard", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--interval", type=int, default=60, help="seconds of ike.reauth (default: 60)")
    parser.add_argument("--unanswered", action="store_true", help="only a prompt that nobody answers: five minutes")
    options = parser.parse_args()
    times = max(1, round(options.minutes * 60 / options.interval))
    with tempfile.TemporaryDirectory(prefix="rove-card-") as folder, Lab("rvsoak") as lab:
        card = new_card(Path(folder))
        lab.gateway.start()
        lab.roved.start(fresh=True)
        profile = lab.profile("cert", ike={"reauth": f"{options.interval}s"}, user={
            "auth": "smartcard", "certificate": "pkcs11:token=badge;object=client-rsa", "key": ""})
        done = lab.rove("import", str(profile))
        if done.returncode:
            raise LabError(done.stdout + done.stderr)
        if options.unanswered:
            return _unanswered(lab, card)
        print(f"load {os.getloadavg()[0]:.1f} at the start", flush=True)
        figures = reauthentications(lab, card, "cert", times, options.interval, cancel_last=True, tell=True)
        seen = {word: card.log.count(word) for word in sorted(set(card.log))}
    print(f"{figures}; the card saw {seen}; load {os.getloadavg()[0]:.1f} at the end")
    return 0 if figures.lost == figures.lost_before_deadline == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
