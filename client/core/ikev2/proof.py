"""What either side proves with its AUTH payload, and with which SK_p: the plain ones, or those with a PPK in them."""

from dataclasses import replace

from client.core.ikev2 import auth
from client.core.ikev2.errors import MisuseError
from client.core.ikev2.first_exchange import FirstExchange
from client.core.ikev2.ike_sa import IkeSa
from client.core.ikev2.keymat import IkeKeys
from client.core.ikev2.payloads import IDi, IDr


class Proof:
    """For one IKE_AUTH conversation. Each round takes the latest identities (RFC 4739 §2.1), nothing else changes."""

    def __init__(self, sa: IkeSa, init: FirstExchange, int_auth: bytes) -> None:
        self._sa = sa
        self.init = init
        self.int_auth = int_auth
        proposal, keys = sa.require()
        self._prf = proposal.prf
        self.prf = auth.prf_name(proposal.prf)
        self._ours: IkeKeys = keys      # with the PPK from our first AUTH on: its PPK_IDENTITY says so
        self._theirs: IkeKeys = keys    # from the answer to it on (RFC 8784 §3)

    def mix(self, sk_d: bytes, sk_pi: bytes, sk_pr: bytes) -> None:
        """These have the PPK in them; the gateway's part counts with ``peer_mixed``."""
        _, keys = self._sa.require()
        if [len(sk_d), len(sk_pi), len(sk_pr)] != [len(keys.sk_d), len(keys.sk_pi), len(keys.sk_pr)]:
            raise MisuseError("keys of another length than before")
        self._ours = replace(keys, sk_d=sk_d, sk_pi=sk_pi, sk_pr=sk_pr)

    def peer_mixed(self) -> None:
        """The gateway has the PPK too: from now on all that comes of SK_d does (RFC 8784 §3)."""
        self._theirs = self._sa.keys = self._ours

    def own_maced_id(self, id_i: IDi) -> bytes:
        return auth.maced_id(self._prf, self._ours.sk_pi, id_i.encode())

    def own_octets(self, id_i: IDi) -> bytes:
        return auth.signed_octets(self.init.request, self.init.nonce_r, self.own_maced_id(id_i), self.int_auth)

    def peer_octets(self, id_r: IDr) -> bytes:
        return auth.signed_octets(self.init.response, self.init.nonce_i,
                                  auth.maced_id(self._prf, self._theirs.sk_pr, id_r.encode()), self.int_auth)

    def own_resumed_auth(self, id_i: IDi) -> bytes:
        return auth.resumed_auth(self._prf, self._ours.sk_pi, self.own_octets(id_i))

    def peer_resumed_auth(self, id_r: IDr) -> bytes:
        return auth.resumed_auth(self._prf, self._theirs.sk_pr, self.peer_octets(id_r))

    def own_eap_auth(self, msk: bytes, id_i: IDi) -> bytes:
        """Without an MSK SK_pi takes its place, as the gateway's SK_pr does below (RFC 7296 §2.16)."""
        return auth.eap_auth(self._prf, msk or self._ours.sk_pi, self.own_octets(id_i))

    def peer_eap_auth(self, msk: bytes, id_r: IDr) -> bytes:
        return auth.eap_auth(self._prf, msk or self._theirs.sk_pr, self.peer_octets(id_r))
