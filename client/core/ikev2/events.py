"""What the engine asks for and tells, and the values that pass its seam.

The engine is a function of bytes and time. Whatever needs a human, a key or a certificate store is an
event with a ``request_id`` here and a ``provide_…`` call there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network

from client.core.ikev2.proposal import Proposal
from client.core.ikev2.traffic_selector import TrafficSelector
from client.model.cause import Cause
from client.model.endpoint import Endpoint

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface
IpNetwork = IPv4Network | IPv6Network


@dataclass(frozen=True)
class Path:
    """One way to the gateway, ``mtu`` octets wide where it begins.

    ``transport`` "udp": ``remote.port`` other than 500 means RFC 3948 framing, and ``nat_ports`` (local, remote) are
    where the conversation moves to after IKE_SA_INIT. "esp": the same for IKE, and ESP without UDP where no NAT is in
    the way. "tcp": both in one stream (RFC 9329), whose ports these are.
    """

    local: Endpoint
    remote: Endpoint
    interface: str = ""
    nat_ports: tuple[int, int] = (4500, 4500)
    transport: str = "udp"
    mtu: int = field(default=1500, compare=False)
    index: int = 0          # of the interface; 0 leaves the choice to the kernel

    def natt(self) -> "Path":
        """The same way with the NAT traversal ports (RFC 7296 §2.23)."""
        if self.transport == "tcp":
            return self
        local, remote = self.nat_ports
        return replace(self, local=Endpoint(self.local.address, local), remote=Endpoint(self.remote.address, remote))

    def same_way(self, other: "Path | None") -> bool:
        """Equal but for the ports."""
        return other is not None and (
            self.local.address, self.remote.address, self.interface, self.index, self.transport) == (
            other.local.address, other.remote.address, other.interface, other.index, other.transport)


@dataclass(frozen=True)
class Datagram:
    """A whole IKE message, without the non-ESP marker: the sender adds it where the path wants it.

    ``whole``: nothing on the way may fragment it.
    """

    data: bytes
    path: Path
    whole: bool = False


@dataclass(frozen=True)
class PeerVerdict:
    """``cause`` None accepts the gateway."""

    cause: Cause | None = None
    detail: str = ""


@dataclass(frozen=True)
class EapReply:
    """``response`` is the EAP packet to send (empty after EAP-Success); ``msk`` once the method made one."""

    response: bytes = b""
    msk: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class VirtualIps:
    """What the gateway's configuration payload gave (RFC 7296 §3.15)."""

    addresses: tuple[IpInterface, ...] = ()
    dns: tuple[IpAddress, ...] = ()
    subnets: tuple[IpNetwork, ...] = ()
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChildKeys:
    """KEYMAT of one direction pair (RFC 7296 §2.17); the salt of an AEAD is the tail of its key."""

    encr_out: bytes = field(repr=False)
    integ_out: bytes = field(repr=False)
    encr_in: bytes = field(repr=False)
    integ_in: bytes = field(repr=False)


@dataclass(frozen=True)
class ChildSaInfo:
    spi_in: bytes
    spi_out: bytes
    proposal: Proposal
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    keys: ChildKeys = field(repr=False)
    rekey_at: float
    expire_at: float
    name: str = ""          # of the ChildConfig that it fulfils


@dataclass(frozen=True)
class Ticket:
    """What brings an IKE_SA back without a log-in (RFC 5723): ``opaque`` is the gateway's, the rest we keep beside it.

    ``expires_at`` is the caller's clock; ``remote_id`` is whom the gateway had proven to be.
    """

    opaque: bytes = field(repr=False)
    sk_d: bytes = field(repr=False)
    proposal: Proposal
    local_id: tuple[int, bytes]
    remote_id: tuple[int, bytes]
    expires_at: float


class Event:
    """Base of everything ``next_event`` returns."""


@dataclass(frozen=True)
class Progress(Event):
    """A step was reached: ``ike-sa-init``, ``gateway-authenticated``, ``user-authenticated``…"""

    step: str
    detail: str = ""


