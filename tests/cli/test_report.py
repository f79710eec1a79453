"""report."""

import json

import pytest

from client.model.cause import Cause, RoveError
from tests.cli import samples

PROFILE = ('version = 1\nname = "work"\n[gateway]\naddress = ["vpn.example.org"]\n'
           '[user]\nauth = "psk"\nidentity = "alice@example.org"\n')


@pytest.fixture
def full(roved):
    roved.answers |= {
        "ListProfiles": [{"name": "work"}], "GetProfile": PROFILE, "Status": samples.status(samples.connected()),
        "Log": [{"time": samples.at(), "connection": "work", "level": "info", "text": "refused alice@example.org"}]}
    return roved


def test_a_report_is_written_and_said_so(rove, full, tmp_path):
    result = rove("report", str(tmp_path / "r.txt"))
    text = (tmp_path / "r.txt").read_text()
    assert (result.code, result.err) == (0, "")
    assert "masked" in result.out
    assert "vpn.example.org" in text
    assert "alice" not in text
    assert json.dumps("psk") in text
    assert full.called("Log") == [[0.0]]


def test_nothing_is_overwritten_unasked(rove, full, tmp_path):
    file = tmp_path / "r.txt"
    file.write_text("mine")
    result = rove("report", str(file))
    assert (result.code, file.read_text()) == (1, "mine")
    assert "--force" in result.err
    assert full.calls == []                 # refused before anything was asked
    assert rove("report", str(file), "--force").code == 0
    assert file.read_text().startswith("Rove report")


def test_without_roved_there_is_a_report_all_the_same(rove, tmp_path):
    result = rove("report", str(tmp_path / "r.txt"))
    assert result.code == 0
    assert "Without what roved knows" in result.out
    assert "roved\n  was not asked: " in (tmp_path / "r.txt").read_text()


def test_a_roved_that_refuses_is_in_the_report(rove, roved, tmp_path):
    roved.answers["ListProfiles"] = RoveError(Cause.NOT_AUTHORISED, "polkit says no")
    assert rove("report", str(tmp_path / "r.txt")).code == 0
    assert "not-authorised" in (tmp_path / "r.txt").read_text()


def test_a_folder_that_is_not_there(rove, full, tmp_path):
    result = rove("report", str(tmp_path / "no" / "r.txt"))
    assert result.code == 1
    assert "No such file" in result.err
