"""IKE_SA_INIT: algorithms, keys, NAT detection (RFC 7296 §1.2, §2.6, §2.7, §2.23).

    IKE_SA_INIT request  { [N(COOKIE)] SAi1 KEi Ni N(NATD_S) N(NATD_D) N(FRAG) N(HASHES) [N(USE_PPK)] }
    IKE_SA_INIT response { SAr1 KEr Nr N(NATD_S) N(NATD_D) N(FRAG) N(HASHES) [N(MULTIPLE_AUTH_SUPPORTED)] [N(USE_PPK)]
                           [CERTREQ] }
"""

from client.core.crypto import kex
from client.core.ikev2.constants import ExchangeType, HashAlgorithm, NotifyType
from client.core.ikev2.errors import InvalidSyntax, ProtocolError
from client.core.ikev2.events import Progress
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.keymat import ciphers, derive_ike_keys
from client.core.ikev2.message import Message, encode_plain
from client.core.ikev2.natd import detect_nat, nat_detection
from client.core.ikev2.payloads import KE, SA, Nonce, Notify, Payload
from client.core.ikev2.proposal import proposal_name, verify_chosen
from client.core.ikev2.proposal_types import ADDITIONAL
from client.core.ikev2.redirect import RedirectedAway, new_gateway, redirected_from
from client.model.cause import Cause

MAX_RETRIES = 6              # cookies and other groups together, against a peer that plays (RFC 7296 §2.6.1)
MAX_COOKIE = 64              # octets (§2.6)
FALLBACK_GROUP = 14          # a firewall that drops what it does not know passes MODP-2048
NONCE_LENGTH = 32            # octets; at least half the largest PRF key (§2.10)


