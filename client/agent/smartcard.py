"""Smartcards at the speed of people: which certificate, the PIN, and a Signer for the key that stays on the card.

Modules block, know no threads and may hang: everything they do happens in one Worker, with bounded patience.
"""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from client.agent import choices
from client.agent.keys import Credential, ordered_chain
from client.agent.modules import Module, modules_for
from client.agent.pin_cache import PinCache
from client.agent.pkcs11 import Login, PinRefused, PinState, TokenId, TokenInfo, Tokens, issuer_name
from client.agent.prompts import Choice, PromptCancelled, Prompter, PromptKind, Question, SecretUsedUp
from client.agent.token_rules import Candidate, candidates
from client.agent.worker import Worker
from client.model.cause import Cause, RoveError
from client.model.pkcs11_uri import Pkcs11Uri, parse_pkcs11_uri
from client.model.profile import CertificateRule, Profile

SCAN_PATIENCE = 20.0        # s, for one module: a slow card with a dozen certificates takes five
LOGIN_PATIENCE = 20.0       # s, without a pad
SIGN_PATIENCE = 25.0        # s: roved waits 30 for a signature
QUICK_PATIENCE = 5.0        # s: flags
LINGER = 20.0               # s that a login outlives its last signature, where roved does not say that it is over
MAX_PIN_TRIES = 10          # of one prompt; cards have fewer

_T = TypeVar("_T")


class Smartcards:
    """All there is of them in this process. ``cache_pin``: seconds that a right PIN stays in memory, 0: not at all."""

    def __init__(self, cache_pin: float = 0.0, modules: Callable[[Pkcs11Uri | None], Sequence[Module]] = modules_for
                 ) -> None:
        self._modules = modules
        self._tokens = Tokens()
        self._worker = Worker("smartcards")
        self._cache = PinCache(cache_pin)

    async def scan(self, modules: Sequence[Module]) -> tuple[list[TokenInfo], list[tuple[Module, str]]]:
        """The tokens with their certificates, and the modules that do not work, each with why. No PIN is needed.

        Raises RoveError (TOKEN_SILENT) naming the module that hangs: those behind it cannot be asked.
        """
        found: list[TokenInfo] = []
        problems: list[tuple[Module, str]] = []
        for module in modules:
            try:
                tokens, wrong = await self._worker.run(partial(self._tokens.scan, [module]), SCAN_PATIENCE)
            except RoveError as error:
                raise RoveError(error.cause, f"{module.name or module.path}: {error.detail}") from error
            found += tokens
            problems += wrong
        return found, problems

    async def candidates(self, profile: Profile) -> list[Candidate]:
        """What is inserted and may be used, the surest first. Raises RoveError as ``token_rules.candidates`` does."""
        uri = _uri(profile)
        modules = self._modules(uri)
        if not modules:
            raise RoveError(Cause.TOKEN_MISSING, "p11-kit knows no PKCS#11 module (“rove token list”)")
        tokens, problems = await self.scan(modules)
        if not tokens and problems:
            module, why = problems[0]
            raise RoveError(Cause.TOKEN_MISSING, f"the driver {module.name or module.path} does not work: {why}")
        return candidates(tokens, uri, profile.user.rule or CertificateRule(), datetime.now(UTC))

    async def present(self, profiles: Sequence[Profile]) -> frozenset[TokenId] | None:
        """The tokens that are inserted, of all modules these profiles use; None: the modules do not say."""
        modules: list[Module] = []
        for profile in profiles:
            with contextlib.suppress(RoveError):
                modules += self._modules(_uri(profile))
        try:
            return await self._worker.run(lambda: self._tokens.present(tuple(dict.fromkeys(modules))), QUICK_PATIENCE)
        except RoveError:
            return None

    async def credential(self, profile: Profile, prompter: Prompter, deadline: float) -> Credential:
        """Asks which certificate and for the PIN, where that is needed; ``deadline`` is a Unix time.

        Raises RoveError, PromptCancelled.
        """
        token, one = await self._chosen(profile, await self.candidates(profile), prompter)
        session = _Prompts(self, profile, prompter, deadline, token, one.certificate.name)
        login, pin = await session.log_in((token, one))
        signer = TokenSigner(login, pin, self._worker, prompter, profile.name)
        above = [each.certificate for each in token.certificates]
        return Credential(ordered_chain(one.certificate, above), signer, one.certificate.name,
                          release=signer.release, fresh=lambda: signer.fresh)

    async def settled(self) -> None:
        """Log-outs that were ordered are done."""
        self._cache.clear()
        await self._worker.settled(2.0)

    async def _chosen(self, profile: Profile, found: list[Candidate], prompter: Prompter) -> Candidate:
        known = choices.remembered(profile.name)
        before = [each for each in found if known and known.chosen and _fingerprint(each) == known.certificate]
        # the same certificate on two tokens: the one that was used last
        before.sort(key=lambda each: known is not None and each[0].id.serial != known.serial)
        asked = False
        if before:
            chosen = before[0]
        elif len(found) == 1:
            chosen = found[0]
        else:
            index = await prompter.choose(f"Certificate for {profile.name}", [_choice(each) for each in found],
                                          profile.name)
            chosen, asked = found[index], True
        with contextlib.suppress(OSError):      # then it is asked for again
            choices.remember(profile.name, choices.Choice(
                _fingerprint(chosen), chosen[0].id.label, chosen[0].id.serial, asked or bool(before)))
        return chosen


