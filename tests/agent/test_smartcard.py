"""Smartcards: which certificate, the PIN in all its states, signatures by every way, and cards that go or hang."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from client.agent import choices, smartcard
from client.agent.keys import Credential
from client.agent.pkcs11 import TokenInfo
from client.agent.prompts import Answer, Choice, FdPrompter, PromptCancelled, PromptKind, Question, Routed
from client.agent.service import AgentService
from client.agent.smartcard import Smartcards
from client.core.ikev2 import auth
from client.core.pki.certificate import parse_certificate
from client.model.cause import Cause, RoveError
from client.model.profile import Profile, profile_from_dict
from tests.agent.material import ike_sa_init
from tests.lab.smartcard import PIN, Card

OCTETS = b"IKE_SA_INIT | Nr | MACedIDi"
ALICE = "pkcs11:token=badge;object=alice"
BOB = "pkcs11:token=badge;object=bob"
CAROL = "pkcs11:token=spare;object=carol"


@dataclass
class Person:
    """A Prompter: PINs from a list; None never answers, an exception refuses. ``picks`` numbers of choices."""

    pins: list[str | Exception | None] = field(default_factory=list)
    picks: list[int | Exception] = field(default_factory=list)
    asked: list[Question] = field(default_factory=list)
    offered: list[Sequence[Choice]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    on_notice: Callable[[], None] = lambda: None
    open: int = 0

    async def secret(self, question: Question) -> Answer:
        self.asked.append(question)
        pin = self.pins.pop(0) if self.pins else AssertionError("not expected to be asked")
        if isinstance(pin, BaseException):
            raise pin
        if pin is None:
            await asyncio.Event().wait()
        assert pin is not None
        return Answer(pin)

    async def choose(self, text: str, offered: Sequence[Choice], profile: str = "") -> int:
        self.offered.append(offered)
        pick = self.picks.pop(0) if self.picks else AssertionError("not expected to choose")
        if isinstance(pick, BaseException):
            raise pick
        return pick

    async def notice(self, text: str, profile: str = "") -> None:
        self.notices.append(text)
        self.on_notice()
        self.open += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.open -= 1


def profile(certificate: Any = ALICE, name: str = "work") -> Profile:
    return profile_from_dict(tree(certificate, name))


def tree(certificate: Any, name: str = "work") -> dict[str, Any]:
    return {"name": name, "gateway": {"address": ["gw.lab.test"]},
            "user": {"auth": "smartcard", "certificate": certificate}}


def run(scenario: Callable[[Smartcards], Coroutine[Any, Any, None]], **options: Any) -> None:
    async def bounded() -> None:
        cards = Smartcards(**options)
        async with asyncio.timeout(30):
            await scenario(cards)
            await cards.settled()
        assert asyncio.all_tasks() == {asyncio.current_task()}
    asyncio.run(bounded())


async def unlocked(cards: Smartcards, person: Person, of: Any = ALICE, patience: float = 20.0) -> Credential:
    return await cards.credential(profile(of), person, time.time() + patience)


@contextmanager
def fails(cause: Cause, words: str = "") -> Iterator[None]:
    with pytest.raises(RoveError) as error:
        yield
    assert error.value.cause is cause, error.value
    assert words in error.value.detail


# --- what is there ---


def test_tokens_and_certificates_are_seen_without_a_pin(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        tokens, problems = await cards.scan(smartcard.modules_for(None))
        assert problems == []
        by_label: dict[str, TokenInfo] = {token.id.label: token for token in tokens}
        assert set(by_label) == {"badge", "spare"}
        badge = by_label["badge"]
        assert {(one.label, one.certificate.name) for one in badge.certificates} == {
            ("alice", "CN=alice,O=Lab"), ("bob", "CN=bob,O=Lab"), ("corp", "CN=Corp CA,O=Lab")}
        assert badge.pin.needed
        assert not badge.pin.locked
        assert badge.id.serial
        [alice] = [one for one in badge.certificates if one.label == "alice"]
        found = await cards.candidates(profile(str(badge.uri(alice))))
        assert [one.label for _, one in found] == ["alice"]
    run(scenario)
    assert card.log == []


@pytest.mark.parametrize(("certificate", "labels"), [
    ({}, {"alice", "bob", "carol"}), ({"issuer": "corp ca"}, {"alice", "bob"}),
    ({"issuer": "CN=Corp CA,O=Lab"}, {"alice", "bob"}),
    ({"issuer": "Card Root"}, {"alice", "bob"}),        # above the issuer, whose certificate is on the token
    ({"issuer": "Other CA"}, {"carol"}), ({"eku": "clientAuth"}, {"alice"}),
    ({"issuer": "Corp CA", "eku": "1.3.6.1.5.5.7.3.2"}, {"alice"}),
    ("pkcs11:", {"alice", "bob", "carol"}), ("pkcs11:token=badge", {"alice", "bob"}),
    ("pkcs11:id=%01", {"alice", "carol"}), ("pkcs11:token=badge;id=%02", {"bob"}),
    ("pkcs11:model=SoftHSM%20v2;object=carol", {"carol"}),
    ("pkcs11:object=carol?module-name=card", {"carol"}), ("pkcs11:object=carol?module-name=shim", {"carol"}),
])
def test_the_rule_decides(card: Card, certificate: Any, labels: set[str]) -> None:
    async def scenario(cards: Smartcards) -> None:
        assert {one.label for _, one in await cards.candidates(profile(certificate))} == labels
    run(scenario)


@pytest.mark.parametrize(("certificate", "cause", "words"), [
    ("pkcs11:token=other;serial=77", Cause.TOKEN_OTHER, "the profile wants “other” (77)"),
    ("pkcs11:token=badge;object=zoe", Cause.TOKEN_OTHER, "no certificate on “badge” fits"),
    ("pkcs11:object=corp", Cause.TOKEN_OTHER, "fits"),              # a CA is nobody's own
    ({"issuer": "Rogue CA"}, Cause.TOKEN_OTHER, "fits"), ({"eku": "smartcardLogon"}, Cause.TOKEN_OTHER, "fits"),
    ("pkcs11:object=dave", Cause.CREDENTIAL_UNUSABLE, "CN=dave,O=Lab is valid from"),
    ("pkcs11:?module-path=/etc/passwd", Cause.TOKEN_MISSING, "/etc/passwd does not work"),
    ("pkcs11:?module-path=/no/such.so", Cause.BAD_SETTINGS, "No such file"),
    ("pkcs11:?module-name=other", Cause.TOKEN_MISSING, "knows no PKCS#11 module"),
])
def test_nothing_fits(card: Card, certificate: Any, cause: Cause, words: str) -> None:
    async def scenario(cards: Smartcards) -> None:
        with fails(cause, words):
            await cards.candidates(profile(certificate))
    run(scenario)
    assert card.log == []


def test_no_token_at_all(card: Card) -> None:
    card.turn_on("absent")

    async def scenario(cards: Smartcards) -> None:
        with fails(Cause.TOKEN_MISSING):
            await unlocked(cards, Person())
    run(scenario)


def test_several_that_fit_are_chosen_from_once(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN, PIN], [PromptCancelled("no")])
        with pytest.raises(PromptCancelled):
            await unlocked(cards, person, {"issuer": "Corp CA"})
        labels = [one.label for one in person.offered[0]]
        assert sorted(labels) == ["CN=alice,O=Lab", "CN=bob,O=Lab"]
        assert all("from CN=Corp CA,O=Lab, until 20" in one.detail and "on “badge”" in one.detail
                   for one in person.offered[0])
        person.picks = [labels.index("CN=bob,O=Lab")]
        for _ in range(2):      # the second time nobody is asked
            credential = await unlocked(cards, person, {"issuer": "Corp CA"})
            assert credential.subject == "CN=bob,O=Lab"
            credential.release()
        assert len(person.offered) == 2
        choices.forget("work")
        with pytest.raises(AssertionError):
            await unlocked(cards, person, {"issuer": "Corp CA"})
    run(scenario)


def test_the_only_one_that_fitted_is_no_choice_for_later(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN, PIN], [1])
        (await unlocked(cards, person, ALICE)).release()
        known = choices.remembered("work")
        assert known is not None
        assert not known.chosen
        (await unlocked(cards, person, {"issuer": "Corp CA"})).release()
        assert len(person.offered) == 1
    run(scenario)


# --- signing ---


@pytest.mark.parametrize("of", [ALICE, BOB])
@pytest.mark.parametrize("mechanisms", ["", "no-hashes", "only-raw-rsa"])
def test_every_signature_it_offers_is_right(card: Card, of: str, mechanisms: str) -> None:
    if mechanisms:
        card.turn_on(mechanisms)

    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN])
        if of == BOB and mechanisms == "only-raw-rsa":
            with fails(Cause.CREDENTIAL_UNUSABLE, "does not sign with"):
                await unlocked(cards, person, of)
            return
        credential = await unlocked(cards, person, of)
        public = parse_certificate(credential.certificates[0]).public_key
        assert credential.signer.algorithms == auth.signatures_for(public)
        for name in credential.signer.algorithms:
            raw = await credential.signer.sign(name, OCTETS)
            auth.verify_signature(public, *auth.auth_payload_data(name, raw), OCTETS)
        assert len(credential.certificates) == 2        # with its issuer, which is on the token, and without a root
        credential.release()
    run(scenario)
    assert card.log == ["right", "logout"]      # one login for all of them


def test_a_key_that_asks_each_time_gets_the_pin_each_time(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN])
        credential = await unlocked(cards, person, CAROL)
        for _ in range(2):
            await credential.signer.sign("ecdsa-sha256", OCTETS)
        credential.release()
        assert len(person.asked) == 1
        with fails(Cause.CREDENTIAL_UNUSABLE, "logged out"):
            await credential.signer.sign("ecdsa-sha256", OCTETS)
    run(scenario)
    assert card.log == ["right", "right-again", "right-again", "logout"]


# --- the PIN ---


def test_the_prompt_names_token_and_certificate(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN])
        (await unlocked(cards, person)).release()
        [question] = person.asked
        assert question.text == "PIN of the smartcard “badge”, certificate CN=alice,O=Lab, for work"
        assert (question.kind, question.again, question.tries_left) == (PromptKind.PIN, False, None)
        assert question.deadline is not None
        assert 0 < question.deadline - time.time() <= 20
    run(scenario)
    assert card.log == ["right", "logout"]


def test_a_wrong_pin_is_told_and_the_last_try_announced(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        person = Person(["000000", "111111", PIN])
        (await unlocked(cards, person)).release()
        first, second, third = person.asked
        assert second.text.startswith("That PIN was wrong. Few tries are left before the smartcard locks. PIN of")
        assert third.text.startswith("That PIN was wrong. This is the last try before the smartcard locks. PIN of")
        assert [(each.again, each.tries_left) for each in (first, second, third)] == [
            (False, None), (True, None), (True, 1)]
    run(scenario)
    assert card.log == ["wrong", "wrong", "right", "logout"]


def test_a_locked_pin_is_not_asked_for(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        card.tries(1)
        person = Person(["000000"])
        with fails(Cause.PIN_LOCKED):
            await unlocked(cards, person)
        with fails(Cause.PIN_LOCKED):
            await unlocked(cards, Person())
        assert person.asked[0].text.startswith("This is the last try")
    run(scenario)
    assert card.log == ["wrong"]


def test_a_pin_given_beforehand_is_tried_once(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        import os
        reading, writing = os.pipe()
        os.write(writing, b"000000\n" + PIN.encode() + b"\n")
        os.close(writing)
        others = Person()
        with fails(Cause.PIN_WRONG, "tried once"):
            await cards.credential(profile(), Routed(FdPrompter(reading), others), time.time() + 20)
        assert others.asked == []
        os.close(reading)
    run(scenario)
    assert card.log == ["wrong"]


def test_a_cancelled_prompt_leaves_the_card_alone(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        with pytest.raises(PromptCancelled):
            await unlocked(cards, Person([PromptCancelled("no")]))
    run(scenario)
    assert card.log == []


def test_a_pin_is_kept_in_memory_only_where_that_was_asked_for(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN])
        for _ in range(2):
            (await unlocked(cards, person)).release()
        await asyncio.sleep(0.5)
        person.pins = [PIN]
        (await unlocked(cards, person)).release()
        assert len(person.asked) == 2       # its time was over
    run(scenario, cache_pin=0.4)
    assert card.log.count("right") == 3

    async def without(cards: Smartcards) -> None:
        person = Person([PIN, PIN])
        for _ in range(2):
            (await unlocked(cards, person)).release()
        assert len(person.asked) == 2
    run(without)


def test_a_kept_pin_that_is_refused_is_sent_once(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN, "222222", PIN])
        credential = await unlocked(cards, person)
        cards._cache.drop(credential.signer._login.token)     # type: ignore[attr-defined]
        cards._cache.put(credential.signer._login.token, "000000")     # type: ignore[attr-defined]
        credential.release()
        (await unlocked(cards, person)).release()
        assert person.asked[1].text.startswith("The PIN that was kept in memory was refused. Few tries")
        assert [each.again for each in person.asked] == [False, True, True]
    run(scenario, cache_pin=60.0)
    assert card.log == ["right", "logout", "wrong", "wrong", "right", "logout"]


def test_two_connections_with_one_card(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN])
        one, two = await unlocked(cards, person, ALICE), await unlocked(cards, person, BOB)
        one.release()
        await two.signer.sign(two.signer.algorithms[0], OCTETS)
        two.release()
        await cards.settled()
        person.pins = [PIN]
        (await unlocked(cards, person)).release()       # and it was logged out
        assert len(person.asked) == 2
    run(scenario)


# --- the PIN pad ---


def test_pin_pad(card: Card) -> None:
    card.turn_on("pad")

    async def scenario(cards: Smartcards) -> None:
        typed = iter(["000000", PIN])
        person = Person(on_notice=lambda: card.turn_on("pad-pin", next(typed)))
        credential = await unlocked(cards, person)
        assert person.open == 0
        assert person.asked == []
        assert person.notices == [
            "Type the PIN of the smartcard “badge” on the card reader",
            "That PIN was wrong. Type the PIN of the smartcard “badge” on the card reader"]
        await credential.signer.sign(credential.signer.algorithms[0], OCTETS)
        credential.release()
    run(scenario)
    assert card.log == ["wrong", "right", "logout"]


def test_pin_pad_for_a_key_that_asks_each_time(card: Card) -> None:
    card.turn_on("pad")

    async def scenario(cards: Smartcards) -> None:
        person = Person(on_notice=lambda: card.turn_on("pad-pin", PIN))
        credential = await unlocked(cards, person, CAROL)
        await credential.signer.sign("ecdsa-sha256", OCTETS)
        credential.release()
        assert len(person.notices) == 2
    run(scenario)
    assert card.log == ["right", "right-again", "logout"]


@pytest.mark.parametrize(("how", "cause"), [
    ("cancelled there", Cause.PROMPT_CANCELLED), ("cancelled here", Cause.PROMPT_CANCELLED),
    ("mistyped", Cause.PIN_WRONG)])
def test_pin_pad_and_no_pin_for_the_signature(card: Card, how: str, cause: Cause) -> None:
    card.turn_on("pad")

    async def scenario(cards: Smartcards) -> None:
        person = Person(on_notice=lambda: card.turn_on("pad-pin", PIN))
        credential = await unlocked(cards, person, CAROL)

        async def cancelled(text: str, profile: str = "") -> None:
            await asyncio.sleep(0.1)
            raise PromptCancelled("no")
        if how == "cancelled there":
            card.turn_on("pad-cancel")
        elif how == "mistyped":
            person.on_notice = lambda: card.turn_on("pad-pin", "000000")
        else:
            person.notice = cancelled       # type: ignore[method-assign]
        with fails(cause):
            await credential.signer.sign("ecdsa-sha256", OCTETS)
        with fails(Cause.CREDENTIAL_UNUSABLE, "logged out"):
            await credential.signer.sign("ecdsa-sha256", OCTETS)
        card.turn_off("pad-cancel")
        card.turn_on("pad-pin", PIN)        # ends the C_Login that nobody waits for
        await cards.settled()
        card.turn_off("pad-pin")
        person = Person(on_notice=lambda: card.turn_on("pad-pin", PIN))
        credential = await unlocked(cards, person, CAROL)       # and all is well again
        await credential.signer.sign("ecdsa-sha256", OCTETS)
        credential.release()
    run(scenario)
    assert card.log.count("wrong") == (how == "mistyped")


def test_pin_pad_cancelled_there(card: Card) -> None:
    card.turn_on("pad")
    card.turn_on("pad-cancel")

    async def scenario(cards: Smartcards) -> None:
        with fails(Cause.PROMPT_CANCELLED, "on the card reader"):
            await unlocked(cards, Person())
    run(scenario)


def test_pin_pad_cancelled_here_is_logged_out_when_the_pin_comes_all_the_same(card: Card) -> None:
    card.turn_on("pad")

    async def scenario(cards: Smartcards) -> None:
        person = Person()

        async def notice(text: str, profile: str = "") -> None:
            await asyncio.sleep(0.1)
            raise PromptCancelled("no")
        person.notice = notice      # type: ignore[method-assign]
        with pytest.raises(PromptCancelled):
            await unlocked(cards, person)
        card.turn_on("pad-pin", PIN)
    run(scenario)
    assert card.log == ["right", "logout"]


# --- cards that go, modules that hang ---


def test_pulled_while_signing(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        credential = await unlocked(cards, Person([PIN]))
        card.turn_on("remove-on-sign")
        with fails(Cause.TOKEN_REMOVED):
            await credential.signer.sign(credential.signer.algorithms[0], OCTETS)
        card.turn_off("remove-on-sign", "absent")
        again = await unlocked(cards, Person([PIN]))        # inserted again: all is well
        await again.signer.sign(again.signer.algorithms[0], OCTETS)
        again.release()
    run(scenario)


def test_pulled_before_the_pin_was_typed(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN])
        question = person.secret

        async def secret(asked: Question) -> Answer:
            card.turn_on("absent")
            return await question(asked)
        person.secret = secret      # type: ignore[method-assign]
        with fails(Cause.TOKEN_MISSING, "“badge” is not there"):
            await unlocked(cards, person)
    run(scenario)


def test_a_module_that_hangs_holds_up_nobody(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smartcard, "SIGN_PATIENCE", 0.3)
    monkeypatch.setattr(smartcard, "SCAN_PATIENCE", 0.3)

    async def scenario(cards: Smartcards) -> None:
        credential = await unlocked(cards, Person([PIN]))
        card.turn_on("hang-sign")
        began = time.monotonic()
        with fails(Cause.TOKEN_SILENT, "no answer within 0 s"):
            await credential.signer.sign(credential.signer.algorithms[0], OCTETS)
        with fails(Cause.TOKEN_SILENT, "card: no answer"):
            await unlocked(cards, Person())
        assert time.monotonic() - began < 5
        card.turn_off("hang-sign")
        monkeypatch.setattr(smartcard, "SCAN_PATIENCE", 10.0)
        (await unlocked(cards, Person([PIN]))).release()
    run(scenario)
    assert card.log[-1] == "logout"


def test_presence(card: Card) -> None:
    async def scenario(cards: Smartcards) -> None:
        there = await cards.present([profile()])
        assert there is not None
        assert {token.label for token in there} == {"badge", "spare"}
        card.turn_on("absent")
        assert await cards.present([profile()]) == frozenset()
        card.turn_on("hang-list")
        assert await cards.present([profile()]) is None
        card.turn_off("hang-list")
    smartcard_patience = smartcard.QUICK_PATIENCE
    smartcard.QUICK_PATIENCE = 0.3
    try:
        run(scenario)
    finally:
        smartcard.QUICK_PATIENCE = smartcard_patience


# --- in the agent ---


def test_from_prepare_to_the_log_out_that_the_outcome_brings(card: Card) -> None:
    import tomlkit
    toml = tomlkit.dumps(tree(ALICE))

    async def scenario(cards: Smartcards) -> None:
        person = Person([PIN, PIN])
        service = AgentService(person, smartcards=cards)
        prepared = await service.prepare("work", toml, "connect", 30.0)
        assert prepared.identity == "CN=alice,O=Lab"
        again = await service.prepare("work", toml, "connect", 30.0)     # the gateway was silent: no second PIN
        assert again == prepared
        assert len(person.asked) == 1
        raw = await service.sign_ike_auth("work", ike_sa_init(), bytes(32), bytes(32), b"", "rsa-pss-sha256")
        octets = auth.signed_octets(ike_sa_init(), bytes(32), bytes(32), b"")
        auth.verify_signature(parse_certificate(prepared.certificates[0]).public_key,
                              *auth.auth_payload_data("rsa-pss-sha256", raw), octets)
        await service.outcome("work", accepted=True)
        await cards.settled()
        assert card.log == ["right", "logout"]
        await service.prepare("work", toml, "reauth", 30.0)
        assert len(person.asked) == 2
        await service.cancel("work")
        await service.settle()
    run(scenario)
    assert card.log == ["right", "logout"] * 2


def test_where_no_module_may_be_loaded_there_are_no_smartcards(card: Card) -> None:
    """roved hosts this code for system profiles, and root loads nothing that a profile names."""
    import subprocess
    import sys

    import tomlkit

    async def scenario(_: Smartcards) -> None:
        with fails(Cause.NO_AGENT):
            await AgentService(Person()).prepare("work", tomlkit.dumps(tree(ALICE)), "connect", 5.0)
    run(scenario)
    loads = "import sys, client.core.helper.system_agent; print([m for m in sys.modules if 'pkcs11' in m])"
    assert subprocess.check_output([sys.executable, "-c", loads], text=True) == "['client.model.pkcs11_uri']\n"


def test_an_unanswered_prompt_is_taken_away(card: Card) -> None:
    import tomlkit

    async def scenario(cards: Smartcards) -> None:
        service = AgentService(Person([None]), smartcards=cards)
        with fails(Cause.PROMPT_UNANSWERED):
            await service.prepare("work", tomlkit.dumps(tree(ALICE)), "connect", 2.0)
    run(scenario)
    assert card.log == []
