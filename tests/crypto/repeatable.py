"""Randomness that is the same in every run."""

import hashlib
from collections.abc import Callable


def repeatable(seed: str) -> Callable[[int], bytes]:
    calls = 0

    def random(length: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.shake_256(f"{seed} {calls}".encode()).digest(length)
    return random
