"""The ways to the gateway and what is known of each: the kernel's order first, then which of them are silent. Pure."""

from collections.abc import Sequence

from client.core.ikev2.events import Path

AT_ONCE = 8              # ways that a request is repeated over
FIRST_RETURN = 10.0      # s until a better way that was silent is tried again; doubled each time
LONGEST_RETURN = 300.0
MAX_ADDITIONAL = 8       # addresses of ours that the gateway is told of

_Key = tuple[str, str, str, int, str]


class Ways:
    """Best first, as the host has them. All times are the caller's clock."""

    def __init__(self) -> None:
        self.all: tuple[Path, ...] = ()
        self._silent: dict[_Key, float] = {}        # → s from the last look to the next
        self._refused: set[_Key] = set()            # UNACCEPTABLE_ADDRESSES (RFC 4555 §3.5)

    def replace(self, paths: Sequence[Path]) -> None:
        """What goes away and comes back begins anew."""
        self.all = tuple(paths)
        there = {_key(path) for path in self.all}
        self._silent = {key: wait for key, wait in self._silent.items() if key in there}
        self._refused &= there

    def best(self) -> Path | None:
        """The first that is neither refused nor silent; the first one, where all that may be used are silent."""
        allowed = [path for path in self.all if _key(path) not in self._refused]
        return next((path for path in allowed if _key(path) not in self._silent), allowed[0] if allowed else None)

    def has(self, path: Path | None) -> bool:
        return any(each.same_way(path) for each in self.all)

    def beside(self, path: Path) -> list[Path]:
        """The other ones that may be used as this one is: another transport is another matter, and so is a stream."""
        if path.transport == "tcp":
            return []
        others = [each for each in self.all if not each.same_way(path) and each.transport == path.transport
                  and _key(each) not in self._refused]
        # Each interface before a second address of the gateway by the same one.
        turn = {_key(each): sum(_uplink(one) == _uplink(each) for one in others[:index])
                for index, each in enumerate(others)}
        return sorted(others, key=lambda each: turn[_key(each)])[:AT_ONCE - 1]

    def find(self, seen: Path) -> Path | None:
        """The way on which a datagram came, by its addresses."""
        return next((each for each in self.all if (each.local.address, each.remote.address)
                     == (seen.local.address, seen.remote.address)
                     and (each.transport == "tcp") is (seen.transport == "tcp")), None)

    def prefer(self, one: Path | None, other: Path) -> Path:
        """The one that the host ranks higher."""
        return next((each.natt() for each in self.all if each.same_way(one) or each.same_way(other)), other)

    # --- liveness ---

    def fell_silent(self, path: Path, but: Path | None = None) -> None:
        """And with it all that leave by the same uplink; not so where ``but`` does, which has answered."""
        whole = but is None or _uplink(path) != _uplink(but)
        for each in self.all:
            if each.same_way(path) or (whole and _uplink(each) == _uplink(path)):
                self._silent.setdefault(_key(each), FIRST_RETURN)

    def answered(self, path: Path) -> None:
        for each in self.all if self._silent else ():
            if _uplink(each) == _uplink(path):
                self._silent.pop(_key(each), None)

    def refused(self, path: Path) -> None:
        self._refused.add(_key(path))

    def to_return_to(self, present: Path) -> tuple[Path, float] | None:
        """A silent way that is better than the present one, and how long to wait before it is tried again."""
        for each in self.all:
            if each.same_way(present):
                return None
            if _key(each) in self._silent:
                return each.natt(), self._silent[_key(each)]
        return None

    def still_silent(self, path: Path) -> None:
        if _key(path) in self._silent:
            self._silent[_key(path)] = min(2 * self._silent[_key(path)], LONGEST_RETURN)

    # --- what the gateway is told (RFC 4555 §3.4) ---

    def additional(self, present: Path) -> tuple[str, ...]:
        """Our addresses beside the present one."""
        others = (path.local.address for path in self.all)
        return tuple(dict.fromkeys(each for each in others if each != present.local.address))[:MAX_ADDITIONAL]


def _uplink(path: Path) -> tuple[str, str, str]:
    return path.local.address, path.interface, path.transport


def _key(path: Path) -> _Key:
    return path.local.address, path.remote.address, path.interface, path.index, path.transport
