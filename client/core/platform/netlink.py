"""NETLINK_ROUTE by hand: messages, attributes, requests and dumps.

pyroute2 takes 185 ms to import and some milliseconds per request, and the roaming path has less than that. It
also ignores keywords that it does not know, which for a routing rule is a leak. Formats: linux/netlink.h,
linux/rtnetlink.h (struct nlmsghdr, struct rtattr).
"""

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

NLM_F_REQUEST = 0x001
NLM_F_ACK = 0x004
NLM_F_DUMP_INTR = 0x010
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400

NLMSG_ERROR = 2
NLMSG_DONE = 3

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_NLA_TYPE_MASK = 0x3FFF      # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_SOL_NETLINK = 270
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12
_NLMSGERR_ATTR_MSG = 1
_NLM_F_CAPPED = 0x100
_NLM_F_ACK_TLVS = 0x200
_RECEIVE = 1 << 17
_DUMP_ATTEMPTS = 5

Attributes = dict[int, bytes]


_KINDS = {16: "RTM_NEWLINK", 17: "RTM_DELLINK", 18: "RTM_GETLINK", 19: "RTM_SETLINK", 20: "RTM_NEWADDR",
          21: "RTM_DELADDR", 22: "RTM_GETADDR", 24: "RTM_NEWROUTE", 25: "RTM_DELROUTE", 26: "RTM_GETROUTE",
          32: "RTM_NEWRULE", 33: "RTM_DELRULE", 34: "RTM_GETRULE"}


class NetlinkError(OSError):
    """The kernel refused; ``errno`` says why, the text has its own words where it gave any."""


@dataclass(frozen=True)
class Message:
    """One message of the kernel's, without its header."""

    kind: int
    flags: int
    body: bytes


def attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(-length % 4)


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def attributes(data: bytes) -> Attributes:
    """The attributes in ``data``, by type; a broken one ends the list."""
    found: Attributes = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            break
        found[kind & _NLA_TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found


def number(found: Attributes, kind: int, absent: int = 0) -> int:
    """An unsigned integer of whatever width the kernel sent."""
    value = found.get(kind)
    return absent if value is None else int.from_bytes(value[:8], sys.byteorder)


def text(found: Attributes, kind: int) -> str:
    return found.get(kind, b"").split(b"\0", 1)[0].decode("ascii", "replace")


def messages(data: bytes) -> Iterator[tuple[Message, int]]:
    """The messages of one datagram, each with its sequence number."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            return
        yield Message(kind, flags, data[at + _HEADER.size : at + length]), sequence
        at += (length + 3) & ~3


class Netlink:
    """A request socket in the network namespace where it was made. Calls block for some microseconds."""

    def __init__(self) -> None:
        self._sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._sock.bind((0, 0))
        for option in (_NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):  # Linux 4.12 and 4.20
            try:
                self._sock.setsockopt(_SOL_NETLINK, option, 1)
            except OSError as error:
                if error.errno != errno.ENOPROTOOPT:
                    raise
        self._sequence = 0

    def __enter__(self) -> "Netlink":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._sock.close()

    def request(self, kind: int, body: bytes, flags: int = NLM_F_ACK) -> Message | None:
        """What the kernel answers; None for a bare acknowledgement. Raises NetlinkError."""
        self._send(kind, body, flags)
        for message in self._replies():
            if message.kind != NLMSG_ERROR:
                return message
            _raise_error(message, kind)
            return None
        return None

    def dump(self, kind: int, body: bytes) -> list[Message]:
        """Everything of a kind. A dump that changes disturbed is asked for again. Raises NetlinkError."""
        found: list[Message] = []
        for _ in range(_DUMP_ATTEMPTS):
            found, whole = self._dump(kind, body)
            if whole:
                break
        return found

    def _dump(self, kind: int, body: bytes) -> tuple[list[Message], bool]:
        self._send(kind, body, NLM_F_DUMP)
        found: list[Message] = []
        whole = True
        for message in self._replies():
            whole = whole and not message.flags & NLM_F_DUMP_INTR
            if message.kind == NLMSG_DONE:
                break
            if message.kind == NLMSG_ERROR:
                _raise_error(message, kind)
                break
            found.append(message)
        return found, whole

    def _send(self, kind: int, body: bytes, flags: int) -> None:
        self._sequence += 1
        header = _HEADER.pack(_HEADER.size + len(body), kind, NLM_F_REQUEST | flags, self._sequence, 0)
        try:
            self._sock.send(header + body)
        except OSError as error:
            raise NetlinkError(error.errno, str(error.strerror)) from error

    def _replies(self) -> Iterator[Message]:
        while True:
            try:
                data = self._sock.recv(_RECEIVE)
            except OSError as error:
                raise NetlinkError(error.errno, str(error.strerror)) from error
            for message, sequence in messages(data):
                if sequence == self._sequence:  # else the rest of a request that was given up
                    yield message


def _raise_error(message: Message, kind: int) -> None:
    """struct nlmsgerr: a negative errno (0 acknowledges), our header, and the kernel's words in attributes."""
    if len(message.body) < 4:
        raise NetlinkError(errno.EPROTO, "the kernel's answer is too short")
    code = -int(struct.unpack_from("=i", message.body)[0])
    if code == 0:
        return
    words = ""
    if message.flags & _NLM_F_ACK_TLVS and len(message.body) >= 4 + _HEADER.size:
        # Unless capped, our whole request stands between the header and the attributes.
        echoed = _HEADER.size if message.flags & _NLM_F_CAPPED else struct.unpack_from("=I", message.body, 4)[0]
        words = text(attributes(message.body[4 + ((echoed + 3) & ~3) :]), _NLMSGERR_ATTR_MSG)
    raise NetlinkError(code, f"{_KINDS.get(kind, kind)}: {words or os.strerror(code)}")

