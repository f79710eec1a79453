"""``make test-packages``: the packages on fresh Debian machines with real systemd, logind, polkit and resolved.

    python -m tests.packages [--deb dist/rove_….deb] [--suites bookworm trixie] [--pictures FOLDER]

Their sizes first. Then on each machine what ``scenario`` tells, from installing to purging, and on the first suite the
life of the .rpm (``rpm``). Beside the .deb are the other packages of its version. Root; some minutes, and the network
for Debian's packages the first time.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab import plan
from tests.lab.lab import Lab
from tests.lab.shell import LabError
from tests.packages.files import Packages
from tests.packages.machine import Machine, image
from tests.packages.rpm import RpmLife
from tests.packages.scenario import Scenario
from tests.packages.steps import Steps

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "build/images"
MOST, MOST_GUI = 25.0, 60.0     # MB


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.packages", description=__doc__.partition("\n")[0])
    parser.add_argument("--deb", type=Path, help="else made by packaging/build.py")
    parser.add_argument("--suites", nargs="+", default=["bookworm", "trixie"])
    parser.add_argument("--pictures", type=Path, help="where pictures of the tray's window go")
    options = parser.parse_args()
    packages = Packages.beside(options.deb or built())
    with tempfile.TemporaryDirectory(prefix="rove-packages-") as name:
        folder = Path(name)
        newer = packages.bumped(folder)
        met = packed(packages)
        for suite in options.suites:
            lives: list[type[Steps]] = [Scenario, RpmLife] if suite == options.suites[0] else [Scenario]
            for life in lives:
                print(f"\n{suite}: {life.TITLE}", flush=True)
                try:
                    base = image(suite, IMAGES, (*packages.depends(), *life.NEEDS))
                    with Lab("rvpkg", host=False) as lab:
                        lab.gateway.start()
                        with Machine(base, folder / suite, lab.spaces[plan.CLIENT]) as machine:
                            met = life(lab, machine, packages, newer, options.pictures or folder).run() and met
                except LabError as error:
                    print(f"  FAILED: {error}")
                    met = False
    print("\nEverything holds." if met else "\nNot everything holds.")
    return 0 if met else 1


def built() -> Path:
    subprocess.run([sys.executable, str(ROOT / "packaging/build.py")], check=True)
    return max((ROOT / "dist").glob("rove_[0-9]*.deb"), key=lambda path: path.stat().st_mtime)


def packed(packages: Packages) -> bool:
    helper = packages.rove.stat().st_size / 1e6
    both = helper + packages.gui.stat().st_size / 1e6
    print(f"  {'✓' if helper <= MOST else '✗'} rove ≤ {MOST} MB: {helper:.1f} MB\n"
          f"  {'✓' if both <= MOST_GUI else '✗'} with rove-gui ≤ {MOST_GUI} MB: {both:.1f} MB", flush=True)
    return helper <= MOST and both <= MOST_GUI


if __name__ == "__main__":
    sys.exit(main())
