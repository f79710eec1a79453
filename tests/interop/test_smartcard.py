"""A smartcard against a real gateway: IKE signs with a key that nobody can read, or says why not. The card is SoftHSM
behind a module that counts PINs and can be pulled (tests/lab/shim.c)."""

import json
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.renewal import no_loss
from tests.interop.rovetest import state
from tests.interop.terminal import Terminal
from tests.lab import pki, plan
from tests.lab.lab import Lab
from tests.lab.measure import wait_until
from tests.lab.rove import Done
from tests.lab.smartcard import PIN, Card
from tests.soak.smartcard import new_card, reauthentications

WRONG = "654321"


@pytest.fixture(scope="module")
def whole_card() -> Iterator[Card]:
    with tempfile.TemporaryDirectory(prefix="rove-card-") as folder:
        yield new_card(Path(folder))


@pytest.fixture
def card(whole_card: Card) -> Card:
    whole_card.renew()
    return whole_card


def ready(lab: Lab, connection: str = "cert", certificate: Any = "pkcs11:object=client-rsa", **changes: Any) -> str:
    """A fresh roved with the profile of this connection, the key on the card."""
    lab.roved.start(fresh=True)
    user = {"auth": "smartcard", "certificate": certificate, "key": ""} | changes.pop("user", {})
    done = lab.rove("import", str(lab.profile(connection, user=user, **changes)))
    assert done.returncode == 0, done.stdout + done.stderr
    return connection


def connect(lab: Lab, card: Card, name: str, pin: str = PIN) -> Done:
    return lab.rove("connect", name, "--timeout", "20", secrets={"--pin-fd": pin}, env=card.environment)


