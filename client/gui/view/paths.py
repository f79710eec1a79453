"""The way to the gateway, in words."""

from client.model.state import PathState
from client.texts import translated as _


def via(path: PathState, kind: str) -> str:
    """ "via Wi-Fi (wlan0), NAT"."""
    known = kind_text(kind)
    link = f"{known} ({path.interface})" if known else path.interface
    through = {"tcp": "TCP", "esp": "ESP"}.get(path.transport, "")
    return _("via {way}").format(way=", ".join(
        part for part in (link, "NAT" if path.nat else "", through) if part))


def kind_text(kind: str) -> str:
    """``kind`` as client.gui.links tells it; "" where it is none of these."""
    return {"wifi": _("Wi-Fi"), "cable": _("cable"), "mobile": _("mobile network")}.get(kind, "")
