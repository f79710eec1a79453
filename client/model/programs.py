"""How roved starts Rove's other programs: by Python where Rove is a package, by the one frozen executable else.

The frozen executable is every program; it goes by the name under which it was started (packaging/freeze/launch.py).
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def command(program: str, module: str, *arguments: str) -> dict[str, Any]:
    """``args``, ``executable`` and ``env`` for subprocess.Popen, to run ``module`` as the process ``program``.

    Without the site module (-S) it is ready a fifth sooner; PYTHONPATH tells what that would have.
    """
    if getattr(sys, "frozen", False):
        return {"args": [program, *arguments], "executable": sys.executable, "env": {"LC_ALL": "C.UTF-8"}}
    found = [spec.origin for spec in map(find_spec, ("client", "cryptography")) if spec and spec.origin]
    path = os.pathsep.join(str(Path(origin).resolve().parents[1]) for origin in found)
    return {"args": [sys.executable, "-S", "-P", "-m", module, *arguments], "executable": sys.executable,
            "env": {"PYTHONPATH": path, "LC_ALL": "C.UTF-8"}}
