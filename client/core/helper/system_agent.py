"""The agent of system profiles: the users' own agent code, in roved, with the root-only store instead of a person.

What a system profile needs and the store has not is asked of the caller's agent, as for any other profile. Nothing of
a user's comes here: no PKCS#11 module, no file that a user names, no password that somebody types.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from client.agent.prompts import Answer, Choice, PromptKind, Question
from client.agent.service import AgentService
from client.agent.vault import VaultError
from client.core.helper.agents import ANSWER_TIMEOUT, AgentRegistry, AgentSession, Prepared
from client.core.helper.credentials import CredentialStore
from client.model.cause import Cause, Finding, RoveError
from client.model.profile import Profile, parse_profile

CHECK_TIMEOUT = 30.0      # s


class SystemAgent:
    """For all system profiles. ``log(profile, text)`` takes what is worth telling."""

    def __init__(self, store: CredentialStore, log: Callable[[str, str], None]) -> None:
        self._store = store

        def notice(name: str, words: str) -> None:
            log(name, f"the gateway says: {words}")

        def finding(name: str, found: Finding) -> None:
            log(name, found.message)

        self.service = AgentService(_Nobody(), credential_path=store.path, vault=_StoreVault(store), on_notice=notice,
                                    on_finding=finding)

    def serves(self, profile: Profile) -> bool:
        return self._store.has(profile.name) and not profile.user.on_token      # root loads no module

    async def check(self, toml: str) -> None:
        """Can what is stored be used? A secret that is missing can still be asked for. Raises RoveError."""
        profile = parse_profile(toml)
        try:
            await self.service.prepare(profile.name, toml, "connect", CHECK_TIMEOUT)
        except RoveError as error:
            if error.cause is not Cause.NO_AGENT:
                raise
            if profile.user.has("certificate"):
                raise RoveError(Cause.CREDENTIAL_UNUSABLE, "its certificate would be of no use without the other "
                                "secrets; give all of them with --password-fd") from error
        finally:
            await self.service.cancel(profile.name)


class SystemSession(AgentSession):
    """One system profile's connection. ``uid`` None: it began by itself, and the first who cares for it is asked."""

    def __init__(self, system: SystemAgent, registry: AgentRegistry, uid: int | None, connect_sender: str | None,
                 profile: Profile, profile_toml: str) -> None:
        super().__init__(registry, uid, connect_sender, profile.name, profile_toml)
        self._system = system
        self._serves = system.serves(profile)
        self._own = False             # the present attempt is the store's
        self._jobs: set[asyncio.Task[None]] = set()

    async def prepare(self, reason: str, deadline: float) -> Prepared:
        if self._serves:
            try:
                prepared = await self._system.service.prepare(self._profile, self._toml, reason, deadline)
            except RoveError as error:
                if error.cause is not Cause.NO_AGENT:
                    raise
            else:
                super().cancel()
                self._own = True
                self._eap_identity, self._msk = prepared.eap_identity, b""
                return Prepared(prepared.certificates, prepared.signatures, prepared.identity, prepared.eap_identity)
        self._own = False
        return await super().prepare(reason, deadline)

    def outcome(self, *, accepted: bool) -> None:
        if self._own:
            self._do(self._system.service.outcome(self._profile, accepted))
        else:
            super().outcome(accepted=accepted)

    def cancel(self) -> None:
        super().cancel()
        if self._own:
            self._own = False
            self._do(self._system.service.cancel(self._profile))

    async def _ask(self, method: str, *arguments: Any, patience: float = ANSWER_TIMEOUT) -> Any:
        if not self._own:
            return await super()._ask(method, *arguments, patience=patience)
        service = self._system.service
        calls: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
            "SignIkeAuth": service.sign_ike_auth, "PskAuth": service.psk_auth, "PpkMix": service.ppk_mix,
            "Eap": service.eap}
        return await calls[method](self._profile, *arguments)

    def _do(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)


class _Nobody:
    """A Prompter where no person is."""

    async def secret(self, question: Question) -> Answer:
        if question.kind is PromptKind.PASSPHRASE:      # of a file that no user's agent has
            raise RoveError(Cause.CREDENTIAL_UNUSABLE, "the passphrase of its key is missing or wrong; import the "
                                                       "profile with --password-fd")
        raise RoveError(Cause.NO_AGENT, "this is not stored")

    async def notice(self, text: str, profile: str = "") -> None:
        raise RoveError(Cause.NO_AGENT, "nobody is there to be told")

    async def choose(self, text: str, choices: Sequence[Choice], profile: str = "") -> int:
        raise RoveError(Cause.NO_AGENT, "nobody is there to choose")


class _StoreVault:
    """``put`` is the import's alone."""

    keeps = False

    def __init__(self, store: CredentialStore) -> None:
        self._store = store

    async def get(self, profile: Profile, slot: str) -> str | None:
        return (await asyncio.to_thread(self._store.secrets, profile.name)).get(slot)

    async def put(self, profile: Profile, slot: str, secret: str) -> None:
        raise AssertionError("nobody types here")

    async def forget(self, profile: Profile, slots: Sequence[str]) -> None:
        try:
            await asyncio.to_thread(self._store.forget, profile.name, slots)
        except (RoveError, OSError) as error:
            raise VaultError(str(error)) from error
