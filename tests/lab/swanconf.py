"""Writes strongswan.conf and the swanctl folder of one instance from the tables."""

import shutil
from pathlib import Path

from tests.lab import clients, gateways, plan
from tests.lab.gateways import Section

# order matters: kernel-libipsec before kernel-netlink, so that it takes the IPsec half
_PLUGINS = ("pem pkcs1 pkcs7 pkcs8 pkcs12 x509 pubkey revocation constraints random nonce openssl aes aesni sha1 sha2"
            " md5 rc2 hmac kdf mgf1 fips-prf gmp curve25519 chapoly xcbc cmac ctr ccm gcm drbg attr kernel-libipsec"
            " kernel-netlink socket-default vici updown eap-identity eap-mschapv2 eap-md5 eap-gtc eap-tls eap-ttls"
            " xauth-generic counters")
_ROLE_PLUGINS = {"gw": " eap-radius", "client": " resolve"}
# many refused attempts from one address must not change what the next one meets
_PATIENT: Section = {"dos_protection": "no", "cookie_threshold": "0", "cookie_threshold_ip": "0",
                     "block_threshold": "0"}
_SWANCTL_PLUGINS = ("pem pkcs1 x509 pkcs8 pkcs12 pkcs7 rc2 sha1 sha2 md5 hmac kdf pubkey openssl aes random nonce gmp"
                    " curve25519")
_FOLDERS = ("x509", "x509ca", "x509crl", "private", "pkcs12", "conf.d", "rsa", "ecdsa", "pkcs8")


def write(role: str, folder: Path, certificates: Path, log_level: int, extra: Section) -> None:
    """Everything charon-systemd and swanctl read. ``extra`` goes into the charon-systemd section (nested as there)."""
    (folder / "strongswan.conf").write_text(render({
        "charon-systemd": _merge(_charon(role, folder, log_level), extra),
        "swanctl": {"load": _SWANCTL_PLUGINS, "socket": f"unix://{folder}/vici.sock"}}))
    swanctl = folder / "swanctl"
    shutil.rmtree(swanctl, ignore_errors=True)
    for name in _FOLDERS:
        (swanctl / name).mkdir(parents=True)
    (swanctl / "swanctl.conf").write_text(render(_gateway() if role == "gw" else _client()))
    # a client knows only the root: the gateway must send the intermediate
    authorities = ("root", "int", "checked") if role == "gw" else ("root",)
    leaves = [path.stem for path in certificates.glob("server*.crt" if role == "gw" else "client*.crt")]
    for name in (*authorities, *leaves):
        _link(certificates / f"{name}.crt", swanctl / ("x509ca" if name in authorities else "x509"))
    for name in leaves:
        _link(certificates / f"{name}.key", swanctl / "private")
    for name in ("root.crl", "int.crl", "checked.crl"):
        _link(certificates / name, swanctl / "x509crl")


def render(section: Section, indent: str = "") -> str:
    """A nested table in strongSwan's syntax."""
    lines = []
    for key, value in section.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{key} {{\n{render(value, indent + '    ')}{indent}}}\n")
        else:
            lines.append(f"{indent}{key} = {value}\n")
    return "".join(lines)


def _charon(role: str, folder: Path, log_level: int) -> Section:
    level = str(log_level)
    log: Section = {"path": str(folder / "charon.log"), "time_format": "%H:%M:%S", "time_add_ms": "yes", "append": "no",
                    "flush_line": "yes", "default": "1", "ike": level, "chd": level, "cfg": "2", "knl": "2",
                    "enc": "1", "mgr": "2" if log_level >= 4 else "1", "net": "1"}
    return _PATIENT | {
        "load": _PLUGINS + _ROLE_PLUGINS[role], "fragment_size": "1280",
        "plugins": {
            "vici": {"socket": f"unix://{folder}/vici.sock"}, "resolve": {"file": f"{folder}/resolv.conf"},
            "eap-gtc": {"backend": "generic"}, "eap-ttls": {"phase2_method": "md5", "request_peer_auth": "no"},
            "openssl": {"load_legacy": "yes"},
            "eap-radius": {"servers": {"lab": {"address": "127.0.0.1", "secret": "testing123"}}}},
        "filelog": {"log": log}, "journal": {"default": "-1"}, "syslog": {}}


def _gateway() -> Section:
    rows: Section = {}
    for name, row in gateways.CONNECTIONS.items():
        changes = dict(row)
        children = _section(changes.pop("children", {"net": {}}))
        local = dict(_section(changes["local"]))
        # charon takes the id from its certificate where the two differ; with %any it claims whatever IDr asks for
        local["id"] = "%any" if str(changes.get("local_addrs")) == plan.GATEWAY_WRONG_NAME else gateways.identity(name)
        rows[name] = gateways.IKE | changes | {
            "local": local, "children": {child: gateways.CHILD | _section(row) for child, row in children.items()}}
    return {"connections": rows, "pools": gateways.POOLS, "secrets": gateways.SECRETS}


def _client() -> Section:
    rows: Section = {}
    for name, row in clients.CONNECTIONS_OF_CLIENT.items():
        changes = dict(row)
        rows[name] = clients.IKE | changes | {"children": {name: clients.CHILD | _section(changes.pop("child"))}}
        del _section(rows[name])["child"]
    return {"connections": rows, "secrets": gateways.SECRETS | clients.SECRETS}


def _section(value: "str | Section") -> Section:
    assert isinstance(value, dict)
    return value


def _merge(base: Section, extra: Section) -> Section:
    merged = dict(base)
    for key, value in extra.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _link(source: Path, folder: Path) -> None:
    (folder / source.name).symlink_to(source)
