"""rove.toml: what it may say, and that it is told which key is wrong."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from client.core.helper.machine_settings import (
    MAX_BYTES,
    MachineSettings,
    PortalSettings,
    parse_settings,
    read_settings,
)
from client.model.cause import Cause, RoveError


@pytest.mark.parametrize(("text", "check"), [
    ("", "gateway"), ("[portal]\n", "gateway"), ('[portal]\ncheck = "off"', "off"),
    ('[portal]\ncheck = "http://portal.example.org/check?a=b"', "http://portal.example.org/check?a=b"),
    ('[portal]\ncheck = "http://[2001:db8::1]:8080/"', "http://[2001:db8::1]:8080/")])
def test_what_it_may_say(text: str, check: str) -> None:
    assert parse_settings(text.encode()) == MachineSettings(PortalSettings(check))


@pytest.mark.parametrize(("data", "named"), [
    (b"[portal", "not TOML"), (b"\xff", "not TOML"), (b"portal = 1", "portal:"), (b"[gateway]", "gateway:"),
    (b"[portal]\nurl = 'http://a.example/'", "portal.url:"), (b"[portal]\ncheck = 1", "portal.check:"),
    (b"[portal]\ncheck = true", "portal.check:"), (b"[portal]\ncheck = 'https://a.example/'", "portal.check:"),
    (b"[portal]\ncheck = 'ftp://a.example/'", "portal.check:"), (b"[portal]\ncheck = 'http:///x'", "portal.check:"),
    (b"[portal]\ncheck = 'http://me@a.example/'", "portal.check:"),
    (b"[portal]\ncheck = 'http://a.example:99999/'", "portal.check:"),
    (b"[portal]\ncheck = 'http://[::1/'", "portal.check:"),
    ("[portal]\ncheck = 'http://ä.example/'".encode(), "portal.check:")])
def test_what_is_wrong_is_named(data: bytes, named: str) -> None:
    with pytest.raises(RoveError) as error:
        parse_settings(data)
    assert error.value.cause is Cause.BAD_SETTINGS
    assert error.value.detail.startswith("rove.toml: ")
    assert named in error.value.detail


def test_the_file(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == MachineSettings()
    (tmp_path / "rove.toml").write_text("[portal]\ncheck = 'off'\n")
    assert read_settings(tmp_path).portal.check == "off"
    (tmp_path / "rove.toml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(RoveError, match="longer than"):
        read_settings(tmp_path)
    (tmp_path / "rove.toml").unlink()
    (tmp_path / "rove.toml").mkdir()
    with pytest.raises(RoveError, match="cannot be read"):
        read_settings(tmp_path)


def test_the_manual_has_every_key() -> None:
    manual = (Path(__file__).parents[2] / "packaging/man/rove.toml.5").read_text()
    keys = {(table.name, key.name) for table in fields(MachineSettings) for key in fields(PortalSettings)}
    described = re.findall(r"^\.SS \[(\w+)\]\n\.TP\n\.BR (\w+) ", manual, re.MULTILINE)
    assert set(described) == keys
    example = re.search(r"^\.nf\n(.*?)\.fi", manual, re.MULTILINE | re.DOTALL)
    assert example is not None
    assert parse_settings(example[1].encode()).portal.check.startswith("http://")