@dataclass(frozen=True)
class PeerAuth(Event):
    """Judge the gateway: does ``auth_data`` by ``method`` over ``octets`` prove ``id_type``/``id_data``?

    For method 2 (shared key) compare with ``PskAuth(prf, octets)``; else verify the certificate chain and
    the signature (``auth.verify_signature``).
    """

    request_id: int
    method: int
    auth_data: bytes
    octets: bytes
    prf: str
    id_type: int
    id_data: bytes
    certificates: tuple[bytes, ...]
    ocsp: tuple[bytes, ...] = ()    # OCSP responses that came along (RFC 4806)


@dataclass(frozen=True)
class SignatureNeeded(Event):
    """Sign ``ike_sa_init | nonce_r | maced_id | int_auth`` by ``algorithm`` (``auth.SIGNATURES`` key, or ``psk``).

    For ``psk`` the reply is ``prf(prf(PSK, "Key Pad for IKEv2"), octets)`` with ``prf`` named; ``peer_octets`` are then
    the octets of the ``PeerAuth`` to come, should the gateway be who it was asked to be.
    """

    request_id: int
    ike_sa_init: bytes
    nonce_r: bytes
    maced_id: bytes
    int_auth: bytes
    algorithm: str
    prf: str
    peer_octets: bytes = b""


@dataclass(frozen=True)
class EapReceived(Event):
    """Several rounds of EAP are conversations of their own, one after the other (RFC 4739 §1)."""

    request_id: int
    packet: bytes


@dataclass(frozen=True)
class PpkNeeded(Event):
    """Mix the post-quantum pre-shared key in: each of the three becomes prf+ (PPK, itself) (RFC 8784 §3).

    The reply is ``provide_ppk`` with the three in this order, each as long as it was.
    """

    request_id: int
    prf: str
    sk_d: bytes = field(repr=False)
    sk_pi: bytes = field(repr=False)
    sk_pr: bytes = field(repr=False)


@dataclass(frozen=True)
class Established(Event):
    """The IKE_SA stands, both sides are authenticated."""

    spi_i: bytes
    spi_r: bytes
    proposal: Proposal
    virtual_ips: VirtualIps
    rekey_at: float
    nat: bool
    path: Path


@dataclass(frozen=True)
class Configured(Event):
    """The virtual addresses came later than the IKE_SA."""

    virtual_ips: VirtualIps


@dataclass(frozen=True)
class IkeRekeyed(Event):
    spi_i: bytes
    spi_r: bytes
    proposal: Proposal
    rekey_at: float


@dataclass(frozen=True)
class ChildInstalled(Event):
    """Install inbound at once; outbound too when ``outbound`` (else wait for ChildOutbound, RFC 7296 §2.8)."""

    child: ChildSaInfo
    outbound: bool = True
    rekeyed_spi: bytes | None = None


@dataclass(frozen=True)
class ChildOutbound(Event):
    """From now on send with this child."""

    child: ChildSaInfo


@dataclass(frozen=True)
class ChildRemoved(Event):
    """Both directions of this child are gone (inbound lingers a moment for packets in flight)."""

    child: ChildSaInfo


@dataclass(frozen=True)
class PathChanged(Event):
    """Traffic goes this way from now on; ``confirmed`` once the gateway knows (RFC 4555 §3.5)."""

    path: Path
    nat: bool
    confirmed: bool


@dataclass(frozen=True)
class WayAnswers(Event):
    """The gateway can be reached on this path too (``probe_way``)."""

    path: Path


@dataclass(frozen=True)
class MtuProbed(Event):
    """Answer to ``probe_mtu``: did an IP packet of ``octets`` arrive in one piece?"""

    path: Path
    octets: int
    arrived: bool


@dataclass(frozen=True)
class Unreachable(Event):
    """Nothing is answered: said once per attempt, while retransmissions go on. ``cause``: what it would end in."""

    detail: str
    cause: Cause = Cause.GATEWAY_SILENT


