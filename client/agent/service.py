"""The agent: Prepare, SignIkeAuth, PskAuth, PpkMix, Eap, Outcome, Cancel.

It holds the secrets; roved gets only what they make. It trusts its caller (``export`` lets only roved in) no further
than these methods go: it signs nothing but IKE AUTH, with the key of the profile that was prepared, a few times a
minute.
"""

import asyncio
import contextvars
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from client.agent.attempt import (
    MAX_PPK_VALUES,
    MAX_PSK_VALUES,
    MAX_SIGNATURES,
    PPK,
    VALID_FOR,
    Attempt,
    RateLimit,
    psk_octets,
)
from client.agent.conversations import needs_password
from client.agent.credentials import stored_file
from client.agent.eap_questions import answer_for
from client.agent.held import HeldSecrets
from client.agent.keys import Credential, load_credential
from client.agent.limits import check_ppk_request, check_psk_request, check_signature_request
from client.agent.prompts import PromptCancelled, Prompter, PromptKind, Question, SecretUsedUp, Serial, quietly
from client.agent.stored import StoredSecrets
from client.agent.vault import KEPT_KINDS, PASSPHRASE, NoVault, Vault
from client.core.eap.peer import EapPeer, EapResult
from client.core.ikev2 import auth
from client.model.cause import Cause, Finding, RoveError
from client.model.profile import CERTIFICATE_METHODS, Profile, ProfileError, parse_profile

if TYPE_CHECKING:
    from client.agent.smartcard import Smartcards

REASONS = ("connect", "reconnect", "reauth", "silent")     # the last: nobody is asked
MAX_DEADLINE = 600.0
MAX_PROFILES = 64


@dataclass(frozen=True)
class Prepared:
    """For roved: DER certificates (own first), ``auth.SIGNATURES`` keys best first, the certificate's subject.

    ``eap_identity`` answers EAP-Identity without another question to us.
    """

    certificates: tuple[bytes, ...] = ()
    signatures: tuple[str, ...] = ()
    identity: str = ""
    eap_identity: str = ""


