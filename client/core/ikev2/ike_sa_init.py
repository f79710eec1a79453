"""IKE_SA_INIT: algorithms, keys, NAT detection (RFC 7296 §1.2, §2.6, §2.7, §2.23).

    IKE_SA_INIT request  { [N(COOKIE)] SAi1 KEi Ni N(NATD_S) N(NATD_D) N(FRAG) N(HASHES) [N(USE_PPK)] }
    IKE_SA_INIT response { SAr1 KEr Nr N(NATD_S) N(NATD_D) N(FRAG) N(HASHES) [N(MULTIPLE_AUTH_SUPPORTED)] [N(USE_PPK)]
                           [CERTREQ] }
"""

from client.core.crypto import kex
from client.core.ikev2.constants import ExchangeType, NotifyType
from client.core.ikev2.errors import InvalidSyntax, ProtocolError
from client.core.ikev2.events import Progress
from client.core.ikev2.first_exchange import FirstExchange
from client.core.ikev2.ike_sa import Context, IkeSa
from client.core.ikev2.keymat import IkeKeys, derive_ike_keys
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import KE, SA, Nonce, Notify, Payload
from client.core.ikev2.proposal import Proposal, proposal_name, verify_chosen
from client.core.ikev2.proposal_types import ADDITIONAL
from client.model.cause import Cause

FALLBACK_GROUP = 14          # a firewall that drops what it does not know passes MODP-2048


class IkeSaInit(FirstExchange):
    """``group``: of the first KE payload, where the profile offers it."""

    exchange = ExchangeType.IKE_SA_INIT

    def __init__(self, ctx: Context, sa: IkeSa, group: int | None = None) -> None:
        super().__init__(ctx, sa)
        self.groups = tuple(dict.fromkeys(
            transform.id for proposal in ctx.config.ike_proposals for transform in proposal.transforms_of_ke()))
        self._use_group(group if group in self.groups else self.groups[0])

    def fallback_group(self) -> int | None:
        return FALLBACK_GROUP if FALLBACK_GROUP in self.groups and self._kex.group != FALLBACK_GROUP else None

    def _otherwise(self, message: Message) -> bool:
        wanted = message.notify(NotifyType.INVALID_KE_PAYLOAD)
        if wanted is None:
            return False
        self._count_retry()
        group = int.from_bytes(wanted.data, "big") if len(wanted.data) == 2 else 0
        # Only a group that we offered and did not just send (§1.2); the proposals stay as they were.
        if group not in self.groups or group == self._kex.group:
            raise ProtocolError(NotifyType.INVALID_KE_PAYLOAD, f"the gateway asks for group {group}")
        self._use_group(group)
        return True

    def _keys(self, message: Message) -> tuple[Proposal, IkeKeys]:
        ctx, sa = self._ctx, self._sa
        sa_payload, ke = message.require(SA), message.require(KE)
        if len(sa_payload.proposals) != 1:
            raise InvalidSyntax("the answer must hold one proposal")
        chosen = verify_chosen(sa_payload.proposals[0], ctx.config.ike_proposals)
        if ke.group != self._kex.group or chosen.ke != ke.group:
            raise InvalidSyntax("the KE payload is of another group than the proposal")
        if chosen.additional and message.notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is None:
            raise InvalidSyntax("additional key exchanges were chosen, but not how to carry them")
        try:
            shared = self._kex.derive(ke.data)
        except kex.KexError as error:
            raise InvalidSyntax(f"KE payload: {error}") from error
        ctx.emit(Progress("ike-sa-init", proposal_name(chosen)))
        return chosen, derive_ike_keys(chosen, shared, self.nonce_i, self.nonce_r, sa.spi_i, sa.spi_r, ctx.crypto)

    def _use_group(self, group: int) -> None:
        self._kex = self._ctx.crypto.generate(group, self._ctx.random)
        self._build()

    def _payloads(self) -> list[Payload]:
        return [SA(self._ctx.config.ike_proposals), KE(self._kex.group, self._kex.public), Nonce(self.nonce_i)]

    def _last_payloads(self) -> list[Payload]:
        config, payloads = self._ctx.config, list[Payload]()
        if any(t.type in ADDITIONAL for p in config.ike_proposals for t in p.transforms):
            payloads.append(Notify.of(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED))
        if config.ppk_id:
            payloads.append(Notify.of(NotifyType.USE_PPK))          # RFC 8784 §3
        return payloads


# Errors of an IKE_SA_INIT answer that have a Cause of their own.
INIT_CAUSES = {NotifyType.NO_PROPOSAL_CHOSEN: Cause.NO_COMMON_PROPOSAL,
               NotifyType.INVALID_KE_PAYLOAD: Cause.NO_COMMON_PROPOSAL}
