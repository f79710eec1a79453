"""A gateway that says anything at all, in every state of the engine: whole datagrams, and payloads well protected.

After every input the engine still ends when it is told to, or by itself when nothing comes any more.
"""

from functools import cache
from random import Random

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ExchangeType, PayloadType
from client.core.ikev2.header import encode_header, encode_payloads, parse_header
from client.core.ikev2.ike_sa import IkeSa, IkeState
from client.core.ikev2.message import Message
from client.core.ikev2.protection import protect
from client.model.cause import Cause
from tests.fuzz.conversation import Recording, answers, new_client, recorded
from tests.fuzz.frames import Octets, join, mutate_chain, mutate_parts, split
from tests.fuzz.judge import plain_words
from tests.sim.world import LTE, WIFI

MAX_LEN = 6144
# What was said before the input: a conversation, and how many datagrams of it.
STATES = (("psk", 0), ("psk", 1), ("psk", 2), ("eap", 1), ("eap", 2), ("eap", 3), ("eap", 4), ("pq", 1), ("pq", 2),
          ("pq", 3))
RAW, PLAIN, RESPONSE, REQUEST, TIME, COMMAND, ANSWER = range(7)
COMMANDS = ("rekey-child", "rekey-ike", "roam", "no-network", "close", "back", "refused", "traffic")
EXCHANGES = (ExchangeType.INFORMATIONAL, ExchangeType.CREATE_CHILD_SA, ExchangeType.IKE_FOLLOWUP_KE,
             ExchangeType.IKE_AUTH)
MOST_OPERATIONS = 24
MOST_DATAGRAMS = 40      # that one datagram of the gateway may bring about
LONGEST = 50_000.0       # s: then an engine that hears nothing has given up, whatever it waited for
A_MOMENT = 3            # of TIME, 9/16 s: what the engine does by itself after a log-in is due then


def one(data: bytes) -> None:
    """An octet for the state and how it ends, then operations: kind, argument, octets."""
    if not data:
        return
    drive = _Drive(*STATES[(data[0] & 0x3F) % len(STATES)])
    for part in split(data[1:])[:MOST_OPERATIONS]:
        if len(part) >= 2:
            drive.operation(part[0], part[1], part[2:])
    drive.end(by_command=bool(data[0] & 0x40))


