"""Real messages for seeds: what our engine and the tests' gateway say to each other, opened with the engine's keys."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from ipaddress import IPv6Address, ip_network
from typing import Any

from client.core.ikev2 import events as ike
from client.core.ikev2.constants import ConfigAttribute, ExchangeType, ProtocolId
from client.core.ikev2.engine import Ikev2Engine
from client.core.ikev2.errors import IntegrityError
from client.core.ikev2.fragment import Reassembly
from client.core.ikev2.header import parse_header
from client.core.ikev2.message import Message, parse_plain, parse_protected
from client.core.ikev2.proposal import DEFAULT_ESP, number_proposals, parse_proposal
from client.core.ikev2.traffic_selector import TrafficSelector
from tests.peer.responder import Behaviour, Responder
from tests.sim.world import LTE, Accepting, World, seeded

ANY = tuple(TrafficSelector.from_network(ip_network(text)) for text in ("0.0.0.0/0", "::/0"))
# Quick key exchanges; another group for INVALID_KE_PAYLOAD, a suite that is not an AEAD, the group for firewalls.
IKE, PQ = (number_proposals([parse_proposal(text, ProtocolId.IKE) for text in texts]) for texts in (
    ("aes256gcm16-prfsha256-curve25519", "aes128-sha256-ecp256", "aes128-sha256-modp2048"),
    ("aes256gcm16-prfsha256-curve25519-ke1_mlkem768", "aes256gcm16-prfsha256-curve25519")))
CONFIG = ike.EngineConfig(
    ike_proposals=IKE, esp_proposals=DEFAULT_ESP, local_id=(3, b"alice@test"), remote_id=(2, b"gw.test"),
    auth="psk", local_ts=ANY, remote_ts=ANY, certificate_authorities=(bytes(20),), pfs_groups=(31,))
GATEWAY = replace(CONFIG, ike_rekey=1e6, child_rekey=1e6, child_expire=2e6, dpd=1e6)
ATTRIBUTES = ((ConfigAttribute.INTERNAL_IP4_DNS, bytes((10, 0, 0, 53))),
              (ConfigAttribute.INTERNAL_IP6_DNS, bytes(15) + b"\x35\x40"),
              (ConfigAttribute.INTERNAL_IP4_SUBNET, bytes((10, 0, 0, 0, 255, 0, 0, 0))),
              (ConfigAttribute.INTERNAL_IP6_SUBNET, bytes(16) + b"\x40"),
              (ConfigAttribute.INTERNAL_DNS_DOMAIN, b"corp.example"))
MSK = bytes(range(64))


class Eap:
    """An EAP conversation of two rounds that ends well, as IKE sees it."""

    def start(self) -> bytes:
        return bytes.fromhex("0101000501")

    def receive(self, packet: bytes) -> tuple[bytes, bytes]:
        return bytes.fromhex("03010004"), MSK


class Recording(Ikev2Engine):
    """``heard``: every message of the gateway, opened when it came; ``datagrams``: as they came.

    ``script`` has the messages too, with the number of the IKE_SA, newest first, and between them our own commands.
    """

    def __init__(self, config: ike.EngineConfig, random: Callable[[int], bytes]) -> None:
        super().__init__(config, random)
        self.heard: list[Message] = []
        self.datagrams: list[bytes] = []
        self.script: list[tuple[Message, int] | str] = []
        self._positions: list[int] = []
        self._fragments = Reassembly()

    def receive_datagram(self, data: bytes, path: ike.Path, now: float) -> None:
        header = parse_header(data)
        sa = self._ctx.sas.get(header.spi_r if header.initiator else header.spi_i)
        message: Message | None = None
        if sa is None or sa.cipher_in is None:
            message = parse_plain(data)
        else:
            with suppress(IntegrityError):
                message = parse_protected(data, sa.cipher_in, self._fragments)
        if message is not None:
            self.heard.append(message)
            spis = list(reversed(self._ctx.sas))
            self.script.append((message, spis.index(sa.own_spi) if sa else 0))
            self._positions.append(len(self.datagrams))
        self.datagrams.append(data)
        super().receive_datagram(data, path, now)

    def script_after(self, datagrams: int) -> list[tuple[Message, int] | str]:
        return [entry for entry, at in zip(self.script, self._positions, strict=True) if at >= datagrams]

    def _command(self, name: str) -> None:
        self.script.append(name)
        self._positions.append(len(self.datagrams))

    def handle_timeout(self, now: float) -> None:
        self._command("timeout")
        super().handle_timeout(now)

    def rekey_child(self, spi: bytes, now: float) -> None:
        self._command("rekey-child")
        super().rekey_child(spi, now)

    def rekey_ike(self, now: float) -> None:
        self._command("rekey-ike")
        super().rekey_ike(now)

    def set_paths(self, paths: Sequence[ike.Path], now: float) -> None:
        self._command("roam")
        super().set_paths(paths, now)


def answers() -> dict[type, Any]:
    """The gateway is accepted; the user has answered EAP already."""
    def accept(engine: Ikev2Engine, event: ike.PeerAuth, now: float) -> None:
        engine.provide_peer_verdict(event.request_id, ike.PeerVerdict(), now)

    def reply(engine: Ikev2Engine, event: ike.EapReceived, now: float) -> None:
        engine.provide_eap(event.request_id, ike.EapReply(bytes.fromhex("0201000961") + b"lice", MSK), now)
    return Accepting().table() | {ike.PeerAuth: accept, ike.EapReceived: reply}


def config_of(kind: str) -> ike.EngineConfig:
    """``psk``, ``eap``, or ``pq``: with a shared key and an additional key exchange."""
    return replace(CONFIG, auth="eap" if kind == "eap" else "psk", ike_proposals=PQ if kind == "pq" else IKE)


def new_client(kind: str) -> Ikev2Engine:
    """One that says what the conversation's client said, to the last octet, when it hears the same."""
    return Ikev2Engine(config_of(kind), seeded("client"))


