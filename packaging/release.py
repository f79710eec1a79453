#!/usr/bin/env python3
"""``make release``: every check, the packages, checksums and release notes, below dist/. It publishes nothing.

    python3 packaging/release.py [--no-tests]

The version is that of the tag v1.2.3 on this commit; without one it is a trial. Debian's lintian, desktop-file-utils,
appstream, apparmor and systemd are needed.
"""

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import build

EXPOSURE = 2.5
# What an application with its own Python and Qt in /usr/lib/rove cannot have otherwise.
ACCEPTED = ("embedded-library", "unstripped-binary-or-object", "shared-library-lacks-prerequisites",
            "library-not-linked-against-libc", "dir-or-file-in-opt", "shared-library-lacks-stack-section",
            "hardening-no-")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--no-tests", action="store_true", help="the checks and the packages only")
    options = parser.parse_args()
    if build.git("status", "--porcelain"):
        sys.exit("There are changes that are not committed: a release is of a commit.")
    if not options.no_tests:
        step("lint and tests", "make", "-C", str(build.ROOT), "lint", "test")
    files()
    unit()
    version, out = build.version_of(), build.ROOT / "dist" / build.version_of()
    step("packages", sys.executable, str(build.HERE / "build.py"), "--out", str(out))
    for deb in sorted(out.glob("*.deb")):
        lint(deb)
    notes = out / "RELEASE.md"
    notes.write_text(f"# Rove {version}\n{build.newest()}")
    with (out / "SHA256SUMS").open("a") as sums:
        sums.write(f"{hashlib.sha256(notes.read_bytes()).hexdigest()}  {notes.name}\n")
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    print(f"{version}: {out}")
    return 0


def step(what: str, *command: str) -> None:
    print(f"{what} …", flush=True)
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"{what}: failed")


def files() -> None:
    desktop = build.HERE / "desktop"
    step("desktop files", "desktop-file-validate", *map(str, sorted(desktop.glob("*.desktop"))))
    step("metainfo", "appstreamcli", "validate", "--no-net", *map(str, desktop.glob("*.metainfo.xml")))
    step("AppArmor profile", "apparmor_parser", "-Q", "-K", "--quiet", str(build.HERE / "apparmor/roved"))


def unit() -> None:
    """systemd-analyze verify and security. The programs of a unit have to be there; here they are not installed."""
    file = build.HERE / "systemd/roved.service"
    with tempfile.TemporaryDirectory() as folder:
        copy, agent = Path(folder) / file.name, Path(folder) / "rove-agent.service"
        copy.write_text(file.read_text().replace("/usr/bin/roved", "/bin/true"))
        agent.write_text(file.with_name(agent.name).read_text().replace("/usr/bin/rove agent", "/bin/true"))
        step("unit", "systemd-analyze", "verify", "--man=no", str(copy))
        step("user's unit", "env", f"XDG_RUNTIME_DIR={folder}", "systemd-analyze", "verify", "--user", "--man=no",
             str(agent))
        said = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(copy)], check=False,
                              capture_output=True, text=True).stdout
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    print(f"unit's exposure: {found[1] if found else 'unknown'}")
    if not found or float(found[1]) > EXPOSURE:
        sys.exit(f"the unit's exposure has to be at most {EXPOSURE}")


def lint(deb: Path) -> None:
    said = subprocess.run(["lintian", "--tag-display-limit", "0", "--fail-on", "none", str(deb)], check=False,
                          capture_output=True, text=True).stdout
    errors = [line for line in said.splitlines() if line.startswith("E: ")
              and not any(tag in line for tag in ACCEPTED)]
    print(f"lintian {deb.name}: {len(errors)} errors, {said.count('W: ')} warnings")
    if errors:
        sys.exit("\n".join(errors[:20]))


if __name__ == "__main__":
    sys.exit(main())
