"""The network of a lab without the programs: namespaces, uplinks, routers, name servers, and every fault."""

import time
from collections.abc import Callable, Mapping

from tests.lab import netns, plan, shell, topology
from tests.lab.impair import Relay
from tests.lab.nameserver import CORP_NAMES, NameServer, internet_names
from tests.lab.ping import PingStream
from tests.lab.ping import ping as ping_once
from tests.lab.pkiserver import PkiServer
from tests.lab.plan import CLIENT, CORP, INET, MID, UPLINKS
from tests.lab.router import Router
from tests.lab.shell import LabError

_LOUD = "table ip quiet\ndelete table ip quiet\n"
_QUIET = _LOUD + """table ip quiet {
  chain out {
    type filter hook output priority 0
    icmp type destination-unreachable drop
  }
}
"""
WAYS_DOWN = ("nm", "admin", "carrier", "silent")


class Network:
    """The namespaces are called ``<prefix>-…``. The client is on Wi-Fi, LTE has no carrier."""

    def __init__(self, prefix: str, nat: Mapping[str, str], v6: bool, relay: bool) -> None:
        self.prefix, self.v6 = prefix, v6
        self.spaces = topology.names(prefix, relay)
        self.routers = {name: Router(self.spaces[name], uplink, nat.get(name, "port"))
                        for name, uplink in UPLINKS.items()}
        self.dns: dict[str, NameServer] = {}
        self._narrowed: dict[str, int] = {}
        self.pki: PkiServer | None = None
        self._relay: Relay | None = None

    def build(self) -> None:
        topology.build(self.spaces, self.v6)
        for router in self.routers.values():
            router.apply()
        self._relay = Relay(self.spaces[MID]) if MID in self.spaces else None
        self.dns = {INET: NameServer(self.spaces[INET], (plan.INET_DNS,), internet_names(self.v6)),
                    CORP: NameServer(self.spaces[CORP], (plan.CORP_DNS, plan.CORP_DNS6), CORP_NAMES)}
        self.pki = PkiServer(self.spaces[INET], plan.INET_DNS)
        self.replug()

    def remove(self) -> None:
        """End what runs in the namespaces, whoever started it, and delete them."""
        for server in self.dns.values():
            server.stop()
        self.dns = {}
        if self.pki is not None:
            self.pki.stop()
            self.pki = None
        if self._relay is not None:
            self._relay.stop()
            self._relay = None
        if left := netns.existing(self.prefix):
            netns.delete(left)

    def heal(self) -> None:
        """No faults, every mapping forgotten, the client on Wi-Fi."""
        if self._relay is not None:
            self._relay.reset()
        for router in self.routers.values():
            router.reset()
        for uplink in [name for name, mtu in self._narrowed.items() if mtu < 1500]:
            self.narrow(uplink, 1500)
        self.link("lte", "nm")
        self.link("wifi", "up")
        for server in self.dns.values():
            server.queries.clear()

    def replug(self) -> None:
        """Both cables out and in again: everything that hangs on the links is made anew."""
        for uplink, way in (("wifi", "nm"), ("lte", "up"), ("lte", "nm"), ("wifi", "up")):
            self.link(uplink, way)

    def roam(self, to: str, how: str = "bbm", gap: float = 0.0, way: str = "nm") -> None:
        """Change the uplink: ``bbm`` breaks the old one first, ``mbb`` after; ``gap`` s lie between the two."""
        UPLINKS[to]
        if how == "mbb":
            self.link(to, "up")
            time.sleep(gap)
            self.link(plan.other(to), way)
        elif how == "bbm":
            self.link(plan.other(to), way)
            time.sleep(gap)
            self.link(to, "up")
        else:
            raise ValueError("how: bbm or mbb")

    def link(self, uplink: str, way: str = "up") -> None:
        """``up``, or down by: ``nm`` (no carrier, then no addresses and routes), ``admin`` (interface down),
        ``carrier`` (nothing but the carrier), ``silent`` (the router drops everything and says nothing)."""
        router, dev = self.routers[uplink], UPLINKS[uplink].interface
        client = self.spaces[CLIENT]
        if way == "up":
            router.fail(silent=False)
            netns.ip_batch(router.space, topology.router_up(UPLINKS[uplink], self.v6))
            topology.attach(client, UPLINKS[uplink], self.v6)
        elif way == "nm":
            netns.ip_batch(router.space, ["link set lan0 down"])
            # its last address takes an interface's IPv4 routes along; the IPv6 default route goes with the carrier
            netns.ip_batch(client, [f"addr flush dev {dev} scope global"])
            shell.run("ip", "-netns", client, "-6", "route", "flush", "dev", dev, "default", check=False)
        elif way == "admin":
            netns.ip_batch(client, [f"link set {dev} down"])
        elif way == "carrier":
            netns.ip_batch(router.space, ["link set lan0 down"])
        elif way == "silent":
            router.fail(silent=True)
        else:
            raise ValueError(f"way: up or one of {', '.join(WAYS_DOWN)}")

    def nat(self, uplink: str, what: str, value: str | int = "") -> None:
        """``flush`` mappings, ``newport``, ``newaddr``, ``mode`` port|keep|none, ``timeout`` s."""
        router = self.routers[uplink]
        deeds: dict[str, Callable[[], None]] = {
            "flush": router.forget, "newport": router.new_port, "newaddr": router.new_address,
            "mode": lambda: router.set_mode(str(value)), "timeout": lambda: router.timeout(int(value))}
        deeds[what]()

    def loss(self, uplink: str, permille: int, seed: int | None = None) -> None:
        """Lose packets each way; with a ``seed`` always the same ones (needs ``relay=True``). 0 ends both kinds."""
        if seed is not None:
            self._need_relay().change(uplink, loss=permille, seed=seed)
            return
        self.routers[uplink].fail(loss=permille)
        if self._relay is not None and permille == 0:
            self._relay.change(uplink, loss=0)

    def delay(self, uplink: str, ms: float, jitter: float = 0.0) -> None:
        """One-way delay, each way (needs ``relay=True``)."""
        self._need_relay().change(uplink, delay=ms, jitter=jitter)

    def udp(self, uplink: str, what: str) -> None:
        """``open``, ``block``, ``reject`` (ICMP says so), ``block500``, ``block4500``, ``blockfrag``."""
        self.routers[uplink].fail(udp=what)

    def narrow(self, uplink: str, mtu: int) -> None:
        """Behind the router only ``mtu`` octets pass, and nobody says so: ICMP is filtered. 1500 ends it."""
        ends = ((self.spaces[uplink], "ext0"), (self.spaces[INET], f"{uplink}x"))
        for space, interface in ends:
            netns.ip_batch(space, [f"link set {interface} mtu {mtu}"])
            shell.run(*netns.command(space), "nft", "-f", "-", stdin=_QUIET if mtu < 1500 else _LOUD)
        self._narrowed[uplink] = mtu

    def ping(self, where: str, destination: str, timeout: float = 1.0) -> bool:
        return ping_once(self.spaces[where], destination, timeout)

    def ping_stream(self, where: str, destination: str, interval: float = 0.01, seconds: float = 600.0) -> PingStream:
        """For a ``with`` block; see ``tests.lab.ping``."""
        return PingStream(self.spaces[where], destination, interval, seconds)

    def _need_relay(self) -> Relay:
        if self._relay is None:
            raise LabError("this needs Lab(relay=True)")
        return self._relay