class _Drive:
    def __init__(self, kind: str, heard: int) -> None:
        self.now = 1000.0
        self.engine = new_client(kind)
        self.ctx = self.engine._ctx
        self.hold = False        # questions stay open until an operation answers them
        self.open: list[ike.Event] = []
        self.ended = 0
        self.table = answers()
        self.engine.start((WIFI,), self.now)
        self.settle()
        for data in _recorded(kind)[:heard]:
            self.receive(data)

    def operation(self, kind: int, argument: int, body: bytes) -> None:
        match kind:
            case _ if kind == RAW:
                self.receive(body)
            case _ if kind == PLAIN and self.ctx.sas:
                self.receive(self.plain(body))
            case _ if kind in (RESPONSE, REQUEST):
                self.protected(kind == RESPONSE, argument, body)
            case _ if kind == TIME:
                self.pass_time(argument * argument / 16)
            case _ if kind == COMMAND:
                self.command(COMMANDS[argument % len(COMMANDS)])
            case _ if kind == ANSWER:
                self.answer(argument, body)

    # --- the gateway ---

    def receive(self, data: bytes) -> None:
        self.engine.receive_datagram(data, ike.Path(WIFI.local, WIFI.remote, WIFI.interface), self.now)
        self.settle()

    def plain(self, body: bytes) -> bytes:
        """An IKE_SA_INIT response for the newest IKE_SA."""
        sa = list(self.ctx.sas.values())[-1]
        return encode_header(sa.spi_i, b"gateway!", body[:1][0] if body else 0, ExchangeType.IKE_SA_INIT,
                             initiator=not sa.initiator, response=True, message_id=0,
                             body_length=len(body[1:])) + body[1:]

    def protected(self, response: bool, argument: int, body: bytes) -> None:
        """Bits of ``argument``: 0–1 IKE_SA, newest first; 2–3 exchange of a request; 4 one message ID further;
        5 in fragments; 6 a wrong exchange."""
        sas = [sa for sa in reversed(self.ctx.sas.values()) if sa.cipher_in is not None]
        if not sas or not body:
            return
        sa = sas[min(argument & 3, len(sas) - 1)]
        exchange, message_id = self.place(sa, response, argument)
        header = parse_header(encode_header(
            sa.spi_i, sa.spi_r, PayloadType.SK, exchange, initiator=not sa.initiator, response=response,
            message_id=message_id + (argument >> 4 & 1), body_length=0))
        cipher = sa.cipher_in
        assert cipher is not None
        for datagram in protect(header, body[0], body[1:], cipher, bytes, 300 if argument & 0x20 else None)[:100]:
            self.receive(datagram)

    def place(self, sa: IkeSa, response: bool, argument: int) -> tuple[int, int]:
        """(exchange, message ID) of what the engine waits for."""
        if not response:
            return EXCHANGES[argument >> 2 & 3], sa.window.next_peer_id
        outstanding = sa.window.outstanding
        exchange = outstanding.task.exchange if outstanding and outstanding.task else ExchangeType.INFORMATIONAL
        if argument & 0x40:
            exchange = EXCHANGES[argument >> 2 & 3]
        return exchange, outstanding.message_id if outstanding else 0

    # --- our own side ---

    def command(self, name: str) -> None:
        engine, now = self.engine, self.now
        spis = [spi for sa in self.ctx.sas.values() for spi in sa.children]
        match name:
            case "rekey-child":
                engine.rekey_child(spis[-1] if spis else b"none", now)
            case "rekey-ike":
                engine.rekey_ike(now)
            case "roam" | "back":
                engine.set_paths((LTE,) if name == "roam" else (WIFI, LTE), now)
            case "no-network":
                engine.set_paths((), now)
            case "close":
                engine.close(now)
            case "refused":
                engine.udp_refused("port unreachable", now)
            case "traffic":
                engine.traffic_seen(now)
        self.settle()

    def answer(self, argument: int, body: bytes) -> None:
        self.hold = bool(argument & 4)
        if not self.open:
            return
        event = self.open.pop(0)
        assert isinstance(event, ike.SignatureNeeded | ike.PeerAuth | ike.EapReceived)
        number = event.request_id
        if argument & 3 == 0:
            self.table[type(event)](self.engine, event, self.now)
        elif argument & 3 == 1:
            self.engine.decline(number, Cause.PROMPT_CANCELLED, "", self.now)
        elif isinstance(event, ike.PeerAuth):
            self.engine.provide_peer_verdict(number, ike.PeerVerdict(Cause.GATEWAY_UNTRUSTED, "no"), self.now)
        elif isinstance(event, ike.EapReceived):
            self.engine.provide_eap(number, ike.EapReply(body[:2000]), self.now)
        self.settle()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(20_000):
            due = self.engine.next_timeout()
            if due is None or due > end:
                self.now = end
                return
            self.now = max(self.now, due)
            self.engine.handle_timeout(self.now)
            self.settle()
        raise AssertionError("the engine does not come to rest")

    def settle(self) -> None:
        """Takes what came out, answers the questions."""
        for _ in range(100):
            sent = self.engine.datagrams_to_send(self.now)
            assert len(sent) <= MOST_DATAGRAMS
            for datagram in sent:
                assert int.from_bytes(datagram.data[24:28], "big") == len(datagram.data)
            event = self.engine.next_event()
            if event is None:
                return
            assert not self.ended, f"{event} after the end"
            if isinstance(event, ike.Failed | ike.Closed):
                self.ended += 1
                plain_words(getattr(event, "detail", ""))
            elif type(event) in self.table and self.hold:
                self.open.append(event)
            elif type(event) in self.table:
                self.table[type(event)](self.engine, event, self.now)
        raise AssertionError("events without end")

    def end(self, *, by_command: bool) -> None:
        """A request always ends, with its event; and an engine that is told to close does."""
        if by_command:
            self.engine.close(self.now)
            self.settle()
        waits = self.ctx.path is None or any(sa.state is IkeState.AUTH for sa in self.ctx.sas.values())
        self.pass_time(LONGEST)
        assert self.ended == 1 or (waits and not by_command and not self.ended)
        if self.ended:
            assert self.engine.next_timeout() is None
            assert not self.ctx.sas


@cache
def _recorded(kind: str) -> list[bytes]:
    return recorded(kind).datagrams