@dataclass
class TokenSigner:
    """A Signer. The token stays logged in until ``release``, or LINGER after the last signature."""

    _login: Login
    _pin: str | None = field(repr=False)
    _worker: Worker
    _prompter: Prompter
    _profile: str
    _released: bool = False
    _used: bool = False
    _end: asyncio.TimerHandle | None = None

    @property
    def algorithms(self) -> tuple[str, ...]:
        return self._login.algorithms

    @property
    def fresh(self) -> bool:
        return not self._released and not self._used

    async def sign(self, algorithm: str, octets: bytes) -> bytes:
        """The raw signature. Raises RoveError: TOKEN_REMOVED, TOKEN_SILENT, PIN_WRONG, PROMPT_CANCELLED …"""
        if self._released:
            raise RoveError(Cause.CREDENTIAL_UNUSABLE, "the smartcard is logged out already")
        self._used = True
        login = self._login
        on_pad = login.asks_each_time and login.pad
        pin = "" if on_pad else self._pin
        signing = self._worker.run(lambda: login.sign(algorithm, octets, pin), SIGN_PATIENCE)
        try:
            if on_pad:
                raw = await _under_notice(self._prompter, _pad_text(login.token.label), self._profile, signing)
            else:
                raw = await signing
        except BaseException as error:
            self.release()      # what was begun on the session may still be open: it is of no use any more
            if isinstance(error, PinRefused):
                raise RoveError(Cause.PIN_WRONG, str(error).rstrip(".")) from error
            if isinstance(error, PromptCancelled):
                raise RoveError(Cause.PROMPT_CANCELLED, str(error)) from error
            raise
        self._linger()
        return raw

    def release(self) -> None:
        """Logs out, soon. Idempotent."""
        self._pin = None
        if self._end is not None:
            self._end.cancel()
        if not self._released:
            self._released = True
            self._worker.post(self._login.close)

    def _linger(self) -> None:
        if not self._released:
            if self._end is not None:
                self._end.cancel()
            self._end = asyncio.get_running_loop().call_later(LINGER, self.release)


