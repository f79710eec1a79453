"""The lab's map: who has which address.

::

        192.168.1.10 wifi0 - lan0 [wifi] ext0 198.51.100.2 -.
    [client]                                                 [mid] - [inet] - ext0 192.0.2.1 to .5 [gw]
        100.64.0.10  lte0  - lan0 [lte]  ext0 203.0.113.2 --'

    [gw] lan0 10.10.0.1, fd10::1 - eth0 10.10.0.80, fd10::80 [corp]
         lan1 10.20.0.1          - eth1 10.20.0.80

``[mid]`` exists only with ``relay=True``: layer 2 in user space, for delay, jitter and seeded loss.
Global IPv6 on the uplinks and the gateway (never translated) comes with ``v6=True``.
"""

from dataclasses import dataclass

CLIENT, WIFI, LTE, MID, INET, GW, CORP = "client", "wifi", "lte", "mid", "inet", "gw", "corp"

GATEWAY = "192.0.2.1"             # every connection of gateways.CONNECTIONS but those that name another
GATEWAY_WRONG_NAME = "192.0.2.2"
GATEWAY_WEAK = "192.0.2.3"
GATEWAY_SECOND = "192.0.2.5"      # offers what GATEWAY does; clients are redirected there
GATEWAY_NO_FRAGMENTATION = "192.0.2.4"
GATEWAY_ABSENT = "192.0.2.99"     # nobody answers ARP: the router says host unreachable
GATEWAY6 = "2001:db8:c0::1"
CORP_HOST, CORP_HOST_B, CORP_HOST6 = "10.10.0.80", "10.20.0.80", "fd10::80"
CORP_DNS, CORP_DNS6 = "10.10.0.53", "fd10::53"
INET_DNS = "192.0.2.253"


@dataclass(frozen=True)
class Uplink:
    """One way from the client to the internet and the router on it."""

    name: str
    client: str
    router: str
    lan: str
    outside: str      # of the router; its second address ends in .3
    outside_second: str
    beyond: str       # the internet's end of the router's link
    client6: str
    router6: str
    lan6: str
    outside6: str
    beyond6: str
    metric: int
    mtu: int

    @property
    def interface(self) -> str:
        return f"{self.name}0"


UPLINKS = {uplink.name: uplink for uplink in (
    Uplink("wifi", "192.168.1.10", "192.168.1.1", "192.168.1.0/24", "198.51.100.2", "198.51.100.3", "198.51.100.1",
           "2001:db8:1::10", "2001:db8:1::1", "2001:db8:1::/64", "2001:db8:e1::2", "2001:db8:e1::1", 100, 1500),
    Uplink("lte", "100.64.0.10", "100.64.0.1", "100.64.0.0/24", "203.0.113.2", "203.0.113.3", "203.0.113.1",
           "2001:db8:2::10", "2001:db8:2::1", "2001:db8:2::/64", "2001:db8:e2::2", "2001:db8:e2::1", 600, 1400),
)}


def other(uplink: str) -> str:
    """The uplink one comes from when roaming to ``uplink``."""
    return {"wifi": "lte", "lte": "wifi"}[uplink]
