"""Rove profiles for the gateway's connections, so that a test only says what is special."""

from typing import Any

import tomlkit

from tests.lab import pki
from tests.lab.gateways import CONNECTIONS, PASSWORD, PPK, PPK_ID, PSK, USER, address, identity

_CERTIFICATES = {"cert": "client-rsa", "certec": "client-ec", "certed": "client-ed", "reauthcert": "client-rsa",
                 "nopfscert": "client-ec", "soon": "client-ec", "replacing": "client-rsa", "keeping": "client-rsa"}
# RFC 4739: the way in of each round, in their order
_ROUNDS = {"multi": ["certificate", "eap-mschapv2"], "multi3": ["psk", "certificate", "eap-mschapv2"],
           "pskeap": ["psk", "eap-mschapv2"]}
_EAP = {"md5": "eap-md5", "gtc": "eap-gtc", "ttls": "eap-ttls/md5"}
_EAP_TLS = ("eaptls", "eaponly")
_LAN = ["10.10.0.0/24", "10.20.0.0/24", "fd10::/48"]
_ALL = ["0.0.0.0/0", "::/0"]


def text(connection: str, **changes: Any) -> str:
    """A profile as TOML. ``changes``: ``name``, or tables merged into ours, ``ike={"mobike": False}``."""
    files = pki.directory()
    user: dict[str, Any] = {"auth": "eap-mschapv2", "identity": USER}
    if connection in ("psk", "ppkpsk"):
        user = {"auth": "psk", "identity": USER}
    elif connection in _CERTIFICATES or connection == "ppkcert":
        stem = files / _CERTIFICATES.get(connection, "client-ec")
        user = {"auth": "certificate", "certificate": f"{stem}.crt", "key": f"{stem}.key"}
    elif connection in _EAP:
        user = {"auth": _EAP[connection], "identity": USER}
    elif connection in _EAP_TLS:
        user = {"auth": "eap-tls", "identity": USER, "certificate": str(files / "client-rsa.crt"),
                "key": str(files / "client-rsa.key")}
    elif connection in _ROUNDS:
        stem = files / "client-rsa"
        user = {"auth": _ROUNDS[connection], "identity": USER, "certificate": f"{stem}.crt", "key": f"{stem}.key"}
    profile: dict[str, Any] = {
        "version": 1, "name": connection,
        "gateway": {"address": [address(connection)], "identity": identity(connection),
                    "trust": [str(files / "root.crt")]},
        "user": user,
        "tunnel": {"remote": _ALL if connection.startswith(("full", "narrow")) else _LAN}}
    if connection.startswith("ppk"):
        profile["ike"] = {"ppk": PPK_ID}
    if "child" in changes:
        del profile["tunnel"]
    for key, value in changes.items():
        profile[key] = profile.get(key, {}) | value if isinstance(value, dict) else value
    return tomlkit.dumps(profile)


def secrets(connection: str) -> dict[str, str]:
    """What ``rove connect`` of this connection is asked, by option."""
    if connection in _CERTIFICATES or connection in _EAP_TLS:
        return {}
    if connection not in CONNECTIONS:
        raise KeyError(connection)
    lines = {"psk": [PSK], "multi3": [PSK, PASSWORD], "pskeap": [PSK, PASSWORD], "ppkpsk": [PSK, PPK], "ppkcert": [PPK]}
    return {"--password-fd": "\n".join(lines.get(connection, [PASSWORD, PPK] if connection.startswith("ppk")
                                                 else [PASSWORD]))}
