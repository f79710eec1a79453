"""The agents in the users' sessions: who is registered, whom to ask, and what of their answers to believe.

An agent is an unprivileged process. Its replies are checked for type and size; what it says goes to its own
connection only, and its words are made plain before anybody reads them.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dbus_fast import Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus

from client.bus.interface import AGENT_INTERFACE, AGENT_METHODS, AGENT_PATH, error_code
from client.core.helper.log import plain
from client.model.cause import Cause, RoveError

KINDS = ("cli", "agent", "tray")
MAX_AGENTS = 64
MAX_AGENTS_PER_USER = 8
ANSWER_TIMEOUT = 30.0             # s, where nobody types: a smartcard signature takes up to some seconds
NEXT_AFTER = 20.0                 # s: an agent that has not answered by then may be where nobody sits
MAX_CERTIFICATES, MAX_CERTIFICATE = 16, 65536
MAX_SIGNATURES, MAX_SIGNATURE_NAME = 32, 64
MAX_SIGNATURE = 8192
MAX_EAP = 65535                   # RFC 3748 §4: two octets of length
MSK_SIZES = range(64, 257)        # RFC 3748 §7.10: at least 64

# Errors an agent may give; anything else it says is CREDENTIAL_UNUSABLE.
_ITS_CAUSES = frozenset({
    Cause.NO_AGENT, Cause.PROMPT_CANCELLED, Cause.PROMPT_UNANSWERED, Cause.CREDENTIAL_UNUSABLE, Cause.USER_REFUSED,
    Cause.EAP_METHOD_UNSUPPORTED, Cause.BAD_SETTINGS, Cause.PROTOCOL_ERROR, Cause.GATEWAY_UNTRUSTED,
    Cause.GATEWAY_EXPIRED, Cause.GATEWAY_WRONG_NAME, Cause.GATEWAY_KEY_USAGE, Cause.GATEWAY_NO_AUTH,
    Cause.GATEWAY_BAD_SIGNATURE, Cause.GATEWAY_PIN, Cause.NO_COMMON_PROPOSAL, Cause.TLS_ENGINE_MISSING,
    Cause.TOKEN_MISSING, Cause.TOKEN_OTHER, Cause.TOKEN_REMOVED, Cause.TOKEN_SILENT, Cause.PIN_WRONG, Cause.PIN_LOCKED})
# It says nothing for the user: another agent may.
_NOT_THE_USERS = frozenset({Cause.NO_AGENT, Cause.PROMPT_UNANSWERED})
# The agent is not there, or is none: ask the next.
_NO_REPLY = "org.freedesktop.DBus.Error.NoReply"
_GONE = frozenset(f"org.freedesktop.DBus.Error.{name}" for name in (
    "ServiceUnknown", "NameHasNoOwner", "UnknownMethod", "UnknownObject", "UnknownInterface", "NoReply",
    "Disconnected", "AccessDenied"))


@dataclass(frozen=True)
class Agent:
    sender: str
    uid: int
    pid: int
    kind: str                     # one of KINDS
    order: int


@dataclass(frozen=True)
class Prepared:
    """``certificates`` DER, own first; ``signatures`` keys of auth.SIGNATURES; ``identity`` for IDi, may be empty.

    ``eap_identity``: what answers EAP-Identity; empty: the agent is asked.
    """

    certificates: tuple[bytes, ...]
    signatures: tuple[str, ...]
    identity: str
    eap_identity: str = ""


@dataclass(frozen=True)
class EapAnswer:
    """``response`` empty: EAP-Success came and this is the ``msk``; else the one to send, and ``msk`` is empty."""

    response: bytes
    msk: bytes = field(repr=False)


class AgentRegistry:
    """``is_active(pid)``: does the process belong to an active session (Sessions.is_active)?"""

    def __init__(self, bus: MessageBus, is_active: Callable[[int], Awaitable[bool]]) -> None:
        self._bus = bus
        self._is_active = is_active
        self._agents: dict[str, Agent] = {}
        self._order = itertools.count()

    def register(self, sender: str, uid: int, pid: int, kind: str) -> None:
        """Again: the new kind counts. Raises RoveError(NOT_AUTHORISED) when there are too many."""
        others = [agent for agent in self._agents.values() if agent.sender != sender]
        if len(others) >= MAX_AGENTS or sum(agent.uid == uid for agent in others) >= MAX_AGENTS_PER_USER:
            raise RoveError(Cause.NOT_AUTHORISED, "there are too many agents")
        self._agents[sender] = Agent(sender, uid, pid, kind, next(self._order))

    def remove(self, sender: str) -> None:
        self._agents.pop(sender, None)

    def has(self, sender: str) -> bool:
        return sender in self._agents

    def serves(self, uid: int) -> bool:
        """Is anybody of this user there to ask?"""
        return any(agent.uid == uid for agent in self._agents.values())

    def uid_of(self, sender: str) -> int | None:
        return self._agents[sender].uid if sender in self._agents else None

    async def candidates(self, uid: int | None, connect_sender: str | None) -> list[Agent]:
        """Whom to ask for this user, in order: who called Connect, the tray of the active session, the others."""
        mine = [agent for agent in self._agents.values() if agent.uid == uid]
        trays = [agent for agent in mine if agent.kind == "tray"]
        active = {agent.sender for agent in trays if await self._is_active(agent.pid)} if len(mine) > 1 else set()
        return sorted(mine, key=lambda agent: (agent.sender != connect_sender, agent.sender not in active,
                                               agent.kind != "tray", agent.order))

    async def call(self, sender: str, method: str, arguments: list[Any], patience: float) -> Any:
        """One call of AGENT_METHODS → the reply's value, None where there is none.

        Raises RoveError: NO_AGENT (gone, or declines), PROMPT_UNANSWERED (``patience`` s passed),
        CREDENTIAL_UNUSABLE (answers nonsense), or what the agent said.
        """
        row = AGENT_METHODS[method]
        message = self._message(sender, method, arguments)
        try:
            async with asyncio.timeout(patience):
                reply = await self._bus.call(message)
        except TimeoutError as error:
            raise RoveError(Cause.PROMPT_UNANSWERED, f"no answer within {patience:.0f} s") from error
        if reply.message_type is MessageType.ERROR:
            if reply.error_name == _NO_REPLY and self.has(sender):
                # The daemon's own limit on replies; had the agent left the bus we would have been told before.
                raise RoveError(Cause.PROMPT_UNANSWERED, "the bus gave up waiting for the agent")
            raise _its_error(reply)
        if reply.signature != row.returns:
            raise _nonsense(f"{method} answered with signature {plain(reply.signature, 40)!r}")
        return None if not reply.body else reply.body if len(reply.body) > 1 else reply.body[0]

    def tell(self, sender: str, method: str, arguments: list[Any]) -> None:
        """A call of AGENT_METHODS, without waiting for an answer."""
        if sender in self._agents and self._bus.connected:
            message = self._message(sender, method, arguments)
            message.flags = MessageFlag.NO_REPLY_EXPECTED
            self._bus.send(message)

    @staticmethod
    def _message(sender: str, method: str, arguments: list[Any]) -> Message:
        return Message(destination=sender, path=AGENT_PATH, interface=AGENT_INTERFACE, member=method,
                       signature=AGENT_METHODS[method].signature, body=arguments)


class AgentSession:
    """One connection's way to its user. ``prepare`` begins an attempt and picks the agent the rest of it sticks to.

    ``uid`` is whom to ask: who called Connect, for the machine's profiles too; None: nobody did.
    """

    def __init__(self, registry: AgentRegistry, uid: int | None, connect_sender: str | None, profile: str,
                 profile_toml: str) -> None:
        self.uid = uid
        self._registry = registry
        self._connect_sender = connect_sender
        self._profile = profile
        self._toml = profile_toml
        self._bound: str | None = None
        self._sticks = True                 # the agent that was bound holds what the gateway has accepted
        self._asked: set[str] = set()       # and have not answered yet
        self._eap_identity = ""
        self._msk = b""

    def prefer(self, sender: str) -> None:
        """From now on this caller's agent, where it has one, is asked first."""
        self._connect_sender = sender
        self._sticks = False
        if self.uid is None:
            self.uid = self._registry.uid_of(sender)

    async def prepare(self, reason: str, deadline: float) -> Prepared:
        """Ask for what is missing now; ``reason`` "connect"|"reconnect"|"reauth"|"silent" (then
        with what is held, or not), ``deadline`` in s from now.

        Raises RoveError: NO_AGENT, PROMPT_CANCELLED, PROMPT_UNANSWERED, CREDENTIAL_UNUSABLE …
        """
        order = await self._registry.candidates(self.uid, self._connect_sender)
        waiting = [agent.sender for agent in order]
        if self._sticks and self._bound in waiting:
            waiting.sort(key=lambda sender: sender != self._bound)
        self._sticks = True
        if self._bound != (waiting[0] if waiting else None):
            self.cancel()               # the same agent keeps what it may use again
        self._bound = None
        end = asyncio.get_running_loop().time() + deadline
        patience = min(NEXT_AFTER, deadline / (len(order) + 1))
        try:
            self._bound, prepared = await self._first_answer(waiting, reason, end, patience)
        except BaseException:
            self.cancel()
            raise
        self._eap_identity, self._msk = prepared.eap_identity, b""
        return prepared

    async def _first_answer(self, waiting: list[str], reason: str, end: float, patience: float
                            ) -> tuple[str, Prepared]:
        """Each agent in its turn; the next one is asked as well when the last has gone or is silent for ``patience``
        s. What one of them says for its user, yes or no, is the answer, and the others need not ask any more."""
        asked: dict[asyncio.Task[Prepared], str] = {}
        nobody: RoveError | None = None
        try:
            while waiting or asked:
                if waiting:
                    sender = waiting.pop(0)
                    self._asked.add(sender)     # from here ``cancel`` reaches it, also while it prompts
                    task = asyncio.ensure_future(self._ask_one(sender, reason, end))
                    task.add_done_callback(looked_at)
                    asked[task] = sender
                done, _ = await asyncio.wait(asked, timeout=patience if waiting else None,
                                             return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    sender, error = asked.pop(task), task.exception()
                    if error is None:
                        self._asked.discard(sender)
                        return sender, task.result()
                    if not isinstance(error, RoveError) or error.cause not in _NOT_THE_USERS:
                        raise error
                    if error.cause is Cause.NO_AGENT:
                        self._asked.discard(sender)
                    nobody = error if nobody is None or error.cause is Cause.PROMPT_UNANSWERED else nobody
        finally:
            for task in asked:
                task.cancel()
            self._tell_asked()
        if nobody is not None and nobody.cause is Cause.PROMPT_UNANSWERED:
            raise nobody
        raise RoveError(Cause.NO_AGENT, "nobody is there to ask: no agent of this user answers")

    async def _ask_one(self, sender: str, reason: str, end: float) -> Prepared:
        remaining = max(0.0, end - asyncio.get_running_loop().time())
        return _prepared(await self._registry.call(
            sender, "Prepare", [self._profile, self._toml, reason, remaining], remaining))

    async def sign_ike_auth(self, ike_sa_init: bytes, nonce_r: bytes, maced_id: bytes, int_auth: bytes,
                            algorithm: str) -> bytes:
        """The raw signature. Raises RoveError, like all that follow; NO_AGENT when the agent has gone."""
        return _octets(await self._ask("SignIkeAuth", ike_sa_init, nonce_r, maced_id, int_auth, algorithm),
                       range(1, MAX_SIGNATURE + 1), "SignIkeAuth")

    async def psk_auth(self, prf: str, octets: bytes) -> bytes:
        """prf(prf(PSK, "Key Pad for IKEv2"), octets): RFC 7296 §2.15."""
        return _octets(await self._ask("PskAuth", prf, octets), range(16, 65), "PskAuth")

    async def ppk_mix(self, prf: str, sk_d: bytes, sk_pi: bytes, sk_pr: bytes) -> tuple[bytes, bytes, bytes]:
        """Each as prf+ (PPK, itself), as long as it was: RFC 8784 §3."""
        mixed = await self._ask("PpkMix", prf, sk_d, sk_pi, sk_pr)
        d, i, r = (_octets(new, (len(old),), "PpkMix") for new, old in zip(mixed, (sk_d, sk_pi, sk_pr), strict=True))
        return d, i, r

    async def eap(self, packet: bytes, patience: float = ANSWER_TIMEOUT) -> EapAnswer:
        """A larger ``patience`` where the method may prompt (in s)."""
        if (known := self._known_answer(packet)) is not None:
            return known
        response, msk = await self._ask("Eap", packet, patience=patience)
        answer = EapAnswer(_octets(response, range(MAX_EAP + 1), "Eap"), _octets(msk, (0, *MSK_SIZES), "Eap"))
        if not answer.response:
            return answer
        self._msk = answer.msk          # made with the method's last response; it counts with EAP-Success
        return EapAnswer(answer.response, b"")

    def _known_answer(self, packet: bytes) -> EapAnswer | None:
        """Of two packets (RFC 3748 §4.2, §5.1), without the agent's round trip."""
        identity = self._eap_identity.encode()
        if identity and packet[:1] == b"\x01" and packet[2:] == b"\0\5\1":       # Request, of 5 octets, Identity
            return EapAnswer(b"\2" + packet[1:2] + (5 + len(identity)).to_bytes(2, "big") + b"\1" + identity, b"")
        if self._msk and packet[:1] == b"\3" and packet[2:] == b"\0\4":           # Success
            msk, self._msk = self._msk, b""     # for one conversation: another round makes its own
            return EapAnswer(b"", msk)
        return None

    def cancel(self) -> None:
        """The attempt is over, well or not: the agent forgets what it held. Idempotent."""
        self._eap_identity, self._msk = "", b""
        self._tell_asked()
        if self._bound is not None:
            self._registry.tell(self._bound, "Cancel", [self._profile])
            self._bound = None

    def outcome(self, *, accepted: bool) -> None:
        """What the gateway says of what the agent gave; it is not waited for."""
        if self._bound is None:
            return
        tell = partial(self._registry.tell, self._bound, "Outcome", [self._profile, accepted])
        if accepted:        # praise can wait for the tunnel: the task that opens it begins in the loop's next turn
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, tell)
        else:
            tell()

    def _tell_asked(self) -> None:
        for sender in self._asked:
            self._registry.tell(sender, "Cancel", [self._profile])
        self._asked.clear()

    async def _ask(self, method: str, *arguments: Any, patience: float = ANSWER_TIMEOUT) -> Any:
        if self._bound is None or not self._registry.has(self._bound):
            raise RoveError(Cause.NO_AGENT, "the agent that began this attempt has gone")
        return await self._registry.call(self._bound, method, [self._profile, *arguments], patience)


