"""Kept secrets: used without asking, kept after the gateway has accepted them, and given once when they are wrong."""

import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from client.agent.prompts import PromptKind
from client.agent.stored import MAX_UNDECIDED
from client.agent.vault import VaultError
from client.model.cause import Cause, Finding
from client.model.profile import Profile
from tests.agent.material import CERTIFICATE_PROFILE, EAP_PROFILE, PSK_PROFILE
from tests.agent.test_service import CHALLENGE, agent, cause_of, log_in, refuse, run
from tests.eap.mschap_server import MsChapServer
from tests.pki.factory import make_ca


class Vault:
    """In memory; ``broken``: like a locked keyring."""

    keeps = True

    def __init__(self, **kept: str) -> None:
        self.kept = {slot.removeprefix("round"): secret for slot, secret in kept.items()}
        self.broken = ""
        self.given = 0

    def check(self) -> None:
        if self.broken:
            raise VaultError(self.broken)

    async def get(self, profile: Profile, slot: str) -> str | None:
        self.check()
        self.given += slot in self.kept
        return self.kept.get(slot)

    async def put(self, profile: Profile, slot: str, secret: str) -> None:
        self.check()
        self.kept[slot] = secret

    async def forget(self, profile: Profile, slots: list[str]) -> None:
        for slot in slots:
            self.kept.pop(slot, None)
        self.check()


def server(password: str) -> MsChapServer:
    return MsChapServer("alice@lab.test", password, CHALLENGE)


def test_a_kept_password_is_not_asked_for() -> None:
    async def scenario() -> None:
        vault = Vault(round0="pw")
        service, prompter = agent(vault=vault)
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        assert (await log_in(service, server("pw")))[0] == b""
        await service.outcome("work", accepted=True)
        await service.cancel("work")
        assert (prompter.asked, vault.kept) == ([], {"0": "pw"})
    run(scenario)


@pytest.mark.parametrize("told", ["by the method", "by the gateway"])
def test_a_wrong_kept_password_is_given_once(told: str) -> None:
    """Removed before anything else happens: not this process and no later one sends it again."""
    async def scenario() -> None:
        findings: list[tuple[str, Finding]] = []
        vault = Vault(round0="old")
        service, prompter = agent("new", vault=vault, on_finding=lambda *finding: findings.append(finding))
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        if told == "by the method":
            assert await refuse(service, server("new")) is Cause.USER_REFUSED
        else:
            await service.eap("work", server("new").start())
            await service.outcome("work", accepted=False)
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        assert (vault.given, vault.kept) == (1, {})
        assert [finding.code for _, finding in findings] == ["kept-was-wrong"]
        (question,) = prompter.asked
        assert (question.again, question.text.startswith("The last one was refused: ")) == (True, True)
        await log_in(service, server("new"))
        await service.cancel("work")
    run(scenario)


def test_what_cannot_be_removed_is_said() -> None:
    async def scenario() -> None:
        findings: list[str] = []
        vault = Vault(round0="old")
        service, _ = agent(vault=vault, on_finding=lambda _, finding: findings.append(finding.code))
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        vault.broken = "the keyring is locked"
        assert await refuse(service, server("new")) is Cause.USER_REFUSED
        await service.settle()
        assert findings == ["kept-was-wrong", "not-removed"]
    run(scenario)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("remember", [True, False])
def test_kept_only_when_wished_and_accepted(remember: bool, accepted: bool) -> None:
    async def scenario() -> None:
        vault = Vault()
        service, prompter = agent("secret", vault=vault)
        prompter.remember = remember
        await service.prepare("work", PSK_PROFILE, "connect", 30.0)
        assert prompter.asked[0].may_remember
        await service.psk_auth("work", "prfsha256", bytes(64))
        await service.settle()
        assert vault.kept == {}
        await service.outcome("work", accepted=accepted)
        await service.settle()
        assert vault.kept == ({"0": "secret"} if remember and accepted else {})
        await service.cancel("work")
    run(scenario)


