"""Hypothesis strategies: payloads and messages that can be sent, of every kind."""

from ipaddress import IPv4Address, IPv6Address

from hypothesis import settings
from hypothesis import strategies as st

from client.core.ikev2 import payloads as p
from client.core.ikev2.constants import (
    AuthMethod,
    CertEncoding,
    ConfigAttribute,
    ConfigType,
    ExchangeType,
    IdType,
    NotifyType,
    PayloadType,
    ProtocolId,
    TransformType,
    TsType,
)
from client.core.ikev2.message import Message
from client.core.ikev2.proposal import Proposal, Transform
from client.core.ikev2.traffic_selector import ANY_PORT, OPAQUE, TrafficSelector
from client.core.ikev2.traffic_selector_wire import UnknownSelector

# No deadline: the machines are shared.
quick = settings(max_examples=40, deadline=None)

u8, u16 = st.integers(0, 255), st.integers(0, 0xFFFF)
octets = st.binary(max_size=80)

attributes = st.one_of(
    st.tuples(st.integers(0x8000, 0xFFFF).filter(lambda a: a != 0x800E), st.binary(min_size=2, max_size=2)),
    st.tuples(st.integers(0, 0x7FFF), st.binary(max_size=6)))
transforms = st.builds(Transform, u8.map(TransformType), u16, u16, st.lists(attributes, max_size=2).map(tuple))
proposals = st.builds(Proposal, u8, u8.map(ProtocolId), st.binary(max_size=8),
                      st.lists(transforms, max_size=6).map(tuple))

port_ranges = st.one_of(st.just(ANY_PORT), st.just(OPAQUE), st.tuples(u16, u16).map(lambda pair: tuple(sorted(pair))))


def ranges(address, numbers):
    return st.tuples(numbers, numbers).map(sorted).map(lambda pair: (address(pair[0]), address(pair[1])))


selectors = st.builds(
    lambda addresses, protocol, ports: TrafficSelector.from_range(*addresses, protocol, ports),
    st.one_of(ranges(IPv4Address, st.integers(0, 2**32 - 1)), ranges(IPv6Address, st.integers(0, 2**128 - 1))),
    u8, port_ranges)
unknown_selectors = st.builds(
    UnknownSelector, u8.filter(lambda n: n not in (7, 8)).map(TsType), u8, st.binary(max_size=20))
selector_lists = (st.lists(selectors, max_size=4).map(tuple), st.lists(unknown_selectors, max_size=2).map(tuple))
identity = (u8.map(IdType), octets, st.binary(min_size=3, max_size=3))

PAYLOADS = {
    p.SA: st.builds(p.SA, st.lists(proposals, min_size=1, max_size=3).map(tuple)),
    p.KE: st.builds(p.KE, u16, octets),
    p.IDi: st.builds(p.IDi, *identity),
    p.IDr: st.builds(p.IDr, *identity),
    p.CERT: st.builds(p.CERT, u8.map(CertEncoding), octets),
    p.CERTREQ: st.builds(p.CERTREQ, u8.map(CertEncoding),
                         st.lists(st.binary(min_size=20, max_size=20), max_size=3).map(tuple)),
    p.AUTH: st.builds(p.AUTH, u8.map(AuthMethod), octets),
    p.Nonce: st.builds(p.Nonce, st.binary(min_size=16, max_size=256)),
    p.Notify: st.builds(p.Notify, u8.map(ProtocolId), u16.map(NotifyType), st.binary(max_size=8), octets),
    p.Delete: st.one_of(
        st.just(p.Delete(ProtocolId.IKE, ())),
        st.builds(p.Delete, st.just(ProtocolId.ESP),
                  st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=5).map(tuple))),
    p.VendorID: st.builds(p.VendorID, octets),
    p.TSi: st.builds(p.TSi, *selector_lists),
    p.TSr: st.builds(p.TSr, *selector_lists),
    p.CP: st.builds(p.CP, u8.map(ConfigType),
                    st.lists(st.tuples(st.integers(0, 0x7FFF).map(ConfigAttribute), octets), max_size=5).map(tuple)),
    p.EAP: st.builds(p.EAP, octets),
    p.Unknown: st.builds(
        p.Unknown, u8.filter(lambda n: n != 0 and PayloadType(n) not in p.PAYLOADS and n not in (46, 53))
        .map(PayloadType), st.just(False), octets),
}
payload_lists = st.lists(st.one_of(*PAYLOADS.values()), max_size=8).map(tuple)
spis = st.binary(min_size=8, max_size=8)
messages = st.builds(Message, spis, spis, u8.map(ExchangeType), st.booleans(), st.booleans(),
                     st.integers(0, 2**32 - 1), payload_lists)
