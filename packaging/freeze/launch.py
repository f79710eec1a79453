"""The frozen executable: one program under several names, so that the packages hold everything once."""

import os
import sys
from importlib import import_module

PROGRAMS = {
    "rove": "client.cli.main", "roved": "client.core.helper.main", "rove-datapath": "client.core.datapath.child",
    "rove-fetch": "client.core.helper.fetch_child", "rove-tray": "client.gui.main",
}


def main() -> int:
    name = os.path.basename(sys.argv[0])
    if name not in PROGRAMS:
        print(f"{name}: not one of Rove's programs ({', '.join(PROGRAMS)})", file=sys.stderr)
        return 2
    return int(import_module(PROGRAMS[name]).main() or 0)


if __name__ == "__main__":
    sys.exit(main())
