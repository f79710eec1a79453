"""What is installed beside roved says the same as the code."""

import configparser
import importlib.util
import tomllib
import xml.etree.ElementTree as ET

import pytest

from client.bus import interface
from tests.helper.world import REPO

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
ACTIONS = {value for name, value in vars(interface).items() if name.startswith("ACTION_")}
DEFAULTS = {    # (any, inactive, active)
    interface.ACTION_STATUS: ("auth_admin", "yes", "yes"),
    interface.ACTION_CONNECT: ("auth_admin", "auth_admin", "yes"),
    interface.ACTION_MANAGE: ("auth_admin", "auth_admin", "yes"),
    interface.ACTION_MANAGE_SYSTEM: ("auth_admin_keep",) * 3,
    interface.ACTION_OTHERS: ("auth_admin_keep",) * 3,
}


@pytest.fixture(scope="module")
def actions():
    tree = ET.parse(REPO / "packaging/polkit/org.rovevpn.rove.policy")
    return {action.get("id"): action for action in tree.iter("action")}


def unit(path):
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(REPO / path)
    return parser


def test_polkit_knows_every_action_and_no_other(actions):
    assert actions.keys() == ACTIONS == DEFAULTS.keys()


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_active_user_is_asked_only_about_what_is_not_the_own(actions, action):
    defaults = actions[action].find("defaults")
    assert tuple(defaults.findtext(f"allow_{who}") for who in ("any", "inactive", "active")) == DEFAULTS[action]


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_what_people_read_is_there_in_english_and_german(actions, action):
    for kind in ("description", "message"):
        texts = {element.get(XML_LANG): element.text for element in actions[action].iter(kind)}
        assert texts.keys() == {None, "de"}
        assert texts[None] != texts["de"]


def test_activation_and_unit_start_the_same_program():
    scripts = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["scripts"]
    activation = unit("packaging/dbus/org.rovevpn.Rove1.service")["D-BUS Service"]
    service = unit("packaging/systemd/roved.service")["Service"]
    assert activation["Name"] == interface.BUS_NAME
    assert activation["User"] == "root"
    assert (REPO / "packaging/systemd" / activation["SystemdService"]).exists()
    assert activation["Exec"] == service["ExecStart"] == "/usr/bin/roved"
    assert service["ExecStopPost"] == "/usr/bin/roved --cleanup"
    assert scripts["roved"] == "client.core.helper.main:main"


@pytest.mark.parametrize("users", [None, "/opt/lib"])
def test_what_a_program_of_ours_starts_does_not_inherit_our_libraries(monkeypatch, users):
    spec = importlib.util.spec_from_file_location("launch", REPO / "packaging/freeze/launch.py")
    launch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(launch)
    monkeypatch.setattr("os.environ", {"LD_LIBRARY_PATH": "/usr/lib/rove/lib", "_PYI_ARCHIVE_FILE": "rove", "HOME": "/",
                                       **({"LD_LIBRARY_PATH_ORIG": users} if users else {})})
    launch.forget_loader()
    assert launch.os.environ == {"HOME": "/", **({"LD_LIBRARY_PATH": users} if users else {})}
