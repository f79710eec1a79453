"""Labs that tests borrow: one per set of options, built at first use, shared until the end of the test run."""

from typing import Any

from tests.lab.lab import Lab
from tests.lab.shell import LabError, LabInUse

_PREFIXES = [f"rv{number}" for number in range(100)]


class Pool:
    """Prefixes are whatever is free: other test runs may be under way on the same machine."""

    def __init__(self) -> None:
        self._labs: dict[str, Lab] = {}

    def borrow(self, **options: Any) -> Lab:
        """A healthy lab with a running gateway. Raises LabError."""
        key = repr(sorted(options.items()))
        if key not in self._labs:
            self._labs[key] = self._build(options)
        lab = self._labs[key]
        lab.gateway.start()
        return lab

    def give_back(self, lab: Lab) -> None:
        """Undo what the test did to it. A lab that cannot be healed is taken down, and the error stays visible."""
        try:
            lab.reset()
        except BaseException:
            self._labs = {key: kept for key, kept in self._labs.items() if kept is not lab}
            lab.down()
            raise

    def close(self) -> None:
        while self._labs:
            self._labs.popitem()[1].down()

    @staticmethod
    def _build(options: dict[str, Any]) -> Lab:
        for prefix in _PREFIXES:
            try:
                return Lab(prefix, **options).up()
            except LabInUse:
                continue
        raise LabError(f"all of {_PREFIXES[0]} to {_PREFIXES[-1]} are in use")
