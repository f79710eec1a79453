"""A profile that is there, with some of its keys changed: all else stays as the author wrote it, comments included."""

import tomllib
from collections.abc import Mapping, MutableMapping
from typing import Any

from client.importers.imported import ImportFailed
from client.importers.reader import check_tree
from client.importers.toml import toml_text
from client.model.profile import MAX_BYTES


def edited(text: str, changes: Mapping[str, Any]) -> str:
    """``changes``: key ("gateway.identity") → its new value, None: it goes. Raises ImportFailed with every problem,
    each beginning with its key, and ValueError where the text is not TOML."""
    tree = tomllib.loads(text)
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in tree.items()}
    for key, value in changes.items():
        _set(merged, key, value, dict)
    check_tree(merged)
    new = _rewritten(text, merged, changes)
    if len(new.encode()) > MAX_BYTES:
        raise ImportFailed([f"the profile is larger than {MAX_BYTES // 1024} KiB"])
    return new


def _rewritten(text: str, merged: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    import tomlkit
    try:
        document: Any = tomlkit.parse(text)
        for key, value in changes.items():
            _set(document, key, value, tomlkit.table)
        new = tomlkit.dumps(document)
        if tomllib.loads(new) != merged:
            raise ValueError("an unusual way of writing it")
    except Exception:   # tomlkit fails in many ways on what tomllib takes: then the comments are lost, nothing else
        new = toml_text(merged)
    return new


def _set(tree: Any, key: str, value: Any, table: Any) -> None:
    *tables, last = key.split(".")
    for name in tables:
        if name not in tree:
            if value is None:
                return
            tree[name] = table()
        tree = tree[name]
        if not isinstance(tree, MutableMapping):
            raise ImportFailed([f"{name}: must be a table, [{name}]"])
    if value is None:
        tree.pop(last, None)
    else:
        tree[last] = value
