"""Rove's own profiles: comments stay, CA certificates move in, credential files are collected."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from client.importers.imported import CredentialFile, IdentityMissing, Imported, ImportFailed
from client.importers.reader import MAX_CREDENTIAL, certificates, check_tree, read_file, safe_name
from client.model.pkcs11_uri import is_pkcs11_uri
from client.model.profile import MAX_BYTES

if TYPE_CHECKING:
    from tomlkit.items import Array

MAX_DOTS = 512      # in one line, as in roved: tomllib needs the square of a dotted key's parts in time and memory
MAX_DEPTH = 16


def import_toml(data: bytes, folder: Path | None, name: str = "", stem: str = "",
                identity: str | None = None) -> Imported:
    """A profile's TOML → Imported. ``folder`` is where the files it names are; ``stem`` a name for want of another.

    Keys that do not exist, or whose capability has not landed, are refused by name. Raises ImportFailed.
    """
    text = _decoded(data)
    tree = _tree(text)
    wanted = name or tree.get("name") or safe_name(stem, "")
    if wanted:
        tree["name"] = wanted
    changes: dict[tuple[str, ...], Any] = {("name",): wanted} if wanted else {}
    problems: list[str] = []
    changes |= _trust(tree, folder, problems)
    files = _credentials(tree, folder, changes, problems)
    user = tree.get("user")
    if isinstance(user, dict) and not user.get("identity") and identity:
        changes["user", "identity"] = identity
    merged = _merged(tree, changes)
    try:
        check_tree(merged)
    except ImportFailed as error:
        if not problems and _only_identity(merged):
            raise IdentityMissing(error.problems) from error
        problems += error.problems
    if problems:
        raise ImportFailed(problems)
    return Imported(merged["name"], _edited(text, merged, changes), files)


def toml_text(tree: Mapping[str, Any], comment: str = "") -> str:
    """A profile's tree → TOML with one key per line and CA certificates readable."""
    import tomlkit
    document = tomlkit.document()
    if comment:
        document.add(tomlkit.comment(comment))
    for key, value in tree.items():
        if not isinstance(value, Mapping):
            document[key] = value
            continue
        table = tomlkit.table()
        for inner, item in value.items():
            table[inner] = _item(inner, item)
        document[key] = table
    return tomlkit.dumps(document)


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportFailed(["the file is neither text in UTF-8 nor of a kind that Rove can import"]) from error
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MAX_DOTS:
            raise ImportFailed([f"line {number} is too long: write the list in several lines"])
    return text


def _tree(text: str) -> dict[str, Any]:
    try:
        tree = tomllib.loads(text)
    except (ValueError, RecursionError) as error:       # ValueError: also an integer of 5000 digits
        raise ImportFailed([f"not TOML: {error}"]) from error
    if _depth(tree) > MAX_DEPTH:
        raise ImportFailed([f"nested more than {MAX_DEPTH} deep"])
    return tree


