"""The engine's questions about keys, secrets and certificates, answered: by the agent, or by the certificate store."""

import asyncio
import hmac
from collections.abc import Callable
from datetime import UTC, datetime

from client.core.helper.agents import AgentSession, looked_at
from client.core.helper.settings import trusted
from client.core.helper.status_check import StatusCheck
from client.core.helper.tunnel import FINDINGS
from client.core.ikev2 import events as ike
from client.core.ikev2.constants import AuthMethod
from client.core.ikev2.succession import Succession
from client.core.pki.certificate import Certificate
from client.core.pki.trust import verify_gateway
from client.model.cause import Cause, Finding, RoveError
from client.model.profile import Profile

EAP_TIMEOUT = 120.0               # s: a method may ask the user in between
Answer = Callable[[Succession, float], None]        # gives it to the engine, now


class Answers:
    """Of one connection. Each method raises RoveError; ``found`` takes what is worth telling."""

    def __init__(self, profile: Profile, agent: AgentSession, found: Callable[[Finding], None], status: StatusCheck
                 ) -> None:
        self._profile = profile
        self._status = status
        self.path: tuple[Certificate, ...] = ()     # of the gateway that was accepted last; none by a shared key
        self._agent = agent
        self._found = found
        self._foreseen: dict[bytes, asyncio.Task[bytes]] = {}   # by what a gateway with the shared key signs

    async def judge(self, event: ike.PeerAuth) -> Answer:
        verdict = ike.PeerVerdict()
        try:
            user = self._profile.user
            # Beside other ways to log in a shared key may prove the gateway or not; alone it must.
            if user.auth == "psk" or (user.has("psk") and event.method == AuthMethod.SHARED_KEY):
                await self._judge_psk(event)
                self.path = ()
            else:
                accepted = verify_gateway(
                    event.certificates, trusted(self._profile), event.id_type, event.id_data,
                    self._profile.gateway.identity, datetime.now(UTC), event.method, event.auth_data, event.octets,
                    sha1=self._profile.ike.legacy != "never")
                await self._status.judge(accepted.path, event.ocsp)
                self.path = accepted.path
                if accepted.sha1:
                    self._found(Finding("gateway-sha1", FINDINGS["gateway-sha1"]))
        except RoveError as error:
            verdict = ike.PeerVerdict(error.cause, error.detail)
        return lambda engine, now: engine.provide_peer_verdict(event.request_id, verdict, now)

    async def _judge_psk(self, event: ike.PeerAuth) -> None:
        if event.method != AuthMethod.SHARED_KEY:
            raise RoveError(Cause.GATEWAY_BAD_SIGNATURE, "the gateway does not use the shared key")
        foreseen = self._foreseen.pop(event.octets, None)
        expected = await (foreseen or self._agent.psk_auth(event.prf, event.octets))
        if not hmac.compare_digest(expected, event.auth_data):
            raise RoveError(Cause.GATEWAY_BAD_SIGNATURE, "the gateway does not know the shared key")

    async def sign(self, event: ike.SignatureNeeded) -> Answer:
        if event.algorithm == "psk":
            octets = event.ike_sa_init + event.nonce_r + event.maced_id + event.int_auth
            signature = await self._agent.psk_auth(event.prf, octets)
            if event.peer_octets:
                self._foresee(event)
        else:
            signature = await self._agent.sign_ike_auth(
                event.ike_sa_init, event.nonce_r, event.maced_id, event.int_auth, event.algorithm)
        return lambda engine, now: engine.provide_signature(event.request_id, signature, now)

    def _foresee(self, event: ike.SignatureNeeded) -> None:
        """The agent is asked while IKE_AUTH travels: its round trip is no part of connecting."""
        self.forget()
        task = asyncio.ensure_future(self._agent.psk_auth(event.prf, event.peer_octets))
        task.add_done_callback(looked_at)
        self._foreseen = {event.peer_octets: task}

    def forget(self) -> None:
        """The attempt is over."""
        for task in self._foreseen.values():
            task.cancel()
        self._foreseen = {}

    async def eap(self, event: ike.EapReceived) -> Answer:
        answer = await self._agent.eap(event.packet, EAP_TIMEOUT)
        reply = ike.EapReply(answer.response, answer.msk)
        return lambda engine, now: engine.provide_eap(event.request_id, reply, now)

    async def mix_ppk(self, event: ike.PpkNeeded) -> Answer:
        keys = await self._agent.ppk_mix(event.prf, event.sk_d, event.sk_pi, event.sk_pr)
        return lambda engine, now: engine.provide_ppk(event.request_id, keys, now)
