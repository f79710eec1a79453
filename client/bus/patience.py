"""A bus whose daemon reads slowly is waited for.

dbus-fast's writer takes a full socket buffer (EAGAIN) for the end of the connection: a burst of replies, or of calls,
while the daemon is busy would cost roved its place on the bus. See altdesktop/python-dbus-next#153, which it inherited.
"""

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbus_fast.aio import MessageBus


def patient(bus: "MessageBus") -> "MessageBus":
    """The same bus, connected and without descriptor passing, which from now on keeps what the daemon has no room for."""
    writer = bus._writer
    assert writer is not None
    writer.sock = _Patient(writer.sock)
    return bus


class _Patient:
    """The socket as the writer uses it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def send(self, data: memoryview) -> int:
        """Nothing sent: the writer comes back when there is room."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