def _depth(value: Any) -> int:
    """Without recursion: tomllib nests deeper than Python likes to recurse."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        level, depth = inner, depth + 1
    return depth


def _trust(tree: Mapping[str, Any], folder: Path | None, problems: list[str]) -> dict[tuple[str, ...], Any]:
    """Of the gateway and of the authentication server."""
    changes: dict[tuple[str, ...], Any] = {}
    gateway, user = tree.get("gateway"), tree.get("user")
    found = _authorities(gateway, "gateway.trust", ("system", "eap"), folder, problems)
    if found is not None:
        changes["gateway", "trust"] = found
    aaa = user.get("aaa") if isinstance(user, dict) else None
    found = _authorities(aaa, "user.aaa: trust", ("system", "gateway"), folder, problems)
    if found is not None:
        changes["user", "aaa"] = {**aaa, "trust": found}     # type: ignore[dict-item] # a table, as it has a trust
    return changes


def _authorities(table: Any, key: str, words: tuple[str, ...], folder: Path | None, problems: list[str]
                 ) -> list[str] | None:
    """The certificates that its ``trust`` names; None: nothing to copy in (one of ``words``), or check_tree says what
    is wrong."""
    trust = table.get("trust", "system") if isinstance(table, dict) else "system"
    items = [trust] if isinstance(trust, str) else trust
    if trust in words or not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return None
    found: list[str] = []
    for item in items:
        try:
            if "-----BEGIN" in item:
                found += certificates(item.encode(), key)
            else:
                found += certificates(_read(item, folder, key), f"{key}: {item}")
        except ImportFailed as error:
            problems += error.problems
    return list(dict.fromkeys(found))


def _credentials(tree: Mapping[str, Any], folder: Path | None, changes: dict[tuple[str, ...], Any],
                 problems: list[str]) -> tuple[CredentialFile, ...]:
    user = tree.get("user")
    files: dict[str, CredentialFile] = {}
    sources: dict[str, str] = {}
    for key in ("certificate", "key"):
        value = user.get(key) if isinstance(user, dict) else None
        if not isinstance(value, str) or not value:
            continue
        if is_pkcs11_uri(value):
            continue        # on a smartcard: check_tree says whether it is one
        file_name = safe_name(Path(value).name, key)
        if file_name in sources and sources[file_name] != value:
            file_name = f"{key}-{file_name}"[:64]
        try:
            files[file_name] = CredentialFile(file_name, _read(value, folder, f"user.{key}"))
        except ImportFailed as error:
            problems += error.problems
        sources[file_name] = value
        changes["user", key] = file_name
    return tuple(files.values())


def _read(value: str, folder: Path | None, key: str) -> bytes:
    if folder is None:
        raise ImportFailed([f"{key}: a file is named ({value}), but the profile itself is not a file"])
    try:
        data = read_file(folder / Path(value).expanduser(), MAX_CREDENTIAL)
    except (ImportFailed, RuntimeError) as error:       # RuntimeError: ~nobody
        problems = error.problems if isinstance(error, ImportFailed) else (str(error),)
        raise ImportFailed([f"{key}: {problem}" for problem in problems]) from error
    if not data:
        raise ImportFailed([f"{key}: {value} is empty"])
    return data


def _merged(tree: Mapping[str, Any], changes: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in tree.items()}
    for (*tables, key), value in changes.items():
        target = merged[tables[0]] if tables else merged
        target[key] = value
    return merged


def _only_identity(tree: Mapping[str, Any]) -> bool:
    user = tree.get("user")
    if not isinstance(user, dict) or user.get("identity"):
        return False
    try:
        check_tree({**tree, "user": {**user, "identity": "x"}})
    except ImportFailed:
        return False
    return True


def _edited(text: str, merged: Mapping[str, Any], changes: Mapping[tuple[str, ...], Any]) -> str:
    """The text with the changes in it and all else as the author wrote it."""
    import tomlkit
    try:
        document: Any = tomlkit.parse(text)
        for (*tables, key), value in changes.items():
            target = document[tables[0]] if tables else document
            if target.get(key) != value:
                target[key] = _item(key, value)
        edited = tomlkit.dumps(document)
        if tomllib.loads(edited) != merged:
            raise ValueError("an unusual way of writing it")
    except Exception:   # tomlkit fails in many ways on what tomllib takes: then the comments are lost, nothing else
        edited = toml_text(merged)
    if len(edited.encode()) > MAX_BYTES:
        raise ImportFailed([f"with its certificates the profile is larger than {MAX_BYTES // 1024} KiB"])
    return edited


def _item(key: str, value: Any) -> Any:
    import tomlkit
    if key == "trust" and isinstance(value, list):
        array: Array = tomlkit.array()
        for pem in value:
            array.append(tomlkit.value(f'"""\n{pem}"""'))
        return array.multiline(True)
    if isinstance(value, list) and len(value) > 4:
        long: Array = tomlkit.array()
        long.extend(value)
        return long.multiline(True)
    return tomlkit.item(value)