class IkeSaInit:
    """Runs until keys exist. ``request`` is what goes out now; the real first message is part of AUTH."""

    def __init__(self, ctx: Context, sa: IkeSa, group: int | None = None) -> None:
        self._ctx = ctx
        self._sa = sa
        self.groups = tuple(dict.fromkeys(
            transform.id for proposal in ctx.config.ike_proposals for transform in proposal.transforms_of_ke()))
        self.nonce_i = ctx.random(NONCE_LENGTH)
        self.nonce_r = b""
        self.response = b""
        self._cookie = b""
        assert ctx.path is not None
        self._nat = nat_detection(sa.spi_i, bytes(8), ctx.path, ctx.random)     # the same in each request (§2.6)
        self._retries = 0
        self._use_group(group if group in self.groups else self.groups[0])

    def fallback_group(self) -> int | None:
        """The group to try when nobody answers, None when it was tried."""
        return FALLBACK_GROUP if FALLBACK_GROUP in self.groups and self._kex.group != FALLBACK_GROUP else None

    def process_response(self, message: Message, raw: bytes, now: float) -> bool:
        """True when keys exist; False when ``request`` must go out anew.

        Raises ProtocolError for what cannot be accepted. Nothing here is authenticated yet: the
        AUTH payloads cover both messages.
        """
        if cookie := message.notify(NotifyType.COOKIE):
            self._count_retry()
            if not 1 <= len(cookie.data) <= MAX_COOKIE:
                raise InvalidSyntax("cookie length")
            self._cookie = cookie.data
            self._build()
            return False
        if wanted := message.notify(NotifyType.INVALID_KE_PAYLOAD):
            self._count_retry()
            group = int.from_bytes(wanted.data, "big") if len(wanted.data) == 2 else 0
            # Only a group that we offered and did not just send (§1.2); the proposals stay as they were.
            if group not in self.groups or group == self._kex.group:
                raise ProtocolError(NotifyType.INVALID_KE_PAYLOAD, f"the gateway asks for group {group}")
            self._use_group(group)
            return False
        if self._ctx.config.redirects and (redirect := message.notify(NotifyType.REDIRECT)):
            gateway = new_gateway(redirect, self.nonce_i)
            raise RedirectedAway(gateway)
        if error := next((n for n in message.notifies() if n.is_error), None):
            raise ProtocolError(error.type, "answer to IKE_SA_INIT")
        self._accept(message, raw)
        return True

    def _accept(self, message: Message, raw: bytes) -> None:
        ctx, sa = self._ctx, self._sa
        sa_payload, ke, nonce = message.require(SA), message.require(KE), message.require(Nonce)
        if len(sa_payload.proposals) != 1:
            raise InvalidSyntax("the answer must hold one proposal")
        chosen = verify_chosen(sa_payload.proposals[0], ctx.config.ike_proposals)
        if not 16 <= len(nonce.data) <= 256:
            raise InvalidSyntax("nonce length")        # §2.10
        if not any(message.spi_r):
            raise InvalidSyntax("the gateway has no SPI")      # §3.1
        if ke.group != self._kex.group or chosen.ke != ke.group:
            raise InvalidSyntax("the KE payload is of another group than the proposal")
        try:
            shared = self._kex.derive(ke.data)
        except kex.KexError as error:
            raise InvalidSyntax(f"KE payload: {error}") from error
        self.nonce_r, self.response = nonce.data, raw
        sa.spi_r, sa.proposal = message.spi_r, chosen
        sa.keys = derive_ike_keys(chosen, shared, self.nonce_i, self.nonce_r, sa.spi_i, sa.spi_r, ctx.crypto)
        sa.cipher_out, sa.cipher_in = ciphers(chosen, sa.keys, ctx.crypto)
        sa.state = IkeState.AUTH
        ctx.peer.fragmentation = (ctx.config.fragmentation
                                  and message.notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) is not None)
        ctx.peer.intermediate = message.notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is not None
        if chosen.additional and not ctx.peer.intermediate:
            raise InvalidSyntax("additional key exchanges were chosen, but not how to carry them")
        ctx.peer.childless = message.notify(NotifyType.CHILDLESS_IKEV2_SUPPORTED) is not None
        ctx.peer.multiple_auth = message.notify(NotifyType.MULTIPLE_AUTH_SUPPORTED) is not None
        ctx.peer.ppk = message.notify(NotifyType.USE_PPK) is not None
        hashes = message.notify(NotifyType.SIGNATURE_HASH_ALGORITHMS)
        if hashes:
            ctx.peer.hashes = frozenset(
                int.from_bytes(hashes.data[i:i + 2], "big") for i in range(0, len(hashes.data) - 1, 2))
        assert ctx.path is not None
        nat = detect_nat(message, sa.spi_i, sa.spi_r, ctx.path)
        ctx.nat = bool(nat)
        ctx.path = ctx.path.natt()      # our ESP travels in UDP, whether the gateway speaks of NAT or not
        ctx.emit(Progress("ike-sa-init", proposal_name(chosen)))

    def _count_retry(self) -> None:
        self._retries += 1
        if self._retries > MAX_RETRIES:
            raise ProtocolError(NotifyType.INVALID_SYNTAX, "the gateway keeps asking for another IKE_SA_INIT")

    def _use_group(self, group: int) -> None:
        self._kex = self._ctx.crypto.generate(group, self._ctx.random)
        self._build()

    def _build(self) -> None:
        ctx, sa = self._ctx, self._sa
        payloads: list[Payload] = [Notify.of(NotifyType.COOKIE, self._cookie)] if self._cookie else []
        payloads += [SA(ctx.config.ike_proposals), KE(self._kex.group, self._kex.public), Nonce(self.nonce_i),
                     *self._nat]
        if ctx.config.fragmentation:
            payloads.append(Notify.of(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED))
        payloads.append(Notify.of(NotifyType.SIGNATURE_HASH_ALGORITHMS, _OUR_HASHES))
        if any(t.type in ADDITIONAL for p in ctx.config.ike_proposals for t in p.transforms):
            payloads.append(Notify.of(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED))
        if ctx.config.ppk_id:
            payloads.append(Notify.of(NotifyType.USE_PPK))          # RFC 8784 §3
        if ctx.config.redirects:
            payloads.append(redirected_from(ctx.config.redirected_from) if ctx.config.redirected_from
                            else Notify.of(NotifyType.REDIRECT_SUPPORTED))
        self.request = encode_plain(Message(sa.spi_i, bytes(8), ExchangeType.IKE_SA_INIT, initiator=True,
                                            response=False, message_id=0, payloads=tuple(payloads)))


_OUR_HASHES = b"".join(number.to_bytes(2, "big") for number in (
    HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512, HashAlgorithm.IDENTITY))

# Errors of an IKE_SA_INIT answer that have a Cause of their own.
INIT_CAUSES = {NotifyType.NO_PROPOSAL_CHOSEN: Cause.NO_COMMON_PROPOSAL,
               NotifyType.INVALID_KE_PAYLOAD: Cause.NO_COMMON_PROPOSAL}