class AgentService:
    """The logic, without D-Bus. Every method raises RoveError.

    ``credential_path(profile, file)`` finds the user's files; ``on_notice(profile, words)`` gets a gateway's
    words, ``on_finding(profile, finding)`` what is worth telling about a credential. ``vault``: what was kept is not
    asked for. ``smartcards``: those of this process, of which there must be one only; None where no module may be
    loaded, as in roved.
    """

    def __init__(self, prompter: Prompter, *, credential_path: Callable[[str, str], Path] = stored_file,
                 vault: Vault | None = None, smartcards: "Smartcards | None" = None,
                 on_notice: Callable[[str, str], None] | None = None,
                 on_finding: Callable[[str, Finding], None] | None = None,
                 clock: Callable[[], float] = time.monotonic, random: Callable[[int], bytes] = os.urandom) -> None:
        self._prompter = Serial(prompter)
        self._smartcards = smartcards
        self._credential_path = credential_path
        self._on_notice = on_notice or (lambda profile, words: None)
        self._on_finding = on_finding or (lambda profile, finding: None)
        self._clock = clock
        self._random = random
        self._attempts: dict[str, Attempt] = {}
        self._running: dict[str, asyncio.Task[Attempt]] = {}
        self._conversing: dict[str, asyncio.Task[EapResult]] = {}   # an EAP method asks the user
        self._limits: dict[tuple[str, str], RateLimit] = {}
        self._refusals: dict[str, tuple[int | str, str, str]] = {}  # profile → secret, why, the gateway's words
        self._stored = StoredSecrets(vault or NoVault(), self._on_finding)
        self._held = HeldSecrets()
        self._expiries: dict[str, asyncio.TimerHandle] = {}

    async def prepare(self, name: str, toml: str, reason: str, deadline: float) -> Prepared:
        """Asks the user for what is missing, within ``deadline`` seconds; begins a new attempt."""
        if reason not in REASONS or not math.isfinite(deadline) or deadline <= 0:
            raise RoveError(Cause.BAD_SETTINGS, "Prepare with an unknown reason or deadline")
        try:
            profile = parse_profile(toml)
        except ProfileError as error:
            raise RoveError(Cause.BAD_SETTINGS, str(error)) from error
        if profile.name != name:
            raise RoveError(Cause.BAD_SETTINGS, "the profile bears another name")
        held = self._reusable_secrets(profile, reason)
        begun = Attempt(profile, self._clock(), credential=self._reusable_login(profile))
        await self._drop(name)
        if not held and reason != "connect":
            held = self._held.of(profile)
        begun.secrets, begun.passphrase = held, held.pop(PASSPHRASE, "")
        if len(self._running) + len(self._attempts) >= MAX_PROFILES:
            begun.forget()
            raise RoveError(Cause.NOT_AUTHORISED, f"more than {MAX_PROFILES} connections at once")
        context = contextvars.copy_context()
        context.run(quietly.set, reason == "silent")
        task = asyncio.create_task(self._gather(begun, time.time() + min(deadline, MAX_DEADLINE)), context=context)
        self._running[name] = task
        ready = False
        try:
            await asyncio.wait({task}, timeout=min(deadline, MAX_DEADLINE))
            if not task.done():
                raise RoveError(Cause.PROMPT_UNANSWERED, f"no answer within {min(deadline, MAX_DEADLINE):.0f} s")
            if task.cancelled():
                raise RoveError(Cause.PROMPT_CANCELLED, "withdrawn")
            attempt = task.result()
            ready = True
        finally:
            task.cancel()
            if self._running.get(name) is task:
                del self._running[name]
            await asyncio.wait({task})      # the terminal is as it was before anybody is told
            if not ready:
                begun.forget()
        self._keep(name, attempt)
        asyncio.get_running_loop().call_soon(attempt.rehearse)
        if attempt.credential is None:
            return Prepared(eap_identity=attempt.eap_identity)
        return Prepared(attempt.credential.certificates, attempt.credential.signer.algorithms,
                        attempt.credential.subject, attempt.eap_identity)

    async def sign_ike_auth(self, name: str, ike_sa_init: bytes, nonce_r: bytes, maced_id: bytes, int_auth: bytes,
                            algorithm: str) -> bytes:
        """The raw signature over the initiator's signed octets (RFC 7296 §2.15), which are made here."""
        attempt = self._attempt(name, "certificate")
        assert attempt.credential is not None
        check_signature_request(ike_sa_init, nonce_r, maced_id, int_auth)
        if algorithm not in attempt.credential.signer.algorithms:
            raise RoveError(Cause.CREDENTIAL_UNUSABLE, "the key of this profile does not sign like that")
        self._limit(name, "sign", MAX_SIGNATURES)
        return await attempt.credential.signer.sign(
            algorithm, auth.signed_octets(ike_sa_init, nonce_r, maced_id, int_auth))

    async def psk_auth(self, name: str, prf: str, octets: bytes) -> bytes:
        """prf(prf(PSK, "Key Pad for IKEv2"), octets), for own or peer octets (RFC 7296 §2.15)."""
        attempt = self._attempt(name, "psk")
        check_psk_request(prf, octets)
        self._limit(name, "psk", MAX_PSK_VALUES)
        return auth.psk_auth(prf, attempt.psk, octets)

    async def ppk_mix(self, name: str, prf: str, sk_d: bytes, sk_pi: bytes, sk_pr: bytes) -> tuple[bytes, ...]:
        """SK_d, SK_pi and SK_pr with the post-quantum pre-shared key in them (RFC 8784 §3)."""
        attempt = self._attempt(name, PPK)
        check_ppk_request(prf, (sk_d, sk_pi, sk_pr))
        self._limit(name, "ppk", MAX_PPK_VALUES)
        return auth.mix_ppk(prf, psk_octets(attempt.secrets[PPK]), (sk_d, sk_pi, sk_pr))

    async def eap(self, name: str, packet: bytes) -> tuple[bytes, bytes]:
        """One EAP packet of the gateway → (response or empty, MSK or empty)."""
        attempt = self._attempt(name, "eap")
        if name in self._conversing:
            raise RoveError(Cause.NOT_AUTHORISED, "an EAP packet while the last one is not answered")
        attempt.tried = True
        index, conversation = attempt.eap(packet)
        try:
            result = conversation.receive(packet)
            if result.question is not None:
                result = await self._conversed(name, attempt, index, conversation, result)
        except RoveError as error:
            if error.cause is Cause.USER_REFUSED:
                self._refusals.setdefault(name, (index, error.detail, ""))
                self._held.forget(name)
                self._stored.refused(attempt, [index])
            if self._attempts.get(name) is attempt:
                self._forget(name)
            raise
        if result.refused:
            self._refusals[name] = (index, result.refused, result.notice)
            self._held.forget(name)
            self._stored.refused(attempt, [index])
            attempt.secrets.pop(index, None)    # refused: not to be used again, not even by a faulty retry
        if result.notice:
            self._on_notice(name, result.notice)
        if result.msk is not None or result.done:
            attempt.eap_accepted()
        return result.response, result.msk or b""

    async def outcome(self, name: str, accepted: bool) -> None:
        """What the gateway says of all that this attempt gave it."""
        attempt = self._attempts.get(name)
        if attempt is None:
            return
        if attempt.credential is not None:
            attempt.credential.release()        # a smartcard need not stay logged in
        if accepted:
            self._stored.accepted(attempt)
            self._held.accepted(attempt.profile, attempt.all_secrets())
            return
        self._held.forget(name)
        wrong = attempt.unproven
        if wrong:
            self._refusals.setdefault(name, (wrong[0], "the gateway does not accept it", ""))
        self._stored.refused(attempt, wrong)
        self._forget(name)

    async def settle(self) -> None:
        """What was to be kept or removed is, and smartcards are logged out."""
        await self._stored.settle()
        if self._smartcards is not None:
            await self._smartcards.settled()

    async def cancel(self, name: str) -> None:
        """The end of the connection or of the prompt: nothing of it is kept."""
        self._held.forget(name)
        await self._drop(name)

    async def forget_all(self) -> None:
        """roved is gone: so are all attempts."""
        for name in {*self._attempts, *self._running}:
            await self._drop(name)
        self._held.forget_all()
        self._limits.clear()
        self._refusals.clear()

    # --- asking ---

    async def _conversed(self, name: str, attempt: Attempt, index: int, conversation: EapPeer, result: EapResult
                         ) -> EapResult:
        """What the method asks in mid-conversation, answered; ``cancel`` takes the prompt away."""
        async def answered() -> EapResult:
            after = result
            while after.question is not None:
                after = conversation.answer(await answer_for(self._secret, self._ask, attempt, index, after.question))
            return after

        task = self._conversing[name] = asyncio.create_task(answered())
        try:
            await asyncio.wait({task})
            if task.cancelled():
                raise RoveError(Cause.PROMPT_CANCELLED, "withdrawn")
            return task.result()
        except SecretUsedUp as error:
            raise RoveError(Cause.CREDENTIAL_UNUSABLE, str(error)) from error
        except PromptCancelled as error:
            raise RoveError(Cause.PROMPT_CANCELLED, str(error)) from error
        finally:
            task.cancel()
            if self._conversing.get(name) is task:
                del self._conversing[name]
            await asyncio.wait({task})

    async def _gather(self, attempt: Attempt, until: float) -> Attempt:
        """Whatever the rounds need, in their order, and the PPK after them; ``until`` is a Unix time."""
        profile = attempt.profile
        try:
            for index, each in enumerate(profile.user.rounds):
                if each.auth in CERTIFICATE_METHODS:
                    if attempt.credential is None:
                        await self._load(attempt, until)
                elif index not in attempt.secrets and (each.auth == "psk" or needs_password(each.auth)):
                    kind, what = ((PromptKind.PSK, "Pre-shared key") if each.auth == "psk"
                                  else (PromptKind.PASSWORD, f"Password of {each.identity}"))
                    attempt.secrets[index] = await self._secret(attempt, index, kind, what)
            if profile.ike.ppk and PPK not in attempt.secrets:
                attempt.secrets[PPK] = await self._secret(
                    attempt, PPK, PromptKind.PPK, f"Post-quantum key {profile.ike.ppk}")
        except SecretUsedUp as error:
            raise RoveError(Cause.CREDENTIAL_UNUSABLE, str(error)) from error
        except PromptCancelled as error:
            raise RoveError(Cause.PROMPT_CANCELLED, str(error)) from error
        attempt.start(self._random)
        attempt.prepared_at = self._clock()
        return attempt

    async def _secret(self, attempt: Attempt, slot: int | str, kind: PromptKind, what: str) -> str:
        """Kept, or asked for."""
        name = attempt.profile.name
        refused, why, words = self._refusals.get(name, (None, "", ""))
        again = refused is not None and refused == slot
        if again:
            del self._refusals[name]
        elif (stored := await self._stored.get(attempt, slot)) is not None:
            return stored
        before = f"The last one was refused: {why}. " if again else ""
        return await self._ask(attempt, slot, Question(
            kind, f"{before}{what} for {name}", name, words if again else "", again))

    async def _ask(self, attempt: Attempt, slot: int | str, question: Question) -> str:
        may = self._stored.keeps and question.kind in KEPT_KINDS
        answer = await self._prompter.secret(replace(question, may_remember=may))
        if may and answer.remember:
            attempt.to_keep[slot] = answer.text
        return answer.text

    async def _load(self, attempt: Attempt, until: float) -> None:
        profile = attempt.profile
        if profile.user.on_token:
            if self._smartcards is None:
                raise RoveError(Cause.NO_AGENT, "smartcards are for the user's own session")
            if attempt.credential is None:
                attempt.credential = await self._smartcards.credential(profile, self._prompter, until)
            return
        tries = 0

        async def find() -> str:
            nonlocal tries
            tries += 1
            if tries == 1 and attempt.passphrase:
                return attempt.passphrase
            if tries == 1 and (stored := await self._stored.get(attempt, PASSPHRASE)) is not None:
                return stored
            self._stored.refused(attempt, [PASSPHRASE])
            return await self._ask(attempt, PASSPHRASE, Question(
                PromptKind.PASSPHRASE, f"Passphrase of {profile.user.certificate} for {profile.name}", profile.name))

        async def ask() -> str:
            attempt.passphrase = await find()
            return attempt.passphrase

        key = self._credential_path(profile.name, profile.user.key) if profile.user.key else None
        attempt.credential = await load_credential(
            self._credential_path(profile.name, profile.user.certificate), key, ask, datetime.now(UTC))
        for finding in attempt.credential.findings:
            self._on_finding(profile.name, finding)

    # --- holding ---

    def _reusable_secrets(self, profile: Profile, reason: str) -> dict[int | str, str]:
        """What this very profile's attempt was given and no gateway refused; else empty.

        A refused PSK ends the attempt by ``cancel``. Passwords that were tried must all have been accepted, and hold
        until the user starts anew: another try might lock the account.
        """
        held = self._attempts.get(profile.name)
        if held is None or held.profile != profile or self._clock() - held.prepared_at >= VALID_FOR:
            return {}
        return held.all_secrets() if not held.tried or (held.accepted and reason != "connect") else {}

    def _reusable_login(self, profile: Profile) -> Credential | None:
        """A smartcard that is logged in and has not signed: another try at a silent gateway needs no second PIN."""
        held = self._attempts.get(profile.name)
        if held is None or held.profile != profile or held.credential is None or not held.credential.fresh():
            return None
        credential, held.credential = held.credential, None
        return credential

    def _attempt(self, name: str, method: str) -> Attempt:
        """``method``: "psk", "certificate", "eap" (any), or PPK."""
        attempt = self._attempts.get(name)
        if attempt and self._clock() - attempt.prepared_at >= VALID_FOR:
            self._forget(name)
            attempt = None
        if attempt is None or not (attempt.profile.ike.ppk if method == PPK
                                   else attempt.profile.user.has_eap if method == "eap"
                                   else attempt.profile.user.has(method)):
            raise RoveError(Cause.NOT_AUTHORISED, "nothing was prepared for this")
        return attempt

    def _limit(self, name: str, what: str, most: int) -> None:
        self._limits.setdefault((name, what), RateLimit(most)).use(self._clock())

    def _keep(self, name: str, attempt: Attempt) -> None:
        self._forget(name)
        self._attempts[name] = attempt
        self._expiries[name] = asyncio.get_running_loop().call_later(VALID_FOR, self._forget, name)

    def _forget(self, name: str) -> None:
        if expiry := self._expiries.pop(name, None):
            expiry.cancel()
        if attempt := self._attempts.pop(name, None):
            self._stored.ended(attempt)
            if attempt.tried and not attempt.accepted:
                self._held.undecided(name)
            attempt.forget()

    async def _drop(self, name: str) -> None:
        self._forget(name)
        while task := self._running.pop(name, None) or self._conversing.pop(name, None):  # more may come
            task.cancel()
            await asyncio.wait({task})
