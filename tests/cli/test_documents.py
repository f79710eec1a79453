"""Man pages, guides and completions say what the command line and the profile really have."""

import argparse
import re
import tomllib
from pathlib import Path

import pytest

from client.bus import interface
from client.cli.parser import COMMANDS, parser
from client.importers.reader import check_tree
from client.model.cause import ExitCode
from client.model.profile import KEYS

REPO = Path(__file__).parents[2]
ROVE_1 = (REPO / "packaging/man/rove.1").read_text().replace("\\-", "-")
ROVED_8 = (REPO / "packaging/man/roved.8").read_text().replace("\\-", "-")
PROFILE_5 = (REPO / "packaging/man/rove-profile.5").read_text().replace("\\-", "-")
CLI_MD = (REPO / "docs/cli.md").read_text()
[SUBPARSERS] = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]


def options(sub):
    return {option for action in sub._actions for option in action.option_strings} - {"-h", "--help"}


def section(page, title):
    return re.search(rf"^\.SH {title}\n(.*?)(?=^\.SH|\Z)", page, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_rove_1_has_every_command_with_its_options(row):
    entries = section(ROVE_1, "COMMANDS").split(".TP\n")[1:]
    [entry] = [entry for entry in entries if re.match(rf"(\\fB|\.B ){row.name}\b", entry)]
    for option in options(SUBPARSERS.choices[row.name]):
        assert option in entry


def test_rove_1_has_no_other_commands():
    named = set(re.findall(r"^\.TP\n(?:\\fB|\.B )(\w+)", section(ROVE_1, "COMMANDS"), re.MULTILINE))
    assert named == {row.name for row in COMMANDS} == set(SUBPARSERS.choices)


def test_exit_codes():
    in_man = {int(code) for code in re.findall(r"^\.B (\d+)$", section(ROVE_1, "EXIT STATUS"), re.MULTILINE)}
    in_guide = {int(code) for code in re.findall(r"^\| (\d+) \|", CLI_MD, re.MULTILINE)}
    assert in_man == in_guide == {code.value for code in ExitCode}


def test_event_kinds():
    source = Path(interface.__file__).read_text()
    kinds = set(re.findall(r'^#   "(\w+)"', source, re.MULTILINE)) - {"log"}
    assert set(re.findall(r"^\| `(\w+)` \|", CLI_MD, re.MULTILINE)) == kinds


def test_rove_profile_5_has_every_key_and_no_other():
    keys = section(PROFILE_5, "KEYS")
    assert set(re.findall(r"^\.TP\n\.B (\S+)", keys, re.MULTILINE)) == set(KEYS)


def test_rove_profile_5_marks_what_is_not_available():
    entries = dict(re.findall(r"^\.TP\n\.B (\S+)\n(.*?)(?=^\.|\Z)", section(PROFILE_5, "KEYS"),
                              re.MULTILINE | re.DOTALL))
    later = {key for key, (check, _) in KEYS.items() if check.__qualname__.startswith("_later") and key != "version"}
    assert {key for key, text in entries.items() if text.startswith("Later;")} == later


def test_the_example_in_rove_profile_5_is_a_profile():
    example = re.search(r"^\.nf\n(.*?)^\.fi", section(PROFILE_5, "EXAMPLE"), re.MULTILINE | re.DOTALL)[1]
    check_tree(tomllib.loads(example.replace("\\(dq", '"')))


def test_roved_8():
    source = (REPO / "client/core/helper/main.py").read_text()
    for option in re.findall(r'add_argument\("(--[a-z-]+)"', source):
        assert option in section(ROVED_8, "OPTIONS")
    actions = {value for name, value in vars(interface).items() if name.startswith("ACTION_")}
    assert set(re.findall(r"^\.B (org\.rovevpn\.rove\.\S+)", ROVED_8, re.MULTILINE)) == actions


@pytest.mark.parametrize("name", ["rove.bash", "_rove", "rove.fish"])
def test_completions_have_every_command_and_option(name):
    text = (REPO / "packaging/completions" / name).read_text()
    for row in COMMANDS:
        assert re.search(rf"\b{row.name}\b", text)
        for option in options(SUBPARSERS.choices[row.name]):
            shown = option if not name.endswith("fish") else (
                f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}")
            assert shown in text, (row.name, option)
