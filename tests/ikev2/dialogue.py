"""What was said inside of SK payloads, and words put into the gateway's mouth. → is the client, ← the gateway."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.ike_sa import IkeState
from client.core.ikev2.message import Message, encode_plain, parse_header, parse_plain
from client.core.ikev2.payloads import Notify, Payload
from tests.sim.world import World

INIT, AUTH = ExchangeType.IKE_SA_INIT, ExchangeType.IKE_AUTH
CHILD, INFO = ExchangeType.CREATE_CHILD_SA, ExchangeType.INFORMATIONAL


@dataclass(frozen=True)
class Said:
    """One message as its sender built it: retransmissions are not said again."""

    who: str
    exchange: ExchangeType
    response: bool
    message_id: int
    payloads: tuple[Any, ...]
    spi_i: bytes
    at: float

    def of(self, kind: type) -> list[Any]:
        return [payload for payload in self.payloads if isinstance(payload, kind)]

    def notify(self, kind: int) -> Notify | None:
        return next((notify for notify in self.of(Notify) if notify.type == kind), None)


def listen(world: World) -> list[Said]:
    """Everything protected that either side says from now on."""
    heard: list[Said] = []
    for who, engine in (("client", world.client), ("gateway", world.gateway)):
        encode = engine._ctx.encode

        def noting(sa: Any, exchange: Any, payloads: Sequence[Payload], message_id: int, *, response: bool,
                   who: str = who, encode: Any = encode, **more: Any) -> list[bytes]:
            heard.append(Said(who, exchange, response, message_id, tuple(payloads), sa.spi_i, world.now))
            return encode(sa, exchange, payloads, message_id, response=response, **more)
        engine._ctx.encode = noting     # type: ignore[method-assign]
    return heard


def requests(heard: list[Said], who: str, exchange: ExchangeType) -> list[Said]:
    return [said for said in heard if (said.who, said.exchange, said.response) == (who, exchange, False)]


class Words:
    """A request of these payloads; ``answer`` is what came back."""

    def __init__(self, payloads: Sequence[Payload], exchange: ExchangeType) -> None:
        self.exchange = exchange
        self.payloads = list(payloads)
        self.answer: Message | None = None

    def build_request(self, now: float) -> list[Payload]:
        return self.payloads

    def process_response(self, message: Message, now: float) -> None:
        self.answer = message

    def moved_to(self, sa: Any) -> None:
        """It was for that IKE_SA."""


def gateway_sa(world: World) -> Any:
    return next(sa for sa in reversed(world.gateway._ctx.sas.values()) if sa.state is IkeState.ESTABLISHED)


def ask(world: World, *payloads: Payload, exchange: ExchangeType = INFO, seconds: float = 1.0) -> Message:
    """← request of these payloads; the client's answer."""
    words = Words(payloads, exchange)
    world.gateway._ctx.enqueue(gateway_sa(world), words)
    world.do(lambda: world.gateway._pump(world.now), seconds)
    assert words.answer is not None, "no answer"
    return words.answer


def answer_once(world: World, *replies: Callable[[Any, Message, float], list[Payload]] | Payload) -> None:
    """The gateway's next answers to CREATE_CHILD_SA or INFORMATIONAL requests; after these it is itself again."""
    waiting, itself = list(replies), world.gateway._answer

    def answer(sa: Any, message: Message, now: float) -> list[Payload]:
        if not waiting:
            return itself(sa, message, now)
        reply = waiting.pop(0)
        return reply(sa, message, now) if callable(reply) else [reply]
    world.gateway._answer = answer      # type: ignore[method-assign]


def change_init(world: World, change: Callable[[tuple[Any, ...]], Sequence[Any]], *, known: bool = False,
                octets: Callable[[bytes], bytes] = lambda data: data) -> None:
    """The gateway's IKE_SA_INIT answers are other ones; ``known``: it signs what it really sent."""
    gateway, changed = world.gateway, {}
    send, answer = gateway._ctx.send, gateway._answer_init

    def sending(datagrams: Sequence[bytes], path: Any = None) -> None:
        out = []
        for data in datagrams:
            new = data
            if parse_header(data).exchange == INIT:
                message = parse_plain(data)
                new = octets(encode_plain(replace(message, payloads=tuple(change(message.payloads)))))
                changed[data] = new
            out.append(new)
        send(out, path)

    def answering(*arguments: Any) -> None:
        answer(*arguments)
        for state in gateway._handshakes.values():
            if known:
                state["answer"] = changed.get(state["answer"], state["answer"])
    gateway._ctx.send = sending             # type: ignore[method-assign, assignment]
    gateway._answer_init = answering        # type: ignore[method-assign]


def only(payloads: Sequence[Any], kind: type, **changes: Any) -> list[Any]:
    """The same, with the payloads of one kind changed."""
    return [replace(payload, **changes) if isinstance(payload, kind) else payload for payload in payloads]


def unprotected(spi_i: bytes, spi_r: bytes, notify: int, *, response: bool, message_id: int = 0) -> bytes:
    """← HDR, N(notify): what anybody could send."""
    return encode_plain(Message(spi_i, spi_r, INFO, initiator=False, response=response, message_id=message_id,
                                payloads=(Notify.of(NotifyType(notify)),)))
