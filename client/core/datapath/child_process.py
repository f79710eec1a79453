"""Starting the data path's process, hearing from it and ending it; what it is told is process.py's business."""

import asyncio
import contextlib
import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence

from client.core.datapath.control import BEGIN, MAX_MESSAGE, ControlError, decode, encode
from client.core.datapath.messages import Message
from client.model.cause import Cause, RoveError
from client.model.programs import command

DEFAULT_USER = "rove-datapath"
OWN_USERS = "rove-"
FALLBACK_USER = "nobody"

_PROGRAM = "rove-datapath"
_MODULE = "client.core.datapath.child"
_MAX_BATCH = 64
_CONTROL_BUFFER = 1 << 20  # installing every SA with many selectors fits, so that sending never waits


def find_account(user: str) -> tuple[int, int]:
    """(uid, gid) of ``user``; where the package made no account for a process of ours, those of nobody.

    Raises RoveError when there is no such account, or it is root.
    """
    for name in (user, FALLBACK_USER) if user.startswith(OWN_USERS) else (user,):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid and entry.pw_gid:
                return entry.pw_uid, entry.pw_gid
    raise RoveError(Cause.HOST_SETUP, f"no unprivileged account {user!r}")


def end(process: subprocess.Popen[bytes] | asyncio.subprocess.Process, uid: int) -> None:
    """SIGKILL to a process of ours that has become ``uid``. The unit leaves roved no CAP_KILL, which would be for every
    process of the machine; but who is ``uid`` may. So for a moment another process of ours is, by its effective uid
    alone: the real and the saved one stay root's, so that nobody of that account can stop it."""
    try:
        process.kill()
    except ProcessLookupError:
        pass
    except PermissionError:
        killer = os.fork()
        if killer == 0:
            try:
                os.setresuid(-1, uid, -1)
                os.kill(process.pid, signal.SIGKILL)
            finally:
                os._exit(0)
        os.waitpid(killer, 0)


class ChildProcess:
    """One run of the data path: imports, gives up its privileges and waits for ``begin``."""

    def __init__(self, account: tuple[int, int], loop: asyncio.AbstractEventLoop) -> None:
        """Raises OSError when no process can be started."""
        self._loop = loop
        self._on_message: Callable[[Message], None] | None = None
        self._on_exit: Callable[[str], None] | None = None
        self._reason = ""
        self._uid = account[0]
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            for end in (self._control, theirs):
                end.setblocking(False)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CONTROL_BUFFER)
            numbers = (*account, os.getpid(), theirs.fileno())
            self._process = subprocess.Popen(
                **command(_PROGRAM, _MODULE, *map(str, numbers)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd="/",
            )
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        loop.add_reader(self._control.fileno(), self._read)
        loop.add_reader(self._pidfd, self._exited)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and self._control.fileno() >= 0

    def begin(
        self,
        descriptors: tuple[int, int, Sequence[int]],
        on_message: Callable[[Message], None],
        on_exit: Callable[[str], None],
    ) -> None:
        """``descriptors``: TUN, page, UDP sockets. Both are called in the loop; ``on_exit`` once, at the end.

        Raises OSError when it cannot be told.
        """
        tun, page, udp = descriptors
        socket.send_fds(self._control, [BEGIN], [tun, page, *udp])
        self._on_message, self._on_exit = on_message, on_exit

    def send(self, message: Message, descriptor: int | None = None) -> None:
        """A child that does not listen is ended, and ``on_exit`` follows. Raises ControlError."""
        data = encode(message)
        try:
            if descriptor is None:
                self._control.send(data)
            else:
                socket.send_fds(self._control, [data], [descriptor])
        except OSError:
            self.kill("it does not take messages")

    def hang_up(self) -> None:
        """Close the control channel: the child ends by itself."""
        if self._control.fileno() >= 0:
            self._loop.remove_reader(self._control.fileno())
            self._control.close()

    def kill(self, reason: str) -> None:
        self._reason = self._reason or reason
        end(self._process, self._uid)   # does nothing once it has been waited for

    def _read(self) -> None:
        for _ in range(_MAX_BATCH):
            try:
                data = self._control.recv(MAX_MESSAGE)
                message = decode(data) if data else None
            except BlockingIOError:
                return
            except (OSError, ControlError):
                self.kill("it broke the control protocol")
                message = None
            if message is None or self._on_message is None:     # one that waits has nothing to say
                self.hang_up()
                return
            self._on_message(message)
            if self._control.fileno() < 0:
                return

    def _exited(self) -> None:
        if self._process.poll() is None:
            return
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        if self._control.fileno() >= 0:
            self._read()  # its last words
        self.hang_up()
        if self._on_exit is not None:
            self._on_exit(self._reason or f"it ended with status {self._process.returncode}")


class Nursery:
    """Keeps one child ready: starting Python and importing take 0.1 s, which no connection should wait for."""

    def __init__(self, user: str = DEFAULT_USER) -> None:
        self._user = user
        self._spare: ChildProcess | None = None

    @property
    def pid(self) -> int | None:
        """The spare one's."""
        return self._spare.pid if self._spare else None

    def begin(
        self,
        loop: asyncio.AbstractEventLoop,
        descriptors: tuple[int, int, Sequence[int]],
        on_message: Callable[[Message], None],
        on_exit: Callable[[str], None],
    ) -> ChildProcess:
        """The spare one, or a new one. Raises RoveError when none can be started."""
        spare, self._spare = self._spare, None
        if spare is not None and spare.alive:
            try:
                spare.begin(descriptors, on_message, on_exit)
            except OSError:     # it has just died
                spare.hang_up()
            else:
                return spare
        child = self._start(loop)
        try:
            child.begin(descriptors, on_message, on_exit)
        except OSError as error:
            child.kill("it does not take messages")
            raise RoveError(Cause.HOST_SETUP, f"the data path cannot be told to begin: {error}") from error
        return child

    def prepare(self, loop: asyncio.AbstractEventLoop) -> None:
        """Idempotent. What fails here fails again in ``begin``, where somebody is to be told."""
        if self._spare is None or not self._spare.alive:
            with contextlib.suppress(RoveError):
                self._spare = self._start(loop)

    def close(self) -> None:
        """The spare one ends; children that were taken are their owners'."""
        if self._spare is not None:
            self._spare.hang_up()
            self._spare = None

    def _start(self, loop: asyncio.AbstractEventLoop) -> ChildProcess:
        try:
            return ChildProcess(find_account(self._user), loop)
        except OSError as error:
            raise RoveError(Cause.HOST_SETUP, f"the data path cannot be started: {error}") from error
