"""What kind of network an interface belongs to, as sysfs tells."""

import re
from pathlib import Path

_NAME = re.compile(r"[\w.@-]{1,15}")
_ARPHRD_ETHER = "1"


def link_kind(interface: str, sysfs: Path = Path("/sys/class/net")) -> str:
    """"wifi", "mobile", "cable", or "" where sysfs does not say."""
    if not _NAME.fullmatch(interface) or interface.startswith("."):
        return ""
    folder = sysfs / interface
    try:
        if (folder / "wireless").exists() or (folder / "phy80211").exists():
            return "wifi"
        if "DEVTYPE=wwan" in (folder / "uevent").read_text().splitlines():
            return "mobile"
        # a real Ethernet card has a device behind it; bridges and virtual ones have none
        real = (folder / "device").exists() and (folder / "type").read_text().strip() == _ARPHRD_ETHER
        return "cable" if real else ""
    except OSError:
        return ""