@dataclass(frozen=True)
class TicketReceived(Event):
    """For ``EngineConfig.ticket`` of a later engine; the latest one counts."""

    ticket: Ticket


@dataclass(frozen=True)
class TicketRefused(Event):
    """The IKE_SA does not come back; ``Failed`` follows, and a log-in is needed."""


@dataclass(frozen=True)
class GatewaySilent(Event):
    """The gateway of an established IKE_SA answers on no way. It is asked on and on; a new IKE_SA may be tried."""

    detail: str


@dataclass(frozen=True)
class GatewayHeard(Event):
    """After ``GatewaySilent``: it is there, and the IKE_SA stands."""


@dataclass(frozen=True)
class Elsewhere(Event):
    """Another way is better, or the only one left, and the gateway has no MOBIKE: another IKE_SA would lead there."""


@dataclass(frozen=True)
class GatewayAddresses(Event):
    """Where else this gateway says it can be reached (RFC 4555 §3.4); ``mobike.outside`` says which to believe."""

    addresses: tuple[str, ...]


@dataclass(frozen=True)
class NatPatience(Event):
    """A NAT on the way forgets us after less than the usual time: something must be sent every so many seconds."""

    seconds: float


@dataclass(frozen=True)
class AuthLifetime(Event):
    """The gateway wants a new authentication within so many seconds (RFC 4478)."""

    seconds: float


@dataclass(frozen=True)
class Redirected(Event):
    """Go to ``gateway`` (an address or a name) instead (RFC 5685); ``live``: the present IKE_SA stands meanwhile.

    Comes out of a ``Succession`` only while there is no IKE_SA yet: the answer is ``follow``.
    """

    gateway: str
    live: bool = False


@dataclass(frozen=True)
class ReauthenticationAt(Event):
    """When a new authentication is due, None for never; said whenever it changes."""

    at: float | None


@dataclass(frozen=True)
class ReauthenticationDue(Event):
    """Ask whoever must be asked, until ``deadline``; then ``reauthenticate`` or ``postpone_reauthentication``.

    ``reason``: ``policy`` (ours), ``gateway`` (RFC 4478), ``not-renewed`` (an SA ends at ``deadline``), ``redirect``
    (then to ``gateway``), ``moved`` (to where only a new IKE_SA leads), ``silent`` (the gateway may have forgotten the
    present one: nobody is to be asked for it) or ``asked`` (by the user).
    """

    reason: str
    deadline: float
    gateway: str = ""


@dataclass(frozen=True)
class Reauthenticated(Event):
    """Another IKE_SA has taken over; the old one and its CHILD_SAs go after their successors have come."""

    established: Established
    reason: str


@dataclass(frozen=True)
class ReauthenticationFailed(Event):
    """The old IKE_SA carries on until ``deadline``; the next try is at ``retry_at``, None: not without the user."""

    cause: Cause
    detail: str
    deadline: float
    retry_at: float | None


@dataclass(frozen=True)
class Failed(Event):
    """The engine is finished, without having been asked to."""

    cause: Cause
    detail: str = ""


@dataclass(frozen=True)
class Closed(Event):
    """The engine is finished because ``close`` was called."""


Random = Callable[[int], bytes]


@dataclass(frozen=True)
class AuthRound:
    """One authentication of ours; ``local_id`` is its IDi. ``keyless``: an EAP method that makes no key."""

    auth: str                                   # as in EngineConfig
    local_id: tuple[int, bytes]
    keyless: bool = False


@dataclass(frozen=True)
class OwnChain:
    """Certificates of ours to send, and the SHA-1 of the SubjectPublicKeyInfo of each authority that they lead to.

    ``complete``: there is no other authority above them.
    """

    certificates: tuple[bytes, ...]
    authorities: frozenset[bytes]
    complete: bool = True


