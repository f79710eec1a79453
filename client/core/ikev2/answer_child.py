"""The gateway's CREATE_CHILD_SA for a CHILD_SA (RFC 7296 §1.3.3, §2.8, §2.25.1)."""

from collections.abc import Callable
from dataclasses import replace

from client.core.crypto import kex
from client.core.ikev2.child_negotiation import NONCE_LENGTH, esp_proposals, is_child_spi, make_child, pfs_groups
from client.core.ikev2.child_sa import ChildSa, ChildState
from client.core.ikev2.constants import NotifyType, ProtocolId
from client.core.ikev2.errors import InvalidKePayload, InvalidSyntax, NoProposalChosen, ProtocolError
from client.core.ikev2.events import ChildConfig, ChildInstalled, Progress
from client.core.ikev2.ike_sa import Context, IkeSa
from client.core.ikev2.intermediate import expect_follow_up
from client.core.ikev2.message import Message
from client.core.ikev2.payloads import KE, SA, Nonce, Notify, Payload, TSi, TSr
from client.core.ikev2.proposal import Proposal, proposal_name, select
from client.core.ikev2.timers import Timer
from client.core.ikev2.traffic_selector import intersect_all

MAX_KEPT = 64       # CHILD_SAs of an IKE_SA: a gateway that replaces and never deletes has to wait


def answer_rekey_child(ctx: Context, sa: IkeSa, message: Message, rekey: Notify, now: float) -> list[Payload]:
    """The gateway replaces a CHILD_SA. Raises ProtocolError with the notify for our answer."""
    old = next((c for c in sa.children.values() if c.spi_out == rekey.spi), None)
    if old is None:
        raise ProtocolError(NotifyType.CHILD_SA_NOT_FOUND, "REKEY_SA of an unknown SPI", protocol=ProtocolId.ESP,
                            spi=rekey.spi)
    if old.state in (ChildState.DELETING, ChildState.REKEYED) or old.peer_successor is not None or sa.follow_up:
        raise ProtocolError(NotifyType.TEMPORARY_FAILURE, "that CHILD_SA is being closed")   # §2.25.1
    if len(sa.children) >= MAX_KEPT:
        raise ProtocolError(NotifyType.TEMPORARY_FAILURE, "replaced CHILD_SAs are to be deleted first")

    def install(child: ChildSa) -> None:
        found = ctx.find_child(old.spi_in)
        assert found is not None
        _install(ctx, found[0], old, child)

    def still_wanted() -> IkeSa:
        found = ctx.find_child(old.spi_in)
        if found is None or old.state in (ChildState.DELETING, ChildState.REKEYED):     # replaced by ours meanwhile
            raise ProtocolError(NotifyType.STATE_NOT_FOUND, "that CHILD_SA is no longer to be replaced")
        return found[0]

    return negotiate(ctx, sa, message, old.wanted, still_wanted, install, now)


def negotiate(ctx: Context, sa: IkeSa, message: Message, wanted: ChildConfig, owner: Callable[[], IkeSa],
              install: Callable[[ChildSa], None], now: float) -> list[Payload]:
    """The gateway's offer → our answer; ``install`` gets the CHILD_SA, after additional key exchanges if there are any.

    ``owner`` says, when it is done, which IKE_SA it belongs to. Raises ProtocolError.
    """
    nonce, ke = message.require(Nonce).data, message.get(KE)
    chosen = _select(ctx, sa, wanted, message.require(SA).proposals, ke)
    if not is_child_spi(chosen.spi):
        raise InvalidSyntax("SPI of the new CHILD_SA")
    remote = intersect_all(message.require(TSi).selectors, wanted.remote_ts)
    local = intersect_all(message.require(TSr).selectors, wanted.local_ts)
    if not remote or not local:
        raise ProtocolError(NotifyType.TS_UNACCEPTABLE, "nothing of it was agreed before")
    extra: list[Payload] = []
    shared = b""
    if chosen.ke and ke is not None:
        try:
            public, shared = ctx.crypto.respond(chosen.ke, ke.data, ctx.random)
        except kex.KexError as failure:
            raise InvalidSyntax(f"KE payload: {failure}") from failure
        extra.append(KE(chosen.ke, public))
    own_nonce, spi_in = ctx.random(NONCE_LENGTH), ctx.new_child_spi()

    def finish(additional: bytes, now: float) -> None:
        install(make_child(ctx, owner(), chosen, spi_in, local, remote, (nonce, own_nonce), (shared, additional), now,
                           ours=False, wanted=wanted))

    if chosen.additional:
        extra.append(expect_follow_up(ctx, sa, chosen.additional, finish, now))
    else:
        finish(b"", now)
    return [SA((replace(chosen, spi=spi_in),)), Nonce(own_nonce), *extra, TSi(remote), TSr(local)]


def _install(ctx: Context, sa: IkeSa, old: ChildSa, child: ChildSa) -> None:
    """Inbound at once; outbound stays with the old one until the gateway deletes that (§2.8)."""
    child.outbound = False
    sa.children[child.spi_in] = child
    if old.state is ChildState.REKEYING:
        old.peer_successor = child
    else:
        old.state, old.successor = ChildState.REKEYED, child.spi_in
    ctx.timers.cancel(Timer.REKEY_CHILD, old.spi_in)
    ctx.emit(ChildInstalled(child.info, outbound=False, rekeyed_spi=old.spi_in))
    ctx.emit(Progress("child-rekeyed-by-gateway", proposal_name(child.info.proposal)))


def _select(ctx: Context, sa: IkeSa, wanted: ChildConfig, offered: tuple[Proposal, ...], ke: KE | None) -> Proposal:
    """Our choice from the gateway's offer: with its KE payload where there is one, else without PFS."""
    groups = pfs_groups(ctx.config, wanted, sa)
    if not groups and ke is not None and ke.group in kex.KEX:
        groups = (ke.group,)        # without PFS by our choice, but there is nothing against more than was asked for
    ours = esp_proposals(wanted, sa, groups) if groups else ()
    if ke is not None and ke.group in groups:
        chosen = select(offered, ours, ke_group=ke.group)
        if chosen is not None:
            return chosen
    chosen = select(offered, ours)
    if chosen is not None and chosen.ke and wanted.pfs_groups != ():
        raise InvalidKePayload(chosen.ke)
    if wanted.pfs_groups:     # the profile insists on a group
        raise NoProposalChosen("the profile wants PFS")
    chosen = select(offered, esp_proposals(wanted, sa, ()))
    if chosen is None:
        raise NoProposalChosen("nothing in common")
    return chosen
