"""From the profile's words about algorithms to what the engine offers and the data path gets."""

from dataclasses import replace
from typing import Any

import pytest

from client.core.datapath.base import InboundSa, OutboundSa
from client.core.helper.agents import Prepared
from client.core.helper.settings import engine_config, inbound_sa, outbound_sa
from client.core.ikev2.constants import ProtocolId
from client.core.ikev2.events import ChildKeys, ChildSaInfo, EngineConfig
from client.core.ikev2.proposal import DEFAULT_ESP, DEFAULT_IKE, LEGACY_ESP, LEGACY_IKE, parse_proposal, proposal_name
from client.model.cause import Cause, RoveError
from client.model.profile import profile_from_dict

SIGNATURES = ("rsa-pkcs1-sha256", "rsa-sha1")
KEYS = ChildKeys(b"encr out", b"integ out", b"encr in", b"integ in")


def config(**ike: Any) -> EngineConfig:
    profile = profile_from_dict({
        "version": 1, "name": "x", "gateway": {"address": "gw.lab.test"},
        "user": {"auth": "psk", "identity": "alice@lab.test"}, "ike": ike})
    return engine_config(profile, Prepared((), SIGNATURES, ""), bytes)


@pytest.mark.parametrize(("legacy", "offered"), [
    ("off", (DEFAULT_IKE, DEFAULT_ESP)), ("never", (DEFAULT_IKE, DEFAULT_ESP)), ("on", (LEGACY_IKE, LEGACY_ESP))])
def test_legacy_decides_what_is_offered(legacy: str, offered: tuple[Any, Any]) -> None:
    made = config(legacy=legacy)
    assert (made.ike_proposals, made.esp_proposals) == offered


def test_never_means_no_sha1_from_us_either() -> None:
    assert config().signatures == config(legacy="on").signatures == SIGNATURES
    assert config(legacy="never").signatures == ("rsa-pkcs1-sha256",)


@pytest.mark.parametrize(("key", "text", "word"), [
    ("proposals", "3des-sha256-modp2048", "3des"), ("esp_proposals", "aes256-sha1", "sha1"),
    ("pfs", "modp1024", "modp1024")])
def test_old_keywords_need_legacy(key: str, text: str, word: str) -> None:
    value = text if key == "pfs" else [text]
    for legacy in ("off", "never"):
        with pytest.raises(RoveError, match=rf'ike\.{key}: {word} in .* only ike\.legacy = "on"') as error:
            config(legacy=legacy, **{key: value})
        assert error.value.cause is Cause.BAD_SETTINGS
    made = config(legacy="on", **{key: value})
    if key == "pfs":
        assert made.pfs_groups == (2,)
    else:
        assert [proposal_name(p) for p in getattr(made, f"ike_{key}" if key == "proposals" else key)] == [text]


@pytest.mark.parametrize(("chosen", "suite", "packets", "esn"), [
    ("aes256gcm16", "aes256gcm16", 0xFFFF_F000, False), ("aes256gcm16-esn", "aes256gcm16", 1 << 36, True),
    ("aes128-sha256-ecp256-esn", "aes128-sha256", 1 << 36, True),
    ("chacha20poly1305-esn", "chacha20poly1305", 1 << 40, True),
    ("3des-sha1-modp1024-esn", "3des-sha1", 1 << 20, True), ("3des-sha1", "3des-sha1", 1 << 20, False)])
def test_the_data_path_gets_suite_limit_and_esn(chosen: str, suite: str, packets: int, esn: bool) -> None:
    proposal = replace(parse_proposal(chosen, ProtocolId.ESP, legacy=True), spi=b"\2\2\2\2")
    child = ChildSaInfo(b"\1\1\1\1", b"\2\2\2\2", proposal, (), (), KEYS, 0.0, 0.0)
    assert inbound_sa(child) == InboundSa(b"\1\1\1\1", suite, b"encr in", b"integ in", (), (), packets, esn)
    assert outbound_sa(child) == OutboundSa(b"\2\2\2\2", suite, b"encr out", b"integ out", (), (), packets, esn)