@pytest.mark.parametrize(("connection", "certificate", "signature"), [
    ("cert", "pkcs11:token=badge;object=client-rsa", "'C=XX, O=Lab, CN=alice' with RSA_EMSA_PKCS1_SHA2_512"),
    ("certec", {"issuer": "Lab Root CA", "eku": "clientAuth"}, "'C=XX, O=Lab, CN=bob' with ECDSA_WITH_SHA256_DER"),
])
def test_the_card_signs(lab: Lab, card: Card, connection: str, certificate: Any, signature: str) -> None:
    name = ready(lab, connection, certificate)
    if isinstance(certificate, dict):       # both of the card fit: who has chosen is not asked again
        choose(lab, card, name, "CN=bob")
    mark = lab.gateway.mark()
    done = connect(lab, card, name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.ping("client", plan.CORP_HOST)
    assert signature in re.findall(r"authentication of (.*) successful", lab.gateway.log()[mark:])
    assert card.log[-2:] == ["right", "logout"]
    assert json.loads(lab.rove("list", "--json").stdout)[0]["auth"] == "smartcard"
    with no_loss(lab):
        done = lab.rove("reauth", name, "--timeout", "20", secrets={"--pin-fd": PIN}, env=card.environment)
        assert done.returncode == 0, done.stdout + done.stderr
    assert card.log[-4:] == ["right", "logout"] * 2


@pytest.mark.parametrize(("connection", "certificate", "user"), [
    ("eaptls", "pkcs11:object=client-rsa", {"identity": "alice@lab.test"}),
    ("eaponly", {"eku": "clientAuth"}, {"identity": "bob@lab.test", "aaa": {"trust": ["root"]}}),
])
def test_eap_tls_with_the_key_on_the_card(lab: Lab, card: Card, connection: str, certificate: Any,
                                          user: dict[str, Any]) -> None:
    """RSA in a handshake beside the gateway's own AUTH; EC where the gateway proves itself by EAP alone (RFC 5998)."""
    more: dict[str, Any] = {}
    if "aaa" in user:
        user = user | {"aaa": {"trust": [str(pki.directory() / "root.crt")]}}
        more = {"gateway": {"trust": "eap"}}
    name = ready(lab, connection, certificate, user={"auth": "eap-tls", **user}, **more)
    if isinstance(certificate, dict):
        choose(lab, card, name, "CN=bob")
    mark = lab.gateway.mark()
    done = connect(lab, card, name)
    assert done.returncode == 0, done.stdout + done.stderr
    lab.gateway.wait("EAP method EAP_TLS succeeded", timeout=1, since=mark)
    assert lab.ping("client", plan.CORP_HOST)
    assert card.log == ["right", "logout"]


def choose(lab: Lab, card: Card, name: str, subject: str) -> None:
    """On a terminal, from the list; then the PIN is cancelled."""
    terminal = Terminal(lab, "connect", name, env=card.environment)
    try:
        terminal.wait("Number: ")
        [line] = [line for line in terminal.said.splitlines() if subject in line]
        terminal.type(line.split()[0])
        terminal.wait("PIN of the smartcard")
        terminal.type("")
        assert terminal.process.wait(10) == 7
        terminal.look()
        assert "The prompt was cancelled" in terminal.said
    finally:
        terminal.close()
    assert card.log == []


@dataclass(frozen=True)
class Refusal:
    """``flag`` of the card, ``seen`` what it saw of us; ``begun``: did the gateway hear of it?"""

    exit_code: int
    says: str
    flag: tuple[str, str] = ("", "")
    pin: str = PIN
    certificate: str = "pkcs11:object=client-rsa"
    seen: tuple[str, ...] = ()
    begun: bool = False


REFUSALS = {
    "wrong PIN": Refusal(6, "The PIN is wrong: it was tried once.", pin=WRONG, seen=("wrong",)),
    "wrong PIN, the last try": Refusal(9, "The PIN of the smartcard is locked", ("tries", "1\n"), WRONG,
                                       seen=("wrong",)),
    "locked PIN": Refusal(9, "The PIN of the smartcard is locked", ("tries", "0\n")),
    "no card": Refusal(9, "The smartcard with your certificate is not inserted.", ("absent", "")),
    "another card": Refusal(9, "does not have the certificate of this profile: it is “badge” (",
                            certificate="pkcs11:token=other;object=client-rsa"),
    "card without the certificate": Refusal(9, "no certificate on “badge” fits", certificate="pkcs11:object=zoe"),
    "pulled while signing": Refusal(9, "The smartcard was removed before it had signed", ("remove-on-sign", ""),
                                    seen=("right",), begun=True),
    "cancelled on the PIN pad": Refusal(7, "The prompt was cancelled. (on the card reader)", ("pad", "")),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(lab: Lab, card: Card, name: str) -> None:
    refusal = REFUSALS[name]
    profile = ready(lab, certificate=refusal.certificate)
    if refusal.flag[0]:
        card.turn_on(*refusal.flag)
    if refusal.flag[0] == "pad":
        card.turn_on("pad-cancel")
    mark = lab.gateway.mark()
    done = connect(lab, card, profile, refusal.pin)
    assert done.returncode == refusal.exit_code, done.stdout + done.stderr
    assert refusal.says in done.stderr
    assert "Traceback" not in done.stderr
    assert tuple(card.log) == refusal.seen
    begun = lab.gateway.log()[mark:].count("is initiating an IKE_SA")
    assert bool(begun) == refusal.begun
    if begun:
        time.sleep(1.6)     # the first back-off, were there one, is at most 1.2 s
        assert lab.gateway.log()[mark:].count("is initiating an IKE_SA") == begun
    assert state(lab, profile) == "failed"
    for text in (done.stdout, done.stderr, lab.roved.log(), lab.rove("log").stdout):
        assert refusal.pin not in text


def test_comes_and_goes(lab: Lab, card: Card) -> None:
    """policy.autoconnect and policy.token_removed, with the PIN typed on the terminal of ``rove agent``."""
    card.turn_on("absent")
    name = ready(lab, policy={"autoconnect": True, "token_removed": "disconnect"})
    terminal = Terminal(lab, env=card.environment)
    try:
        terminal.wait("Ready to be asked")
        card.turn_off("absent")
        terminal.wait("was inserted: connecting to cert.", 5)
        terminal.wait("PIN of the smartcard “badge”, certificate CN=alice,O=Lab,C=XX, for cert: ")
        terminal.type(WRONG)
        terminal.new("That PIN was wrong. Few tries are left before the smartcard locks. PIN of the smartcard")
        terminal.type(PIN)
        terminal.wait("Connected to cert.")
        assert lab.ping("client", plan.CORP_HOST)
        wait_until(lambda: card.log == ["wrong", "right", "logout"], "it is logged out", 3)
        card.turn_on("absent")
        terminal.wait("was removed: disconnecting cert.", 6)
        wait_until(lambda: state(lab, name) == "disconnected", "it is disconnected", 5)
        assert lab.gateway.sas() == []
        assert PIN not in terminal.said
    finally:
        terminal.close()


def test_logging_in_again_with_the_pin_at_a_prompt_each_time(lab: Lab, card: Card) -> None:
    """The short form of ``python -m tests.soak.smartcard``: once, and then cancelled."""
    name = ready(lab, ike={"reauth": "20s"})
    figures = reauthentications(lab, card, name, times=1, interval=20.0, cancel_last=True)
    assert figures.lost == 0, figures
    assert figures.reauthentications == 1
    assert figures.until_deadline > 0
    assert card.log.count("right") == 2     # the connect, and the one that was not cancelled
    assert "wrong" not in card.log