@cache
def conversation(kind: str = "psk") -> World:
    """Everything from IKE_SA_INIT to the DELETE, both sides rekeying in between."""
    behaviour = Behaviour(eap=Eap() if kind == "eap" else None, virtual_v6=IPv6Address("fd99::10"),
                          attributes=ATTRIBUTES, certificates=(bytes(300),))
    config = config_of(kind)
    client = Recording(config, seeded("client"))
    gateway = Responder(replace(GATEWAY, ike_proposals=config.ike_proposals), seeded("gateway"), behaviour)
    world = World(client, gateway, answers())
    world.start()
    world.run(5.0)
    assert world.of(ike.Established), world.events

    def child(engine: Ikev2Engine) -> bytes:
        return next(spi for sa in reversed(engine._ctx.sas.values()) for spi in sa.children)
    world.do(lambda: gateway.rekey_child(child(gateway), world.now), 3.0)
    world.do(lambda: gateway.rekey_ike(world.now), 3.0)
    world.do(lambda: client.rekey_child(child(client), world.now), 3.0)
    world.do(lambda: client.rekey_ike(world.now), 3.0)
    world.do(lambda: client.set_paths((LTE,), world.now), 3.0)
    world.do(lambda: gateway.close(world.now), 3.0)
    return world


def recorded(kind: str = "psk") -> Recording:
    client = conversation(kind).client
    assert isinstance(client, Recording)
    return client


def opened() -> dict[str, Message]:
    """Messages of the gateway by a name of their own."""
    found: list[Message] = []
    for kind in ("psk", "eap", "pq"):
        for message in recorded(kind).heard:
            if message.exchange != ExchangeType.IKE_SA_INIT and message not in found:
                found.append(message)
    return {f"{number:02}-{message.exchange.name.lower().replace('_', '-')}": message
            for number, message in enumerate(found)}
