"""SECURITY.md and PROMISES.md: what they name as proof is there."""

import re
from pathlib import Path

import pytest

from tests.test_conformance import ROOT, collected

_NAMED = re.compile(r"`(?:(tests/[\w/]+(?:\.py)?/?))?(?:::(\w+))?`")


def proofs(text: str) -> list[tuple[Path, str]]:
    """(file or folder, name of a test or empty); ``::name`` alone is in the file named before it."""
    found, last = list[tuple[Path, str]](), ROOT
    for path, name in _NAMED.findall(text):
        if path or name:
            last = ROOT / path if path else last
            found.append((last, name))
    return found


@pytest.mark.parametrize("document", ["SECURITY.md", "PROMISES.md"])
def test_each_proof_exists(document: str) -> None:
    named = proofs((ROOT / document).read_text())
    assert len(named) > 9
    missing = [f"{path.relative_to(ROOT)}::{name}" for path, name in named
               if not path.exists() or (name and not collected(path).get(name))]
    assert not missing


def test_each_attack_names_its_test() -> None:
    table = (ROOT / "SECURITY.md").read_text().partition("| attack |")[2].partition("\n\n")[0]
    rows = [line for line in table.splitlines()[2:] if line.startswith("|")]
    assert len(rows) > 15
    assert not [row for row in rows if not proofs(row.rsplit("|", 2)[1])]
