"""The configuration payload (RFC 7296 §3.15): what we ask for, and a gateway's answer read with suspicion."""

from ipaddress import (
    AddressValueError,
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    NetmaskValueError,
)

from client.core.ikev2.constants import ConfigAttribute, ConfigType
from client.core.ikev2.events import IpAddress, IpInterface, IpNetwork, VirtualIps
from client.core.ikev2.payloads import CP

MAX_ITEMS = 32   # of each kind; a gateway that sends more is not believed further


def config_request(ipv4: bool, ipv6: bool, previous: tuple[IpInterface, ...] = ()) -> CP:
    """CFG_REQUEST for addresses (the previous ones again, if any), resolvers, subnets and split-DNS domains."""
    attributes: list[tuple[int, bytes]] = []
    v4 = next((i.ip.packed for i in previous if i.version == 4), b"")
    v6 = next((i.ip.packed + bytes([128]) for i in previous if i.version == 6), b"")
    if ipv4:
        attributes += [(ConfigAttribute.INTERNAL_IP4_ADDRESS, v4), (ConfigAttribute.INTERNAL_IP4_DNS, b""),
                       (ConfigAttribute.INTERNAL_IP4_SUBNET, b"")]
    if ipv6:
        attributes += [(ConfigAttribute.INTERNAL_IP6_ADDRESS, v6), (ConfigAttribute.INTERNAL_IP6_DNS, b""),
                       (ConfigAttribute.INTERNAL_IP6_SUBNET, b"")]
    attributes.append((ConfigAttribute.INTERNAL_DNS_DOMAIN, b""))
    return CP(ConfigType.CFG_REQUEST, tuple(attributes))


def read_config_reply(cp: CP | None) -> VirtualIps:
    """CFG_REPLY → VirtualIps. A malformed attribute is skipped, not fatal: the rest still works."""
    if cp is None or cp.type != ConfigType.CFG_REPLY:
        return VirtualIps()
    addresses: list[IpInterface] = []
    dns: list[IpAddress] = []
    subnets: list[IpNetwork] = []
    domains: list[str] = []
    for kind, value in cp.attributes:
        try:
            match kind:
                case ConfigAttribute.INTERNAL_IP4_ADDRESS:
                    addresses.append(IPv4Interface((IPv4Address(value), 32)))
                case ConfigAttribute.INTERNAL_IP6_ADDRESS:
                    addresses.append(IPv6Interface((IPv6Address(value[:16]), 128)))
                case ConfigAttribute.INTERNAL_IP4_DNS:
                    dns.append(IPv4Address(value))
                case ConfigAttribute.INTERNAL_IP6_DNS:
                    dns.append(IPv6Address(value[:16]))     # one peer appends a prefix length
                case ConfigAttribute.INTERNAL_IP4_SUBNET:
                    mask = IPv4Address(value[4:])
                    subnets.append(IPv4Network(f"{IPv4Address(value[:4])}/{mask}", strict=False))
                case ConfigAttribute.INTERNAL_IP6_SUBNET:
                    subnets.append(IPv6Network((IPv6Address(value[:16]), value[16]), strict=False))
                case ConfigAttribute.INTERNAL_DNS_DOMAIN:
                    domains.append(value.decode("ascii"))   # RFC 8598 §4.1
        except (AddressValueError, NetmaskValueError, ValueError, IndexError):
            continue
    usable = [a for a in addresses if not (a.ip.is_unspecified or a.ip.is_multicast or a.ip.is_loopback)]
    return VirtualIps(*(tuple(dict.fromkeys(items))[:MAX_ITEMS] for items in (
        usable, [a for a in dns if not (a.is_unspecified or a.is_multicast)], subnets, domains)))  # type: ignore[arg-type]
