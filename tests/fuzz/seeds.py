"""Writes the seeds again, from real messages: ``python -m tests.fuzz.seeds [TARGET…]``. Regressions stay."""

import importlib
import sys
from pathlib import Path

from tests.fuzz.targets import NAMES

CORPUS = Path(__file__).parent / "corpus"
REGRESSION = "regression-"      # inputs that once were crashes; the file's name says what they did


def main() -> None:
    for name in sys.argv[1:] or NAMES:
        target = importlib.import_module(f"tests.fuzz.targets.{name}")
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if not old.name.startswith(REGRESSION):
                old.unlink()
        seeds = target.seeds()
        for label, data in seeds.items():
            assert len(data) <= target.MAX_LEN or name == "engine", (name, label, len(data))
            (folder / label).write_bytes(data[:target.MAX_LEN])
        print(f"{name}: {len(seeds)} seeds, {sum(map(len, seeds.values()))} octets")


if __name__ == "__main__":
    main()