@dataclass
class _Prompts:
    """The way from a chosen certificate to a login."""

    cards: Smartcards
    profile: Profile
    prompter: Prompter
    deadline: float
    token: TokenInfo
    subject: str

    async def log_in(self, of: Candidate) -> tuple[Login, str | None]:
        """→ the login, and its PIN where each signature needs it again."""
        cards, who = self.cards, self.token.id
        before = ""
        for _ in range(MAX_PIN_TRIES):
            state, known = await cards._worker.run(
                lambda: (cards._tokens.pin_state(who), cards._tokens.logged_in(who)), QUICK_PATIENCE)
            if state.locked:
                raise RoveError(Cause.PIN_LOCKED, f"“{who.label}”")
            pin: str | None = None
            cached = False
            if state.needed and not state.pad and not known:
                held = cards._cache.get(who) if not before else None
                cached = held is not None
                pin = held if held is not None else await self._ask(state, before)
            try:
                login = await self._with(of, pin, state.needed and state.pad and not known, before)
            except PinRefused as error:
                cards._cache.drop(who)
                before = "The PIN that was kept in memory was refused. " if cached else f"{error} "
                continue
            return await self._complete(login, pin)
        raise RoveError(Cause.PIN_WRONG, f"{MAX_PIN_TRIES} times")

    async def _with(self, of: Candidate, pin: str | None, on_pad: bool, before: str) -> Login:
        cards, (token, one) = self.cards, of
        patience = max(self.deadline - time.time(), 1.0) if on_pad else LOGIN_PATIENCE
        logging_in = cards._worker.run(lambda: cards._tokens.log_in(token.id, one, pin), patience, Login.close)
        if on_pad:
            return await _under_notice(self.prompter, before + _pad_text(token.id.label), self.profile.name, logging_in)
        return await logging_in

    async def _complete(self, login: Login, pin: str | None) -> tuple[Login, str | None]:
        if pin is not None:
            self.cards._cache.put(login.token, pin)
        if not login.asks_each_time or login.pad:
            return login, None
        if pin is None:
            pin = self.cards._cache.get(login.token)
        try:
            return login, pin if pin is not None else await self._ask(PinState(True, False), "")
        except BaseException:
            self.cards._worker.post(login.close)
            raise

    async def _ask(self, state: PinState, before: str) -> str:
        warning, left = "", None
        if state.final_try:
            warning, left = "This is the last try before the smartcard locks. ", 1
        elif state.count_low:
            warning = "Few tries are left before the smartcard locks. "
        question = Question(
            PromptKind.PIN, f"{before}{warning}PIN of the smartcard “{self.token.id.label}”, certificate "
            f"{self.subject}, for {self.profile.name}", self.profile.name, again=bool(before), tries_left=left,
            deadline=self.deadline)
        try:
            return (await self.prompter.secret(question)).text
        except SecretUsedUp as error:
            if before:      # nobody can be asked again: the one PIN given beforehand was wrong
                raise RoveError(Cause.PIN_WRONG, "it was tried once") from error
            raise


async def _under_notice(prompter: Prompter, text: str, profile: str, work: Coroutine[Any, Any, _T]) -> _T:
    """``work`` while the notice is shown; whoever takes the notice away ends it. Raises PromptCancelled."""
    working = asyncio.ensure_future(work)
    notice = asyncio.ensure_future(prompter.notice(text, profile))
    try:
        await asyncio.wait((working, notice), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            notice.result()
        return await working
    finally:
        for task in (working, notice):
            task.cancel()
        await asyncio.gather(working, notice, return_exceptions=True)


def _pad_text(label: str) -> str:
    return f"Type the PIN of the smartcard “{label}” on the card reader"


def _uri(profile: Profile) -> Pkcs11Uri | None:
    return parse_pkcs11_uri(profile.user.certificate) if profile.user.certificate else None


def _fingerprint(of: Candidate) -> str:
    return hashlib.sha256(of[1].certificate.der).hexdigest()


def _choice(of: Candidate) -> Choice:
    token, certificate = of[0].id, of[1].certificate
    return Choice(certificate.name, f"from {issuer_name(certificate)}, until {certificate.not_after:%Y-%m-%d}, "
                  f"on “{token.label}” {token.serial}".rstrip())
