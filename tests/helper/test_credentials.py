"""Credentials of system profiles: on disk, over the bus, and by the users' own agent code inside roved."""

import asyncio
import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from client.core.helper.agents import AgentRegistry
from client.core.helper.credentials import MAX_FILE, CredentialStore
from client.core.helper.system_agent import SystemAgent, SystemSession
from client.core.ikev2 import auth
from client.model.cause import Cause, RoveError
from client.model.profile import parse_profile
from tests.agent.material import ike_sa_init
from tests.eap.mschap_server import MsChapServer
from tests.helper.world import profile
from tests.pki.factory import make_ca

PSK = profile("sys")
MSCHAP = PSK.replace('"psk"', '"eap-mschapv2"')
CERTIFICATE = PSK.replace('"psk"', '"certificate"\ncertificate = "alice.p12"')
SECRET = "s3cret-of-the-machine"


@pytest.fixture
def store(tmp_path: Path) -> CredentialStore:
    return CredentialStore(tmp_path / "state")


def bundle(passphrase: str = SECRET) -> bytes:
    user = make_ca().issue("alice")
    return pkcs12.serialize_key_and_certificates(b"alice", user.key, user.certificate, None,
                                                 BestAvailableEncryption(passphrase.encode()))


def test_roots_alone(store: CredentialStore, tmp_path: Path) -> None:
    store.put("sys", {"alice.p12": b"0"}, {"0": SECRET, "ppk": "0x00"})
    for path in (tmp_path / "state").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert store.path("sys", "alice.p12").read_bytes() == b"0"
    assert store.secrets("sys") == {"0": SECRET, "ppk": "0x00"}
    store.forget("sys", ["0"])
    assert store.secrets("sys") == {"ppk": "0x00"}
    store.put("sys", {}, {})
    assert not (tmp_path / "state/credentials/sys/alice.p12").exists()
    store.remove("sys")
    assert (store.has("sys"), store.secrets("sys")) == (False, {})


@pytest.mark.parametrize(("files", "secrets"), [
    ({"../x": b"0"}, {}), ({".secrets": b"0"}, {}), ({"": b"0"}, {}), ({"a": b""}, {}),
    ({"a": bytes(MAX_FILE + 1)}, {}), ({f"f{n}": b"0" for n in range(17)}, {}), ({}, {"0": ""}),
    ({}, {"0": "x" * 4097}), ({}, {str(n): "x" for n in range(17)})])
def test_what_is_not_kept(store: CredentialStore, files: dict[str, bytes], secrets: dict[str, str]) -> None:
    with pytest.raises(RoveError) as error:
        store.put("sys", files, secrets)
    assert error.value.cause is Cause.CREDENTIAL_UNUSABLE
    assert not store.has("sys")


def test_names_and_links_that_lead_elsewhere(store: CredentialStore, tmp_path: Path) -> None:
    with pytest.raises(RoveError):
        store.path("sys", "../../etc/shadow")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/.secrets").write_text('{"0": "x"}')
    store.put("first", {}, {"0": "x"})
    (tmp_path / "state/credentials/sys").symlink_to(tmp_path / "other")
    assert store.secrets("sys") == {}
    store.remove("sys")
    assert (tmp_path / "other/.secrets").exists()


def test_broken_secrets_are_none(store: CredentialStore, tmp_path: Path) -> None:
    store.put("sys", {}, {"0": "x"})
    for broken in ("[1]", "{", '{"0": 1}', "\udc80"):
        (tmp_path / "state/credentials/sys/.secrets").write_bytes(broken.encode(errors="surrogateescape"))
        assert store.secrets("sys") == {}


# --- inside roved


class Registry(AgentRegistry):
    """Without a bus: nobody is there."""

    def __init__(self) -> None:
        self._agents = {}


def session(store: CredentialStore, toml: str) -> tuple[SystemSession, list[str]]:
    said: list[str] = []
    system = SystemAgent(store, lambda _name, text: said.append(text))
    return SystemSession(system, Registry(), None, None, parse_profile(toml), toml), said


async def log_in(agent: SystemSession, password: str) -> bytes:
    server = MsChapServer("alice", password, bytes(range(16)))
    packet = server.start()
    while True:
        answer = await agent.eap(packet)
        if not answer.response:
            return answer.msk
        packet = server.answer(answer.response)


def test_every_kind_of_login(store: CredentialStore) -> None:
    async def scenario() -> None:
        store.put("sys", {}, {"0": SECRET})
        agent, _ = session(store, PSK)
        await agent.prepare("connect", 30.0)
        assert await agent.psk_auth("prfsha256", bytes(64)) == auth.psk_auth("prfsha256", SECRET.encode(), bytes(64))
        agent.cancel()
        agent, _ = session(store, MSCHAP)
        assert (await agent.prepare("connect", 30.0)).eap_identity == "alice"
        assert len(await log_in(agent, SECRET)) == 64
        agent.cancel()
        store.put("sys", {"alice.p12": bundle()}, {"passphrase": SECRET})
        agent, _ = session(store, CERTIFICATE)
        prepared = await agent.prepare("connect", 30.0)
        signature = await agent.sign_ike_auth(ike_sa_init(), bytes(32), bytes(32), b"", prepared.signatures[0])
        assert (len(prepared.certificates), signature[:1]) == (1, b"\x30")
        agent.cancel()
        await asyncio.sleep(0)
    asyncio.run(scenario())


def test_a_refused_secret_is_used_once_and_forgotten(store: CredentialStore) -> None:
    async def scenario() -> None:
        store.put("sys", {}, {"0": SECRET})
        agent, said = session(store, MSCHAP)
        await agent.prepare("connect", 30.0)
        with pytest.raises(RoveError):
            await log_in(agent, "another")
        for reason in ("reconnect", "connect"):
            with pytest.raises(RoveError) as error:
                await agent.prepare(reason, 30.0)
            assert error.value.cause is Cause.NO_AGENT
        assert store.secrets("sys") == {}
        assert any("wrong" in line for line in said)
        assert SECRET not in "".join(said)
    asyncio.run(scenario())


