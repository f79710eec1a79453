"""A router between the client and the internet: its NAT, its firewall and its faults."""

from dataclasses import dataclass, field, replace

from tests.lab import conntrack, netns
from tests.lab.plan import Uplink
from tests.lab.shell import run

NAT_MODES = ("port", "keep", "none")   # rewrite source ports | keep them where free | plain routing
_PORTS = ("20000-29999", "30000-39999")
_UDP = {
    "open": (), "block": ("meta l4proto udp counter drop",), "reject": ("meta l4proto udp counter reject",),
    "block500": ("udp dport 500 counter drop", "udp sport 500 counter drop"),
    "block4500": ("udp dport 4500 counter drop", "udp sport 4500 counter drop"), "blockfrag": (),
}


@dataclass(frozen=True)
class Faults:
    """Everything that can be wrong at a router; the default is a healthy one."""

    loss: int = 0            # per mille, each way
    udp: str = "open"
    silent: bool = False


@dataclass
class Router:
    space: str
    uplink: Uplink
    default_mode: str
    mode: str = field(init=False)
    address: str = field(init=False)
    ports: str = _PORTS[0]
    faults: Faults = Faults()
    _applied: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        self.mode, self.address = self.default_mode, self.uplink.outside
        self._check_mode(self.mode)

    def apply(self, flush: bool = False) -> None:
        """Make the kernel's rules what this object says; atomic, and nothing where nothing changed."""
        rules = self._rules()
        if rules != self._applied:
            run(*netns.command(self.space), "nft", "-f", "-", stdin=rules)
            self._applied = rules
        if flush:
            netns.inside(self.space, conntrack.flush)

    def reset(self) -> None:
        """Healthy, as at the start, and every mapping forgotten."""
        self.mode, self.address, self.ports, self.faults = self.default_mode, self.uplink.outside, _PORTS[0], Faults()
        self.timeout(30, 120)  # the kernel's defaults
        self.apply(flush=True)

    def fail(self, **changes: object) -> None:
        """Change fields of ``faults``."""
        self.faults = replace(self.faults, **changes)  # type: ignore[arg-type] # field names and types as in Faults
        if self.faults.udp not in _UDP:
            raise ValueError(f"udp: one of {', '.join(_UDP)}")
        self.apply()

    def forget(self) -> None:
        """All mappings are lost: the next packet gets a new one."""
        self.apply(flush=True)

    def new_port(self) -> None:
        self.ports = _PORTS[1] if self.ports == _PORTS[0] else _PORTS[0]
        self.apply(flush=True)

    def new_address(self) -> None:
        first, second = self.uplink.outside, self.uplink.outside_second
        self.address = second if self.address == first else first
        self.apply(flush=True)

    def set_mode(self, mode: str) -> None:
        self._check_mode(mode)
        self.mode = mode
        self.apply(flush=True)

    def timeout(self, fresh: int, stream: int | None = None) -> None:
        """Seconds until an idle UDP mapping is forgotten; ``stream`` for one that has seen both ways."""
        netns.sysctl(self.space, {"netfilter/nf_conntrack_udp_timeout": fresh,
                                  "netfilter/nf_conntrack_udp_timeout_stream": fresh if stream is None else stream})

    @staticmethod
    def _check_mode(mode: str) -> None:
        if mode not in NAT_MODES:
            raise ValueError(f"NAT mode: one of {', '.join(NAT_MODES)}")

    def _rules(self) -> str:
        return "\n".join(("table ip nat", "delete table ip nat", "table ip nat {", *self._nat(), "}",
                          "table inet faults", "delete table inet faults", "table inet faults {",
                          *self._faults(), "}\n"))

    def _nat(self) -> tuple[str, ...]:
        if self.mode == "none":
            return ()
        plain = f"oifname ext0 snat to {self.address}"
        rewrite = f"oifname ext0 meta l4proto {{ tcp, udp }} snat to {self.address}:{self.ports} random"
        rules = (plain,) if self.mode == "keep" else (rewrite, plain)
        return ("chain post { type nat hook postrouting priority srcnat;", *rules, "}")

    def _faults(self) -> list[str]:
        lines = ["chain impair { type filter hook forward priority -300;"]
        if self.faults.silent or self.faults.loss >= 1000:
            lines.append("counter drop")
        lines += _UDP[self.faults.udp]
        if 0 < self.faults.loss < 1000:
            lines.append(f"numgen random mod 1000 < {self.faults.loss} counter drop")
        lines.append("}")
        if self.faults.udp == "blockfrag":  # before conntrack puts fragments together (priority -400)
            lines.append("chain frags { type filter hook prerouting priority -450;"
                         " ip frag-off & 0x3fff != 0 counter drop; }")
        # a router's own firewall: nothing new from outside, and silence instead of ICMP errors
        lines.append("chain inp { type filter hook input priority 0;"
                     " iifname ext0 ct state { new, invalid } meta l4proto { tcp, udp } drop; }")
        if self.mode != "none":
            lines.append("chain wan { type filter hook forward priority 0;"
                         " meta nfproto ipv4 iifname ext0 ct state { new, invalid } drop; }")
        return lines
