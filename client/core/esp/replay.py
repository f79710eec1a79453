"""The anti-replay window of one inbound SA (RFC 4303 §3.4.3, appendix A2).

A ring remembers, for each residue modulo its size, the last sequence number accepted there. A number inside the
window has its slot to itself, so nothing ever has to be cleared, however far the window jumps.
"""

from array import array

WINDOW = 4096  # RFC 4303 §3.4.3 asks for 32 and prefers 64; a burst over several queues reorders more than that


class ReplayWindow:
    """``highest`` is the greatest sequence number accepted so far.

    ``start`` says that everything up to and including it has been seen: a data path that was restarted does not
    know which of the older ones were.
    """

    __slots__ = ("_floor", "_mask", "_ring", "_size", "highest")

    def __init__(self, start: int = 0, size: int = WINDOW) -> None:
        if size < 1 or size & (size - 1):
            raise ValueError("the window's size is a power of two")
        self._size = size
        self._mask = size - 1
        self._ring = array("Q", bytes(8 * size))
        self._floor = start
        self.highest = start

    def whole(self, low: int) -> int:
        """The extended sequence number whose lower 32 bits are ``low`` (RFC 4303 appendix A2.2).

        The one of all of them that lies in the window or less than 2^32 above its lower end: A2.2's four cases in one
        line. Negative where it would lie before the SA's first packet: ``is_new`` refuses it.
        """
        bottom = self.highest - self._mask
        return bottom + ((low - bottom) & 0xFFFF_FFFF)

    def is_new(self, seq: int) -> bool:
        """May this number still come? Asked before the ICV is checked, and changes nothing."""
        return (
            seq > self._floor  # also refuses 0, which no sender uses (RFC 4303 §3.3.3)
            and seq > self.highest - self._size
            and self._ring[seq & self._mask] != seq
        )

    def accept(self, seq: int) -> None:
        """Remember a number for which ``is_new`` held, only after authentication (RFC 4303 §3.4.3)."""
        self._ring[seq & self._mask] = seq
        if seq > self.highest:
            self.highest = seq
