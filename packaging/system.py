"""What the packages need of the machine they are installed on, and what of the builder's they bring along.

The desktop's libraries are the machine's: their sonames are the same on all targets, and the distribution mends them.
Python's own are brought along, as their sonames are not (libbz2), or its version decides (OpenSSL).
"""

import re
import subprocess
from collections.abc import Iterable, Set
from dataclasses import dataclass
from pathlib import Path

PYTHONS = ("libbz2.", "libcrypto.", "libffi.", "liblzma.", "libpython", "libssl.", "libuuid.", "libz.")
GLIBC = frozenset(("libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "ld-linux-x86-64.so.2"))
DEBIAN = {      # soname → package
    "libEGL.so.1": "libegl1", "libGL.so.1": "libgl1", "libX11-xcb.so.1": "libx11-xcb1", "libX11.so.6": "libx11-6",
    "libdbus-1.so.3": "libdbus-1-3", "libfontconfig.so.1": "libfontconfig1", "libfreetype.so.6": "libfreetype6",
    "libgcc_s.so.1": "libgcc-s1", "libglib-2.0.so.0": "libglib2.0-0", "libgthread-2.0.so.0": "libglib2.0-0",
    "libstdc++.so.6": "libstdc++6", "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0", "libxcb.so.1": "libxcb1", "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4", "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1", "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render.so.0": "libxcb-render0", "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0", "libxcb-shm.so.0": "libxcb-shm0", "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-util.so.1": "libxcb-util1", "libxcb-xfixes.so.0": "libxcb-xfixes0", "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon.so.0": "libxkbcommon0", "libxkbcommon-x11.so.0": "libxkbcommon-x11-0", "libzstd.so.1": "libzstd1",
}


@dataclass(frozen=True)
class Borrowed:
    """A library of the builder's Debian, in the packages."""

    package: str
    version: str
    license: Path

    def component(self) -> dict[str, object]:
        """CycloneDX."""
        return {"type": "library", "name": self.package, "version": self.version, "bom-ref": f"debian-{self.package}",
                "purl": f"pkg:deb/debian/{self.package}@{self.version}"}


def needed(files: Iterable[Path], brought: Set[str]) -> list[str]:
    """Sonames that these ELF files need, but for glibc's and what is brought along. Raises KeyError for one that DEBIAN
    does not know: nobody would install it."""
    said = subprocess.run(["objdump", "-p", *map(str, files)], check=True, capture_output=True, text=True).stdout
    found = set(re.findall(r"^\s+NEEDED\s+(\S+)", said, re.MULTILINE)) - GLIBC - brought
    if unknown := found - DEBIAN.keys():
        raise KeyError(f"no package is known for {', '.join(sorted(unknown))}")
    return sorted(found)


def depends(kind: str, sonames: Iterable[str]) -> list[str]:
    """Of a .deb by package, of an .rpm as rpm itself names them."""
    return sorted({DEBIAN[name] if kind == "deb" else f"{name}()(64bit)" for name in sonames})


def borrowed(folder: Path) -> list[Borrowed]:
    """Those of PYTHONS in the folder, by Debian package; Python itself is not of Debian. Raises CalledProcessError on
    a builder without dpkg."""
    found = {}
    for path in sorted(folder.glob("lib*.so*")):
        if path.name.startswith(PYTHONS) and not path.name.startswith("libpython"):
            owner = _dpkg("-S", f"*/x86_64-linux-gnu/{path.name}").splitlines()[0].partition(":")[0]
            version = _dpkg("-W", "-f", "${Version}\n", owner).splitlines()[0]
            found[owner] = Borrowed(owner, version, Path(f"/usr/share/doc/{owner}/copyright"))
    return list(found.values())


def _dpkg(*arguments: str) -> str:
    return subprocess.run(["dpkg-query", *arguments], check=True, capture_output=True, text=True).stdout