def mutate(data: bytes, limit: int, random: Random, octets: Octets) -> bytes:
    """Payloads inside protected messages, before they are protected."""
    def operation(part: bytes, room: int) -> bytes:
        if len(part) < 3 or part[0] not in (PLAIN, RESPONSE, REQUEST):
            return octets(part, room)
        if random.randrange(6) == 0:
            return bytes((random.choice((PLAIN, RESPONSE, REQUEST)), part[1] ^ 1 << random.randrange(8))) + part[2:]
        first, chain = mutate_chain(part[2], part[3:], max(room - 3, 1), random, octets)
        return part[:2] + bytes((first,)) + chain

    if len(data) < 2 or random.randrange(32) == 0:
        return octets(data, limit)
    state = data[0] if random.randrange(8) else random.randrange(256)
    rest = data[1:]
    if random.randrange(6) == 0:    # another operation somewhere
        parts = split(rest)
        kind, argument = random.choice((TIME, COMMAND, COMMAND, ANSWER)), random.randrange(random.choice((8, 256)))
        parts.insert(random.randrange(len(parts) + 1), bytes((kind, argument)))
        rest = join(parts)
    return (bytes((state,)) + mutate_parts(rest, limit - 1, random, octets, operation))[:limit]


def seeds() -> dict[str, bytes]:
    from client.core.ikev2 import payloads as p
    from client.core.ikev2.constants import NotifyType, ProtocolId
    made = {}
    for state, (kind, heard) in enumerate(STATES):
        script = _tail(recorded(kind), heard)
        made[f"{kind}-{heard}-silence"] = bytes((state,)) + join(script[:1])
        made[f"{kind}-{heard}-all"] = bytes((0x40 | state,)) + join(script[:18])
    established = STATES.index(("psk", 2))

    def said(kind: int, argument: int, *payloads: p.Payload) -> bytes:
        first, chain = encode_payloads(payloads)
        return bytes((kind, argument, first)) + chain
    errors = (NotifyType.TEMPORARY_FAILURE, NotifyType.CHILD_SA_NOT_FOUND, NotifyType.NO_PROPOSAL_CHOSEN,
              NotifyType.INVALID_KE_PAYLOAD, NotifyType.TS_UNACCEPTABLE, NotifyType.NO_ADDITIONAL_SAS)
    for error in errors:
        notify = said(RESPONSE, 0, p.Notify.of(error, b"\0\x13" if error == NotifyType.INVALID_KE_PAYLOAD else b""))
        for number, command in enumerate(("rekey-child", "rekey-ike")):
            made[f"{command}-{error.name.lower()}"] = bytes((established,)) + join(
                [bytes((COMMAND, number)), notify, bytes((TIME, 30)), notify])
    liveness, goodbye = said(REQUEST, 0), said(REQUEST, 0, p.Delete(ProtocolId.IKE, ()))
    made["liveness"] = bytes((established,)) + join([liveness, bytes((TIME, 30)), said(RESPONSE, 0), liveness])
    made["goodbye"] = bytes((established,)) + join([bytes((COMMAND, 0)), goodbye])
    made["cookie"] = b"\0" + join([bytes((PLAIN, 0, 41)) + encode_payloads(
        [p.Notify.of(NotifyType.COOKIE, bytes(16))])[1]] * 8)
    made["invalid-ke"] = b"\0" + join([bytes((PLAIN, 0, 41)) + encode_payloads(
        [p.Notify.of(NotifyType.INVALID_KE_PAYLOAD, b"\0\x13")])[1]])
    made["no-network"] = bytes((established,)) + join([bytes((COMMAND, 3)), bytes((TIME, 40)), bytes((COMMAND, 2))])
    made["refuse"] = b"\1" + join([bytes((ANSWER, 4)), *_tail(recorded("psk"), 1)[:1], bytes((ANSWER, 2))])
    return made


def _tail(client: Recording, datagrams: int) -> list[bytes]:
    """The rest of a conversation as operations."""
    operations = []
    for entry in client.script_after(datagrams):
        if entry == "timeout":
            operations.append(bytes((TIME, A_MOMENT)))
        elif isinstance(entry, str):
            operations.append(bytes((COMMAND, COMMANDS.index(entry))))
        else:
            operations.append(_operation(*entry))
    return operations


def _operation(message: Message, which: int) -> bytes:
    first, chain = encode_payloads(message.payloads)
    if message.exchange == ExchangeType.IKE_SA_INIT:
        return bytes((PLAIN, 0, first)) + chain
    exchange = EXCHANGES.index(message.exchange) if message.exchange in EXCHANGES else 0
    return bytes((RESPONSE if message.response else REQUEST, which | exchange << 2, first)) + chain