def test_a_refused_psk_is_asked_for_again() -> None:
    async def scenario() -> None:
        vault = Vault(round0="old")
        service, prompter = agent("new", vault=vault)
        await service.prepare("work", PSK_PROFILE, "connect", 30.0)
        await service.outcome("work", accepted=False)
        assert await cause_of(service.psk_auth("work", "prfsha256", bytes(64))) is Cause.NOT_AUTHORISED
        await service.prepare("work", PSK_PROFILE, "reconnect", 30.0)
        assert (vault.kept, [question.again for question in prompter.asked]) == ({}, [True])
        await service.cancel("work")
    run(scenario)


def test_a_closed_vault_means_asking_and_saying_so() -> None:
    async def scenario() -> None:
        findings: list[Finding] = []
        vault = Vault(round0="pw")
        vault.broken = "the keyring is locked"
        service, prompter = agent("typed", vault=vault, on_finding=lambda _, finding: findings.append(finding))
        prompter.remember = True
        await service.prepare("work", PSK_PROFILE, "connect", 30.0)
        await service.outcome("work", accepted=True)
        await service.settle()
        assert len(prompter.asked) == 1
        assert [(one.code, "locked" in one.message) for one in findings] == [("vault-closed", True), ("not-kept", True)]
        await service.cancel("work")
    run(scenario)


def test_conversations_without_an_end_are_not_repeated_for_ever() -> None:
    """Behind a gateway that goes silent somebody may count them."""
    async def scenario() -> None:
        vault = Vault(round0="pw")
        service, prompter = agent("typed", vault=vault)
        for _ in range(MAX_UNDECIDED):
            await service.prepare("work", EAP_PROFILE, "reconnect", 30.0)
            await service.eap("work", server("pw").start())
        assert prompter.asked == []
        await service.prepare("work", EAP_PROFILE, "reconnect", 30.0)
        assert len(prompter.asked) == 1
        await service.cancel("work")
    run(scenario)


def test_one_that_ends_well_begins_the_count_anew() -> None:
    async def scenario() -> None:
        service, prompter = agent(vault=Vault(round0="pw"))
        for _ in range(3 * MAX_UNDECIDED):
            await service.prepare("work", EAP_PROFILE, "connect", 30.0)
            await log_in(service, server("pw"))
            await service.outcome("work", accepted=True)
        assert prompter.asked == []
        await service.cancel("work")
    run(scenario)


@pytest.mark.parametrize("kept", ["right", "wrong"])
def test_a_passphrase(tmp_path: Path, kept: str) -> None:
    async def scenario() -> None:
        user = make_ca().issue("alice")
        (tmp_path / "alice.p12").write_bytes(pkcs12.serialize_key_and_certificates(
            b"alice", user.key, user.certificate, None, BestAvailableEncryption(b"right")))   # type: ignore[arg-type]
        vault = Vault(passphrase=kept)
        service, prompter = agent("right", vault=vault, credential_path=lambda _, file: tmp_path / file)
        prompter.remember = True
        await service.prepare("work", CERTIFICATE_PROFILE, "connect", 30.0)
        assert [question.kind for question in prompter.asked] == ([] if kept == "right" else [PromptKind.PASSPHRASE])
        await service.settle()
        assert vault.kept == ({"passphrase": "right"} if kept == "right" else {})
        await service.outcome("work", accepted=True)
        await service.settle()
        assert vault.kept == {"passphrase": "right"}
        await service.cancel("work")
    run(scenario)


def test_nothing_of_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def scenario() -> None:
        service, _ = agent(vault=Vault(round0="s3cret-words"))
        await service.prepare("work", EAP_PROFILE, "connect", 30.0)
        await refuse(service, server("other"))
        await service.settle()
    run(scenario)
    assert "s3cret" not in caplog.text
