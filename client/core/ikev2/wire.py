"""Reading bytes that anybody may have sent, and writing numbers; big-endian throughout (RFC 7296 §3)."""

from collections.abc import Iterator
from contextlib import contextmanager

from client.core.ikev2.errors import InvalidSyntax, MisuseError


class Reader:
    """A position in ``data`` that never leaves it. Every method raises InvalidSyntax where octets are missing."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0
        self._end = len(data)

    @property
    def remaining(self) -> int:
        return self._end - self._position

    def take(self, length: int) -> bytes:
        """The next ``length`` octets."""
        start = self._position
        end = start + length
        if not start <= end <= self._end:
            raise InvalidSyntax(f"{length} octets announced, {self.remaining} there")
        self._position = end
        return self._data[start:end]

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets), "big")

    def u8(self) -> int:
        position = self._position
        if position >= self._end:
            raise InvalidSyntax("1 octets announced, 0 there")
        self._position = position + 1
        return self._data[position]

    def u16(self) -> int:
        return self.number(2)

    def u32(self) -> int:
        return self.number(4)

    def rest(self) -> bytes:
        return self.take(self.remaining)

    def expect_end(self) -> None:
        if self.remaining:
            raise InvalidSyntax(f"{self.remaining} octets too many")

    @contextmanager
    def restrict_to(self, length: int) -> Iterator[None]:
        """Within, only the next ``length`` octets exist, and all of them must be read."""
        if not 0 <= length <= self.remaining:
            raise InvalidSyntax(f"{length} octets announced, {self.remaining} there")
        outer, self._end = self._end, self._position + length
        yield
        self.expect_end()
        self._end = outer


def u8(value: int) -> bytes:
    return number(value, 1)


def u16(value: int) -> bytes:
    return number(value, 2)


def u32(value: int) -> bytes:
    return number(value, 4)


def number(value: int, octets: int) -> bytes:
    """Raises MisuseError for a number that does not fit."""
    try:
        return value.to_bytes(octets, "big")
    except OverflowError as error:
        raise MisuseError(f"{value} does not fit {octets} octets") from error
