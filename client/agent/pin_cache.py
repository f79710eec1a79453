"""PINs in memory for some minutes, for who has asked for that (``rove agent --cache-pin``). Never on disk."""

import asyncio

from client.agent.pkcs11 import TokenId


class PinCache:
    """A PIN that a token accepted, until ``seconds`` after that; with 0 none is kept."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._pins: dict[TokenId, tuple[str, asyncio.TimerHandle]] = {}

    def get(self, token: TokenId) -> str | None:
        held = self._pins.get(token)
        return held[0] if held else None

    def put(self, token: TokenId, pin: str) -> None:
        """Accepted again: it does not stay longer for that."""
        if self._seconds > 0 and token not in self._pins:
            end = asyncio.get_running_loop().call_later(self._seconds, self.drop, token)
            self._pins[token] = (pin, end)

    def drop(self, token: TokenId) -> None:
        """It was refused, or its time is over."""
        held = self._pins.pop(token, None)
        if held:
            held[1].cancel()

    def clear(self) -> None:
        for token in list(self._pins):
            self.drop(token)
