"""The agent on D-Bus: AGENT_METHODS at AGENT_PATH, for roved alone.

Only the present owner of BUS_NAME may call, and only when its uid is 0: the bus policy says so too, but a
private bus may have another policy.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from traceback import format_tb
from typing import Any

from dbus_fast import DBusError, Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus

from client.agent.service import AgentService
from client.bus.interface import AGENT_INTERFACE, AGENT_METHODS, AGENT_PATH, BUS_NAME, error_name
from client.model.cause import Cause, RoveError

log = logging.getLogger(__name__)

MAX_OUTSTANDING = 32
_HANDLED = True     # what dbus-fast takes for "no default reply, please"
_BUS = "org.freedesktop.DBus"
_ACCESS_DENIED = "org.freedesktop.DBus.Error.AccessDenied"
_INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
_UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"
_LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded"
_RULE = f"type='signal',sender='{_BUS}',interface='{_BUS}',member='NameOwnerChanged',arg0='{BUS_NAME}'"


class AgentExport:
    """Serves ``service`` on a connected ``bus`` between ``start`` and ``stop``."""

    def __init__(self, bus: MessageBus, service: AgentService, trusted_uid: int = 0) -> None:
        self._bus = bus
        self._service = service
        self._trusted_uid = trusted_uid
        self._owner = ""            # roved's unique name, once its uid was seen
        self._checking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._outcomes: set[asyncio.Task[Any]] = set()      # of _tasks: heard to their end also when we stop
        self._calls: dict[str, Callable[..., Awaitable[list[Any]]]] = {
            "Prepare": self._prepare, "SignIkeAuth": self._sign_ike_auth, "PskAuth": self._psk_auth,
            "PpkMix": self._ppk_mix, "Eap": self._eap, "Outcome": self._outcome, "Cancel": self._cancel}

    async def start(self) -> None:
        """Before RegisterAgent. Raises DBusError when the bus refuses to tell who owns names."""
        self._bus.add_message_handler(self._handle)
        await self._ask_bus("AddMatch", _RULE)
        try:
            [owner] = await self._ask_bus("GetNameOwner", BUS_NAME)
        except DBusError:
            return      # roved is not there (yet): NameOwnerChanged will tell
        self._owner_is(owner)

    async def stop(self) -> None:
        """Answers nobody any more, forgets everything."""
        self._bus.remove_message_handler(self._handle)
        if self._outcomes:
            await asyncio.wait(set(self._outcomes), timeout=1.0)
        for task in set(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._service.settle()
        await self._service.forget_all()
        if self._bus.connected:
            await self._ask_bus("RemoveMatch", _RULE)

    # --- who may call ---

    def _handle(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            if (message.sender == _BUS and message.member == "NameOwnerChanged" and message.signature == "sss"
                    and message.body[0] == BUS_NAME):
                self._owner_is(message.body[2])
            return None
        if message.message_type is not MessageType.METHOD_CALL or message.path != AGENT_PATH:
            return None
        if message.interface not in (AGENT_INTERFACE, None):
            return None
        if len(self._tasks) >= MAX_OUTSTANDING:
            return Message.new_error(message, _LIMITS, "too many calls at once")
        task = self._spawn(self._serve(message))
        if message.member == "Outcome":
            self._outcomes.add(task)
            task.add_done_callback(self._outcomes.discard)
        return _HANDLED

    def _owner_is(self, owner: str) -> None:
        """Distrusts at once; trusts again when the bus has said whose process it is."""
        self._owner = ""
        self._checking = self._spawn(self._check_owner(owner, self._checking))

    async def _check_owner(self, owner: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        await self._service.forget_all()
        if not owner:
            return
        try:
            [uid] = await self._ask_bus("GetConnectionUnixUser", owner)
        except DBusError:
            return      # gone already
        if uid == self._trusted_uid and self._checking is asyncio.current_task():
            self._owner = owner
        elif uid != self._trusted_uid:
            log.warning("%s is owned by uid %d: not obeyed", BUS_NAME, uid)

    async def _serve(self, message: Message) -> None:
        if self._checking is not None:
            await asyncio.wait({self._checking})
        reply = await self._reply(message)
        if not message.flags & MessageFlag.NO_REPLY_EXPECTED:
            await self._bus.send(reply)

    async def _reply(self, message: Message) -> Message:
        if not self._owner or message.sender != self._owner:
            return Message.new_error(message, _ACCESS_DENIED, "the agent answers only roved")
        row = AGENT_METHODS.get(message.member or "")
        if row is None:
            return Message.new_error(message, _UNKNOWN_METHOD, "no such method of the agent")
        if message.signature != row.signature:
            return Message.new_error(message, _INVALID_ARGS, f"{row.name} takes ({row.signature})")
        try:
            body = await self._calls[row.name](*message.body)
        except RoveError as error:
            return Message.new_error(message, error_name(error.cause.code), error.detail)
        except Exception as error:
            # the place but not the message, which may quote what was typed
            place = "".join(format_tb(error.__traceback__))
            log.error("%s failed with %s at\n%s", row.name, type(error).__name__, place)
            return Message.new_error(message, error_name(Cause.INTERNAL.code), f"{row.name} failed in the agent")
        return Message.new_method_return(message, row.returns, body)

    # --- the methods: D-Bus values in, reply body out ---

    async def _prepare(self, name: str, toml: str, reason: str, deadline: float) -> list[Any]:
        prepared = await self._service.prepare(name, toml, reason, deadline)
        return [{"certificates": Variant("aay", list(prepared.certificates)),
                 "signatures": Variant("as", list(prepared.signatures)),
                 "identity": Variant("s", prepared.identity),
                 "eap_identity": Variant("s", prepared.eap_identity)}]

    async def _sign_ike_auth(self, name: str, message: bytes, nonce_r: bytes, maced_id: bytes, int_auth: bytes,
                             algorithm: str) -> list[Any]:
        return [await self._service.sign_ike_auth(name, message, nonce_r, maced_id, int_auth, algorithm)]

    async def _psk_auth(self, name: str, prf: str, octets: bytes) -> list[Any]:
        return [await self._service.psk_auth(name, prf, octets)]

    async def _ppk_mix(self, name: str, prf: str, sk_d: bytes, sk_pi: bytes, sk_pr: bytes) -> list[Any]:
        return list(await self._service.ppk_mix(name, prf, sk_d, sk_pi, sk_pr))

    async def _eap(self, name: str, packet: bytes) -> list[Any]:
        return list(await self._service.eap(name, packet))

    async def _outcome(self, name: str, accepted: bool) -> list[Any]:
        await self._service.outcome(name, accepted)
        return []

    async def _cancel(self, name: str) -> list[Any]:
        await self._service.cancel(name)
        return []

    # --- plumbing ---

    async def _ask_bus(self, member: str, argument: str) -> list[Any]:
        reply = await self._bus.call(Message(destination=_BUS, path="/org/freedesktop/DBus", interface=_BUS,
                                             member=member, signature="s", body=[argument]))
        if reply is None or reply.message_type is MessageType.ERROR:
            raise DBusError((reply and reply.error_name) or _UNKNOWN_METHOD, f"{member} failed", reply)
        return reply.body

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
