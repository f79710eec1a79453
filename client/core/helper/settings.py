"""A profile and what the agent prepared → settings of the engine, the data path and the host. Pure but for jitter."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_network

from client.core.crypto.suites import packet_limit
from client.core.datapath.base import InboundSa, OutboundSa, Selector
from client.core.helper.agents import Prepared
from client.core.ikev2.auth import SIGNATURES
from client.core.ikev2.constants import AuthMethod, IdType, ProtocolId, TransformType
from client.core.ikev2.events import (
    AuthRound,
    ChildConfig,
    ChildSaInfo,
    EngineConfig,
    IpInterface,
    OwnChain,
    VirtualIps,
)
from client.core.ikev2.identity import identity_from_text
from client.core.ikev2.proposal import (
    DEFAULT_ESP,
    DEFAULT_IKE,
    LEGACY_ESP,
    LEGACY_IKE,
    Proposal,
    number_proposals,
    parse_proposal,
    proposal_name,
)
from client.core.ikev2.traffic_selector import TrafficSelector
from client.core.pki.certificate import BadCertificate, parse_certificate
from client.core.pki.chains import own_chains
from client.core.pki.identity import names_identity
from client.core.pki.trust import Trust, ca_key_hashes, load_trust
from client.core.platform.host import HostConfig, RemoteNetwork
from client.model.cause import Cause, RoveError
from client.model.profile import KEYLESS_METHODS, IpNetwork, Profile, Round

JITTER = 0.1             # of a lifetime, downwards, so that a fleet does not rekey as one
EXPIRE = 1.1             # of the nominal lifetime: the hard end of a CHILD_SA
_ANY = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def engine_config(profile: Profile, prepared: Prepared, random: Callable[[int], bytes],
                  previous: Sequence[IpInterface] = (), *, alone: bool = False) -> EngineConfig:
    """Raises RoveError(BAD_SETTINGS), which names the key. ``alone``: no IKE_SA of this identity is alive here."""
    ike, user = profile.ike, profile.user
    try:
        rounds = tuple(_auth_round(each, prepared) for each in user.rounds)
        remote = identity_from_text(profile.gateway.identity)
        trust = trusted(profile)
        chains = _chains(prepared.certificates, trust)
    except BadCertificate as error:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, str(error)) from error
    except ValueError as error:
        raise RoveError(Cause.BAD_SETTINGS, f"identity: {error}") from error
    if user.has("certificate") and not prepared.certificates:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, "the agent has no certificate for this profile")
    unknown = [name for name in prepared.signatures if name not in SIGNATURES]
    if unknown:
        raise RoveError(Cause.CREDENTIAL_UNUSABLE, f"the agent offers to sign with {unknown[0]!r}")
    # "never": not from us either (RFC 7296 §3.8: SHA-1 is the rule of method 1, which is for gateways without RFC 7427)
    signatures = tuple(name for name in prepared.signatures
                       if ike.legacy != "never" or SIGNATURES[name].method != AuthMethod.RSA_SIGNATURE)
    versions = {network.version for network in profile.tunnel.remote}

    def jittered(seconds: float) -> float:
        return seconds * (1 - JITTER * random(1)[0] / 255)

    legacy = ike.legacy == "on"
    children = tuple(ChildConfig(
        child.name, tuple(map(TrafficSelector.from_network, child.local or _everything(child.remote))),
        tuple(map(TrafficSelector.from_network, child.remote)),
        _proposals(f"child {child.name}: esp_proposals", child.esp_proposals, ProtocolId.ESP, legacy)
        or (LEGACY_ESP if legacy else DEFAULT_ESP),
        _pfs(child.pfs, legacy, f"child {child.name}: pfs"), jittered(child.child_lifetime),
        child.child_lifetime * EXPIRE)
        for child in profile.children)
    return EngineConfig(
        ike_proposals=_proposals("ike.proposals", ike.proposals, ProtocolId.IKE, legacy)
        or (LEGACY_IKE if legacy else DEFAULT_IKE),
        esp_proposals=_proposals("ike.esp_proposals", ike.esp_proposals, ProtocolId.ESP, legacy)
        or (LEGACY_ESP if legacy else DEFAULT_ESP),
        local_id=rounds[0].local_id, remote_id=remote, auth=rounds[0].auth, keyless=rounds[0].keyless,
        further_rounds=rounds[1:],
        eap_only=profile.gateway.trust == "eap", ppk_id=ike.ppk.encode(),
        certificates=chains[0].certificates if chains else (), chains=chains, signatures=signatures,
        certificate_authorities=ca_key_hashes(trust) if user.auth != "psk" else None,
        ocsp=profile.gateway.revocation != "off",
        local_ts=tuple(map(TrafficSelector.from_network, _everything(profile.tunnel.remote))),
        remote_ts=tuple(TrafficSelector.from_network(net) for net in profile.tunnel.remote),
        request_ipv4=4 in versions, request_ipv6=6 in versions,
        ike_rekey=jittered(ike.lifetime), pfs_groups=_pfs(ike.pfs, legacy),
        child_rekey=jittered(ike.child_lifetime), child_expire=ike.child_lifetime * EXPIRE,
        dpd=ike.dpd, mobike=ike.mobike, fragmentation=ike.fragmentation, previous_addresses=previous,
        reauth=jittered(ike.reauth) if ike.renew == "reauth" else None,
        # A user's name and password may be in use on another of his devices: with these it is never known to be true,
        # and RFC 7296 §2.4 forbids it. A certificate's key is this device's.
        initial_contact=alone and all(each.auth == "certificate" for each in user.rounds), children=children)


def _auth_round(each: Round, prepared: Prepared) -> AuthRound:
    auth = "eap" if each.auth.startswith("eap-") else each.auth
    return AuthRound(auth, _own_identity(each, prepared), each.auth in KEYLESS_METHODS)


def _chains(certificates: Sequence[bytes], trust: Trust) -> tuple[OwnChain, ...]:
    """What gateways trust is often what this profile trusts them by: the root of the user's certificate, too."""
    if not certificates:
        return ()
    parsed = [parse_certificate(der) for der in certificates]
    return tuple(OwnChain(chain.certificates, chain.authorities, chain.complete)
                 for chain in own_chains(parsed, trust.anchors))


