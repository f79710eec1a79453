"""A smartcard: a SoftHSM token behind a module that counts PINs, can be pulled and can hang (``shim.c``)."""

import functools
import os
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

PIN, SO_PIN = "123456", "87654321"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
_HERE = Path(__file__).parent


@functools.cache
def shim() -> Path:
    """The compiled module; one per test run."""
    folder = Path(tempfile.mkdtemp(prefix="rove-shim-"))
    folder.chmod(0o755)     # unprivileged test users load it
    made = folder / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-I/usr/include/p11-kit-1",
                    f'-DSOFTHSM="{SOFTHSM}"', "-o", made, _HERE / "shim.c", "-ldl"], check=True)
    return made


@dataclass
class Card:
    """One or several tokens in ``folder``, and what p11-kit's user configuration says of their module."""

    folder: Path
    uid: int = field(default_factory=os.getuid)

    def __post_init__(self) -> None:
        for name in ("tokens", "shim", "config/pkcs11/modules", "state"):
            (self.folder / name).mkdir(parents=True)
        self._conf.write_text(f"directories.tokendir = {self.folder}/tokens\nobjectstore.backend = file\n"
                              "log.level = ERROR\nslots.removable = true\n")
        (self.folder / "config/pkcs11/pkcs11.conf").write_text("user-config: only\n")
        (self.folder / "config/pkcs11/modules/card.module").write_text(f"module: {shim()}\n")
        self._give()

    @property
    def _conf(self) -> Path:
        return self.folder / "softhsm2.conf"

    @property
    def environment(self) -> dict[str, str]:
        """For the process that uses the card."""
        return {"SOFTHSM2_CONF": str(self._conf), "ROVE_SHIM": str(self.folder / "shim"),
                "XDG_CONFIG_HOME": str(self.folder / "config"), "XDG_STATE_HOME": str(self.folder / "state")}

    def token(self, label: str) -> None:
        """Another empty token with PIN."""
        self._tool("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", SO_PIN)

    def add(self, token: str, number: int, stem: Path, *more: str) -> None:
        """``stem``.key and ``stem``.crt (PEM); ``more`` are pkcs11-tool's options for the key (``--always-auth``)."""
        where = ["--module", SOFTHSM, "--token-label", token, "--login", "--pin", PIN, "--id", f"{number:02x}",
                 "--label", stem.name]
        key = self.folder / "key.der"
        subprocess.run(["openssl", "pkey", "-in", f"{stem}.key", "-outform", "DER", "-out", key], check=True)
        self._tool("pkcs11-tool", *where, "--write-object", str(key), "--type", "privkey", "--usage-sign", *more)
        key.unlink()
        self.certificate(token, number, Path(f"{stem}.crt"))

    def certificate(self, token: str, number: int, path: Path) -> None:
        der = self.folder / "certificate.der"
        der.write_bytes(x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER))
        self._tool("pkcs11-tool", "--module", SOFTHSM, "--token-label", token, "--login", "--pin", PIN,
                   "--write-object", str(der), "--type", "cert", "--id", f"{number:02x}", "--label", path.stem)
        der.unlink()

    def turn_on(self, flag: str, text: str = "") -> None:
        """``absent``, ``pad``, ``remove-on-sign``, …: see shim.c."""
        path = self.folder / "shim" / flag
        draft = path.with_name(f".{flag}")
        draft.write_text(text)
        os.chown(draft, self.uid, self.uid)
        draft.replace(path)

    def turn_off(self, *flags: str) -> None:
        for flag in flags:
            (self.folder / "shim" / flag).unlink(missing_ok=True)

    def tries(self, left: int) -> None:
        self.turn_on("tries", f"{left}\n")

    @property
    def log(self) -> list[str]:
        """What the card saw: "right", "wrong", "locked", "logout" …"""
        path = self.folder / "shim/log"
        return path.read_text().split() if path.exists() else []

    def renew(self) -> None:
        """As nobody had used it."""
        for path in (self.folder / "shim").iterdir():
            path.unlink()
        (self.folder / "state/rove/smartcards.json").unlink(missing_ok=True)

    def _tool(self, *argv: str) -> None:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, env=os.environ | self.environment)
        assert done.returncode == 0, done.stdout + done.stderr
        self._give()

    def _give(self) -> None:
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, self.uid, self.uid)