@pytest.mark.parametrize(("toml", "files", "secrets", "works"), [
    (PSK, {}, {"0": SECRET}, True), (MSCHAP, {}, {}, True), (PSK, {}, {"0": "0xzz"}, False),
    (CERTIFICATE, {"alice.p12": bundle()}, {"passphrase": SECRET}, True),
    (CERTIFICATE, {"alice.p12": bundle()}, {"passphrase": "other"}, False),
    (CERTIFICATE, {"alice.p12": bundle()}, {}, False), (CERTIFICATE, {"alice.p12": b"0"}, {}, False)])
def test_what_could_not_be_used_is_not_imported(store: CredentialStore, toml: str, files: dict[str, bytes],
                                                secrets: dict[str, str], works: bool) -> None:
    async def scenario() -> None:
        store.put("sys", files, secrets)
        system = SystemAgent(store, lambda _name, _text: None)
        if works:
            await system.check(toml)
            return
        with pytest.raises(RoveError) as error:
            await system.check(toml)
        assert error.value.cause is Cause.CREDENTIAL_UNUSABLE
    asyncio.run(scenario())


# --- over the bus


def imported(user, toml, files=None, secrets=None):      # type: ignore[no-untyped-def]
    return user.call("ImportSystemProfile", "sa{say}a{ss}", toml,
                     {name: {"hex": data.hex()} for name, data in (files or {}).items()}, secrets or {})


@pytest.mark.interop
def test_administrators_import_and_delete(world, start) -> None:      # type: ignore[no-untyped-def]
    alice, root = start("alice"), start("root")
    folder = world.dir / "state/credentials/sys-psk"
    toml = profile("sys-psk")
    assert imported(alice, toml, secrets={"0": SECRET}) == "Error.not_authorised"
    assert not folder.exists()
    assert imported(root, toml, secrets={"0": SECRET}) == "sys-psk"
    assert json.loads((folder / ".secrets").read_text()) == {"0": SECRET}
    assert imported(root, toml, secrets={"0": "other"}) == "Error.bad_settings"
    assert json.loads((folder / ".secrets").read_text()) == {"0": SECRET}
    assert SECRET not in alice.call("GetProfile", "s", "sys-psk")
    assert alice.call("DeleteProfile", "s", "sys-psk") == "Error.not_authorised"
    assert root.call("DeleteProfile", "s", "sys-psk") is None
    assert not folder.exists()
    assert SECRET.encode() not in world.log("roved")


@pytest.mark.interop
@pytest.mark.parametrize(("toml", "files", "error"), [
    (profile("sys-bad").replace('"psk"', '"certificate"\ncertificate = "/etc/shadow"'), {}, "bad_settings"),
    (profile("sys-bad").replace('"psk"', '"certificate"\ncertificate = "a.p12"'), {"b.p12": b"0"}, "bad_settings"),
    (profile("sys-bad").replace('"psk"', '"certificate"\ncertificate = "a.p12"'), {"a.p12": b"0"},
     "credential_unusable"), ("name = 1", {}, "bad_settings")])
def test_imports_that_leave_nothing(world, start, toml, files, error) -> None:      # type: ignore[no-untyped-def]
    assert imported(start("root"), toml, files) == f"Error.{error}"
    assert not (world.dir / "state/credentials/sys-bad").exists()
    assert not (world.dir / "etc/profiles.d/sys-bad.toml").exists()


@pytest.mark.interop
def test_the_store_answers_and_the_caller_is_asked_for_what_it_lacks(world, start) -> None:  # type: ignore[no-untyped-def]
    root, alice = start("root"), start("alice")
    alice.ask(op="agent", replies={"Prepare": {"signature": "a{sv}", "body": [{"identity": {"v": ["s", "hers"]}}]},
                                   "Cancel": {}})
    alice.call("RegisterAgent", "a{sv}", {"kind": {"v": ["s", "cli"]}})
    for name, secrets, identity, asked in (("asks-stored", {"0": SECRET}, "", 0), ("asks-not", {}, "hers", 1)):
        assert imported(root, profile(name), secrets=secrets) == name
        assert alice.call("Connect", "sd", name, 0.0) is None
        assert world.recorded(what="prepared", name=name)["identity"] == identity
        assert len(alice.ask(op="heard", calls=asked)["agent_calls"]) == asked


# --- by themselves


@pytest.mark.interop
def test_a_users_profile_connects_when_an_agent_that_stays_has_come(world, start) -> None:  # type: ignore[no-untyped-def]
    bob = start("bob")
    toml = profile("auto-bob") + "[policy]\nautoconnect = true\n"
    assert bob.call("ImportProfile", "sb", toml, False) == "auto-bob"
    bob.call("RegisterAgent", "a{sv}", {"kind": {"v": ["s", "cli"]}})
    assert not world.record(what="connect", name="auto-bob")
    bob.call("RegisterAgent", "a{sv}", {"kind": {"v": ["s", "agent"]}})
    assert world.recorded(what="connect", name="auto-bob")["deadline"] == 0
    bob.call("Disconnect", "s", "auto-bob")         # by hand: it stays down
    bob.call("RegisterAgent", "a{sv}", {"kind": {"v": ["s", "tray"]}})
    assert len(world.record(what="connect", name="auto-bob")) == 1
    bob.call("Connect", "sd", "auto-bob", 0.0)
    bob.call("Disconnect", "s", "")
    bob.call("DeleteProfile", "s", "auto-bob")
