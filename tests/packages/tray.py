"""rove-tray out of the packages, on this machine and without a screen: does it start with its own Qt, and end?"""

import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

READY = 30.0            # s, on a busy machine
NEEDED = ("libQt6Widgets", "libQt6DBus", "libqsvgicon")


def starts(*debs: Path) -> tuple[bool, str]:
    """Whether all holds, and what was seen."""
    with tempfile.TemporaryDirectory(prefix="rove-tray-") as folder:
        tree, home = Path(folder) / "tree", Path(folder) / "home"
        home.mkdir(mode=0o700)
        for deb in debs:
            subprocess.run(["dpkg-deb", "-x", str(deb), str(tree)], check=True)
        program = tree / "usr/lib/rove/rove"
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home),
                       "XDG_DATA_DIRS": str(tree / "usr/share"), "QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C.UTF-8"}
        # a session bus of its own; the program goes by the name that it is started under
        with subprocess.Popen(["dbus-run-session", "--", "bash", "-c", f"exec -a rove-tray {program}"],
                              env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              start_new_session=True) as session:
            tray, mapped = _until_mapped(session, program)
            if tray:
                time.sleep(2)       # for what goes wrong once everything is there
                os.kill(tray, signal.SIGTERM)
            else:
                os.killpg(session.pid, signal.SIGKILL)
            said, _ = session.communicate(timeout=READY)
    missing = [name for name in NEEDED if name not in mapped]
    foreign = re.findall(rf"^(?!{re.escape(str(tree))})\S*(?:libQt|PySide)\S*$", mapped, re.MULTILINE)
    pss = re.search(r"^Pss:\s+(\d+) kB", mapped, re.MULTILINE)
    fine = bool(tray) and session.returncode == 0 and not missing and not foreign and "Traceback" not in said
    if fine:
        return True, f"PSS {int(pss[1]) / 1024:.1f} MB" if pss else ""
    return False, f"ended with {session.returncode}, without {missing}, with {foreign}: {said[-600:]}"


def _until_mapped(session: subprocess.Popen[str], program: Path) -> tuple[int, str]:
    """The tray's process once it has what it needs, with its libraries and memory; 0 if it ends before or never has."""
    end, mapped = time.monotonic() + READY, ""
    while time.monotonic() < end and session.poll() is None:
        for entry in Path("/proc").glob("[0-9]*/exe"):
            try:
                if os.readlink(entry) == str(program):
                    lines = (entry.parent / "maps").read_text().splitlines()
                    mapped = "\n".join(line.split(None, 5)[5] for line in lines if line.count("/"))
                    if all(name in mapped for name in NEEDED):
                        return int(entry.parent.name), f"{mapped}\n{(entry.parent / 'smaps_rollup').read_text()}"
            except OSError:
                continue        # it has just ended, or has just begun
        time.sleep(0.2)
    return 0, mapped
