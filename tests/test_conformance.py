"""docs/conformance.md: every row has a test that exists and runs, or says why it has none."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs/conformance.md"
HELD_BY = "Held by"
SECTIONS = ("RFC 7296", "RFC 4555", "RFC 7383", "RFC 7427", "RFC 8247", "RFC 8221", "RFC 4301", "RFC 3948")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:\[[^`]*\])?`")
EXCUSE = re.compile(r"^(?:not yet \((?:issue \d+|no issue)\)(?:: .{8,})?|deviation(?:: | from ).{15,})")
SKIPPING = {"skip", "skipif", "xfail"}


class Row(NamedTuple):
    line: int
    section: str
    demand: str
    held_by: str


def rows(text: str) -> Iterator[Row]:
    """The rows of all tables whose last column is "Held by"."""
    section, ours = "", False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("#"):
            section, ours = line.lstrip("# ") if line.startswith("## ") else section, False
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            continue
        if cells[-1] == HELD_BY:
            ours = True
        elif ours and not set("".join(cells)) <= set("-: "):
            yield Row(number, section, cells[1] if len(cells) == 3 else "", cells[-1])


@cache
def collected(path: Path) -> dict[str, bool]:
    """Name → does it run: functions and methods that pytest collects."""
    found: dict[str, bool] = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            marks = {part.attr for decorator in node.decorator_list for part in ast.walk(decorator)
                     if isinstance(part, ast.Attribute)}
            found[node.name] = not marks & SKIPPING
    return found


def problems(text: str, root: Path = ROOT) -> list[str]:
    found = []
    for row in rows(text):
        named = NAMED.findall(row.held_by)
        if not row.demand:
            found.append(f"line {row.line}: not three cells")
        if not named and not EXCUSE.match(row.held_by):
            found.append(f"line {row.line}: neither a test nor a reason: {row.demand}")
        if row.held_by.count("tests/") != len(named):
            found.append(f"line {row.line}: a test that is not written `tests/file.py::name`")
        for path, name in named:
            runs = collected(root / path).get(name) if (root / path).is_file() else None
            if runs is None:
                found.append(f"line {row.line}: there is no {path}::{name}")
            elif not runs:
                found.append(f"line {row.line}: {path}::{name} is skipped")
    return found


def test_every_row_is_held() -> None:
    assert problems(TABLE.read_text()) == []


def test_every_rfc_has_its_table() -> None:
    sections = {row.section for row in rows(TABLE.read_text())}
    assert [rfc for rfc in SECTIONS if not any(rfc in section for section in sections)] == []
    assert len(list(rows(TABLE.read_text()))) > 200


HEAD = "## RFC 1\n\n| § | Demand | Held by |\n|---|---|---|\n"
HERE = "`tests/test_conformance.py::test_every_row_is_held`"


@pytest.mark.parametrize(("cells", "complaint"), [
    (f"1 | a demand | {HERE}", ""),
    (f"1 | a demand | {HERE}, `tests/test_conformance.py::test_the_checker[any-case]`", ""),
    ("1 | a demand | not yet (issue 3)", ""),
    (f"1 | a demand | deviation: for a very good reason. {HERE}", ""),
    ("1 | a demand | ", "neither a test nor a reason"),
    ("1 | a demand | not yet", "neither a test nor a reason"),
    ("1 | a demand | deviation", "neither a test nor a reason"),
    ("1 | a demand | it is obvious", "neither a test nor a reason"),
    ("1 | a demand | `tests/test_conformance.py::test_of_nothing`", "there is no"),
    ("1 | a demand | `tests/test_nowhere.py::test_every_row_is_held`", "there is no"),
    ("1 | a demand | `tests/test_conformance.py::rows`", "there is no"),
    ("1 | a demand | tests/test_conformance.py::test_every_row_is_held", "not written"),
    (f"1 | {HERE}", "not three cells"),
])
def test_the_checker(cells: str, complaint: str) -> None:
    found = problems(f"{HEAD}| {cells} |\n")
    assert any(complaint in problem for problem in found) if complaint else not found


def test_the_checker_sees_skipped_tests(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_x.py").write_text(
        "import pytest\n@pytest.mark.skip(reason='')\ndef test_a(): pass\n"
        "class TestB:\n    async def test_b(self): pass\n")
    text = f"{HEAD}| 1 | a | `tests/test_x.py::test_a` |\n| 2 | b | `tests/test_x.py::test_b` |\n"
    assert problems(text, tmp_path) == ["line 5: tests/test_x.py::test_a is skipped"]