def looked_at(task: asyncio.Task[Any]) -> None:
    """Its answer may not be needed, and its error then neither; asyncio complains of those that nobody has seen."""
    if not task.cancelled():
        task.exception()


def _prepared(value: dict[str, Any]) -> Prepared:
    fields = {key: (variant.signature, variant.value) for key, variant in value.items()}
    expected = {"certificates": ("aay", []), "signatures": ("as", []), "identity": ("s", ""),
                "eap_identity": ("s", "")}
    for key, (signature, empty) in expected.items():
        if fields.setdefault(key, (signature, empty))[0] != signature:
            raise _nonsense(f"Prepare: {key} is not of type {signature}")
    certificates, signatures, *identities = (fields[key][1] for key in expected)
    if len(certificates) > MAX_CERTIFICATES or any(not 0 < len(der) <= MAX_CERTIFICATE for der in certificates):
        raise _nonsense(f"Prepare: more than {MAX_CERTIFICATES} certificates, or one larger than 64 KiB")
    if len(signatures) > MAX_SIGNATURES or any(len(name) > MAX_SIGNATURE_NAME for name in signatures):
        raise _nonsense("Prepare: too many signature algorithms")
    if any(len(identity) > 1024 or identity != plain(identity, 1024) for identity in identities):
        raise _nonsense("Prepare: an identity is not one line of at most 1024 characters")
    return Prepared(tuple(map(bytes, certificates)), tuple(signatures), *identities)


def _octets(value: Any, sizes: range | tuple[int, ...], method: str) -> bytes:
    if len(value) not in sizes:
        raise _nonsense(f"{method} answered with {len(value)} octets")
    return bytes(value)


def _nonsense(detail: str) -> RoveError:
    return RoveError(Cause.CREDENTIAL_UNUSABLE, f"the agent's answer cannot be used: {detail}")


def _its_error(reply: Message) -> RoveError:
    name = reply.error_name or ""
    detail = plain(reply.body[0], 300) if reply.signature == "s" else ""
    if name in _GONE:
        return RoveError(Cause.NO_AGENT, detail)
    try:
        cause = Cause.from_code(error_code(name) or "")
    except KeyError:
        return RoveError(Cause.CREDENTIAL_UNUSABLE, f"{plain(name, 100)} {detail}".strip())
    return RoveError(cause if cause in _ITS_CAUSES else Cause.CREDENTIAL_UNUSABLE, detail)
