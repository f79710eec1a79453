"""A connection's ticket: when an IKE_SA is taken back by it, and when it must be a log-in (RFC 5723).

After silence the ticket brings the tunnel back without asking anybody. It never outlives an authentication: what
``ike.reauth`` or the gateway allowed from the last log-in on stays the limit. A gateway that closed the connection,
or refused the ticket, wants a log-in.
"""

from dataclasses import replace

from client.core.ikev2.events import EngineConfig, IpInterface, Ticket
from client.core.ikev2.resumption import usable
from client.model.cause import Cause

_KEEPS = frozenset({Cause.DEAD_PEER, Cause.GATEWAY_SILENT, Cause.LOGIN_UNANSWERED, Cause.GATEWAY_REFUSES_UDP,
                    Cause.NO_NETWORK, Cause.NAME_NOT_FOUND})
LEAST = 60.0        # s that must be left of an authentication
MAX_SILENCES = 3    # attempts with a ticket that nobody answers: the gateway may not know the exchange any more


class Resume:
    """All times are the connection's clock."""

    def __init__(self) -> None:
        self._ticket: Ticket | None = None
        self._config: EngineConfig | None = None    # of the last log-in
        self._logged_in = 0.0
        self._silences = 0
        self.under_way = False                      # the present attempt begins with the ticket

    def logged_in(self, config: EngineConfig, now: float) -> None:
        """By a log-in, not by a ticket."""
        self._config, self._logged_in = config, now

    def received(self, ticket: Ticket) -> None:
        self._ticket, self._silences = ticket, 0

    def forget(self) -> None:
        self._ticket = None

    def ended(self, cause: Cause) -> bool:
        """The attempt, or the connection: is the next one a log-in that need not wait?"""
        resuming, self.under_way = self.under_way, False
        self._silences += resuming
        if cause not in _KEEPS or self._silences >= MAX_SILENCES:
            self.forget()
        return resuming and cause not in _KEEPS and cause is not Cause.LOGIN_EXPIRED

    def config(self, previous: tuple[IpInterface, ...], now: float) -> EngineConfig | None:
        """For an attempt with the ticket; None: log in."""
        config, self.under_way = self._config, False
        if config is None or not usable(self._ticket, now):
            return None
        reauth = config.reauth
        if reauth is not None:
            reauth -= now - self._logged_in
            if reauth < LEAST:
                return None
        self.under_way = True
        return replace(config, ticket=self._ticket, reauth=reauth, previous_addresses=previous,
                       initial_contact=False, redirected_from="")
