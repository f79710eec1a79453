"""After an upgrade the programs of a session go on with the new files: the old ones are gone, and what was mended in
the new ones counts most where the secrets are."""

import os
import shutil
import sys
from collections.abc import Sequence
from typing import NoReturn

_GONE = " (deleted)"        # proc(5), of a link whose file is no longer there


def is_upgraded() -> bool:
    """Is the program that runs no longer the one that is installed? Asked when roved has come back, which an upgrade
    starts anew once all files are there. A Python that is not ours says no."""
    return bool(getattr(sys, "frozen", False)) and os.readlink("/proc/self/exe").endswith(_GONE)


def run_anew(arguments: Sequence[str]) -> NoReturn:
    """The installed program takes this process over: same name, same process id, no memory of a PIN or password."""
    # By the name that people look for in ps, where that is a link to us.
    link = shutil.which(os.path.basename(sys.argv[0])) or sys.executable
    program = link if os.path.realpath(link) == os.path.realpath(sys.executable) else sys.executable
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))     # what libraries have opened without O_CLOEXEC
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(program, [sys.argv[0], *arguments])  # noqa: S606 - ourselves