def trusted(profile: Profile) -> Trust:
    """By what a gateway's certificate is judged. One that could prove itself by EAP alone may send one all the same,
    and then it counts (RFC 5998 §3)."""
    gateway = profile.gateway
    return load_trust("system" if gateway.trust == "eap" else gateway.trust, gateway.pin)


def _own_identity(each: Round, prepared: Prepared) -> tuple[int, bytes]:
    """As configured, else the certificate's subject as it is encoded there: gateways compare octets.

    An identity for all rounds is the certificate's only where the certificate has it: no gateway takes another.
    """
    text = each.ike_identity or each.identity
    if each.auth != "certificate" or not prepared.certificates:
        return identity_from_text(text)
    certificate = parse_certificate(prepared.certificates[0])
    if text and (each.own or names_identity(certificate, *identity_from_text(text))):
        return identity_from_text(text)
    return IdType.DER_ASN1_DN, certificate.subject


def _proposals(key: str, texts: tuple[str, ...], protocol: ProtocolId, legacy: bool) -> tuple[Proposal, ...]:
    try:
        return number_proposals([parse_proposal(text, protocol, legacy=legacy) for text in texts])
    except ValueError as error:
        raise RoveError(Cause.BAD_SETTINGS, f"{key}: {error}") from error


def _everything(networks: Sequence[IpNetwork]) -> list[IpNetwork]:
    """All addresses of the IP versions that are there."""
    versions = {network.version for network in networks}
    return [network for network in _ANY if network.version in versions]


def _pfs(text: str, legacy: bool, key: str = "ike.pfs") -> tuple[int, ...] | None:
    if text in ("auto", "off"):
        return None if text == "auto" else ()
    try:
        return (parse_proposal(f"aes256gcm16-{text}", ProtocolId.ESP, legacy=legacy).ke,)
    except ValueError as error:
        raise RoveError(Cause.BAD_SETTINGS, f"{key}: {error}") from error


def inbound_sa(child: ChildSaInfo) -> InboundSa:
    suite, limit, esn = _suite(child.proposal)
    return InboundSa(child.spi_in, suite, child.keys.encr_in, child.keys.integ_in,
                     _selectors(child.local_ts), _selectors(child.remote_ts), limit, esn)


def outbound_sa(child: ChildSaInfo) -> OutboundSa:
    suite, limit, esn = _suite(child.proposal)
    return OutboundSa(child.spi_out, suite, child.keys.encr_out, child.keys.integ_out,
                      _selectors(child.local_ts), _selectors(child.remote_ts), limit, esn)


def suites(children: Iterable[ChildSaInfo]) -> tuple[str, ...]:
    """Keys of ESP_SUITES, of CHILD_SAs."""
    return tuple(dict.fromkeys(_suite(child.proposal)[0] for child in children))


def _suite(proposal: Proposal) -> tuple[str, int, bool]:
    """(key of ESP_SUITES, packets it may carry, extended sequence numbers?) of a chosen proposal."""
    ciphers = replace(proposal, transforms=tuple(
        t for t in proposal.transforms if t.type in (TransformType.ENCR, TransformType.INTEG)))
    suite = proposal_name(ciphers)
    return suite, packet_limit(suite, proposal.esn), proposal.esn


def _selectors(selectors: tuple[TrafficSelector, ...]) -> tuple[Selector, ...]:
    return tuple(Selector(ts.start.version, ts.protocol, ts.start.packed, ts.end.packed, ts.start_port, ts.end_port)
                 for ts in selectors)


def host_config(profile: Profile, index: int, virtual_ips: VirtualIps, children: tuple[ChildSaInfo, ...], mtu: int
                ) -> HostConfig:
    """The selectors as the gateway narrowed them decide what goes into the tunnel."""
    remote = tuple(dict.fromkeys(
        RemoteNetwork(network, ts.protocol, ts.start_port, ts.end_port)
        for child in children for ts in child.remote_ts for network in ts.networks()))
    full = any(entry.network.prefixlen == 0 for entry in remote)
    dns = profile.dns
    servers = () if dns.mode == "off" else virtual_ips.dns
    # auto: everything where everything goes through the tunnel, or where the gateway names no domains to split by.
    answers_all = dns.mode == "full" or (dns.mode == "auto" and (full or not (virtual_ips.domains or dns.domains)))
    return HostConfig(index=index, mtu=mtu, addresses=virtual_ips.addresses, remote=remote,
                      exclude=profile.tunnel.exclude, lan=profile.tunnel.lan == "allow", dns_servers=servers,
                      dns_domains=tuple(dict.fromkeys((*dns.domains, *virtual_ips.domains))),
                      dns_full=bool(servers) and answers_all)
