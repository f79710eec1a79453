"""Judging a gateway as roved does it: certificates, OCSP from IKE, what is kept for later. Real certificates, now."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from client.core.helper.agents import Prepared
from client.core.helper.answers import Answers
from client.core.helper.fetch_rules import FetchError
from client.core.helper.revocation import Revocation, Uplink
from client.core.helper.settings import engine_config
from client.core.helper.status_check import StatusCheck
from client.core.ikev2 import auth
from client.core.ikev2 import events as ike
from client.model.cause import Cause, Finding
from client.model.profile import profile_from_dict
from tests.pki.factory import DAY, Issued, dns, make_ca
from tests.pki.lists import OCSP_URL, make_ocsp, ocsp_at

NOW = datetime.now(UTC).replace(microsecond=0)
TIME: dict[str, Any] = {"before": NOW - DAY, "after": NOW + 30 * DAY}
WINDOW: dict[str, Any] = {"begin": NOW - timedelta(hours=1), "end": NOW + timedelta(hours=1)}
ROOT = make_ca("Root", **TIME)
GATEWAY = ROOT.issue("gw", san=dns("gw.test"), extensions=(ocsp_at(OCSP_URL),), **TIME)
OCTETS = b"octets"


async def unreachable(*_: Any, **__: Any) -> bytes:
    raise FetchError("nobody is there")


class Nothing:
    """An engine that takes the verdict."""

    verdict: ike.PeerVerdict

    def provide_peer_verdict(self, _request_id: int, verdict: ike.PeerVerdict, _now: float) -> None:
        self.verdict = verdict


def judge(ocsp: tuple[bytes, ...], revocation: str = "soft", gateway: Issued = GATEWAY
          ) -> tuple[Cause | None, list[str], int]:
    """→ the cause of the refusal, the findings, how long the path is that is watched from now on."""
    found: list[Finding] = []
    profile = profile_from_dict({
        "name": "work", "gateway": {"address": "gw.test", "trust": [ROOT.pem], "revocation": revocation},
        "user": {"auth": "certificate", "certificate": "a.p12"}})
    answers = Answers(profile, None, found.append, StatusCheck(  # type: ignore[arg-type]  # no agent is asked
        revocation, Revocation(unreachable), lambda: Uplink(7), found.append, lambda code: None, lambda error: None))
    method, data = auth.auth_payload_data("ecdsa-sha256", auth.sign(gateway.key, "ecdsa-sha256", OCTETS))
    event = ike.PeerAuth(1, method, data, OCTETS, "prfsha256", 2, b"gw.test", (gateway.der,), ocsp)
    engine = Nothing()
    asyncio.run(answers.judge(event))(engine, 0.0)  # type: ignore[arg-type]  # as above
    return engine.verdict.cause, [finding.code for finding in found], len(answers.path)


@pytest.mark.parametrize(("ocsp", "revocation", "cause", "findings"), [
    ((make_ocsp(GATEWAY, ROOT, **WINDOW),), "strict", None, []),
    ((make_ocsp(GATEWAY, ROOT, revoked=NOW - DAY, **WINDOW),), "soft", Cause.GATEWAY_REVOKED, []),
    ((make_ocsp(GATEWAY, ROOT, revoked=NOW - DAY, **WINDOW),), "off", None, []),
    ((b"rubbish",), "soft", None, ["revocation-unknown"]), ((b"rubbish",), "strict", Cause.REVOCATION_UNKNOWN, []),
    ((), "soft", None, ["revocation-unknown"]), ((), "strict", Cause.REVOCATION_UNKNOWN, [])])
def test_ocsp_from_ike(ocsp: tuple[bytes, ...], revocation: str, cause: Cause | None, findings: list[str]) -> None:
    """RFC 4806: nobody else is asked, and here nobody else answers."""
    assert judge(ocsp, revocation) == (cause, findings, 0 if cause else 2)


def test_a_gateway_that_is_refused_anyway_is_not_asked_about() -> None:
    assert judge((), gateway=make_ca("Evil", **TIME).issue("gw", san=dns("gw.test"), **TIME))[0] is (
        Cause.GATEWAY_UNTRUSTED)


class SharedKey:
    """The agent's part for a shared key: what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    async def psk_auth(self, prf: str, octets: bytes) -> bytes:
        self.asked.append(octets)
        return auth.psk_auth(prf, b"secret", octets)


@pytest.mark.parametrize(("octets", "key", "cause", "asked"), [
    (b"theirs", b"secret", None, [b"theirs"]), (b"theirs", b"other", Cause.GATEWAY_BAD_SIGNATURE, [b"theirs"]),
    (b"another identity", b"secret", None, [b"theirs", b"another identity"])])
def test_the_agent_is_asked_for_the_gateways_auth_beforehand(octets: bytes, key: bytes, cause: Cause | None,
                                                             asked: list[bytes]) -> None:
    profile = profile_from_dict({"name": "work", "gateway": {"address": "gw.test"},
                                 "user": {"auth": "psk", "identity": "alice"}})
    agent, engine = SharedKey(), Nothing()

    async def log_in() -> None:
        answers = Answers(profile, agent, lambda _: None, None)  # type: ignore[arg-type]  # no certificate is judged
        await answers.sign(ike.SignatureNeeded(1, b"request", b"nonce", b"id", b"", "psk", "prfsha256", b"theirs"))
        await asyncio.sleep(0)      # IKE_AUTH travels
        proof = auth.psk_auth("prfsha256", key, octets)
        answer = await answers.judge(ike.PeerAuth(2, 2, proof, octets, "prfsha256", 2, b"gw.test", ()))
        answer(engine, 0.0)  # type: ignore[arg-type]  # as above
        answers.forget()

    asyncio.run(log_in())
    assert (engine.verdict.cause, agent.asked[1:]) == (cause, asked)


# --- what the engine is told ---

def config(gateway: dict[str, Any], certificates: tuple[bytes, ...] = (), auth_method: str = "certificate"
           ) -> ike.EngineConfig:
    profile = profile_from_dict({"name": "work", "gateway": {"address": "gw.test", **gateway}, "user": {
        "auth": auth_method, "identity": "alice", "certificate": "a.p12" if auth_method == "certificate" else ""}})
    return engine_config(profile, Prepared(certificates, ("ecdsa-sha256",), ""), lambda n: bytes(n))


def test_authorities_are_named_or_any_is_asked_for() -> None:
    alice = ROOT.issue("alice", key=ec.generate_private_key(ec.SECP256R1()), **TIME)
    own = (alice.der, ROOT.der)
    named = config({"trust": [ROOT.pem]}, own)
    assert named.certificate_authorities is not None
    assert len(named.certificate_authorities) == 1
    assert named.certificates == (alice.der,)           # no root
    assert [chain.authorities for chain in named.chains] == [frozenset(named.certificate_authorities)]
    pin = {"pin": "sha256:" + "ab" * 32}
    assert config({}, own).certificate_authorities == config(pin, own).certificate_authorities == ()
    assert config({}, auth_method="psk").certificate_authorities is None
    assert [config({"revocation": mode}, own).ocsp for mode in ("soft", "strict", "off")] == [True, True, False]
