"""p11-kit's configuration: which modules there are for us, and which path is not loaded."""

import os
from pathlib import Path

import pytest

from client.agent.modules import Module, configured_modules, modules_for, named_module
from client.model.cause import Cause, RoveError
from client.model.pkcs11_uri import parse_pkcs11_uri


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    for folder in ("usr/share/p11-kit/modules", "etc/pkcs11/modules", "home/pkcs11/modules", "usr/lib/x/pkcs11"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def write(root: Path, where: str, text: str) -> None:
    folder = {"package": "usr/share/p11-kit/modules", "admin": "etc/pkcs11/modules", "user": "home/pkcs11/modules",
              "conf": "etc/pkcs11", "userconf": "home/pkcs11"}
    place, _, name = where.partition("/")
    (root / folder[place] / name).write_text(text)


def test_merged_by_priority_and_name(root: Path) -> None:
    write(root, "package/b.module", "# a card\nmodule: /b.so\n")
    write(root, "package/a.module", "module: /a.so")
    write(root, "package/first.module", "module: /first.so\npriority: 5")
    write(root, "admin/a.module", "module: /other.so")
    write(root, "user/mine.module", "module : /mine.so")
    assert configured_modules(root) == (Module("first", "/first.so"), Module("a", "/other.so"), Module("b", "/b.so"),
                                        Module("mine", "/mine.so"))


@pytest.mark.parametrize("text", [
    "module: /x.so\ntrust-policy: yes", "module: /x.so\nremote: |ssh", "module: /x.so\nenable-in: firefox",
    "module: /x.so\ndisable-in: a, rove", "module:", "nonsense", "", "\xff\xfe", "module: not-installed.so"])
def test_left_out(root: Path, text: str) -> None:
    write(root, "package/x.module", text)
    assert configured_modules(root) == ()


@pytest.mark.parametrize("text", ["module: /x.so\nenable-in: p11-kit rove", "module: /x.so\ndisable-in: firefox",
                                  "module: /x.so\npriority: many", "module: /x.so\r\n"])
def test_ours(root: Path, text: str) -> None:
    write(root, "package/x.module", text)
    assert configured_modules(root) == (Module("x", "/x.so"),)


def test_other_file_names_are_none(root: Path) -> None:
    for name in ("x.module.dpkg-old", ".x.module", "-x.module", "x"):
        write(root, f"package/{name}", "module: /x.so")
    assert configured_modules(root) == ()


def test_a_bare_name_is_in_the_modules_folder(root: Path) -> None:
    (root / "usr/lib/x/pkcs11/card.so").touch()
    write(root, "package/x.module", "module: card.so")
    assert configured_modules(root) == (Module("x", str(root / "usr/lib/x/pkcs11/card.so")),)


@pytest.mark.parametrize(("system", "user", "names"), [
    ("", "", ["p", "u"]), ("user-config: none", "", ["p"]), ("user-config: only", "", ["u"]),
    ("user-config: merge", "user-config: only", ["u"]), ("user-config: none", "user-config: only", ["p"])])
def test_user_config(root: Path, system: str, user: str, names: list[str]) -> None:
    write(root, "conf/pkcs11.conf", system)
    write(root, "userconf/pkcs11.conf", user)
    write(root, "package/p.module", "module: /p.so")
    write(root, "user/u.module", "module: /u.so")
    assert [module.name for module in configured_modules(root)] == names


def test_a_uri_names_the_module(root: Path) -> None:
    write(root, "package/opensc.module", "module: /usr/lib/libopensc-pkcs11.so.1")
    write(root, "package/other.module", "module: /other.so")
    for name in ("opensc", "opensc-pkcs11"):
        [module] = modules_for(parse_pkcs11_uri(f"pkcs11:?module-name={name}"), root)
        assert module.name == "opensc"
    assert modules_for(parse_pkcs11_uri("pkcs11:?module-name=libother"), root) == ()
    assert len(modules_for(parse_pkcs11_uri("pkcs11:token=x"), root)) == len(modules_for(None, root)) == 2


def test_a_path_that_others_could_change_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "x.so"
    path.touch(mode=0o755)
    assert named_module(str(path)) == Module("", str(path))
    path.chmod(0o775)
    refused(str(path), "others can change it")
    if os.geteuid() == 0:
        path.chmod(0o755)
        os.chown(path, 4711, 4711)
        refused(str(path), "others can change it")
    refused(str(tmp_path), "is not a file")
    refused(str(tmp_path / "none"), "No such file")
    refused("/x\0y", "no path")


def refused(path: str, words: str) -> None:
    with pytest.raises(RoveError, match=words) as error:
        named_module(path)
    assert error.value.cause is Cause.BAD_SETTINGS
