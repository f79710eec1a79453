"""What may come out of a parser, and all that an engine does with a message before it decides anything."""

from collections.abc import Collection

from client.core.ikev2 import payloads as p
from client.core.ikev2.configuration import read_config_reply
from client.core.ikev2.errors import ProtocolError
from client.core.ikev2.events import Path
from client.core.ikev2.header import encode_payloads, parse_payloads
from client.core.ikev2.identity import identity_to_text
from client.core.ikev2.message import Message, check_rules, summary
from client.core.ikev2.natd import detect_nat
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE, proposal_name, select, verify_chosen
from client.core.ikev2.traffic_selector import TrafficSelector, intersect_all
from client.model.cause import Cause, RoveError
from client.model.endpoint import Endpoint

WANTED = tuple(TrafficSelector.from_text(text) for text in (
    "0.0.0.0/0", "10.0.0.3-10.0.0.9[tcp/80]", "2001:db8::/64"))
PATH = Path(Endpoint("192.168.1.10", 500), Endpoint("192.0.2.1", 500))


def plain_words(text: str, limit: int = 8192) -> None:
    """Goes to a terminal or a log."""
    assert text.isprintable(), text
    assert len(text) <= limit, len(text)


def refused(error: RoveError, causes: Collection[Cause], limit: int = 8192) -> None:
    """An error with a cause that this layer may give."""
    assert error.cause in causes, error
    plain_words(str(error), limit)


def named(error: ProtocolError) -> None:
    """An error that can be answered (RFC 7296 §2.21) and logged."""
    assert error.notify.is_error
    assert len(error.data) <= 64
    plain_words(str(error))


def use(message: Message) -> None:
    plain_words(summary(message), 64 * 1024)
    repr(message)
    try:
        check_rules(message)
        for sa in message.all(p.SA):
            select(sa.proposals, DEFAULT_IKE)
            select(sa.proposals, DEFAULT_ESP, prefer_own=True)
            for proposal in sa.proposals:
                plain_words(proposal_name(proposal), 256 * 1024)
                verify_chosen(proposal, (*DEFAULT_IKE, *DEFAULT_ESP))
    except ProtocolError as error:
        named(error)
    for selectors in (*message.all(p.TSi), *message.all(p.TSr)):
        for common in intersect_all(selectors.selectors, WANTED):
            str(common)
            for network in common.networks():
                assert any(wide.contains(network[0]) and wide.contains(network[-1]) for wide in WANTED)
    for identity in (*message.all(p.IDi), *message.all(p.IDr)):
        plain_words(identity_to_text(identity.id_type, identity.data), 256 * 1024)
    for configuration in message.all(p.CP):
        read_config_reply(configuration)
    detect_nat(message, message.spi_i, message.spi_r, PATH)


def round_trip(message: Message) -> None:
    """What was understood can be said again, and means the same."""
    assert parse_payloads(*encode_payloads(message.payloads)) == message.payloads
