"""Does another way lead to the gateway? A liveness check that goes there first, and by the present way if it is lost.

The IKE_SA stays where it is: a gateway answers to where a request came from (RFC 7296 §2.11), and with MOBIKE moves for
nothing but UPDATE_SA_ADDRESSES (RFC 4555 §3.5).
"""

from client.core.ikev2.constants import ExchangeType
from client.core.ikev2.events import Path, WayAnswers
from client.core.ikev2.ike_sa import Context, IkeSa
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import Payload

TRIES = 2       # transmissions on the other way


class WayProbe:
    """Emits WayAnswers where the answer came by ``path``'s transport."""

    exchange = ExchangeType.INFORMATIONAL

    def __init__(self, ctx: Context, path: Path) -> None:
        self._ctx = ctx
        self.path = path

    def build_request(self, now: float) -> list[Payload]:
        return []

    def process_response(self, message: Message, now: float) -> None:
        came = self._ctx.arrived
        if came is not None and (came.transport == "tcp") is (self.path.transport == "tcp"):
            self._ctx.emit(WayAnswers(self.path))

    def moved_to(self, sa: IkeSa) -> None:
        """It is asked again soon."""