@dataclass(frozen=True)
class ChildConfig:
    """One CHILD_SA that a profile wants; whatever replaces it is held to the same. Durations are seconds."""

    name: str
    local_ts: tuple[TrafficSelector, ...]
    remote_ts: tuple[TrafficSelector, ...]
    esp_proposals: tuple[Proposal, ...]
    pfs_groups: tuple[int, ...] | None = None   # as in EngineConfig
    rekey: float = 3600.0                       # with its jitter
    expire: float = 3960.0
    derived: bool = False                       # a part of what another asked for, as the gateway wants it in parts


@dataclass(frozen=True)
class EngineConfig:
    """Everything a connection's engine needs to know from its profile and the agent's ``Prepare``.

    Durations are seconds; ``child_*``/``ike_*`` lifetimes already carry their jitter.
    """

    ike_proposals: tuple[Proposal, ...]
    esp_proposals: tuple[Proposal, ...]
    local_id: tuple[int, bytes]
    remote_id: tuple[int, bytes] | None
    auth: str                                   # "psk" | "certificate" | "eap"
    further_rounds: tuple[AuthRound, ...] = ()  # after the one of local_id and auth (RFC 4739)
    keyless: bool = False                       # of the first, as in AuthRound
    eap_only: bool = False                      # the EAP method may be all that proves the gateway (RFC 5998)
    ppk_id: bytes = b""                         # of the post-quantum pre-shared key that must be used (RFC 8784)
    certificates: tuple[bytes, ...] = ()        # DER, own first
    chains: tuple[OwnChain, ...] = ()           # ways to send them, for gateways that ask for one; the best first
    signatures: tuple[str, ...] = ()            # auth.SIGNATURES keys the agent's key can make, best first
    # SHA-1 of SubjectPublicKeyInfo, for CERTREQ (RFC 7296 §3.7): () asks for any certificate, None for none
    certificate_authorities: tuple[bytes, ...] | None = None
    ocsp: bool = False                          # ask the gateway for OCSP responses too (RFC 4806)
    local_ts: tuple[TrafficSelector, ...] = ()
    remote_ts: tuple[TrafficSelector, ...] = ()
    request_ipv4: bool = True
    request_ipv6: bool = True
    ike_rekey: float = 4 * 3600.0
    pfs_groups: tuple[int, ...] | None = None   # for rekeying: None follows the gateway, () is without PFS
    child_rekey: float = 3600.0
    child_expire: float = 3960.0
    dpd: float = 30.0
    mobike: bool = True
    fragmentation: bool = True
    fragment_size: int = 1280
    connect_give_up: float = 60.0               # without an answer before the IKE_SA is established
    retransmit_give_up: float = 60.0            # and after: then the gateway is dead
    previous_addresses: Sequence[IpInterface] = ()  # ask for the same virtual addresses again
    reauth: float | None = None                 # a new authentication after so long at the latest; None: never
    initial_contact: bool = False               # no other IKE_SA of this identity is alive (RFC 7296 §2.4)
    redirected_from: str = ""                   # the address that sent us here (RFC 5685)
    redirects: bool = True                      # follow a gateway that sends us to another
    children: tuple[ChildConfig, ...] = ()      # several CHILD_SAs, the first made in IKE_AUTH; else the one above
    resumption: bool = True                     # ask the gateway for a ticket (RFC 5723)
    ticket: Ticket | None = None                # begin with this one, while it is valid
    childless: bool = False                     # no CHILD_SA in IKE_AUTH where the gateway can do without (RFC 6023)

    def wanted(self) -> tuple[ChildConfig, ...]:
        """The CHILD_SAs of this connection, at least one."""
        return self.children or (ChildConfig("", self.local_ts, self.remote_ts, self.esp_proposals, self.pfs_groups,
                                             self.child_rekey, self.child_expire),)

    @property
    def rounds(self) -> tuple[AuthRound, ...]:
        """All authentications of ours in their order, at least one."""
        return (AuthRound(self.auth, self.local_id, self.keyless), *self.further_rounds)
