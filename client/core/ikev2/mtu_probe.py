"""Does a packet of so many octets arrive? A liveness check made as large, and sent so that nothing may cut it.

    INFORMATIONAL request { N(40960, zeros) }        INFORMATIONAL response { }

The padding is a status notification of the private range, which every gateway has to pass over (RFC 7296 §3.10.1). An
exchange must not fail because its request was too large: where no answer comes the request goes out without its
padding, then with it, and so on. That is no identical repetition (§2.1); but a gateway has seen the large one, and
answers again, or it has not, and the small one is the first. Fragments (RFC 7383) would be the proper way: strongSwan
with its mediation extension takes an INFORMATIONAL request in fragments for something else and drops it.
"""

from client.core.ikev2.constants import ExchangeType
from client.core.ikev2.events import MtuProbed, Path
from client.core.ikev2.header import GENERIC_HEADER_LENGTH, HEADER_LENGTH
from client.core.ikev2.ike_sa import Context, IkeSa
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import Notify, Payload

PADDING = 40960          # a status type of the private range
_NOTIFY_HEADER = GENERIC_HEADER_LENGTH + 4
_UDP_AND_MARKER = 8 + 4


class MtuProbe:
    """Emits MtuProbed, with the octets of the whole IP packet."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, ctx: Context, sa: IkeSa, path: Path, octets: int) -> None:
        self._ctx = ctx
        self._path = path
        self._around = (40 if ":" in path.remote.address else 20) + _UDP_AND_MARKER
        assert sa.cipher_out is not None
        room = sa.cipher_out.room(octets - self._around - HEADER_LENGTH - GENERIC_HEADER_LENGTH)
        self._padding = bytes(max(0, room - _NOTIFY_HEADER))
        self.octets = octets
        self.small = False      # it went out without its padding, too: an answer proves nothing

    @staticmethod
    def without_padding() -> list[Payload]:
        return []

    def build_request(self, now: float) -> list[Payload]:
        return [Notify.of(PADDING, self._padding)]

    def sent_as(self, datagram: bytes) -> None:
        """Ciphers have blocks: it may be a little less than was asked for."""
        self.octets = self._around + len(datagram)

    def process_response(self, message: Message, now: float) -> None:
        self._ctx.emit(MtuProbed(self._path, self.octets, arrived=not self.small))

    def moved_to(self, sa: IkeSa) -> None:
        """It was about a path, and its time is over."""
