"""A bus whose daemon reads slowly is waited for.

dbus-fast's writer takes a full socket buffer (EAGAIN) for the end of the connection: a burst of replies, or of calls,
while the daemon is busy would cost roved its place on the bus. See altdesktop/python-dbus-next#153, which it inherited.
"""

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from socket import socket

    from dbus_fast.aio import MessageBus


def patient(bus: "MessageBus") -> "MessageBus":
    """The same bus, connected, without descriptor passing: from now on what the daemon has no room for is kept."""
    writer = bus._writer
    assert writer is not None
    writer.sock = cast("socket", _Patient(cast("socket", writer.sock)))
    return bus


class _Patient:
    """The socket as the writer uses it."""

    def __init__(self, sock: "socket") -> None:
        self._sock = sock

    def send(self, data: memoryview) -> int:
        """Nothing sent: the writer comes back when there is room."""
        try:
            return self._sock.send(data)
        except BlockingIOError:
            return 0
