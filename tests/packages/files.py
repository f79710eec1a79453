"""The packages of one version, and a newer version of the same."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.lab.shell import LabError


@dataclass(frozen=True)
class Packages:
    rove: Path
    gui: Path
    rpm: Path | None = None

    @classmethod
    def beside(cls, deb: Path) -> "Packages":
        """Raises LabError where rove-gui is missing."""
        version = deb.name.removeprefix("rove_").removesuffix("_amd64.deb")
        gui, rpm = deb.with_name(f"rove-gui_{version}_amd64.deb"), deb.with_name(
            f"rove-{version.replace('-', '_')}.x86_64.rpm")
        if not gui.exists():
            raise LabError(f"{gui} is not there")
        return cls(deb, gui, rpm if rpm.exists() else None)

    def depends(self) -> tuple[str, ...]:
        """What they name: of alternatives the first, but for each other. A machine gets no more than that."""
        named: list[str] = []
        for deb in (self.rove, self.gui):
            said = subprocess.run(["dpkg-deb", "-f", str(deb), "Depends"], check=True, capture_output=True, text=True)
            named += [each.split("|")[0].split("(")[0].strip() for each in said.stdout.split(",")]
        return tuple(sorted({*named} - {"rove"}))

    def bumped(self, folder: Path) -> "Packages":
        """The same .debs with a higher version."""
        return Packages(_bumped(self.rove, folder), _bumped(self.gui, folder))


def _bumped(deb: Path, folder: Path) -> Path:
    tree, target = folder / "newer", folder / f"newer-{deb.name}"
    subprocess.run(["dpkg-deb", "-R", str(deb), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    text = re.sub(r"^(Version: .*)$", r"\1+1", control.read_text(), flags=re.MULTILINE)
    control.write_text(re.sub(r"\brove \(= ([^)]*)\)", r"rove (= \1+1)", text))
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", str(tree), str(target)], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["rm", "-r", str(tree)], check=True)
    return target
