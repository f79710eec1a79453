"""What a connection changes on the host, as a value."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface
IpNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True)
class RemoteNetwork:
    """What goes into the tunnel. ``protocol`` 0 and the full port range mean everything to ``network``.

    Ports are those of the far end. For ICMP they hold type and code (RFC 7296 §3.13.1), which routing cannot tell
    apart; so they count for TCP, UDP, SCTP, DCCP and UDP-Lite only. OPAQUE (65535–0) means any port.
    """

    network: IPv4Network | IPv6Network
    protocol: int = 0
    port_start: int = 0
    port_end: int = 65535


@dataclass(frozen=True)
class HostConfig:
    """The whole of what one connection changes on the host; ``index`` N gives ``roveN``, its mark and its table.

    ``mtu`` is the largest packet that the tunnel carries whole.
    """

    index: int
    mtu: int
    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    remote: tuple[RemoteNetwork, ...]
    exclude: tuple[IPv4Network | IPv6Network, ...] = ()
    lan: bool = True
    dns_servers: tuple[IPv4Address | IPv6Address, ...] = ()
    dns_domains: tuple[str, ...] = ()
    dns_full: bool = False      # the tunnel's resolvers answer everything, not only dns_domains
