"""The Rust crates whose code is in the TLS engine, for the SBOM and the licences: what cargo resolved for this target,
without what runs at build time only (build scripts' and macros' own)."""

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

TARGET = "x86_64-unknown-linux-gnu"
LICENSE = re.compile(r"(licen[sc]e|copying|notice)", re.IGNORECASE)


@dataclass(frozen=True)
class Crate:
    name: str
    version: str
    license: str
    sha256: str
    texts: tuple[Path, ...]

    def component(self) -> dict[str, object]:
        """As CycloneDX has it."""
        url = f"pkg:cargo/{self.name}@{self.version}"
        return {"type": "library", "name": self.name, "version": self.version, "purl": url, "bom-ref": url,
                "licenses": [{"expression": self.license}], "hashes": [{"alg": "SHA-256", "content": self.sha256}]}


def bundled(native: Path) -> list[Crate]:
    """Of the workspace that was built there, so everything is on this machine already."""
    said = json.loads(subprocess.run(
        ["cargo", "metadata", "--locked", "--offline", "--format-version", "1", "--filter-platform", TARGET],
        cwd=native, check=True, capture_output=True, text=True).stdout)
    packages = {package["id"]: package for package in said["packages"]}
    nodes = {node["id"]: node for node in said["resolve"]["nodes"]}
    found, to_see = set(said["workspace_members"]), list(said["workspace_members"])
    while to_see:
        for dep in nodes[to_see.pop()]["deps"]:
            linked = any(kind["kind"] is None for kind in dep["dep_kinds"]) and not _is_macro(packages[dep["pkg"]])
            if linked and dep["pkg"] not in found:
                found.add(dep["pkg"])
                to_see.append(dep["pkg"])
    lock = tomllib.loads((native / "Cargo.lock").read_text())["package"]
    sums = {(row["name"], row["version"]): row["checksum"] for row in lock if "checksum" in row}    # not our own
    linked = sorted((packages[each] for each in found), key=lambda package: str(package["id"]))
    return [Crate(package["name"], package["version"], package["license"], sums[key], _texts(package))
            for package in linked if (key := (package["name"], package["version"])) in sums]


def _is_macro(package: dict[str, list[dict[str, list[str]]]]) -> bool:
    return any("proc-macro" in target["kind"] for target in package["targets"])


def _texts(package: dict[str, str]) -> tuple[Path, ...]:
    folder = Path(package["manifest_path"]).parent
    return tuple(sorted(path for path in folder.iterdir() if path.is_file() and LICENSE.match(path.name)))
