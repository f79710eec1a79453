"""The frozen executable: one program under several names, so that the packages hold everything once."""

import os
import sys
from importlib import import_module

PROGRAMS = {
    "rove": "client.cli.main", "roved": "client.core.helper.main", "rove-datapath": "client.core.datapath.child",
    "rove-fetch": "client.core.helper.fetch_child", "rove-tray": "client.gui.main",
}


def forget_loader() -> None:
    """What the loader has set for this process is wrong for others: a browser must not find our Qt, and a program of
    ours that is started, or started anew, is none that goes on."""
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]
    os.environ.pop("LD_LIBRARY_PATH", None)
    users = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if users is not None:
        os.environ["LD_LIBRARY_PATH"] = users


def main() -> int:
    forget_loader()
    name = os.path.basename(sys.argv[0])
    if name not in PROGRAMS:
        print(f"{name}: not one of Rove's programs ({', '.join(PROGRAMS)})", file=sys.stderr)
        return 2
    return int(import_module(PROGRAMS[name]).main() or 0)


if __name__ == "__main__":
    sys.exit(main())
