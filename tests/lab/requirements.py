"""What the lab needs from the machine, each with the Debian package that brings it."""

import os
import shutil
from pathlib import Path

_PROGRAMS = {
    "/usr/sbin/charon-systemd": "charon-systemd", "swanctl": "strongswan-swanctl", "ip": "iproute2", "nft": "nftables",
    "tcpdump": "tcpdump", "tshark": "tshark", "iperf3": "iperf3", "dbus-daemon": "dbus-daemon", "dbus-send": "dbus-bin",
    "/usr/lib/polkit-1/polkitd": "polkitd", "gnome-keyring-daemon": "gnome-keyring", "gcore": "gdb",
    "nsenter": "util-linux", "setpriv": "util-linux", "unshare": "util-linux",
    "Xvfb": "xvfb", "xdotool": "xdotool", "openbox": "openbox", "tint2": "tint2",
    "/usr/libexec/at-spi-bus-launcher": "at-spi2-core",
    "softhsm2-util": "softhsm2", "pkcs11-tool": "opensc", "gcc": "gcc",
    "/usr/sbin/freeradius": "freeradius", "/usr/sbin/hostapd": "hostapd",
}
_PLUGINS = {
    "kernel-libipsec": "libcharon-extra-plugins", "eap-mschapv2": "libcharon-extauth-plugins",
    "eap-identity": "libcharon-extra-plugins", "eap-tls": "libcharon-extra-plugins",
    "eap-ttls": "libcharon-extra-plugins",
    "curve25519": "libstrongswan-extra-plugins", "chapoly": "libstrongswan-extra-plugins",
    "openssl": "libstrongswan-standard-plugins", "gcm": "libstrongswan-standard-plugins",
}
_FILES = {"/usr/share/dbus-1/system.conf": "dbus-system-bus-common", "/usr/include/stdio.h": "libc6-dev",
          "/usr/include/p11-kit-1/p11-kit/pkcs11.h": "libp11-kit-dev"}
PACKAGES = tuple(sorted({*_PROGRAMS.values(), *_PLUGINS.values(), *_FILES.values()}))


def missing() -> str:
    """One line that says what to do before the lab can run; empty when it can."""
    if os.geteuid() != 0:
        return "the lab needs root (network namespaces)"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    packages = {package for program, package in _PROGRAMS.items() if not shutil.which(program, path=path)}
    packages |= {package for file, package in _FILES.items() if not Path(file).exists()}
    packages |= {package for plugin, package in _PLUGINS.items()
                 if not Path(f"/usr/lib/ipsec/plugins/libstrongswan-{plugin}.so").exists()}
    if packages:
        return f"the lab needs: apt-get install --no-install-recommends {' '.join(sorted(packages))}"
    return "" if Path("/dev/net/tun").exists() else "the lab needs /dev/net/tun"
