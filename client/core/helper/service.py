"""roved on the bus: every call is authorised before anything else runs, and every answer is a result or a named error.

One dispatcher over ``client.bus.interface.METHODS``. dbus-fast's decorated methods do not know who calls, hence a
message handler. What the methods do is in ``methods``.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from dbus_fast import ErrorType, Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus

from client.bus.interface import BUS_NAME, INTERFACE, METHODS, OBJECT_PATH, Method, error_name
from client.core.helper.authorize import DBUS, Authority
from client.core.helper.introspection import introspect
from client.core.helper.log import plain
from client.model.cause import Cause, RoveError

MAX_OUTSTANDING = 16          # calls of one caller at the same time
MAX_OUTSTANDING_ALL = 512

_INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_logger = logging.getLogger("rove.service")


class CallError(Exception):
    """The caller used the interface wrongly: one of the D-Bus standard errors."""

    def __init__(self, error: ErrorType, text: str) -> None:
        super().__init__(text)
        self.error = error
        self.text = text


@dataclass(frozen=True)
class Caller:
    """Who calls, authorised for the method's action. ``may(action)`` asks for one more."""

    sender: str
    uid: int
    pid: int
    may: Callable[[str], Awaitable[bool]]


Handler = Callable[..., Awaitable[str | None]]     # (caller, *arguments of the row) → its result


@dataclass
class _Sender:
    outstanding: int = 0
    gone: bool = False
    authorising: set[asyncio.Task[None]] = field(default_factory=set)


class Service:
    """``handlers`` has one entry per row of METHODS; ``on_gone`` hears of every name that left the bus."""

    def __init__(self, bus: MessageBus, authority: Authority, handlers: Mapping[str, Handler],
                 on_gone: Callable[[str], None], on_signal: Callable[[Message], None]) -> None:
        missing = METHODS.keys() ^ handlers.keys()
        assert not missing, f"METHODS and the handlers differ in {missing}"
        self._bus = bus
        self._authority = authority
        self._handlers = handlers
        self._on_gone = on_gone
        self._on_signal = on_signal
        self._senders: dict[str, _Sender] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = asyncio.Event()

    async def start(self) -> None:
        """Listen; take the name after this, then ``open``. Raises RoveError(INTERNAL) when the bus refuses."""
        # arg2='': only names that vanish, else every start of a program would wake us.
        rule = f"type='signal',sender='{DBUS}',interface='{DBUS}',member='NameOwnerChanged',arg2=''"
        reply = await self._bus.call(Message(destination=DBUS, path="/org/freedesktop/DBus", interface=DBUS,
                                             member="AddMatch", signature="s", body=[rule]))
        if reply.message_type is MessageType.ERROR:
            raise RoveError(Cause.INTERNAL, f"AddMatch: {reply.error_name}")
        self._bus.add_message_handler(self._handle)

    def open(self) -> None:
        """From now on calls run; those that came earlier have waited for this."""
        self._open.set()

    async def stop(self) -> None:
        """No more calls; those that run are ended."""
        self._bus.remove_message_handler(self._handle)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _handle(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            if message.sender == DBUS and message.member == "NameOwnerChanged" and not message.body[2]:
                self._name_gone(message.body[0])
            self._on_signal(message)
            return None
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        try:
            if answer := _standard(message):
                return answer if _expects_reply(message) else True
            if message.interface == "org.freedesktop.DBus.Peer":
                return None                     # dbus-fast answers it
            self._start(message, _row(message))
        except CallError as error:
            return not _expects_reply(message) or Message.new_error(message, error.error.value, error.text)
        return True

    def _start(self, message: Message, row: Method) -> None:
        assert message.sender is not None       # the bus daemon puts it there
        sender = self._senders.setdefault(message.sender, _Sender())
        if sender.outstanding >= MAX_OUTSTANDING or len(self._tasks) >= MAX_OUTSTANDING_ALL:
            raise CallError(ErrorType.LIMITS_EXCEEDED, f"more than {MAX_OUTSTANDING} calls at the same time")
        sender.outstanding += 1
        task = asyncio.get_running_loop().create_task(self._run(message, row, sender))
        self._tasks.add(task)
        sender.authorising.add(task)
        task.add_done_callback(lambda _: self._ended(message.sender or "", sender, task))

    def _ended(self, name: str, sender: _Sender, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        sender.authorising.discard(task)
        sender.outstanding -= 1
        if not sender.outstanding and self._senders.get(name) is sender:
            del self._senders[name]

    def _name_gone(self, name: str) -> None:
        if sender := self._senders.pop(name, None):
            sender.gone = True
            for task in list(sender.authorising):
                task.cancel()                   # an open password dialogue closes; what runs already runs to its end
        self._authority.forget(name)
        self._on_gone(name)

    async def _run(self, message: Message, row: Method, sender: _Sender) -> None:
        try:
            caller = await self._authorised(message, row)
            await self._open.wait()
            task = asyncio.current_task()
            assert task is not None
            sender.authorising.discard(task)
            if sender.gone:
                return
            result = await self._handlers[row.name](caller, *message.body)
            answer = Message.new_method_return(message, row.returns, [result] if row.returns else [])
        except RoveError as error:
            answer = Message.new_error(message, error_name(error.cause.code), plain(error.detail))
        except CallError as error:
            answer = Message.new_error(message, error.error.value, error.text)
        except Exception:
            _logger.exception("%s failed", row.name)
            answer = Message.new_error(message, error_name(Cause.INTERNAL.code), "roved's log has the details")
        if self._bus.connected and not sender.gone and _expects_reply(message):
            self._bus.send(answer)

    async def _authorised(self, message: Message, row: Method) -> Caller:
        """Raises RoveError(NOT_AUTHORISED)."""
        name = message.sender or ""
        interactive = bool(message.flags & MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION)

        async def may(action: str) -> bool:
            return await self._authority.check(name, action, interactive)

        if not await may(row.action):
            raise RoveError(Cause.NOT_AUTHORISED, f"polkit does not allow {row.action} here")
        credentials = await self._authority.credentials(name)
        return Caller(name, credentials.uid, credentials.pid, may)


def _row(message: Message) -> Method:
    """What is called. Raises CallError."""
    if message.path != OBJECT_PATH:
        raise CallError(ErrorType.UNKNOWN_OBJECT, f"the only object of {BUS_NAME} is {OBJECT_PATH}")
    if message.interface not in (None, INTERFACE):
        raise CallError(ErrorType.UNKNOWN_INTERFACE, f"the interface is {INTERFACE}")
    row = METHODS.get(message.member or "")
    if row is None:
        raise CallError(ErrorType.UNKNOWN_METHOD, f"{INTERFACE} has no method of this name")
    if message.signature != row.signature:
        raise CallError(ErrorType.INVALID_ARGS, f'{row.name} takes arguments of signature "{row.signature}"')
    return row


def _standard(message: Message) -> Message | None:
    """Introspection and (no) properties. Raises CallError."""
    if message.interface == _INTROSPECTABLE and message.member == "Introspect" and not message.signature:
        return Message.new_method_return(message, "s", [introspect(message.path or "/")])
    if message.interface == _PROPERTIES:
        if message.member == "GetAll" and message.signature == "s":
            return Message.new_method_return(message, "a{sv}", [{}])
        raise CallError(ErrorType.UNKNOWN_PROPERTY, "there are no properties")
    return None


def _expects_reply(message: Message) -> bool:
    return not message.flags & MessageFlag.NO_REPLY_EXPECTED
