"""What the desktop reads of us: one id for desktop file, window, icon and D-Bus name; actions that exist."""

import configparser
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from client.gui import desktop
from client.gui.main import _parser
from client.gui.view.tray_view import ICONS, IDLE, UNREACHABLE

ROOT = Path(__file__).parents[2]
APP = desktop.NAME


def entries(name):
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read(ROOT / "packaging/desktop" / name, encoding="utf-8")
    return parser


def test_one_id_everywhere():
    main = entries(f"{APP}.desktop")["Desktop Entry"]
    assert main["Icon"] == main["StartupWMClass"] == APP
    source = (ROOT / "client/gui/icons.py").read_text()
    assert f'APP = "{APP}"' in source
    assert (ROOT / f"icons/hicolor/scalable/apps/{APP}.svg").exists()
    assert (ROOT / f"icons/hicolor/symbolic/apps/{APP}-symbolic.svg").exists()


@pytest.mark.parametrize("name", [f"{APP}.desktop", f"{APP}-autostart.desktop"])
def test_what_is_started_understands_its_arguments(name):
    for section in entries(name).values():
        if "Exec" in section:
            program, *arguments = section["Exec"].split()
            assert program == "rove-tray"
            _parser().parse_args([word for word in arguments if not word.startswith("%")])


def test_actions_are_described():
    file = entries(f"{APP}.desktop")
    actions = [name for name in file["Desktop Entry"]["Actions"].split(";") if name]
    assert [f"Desktop Action {name}" for name in actions] == [name for name in file.sections() if "Action " in name]


def test_types_of_files_are_defined():
    tree = ET.parse(ROOT / f"packaging/desktop/{APP}.xml")
    defined = {node.get("type") for node in tree.iter() if node.tag.endswith("mime-type")}
    wanted = {name for name in entries(f"{APP}.desktop")["Desktop Entry"]["MimeType"].split(";") if name}
    assert wanted == defined


def test_every_icon_that_is_named_is_drawn_and_can_be_recoloured():
    named = {icon for _, icon in ICONS if icon != "rove-acquiring"} | {IDLE, UNREACHABLE}
    named |= {f"rove-acquiring-{n}" for n in (1, 2, 3, 4)}
    folder = ROOT / "icons/hicolor/symbolic/status"
    assert {path.name.removesuffix("-symbolic.svg") for path in folder.glob("*.svg")} == named
    for path in folder.glob("*.svg"):
        assert set(re.findall(r"#[0-9a-fA-F]{3,8}", path.read_text())) == {"#2e3436"}


def test_no_two_icons_look_alike():
    """Never colour alone: the shapes differ."""
    shapes = [path.read_text() for path in (ROOT / "icons/hicolor/symbolic/status").glob("*.svg")]
    assert len(set(shapes)) == len(shapes)
