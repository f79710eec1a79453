"""What a process has in its memory: an image as gcore makes it, and secrets in whatever form they may be there."""

import base64
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def image(pid: int, folder: Path) -> bytes:
    """All mappings, also those that a process has asked to leave out of core dumps."""
    made = folder / f"core.{pid}"
    try:
        done = subprocess.run(["gcore", "-a", "-o", str(folder / "core"), str(pid)], capture_output=True, text=True,
                              timeout=120, check=False)
        assert made.exists(), done.stdout + done.stderr
        return made.read_bytes()
    finally:
        made.unlink(missing_ok=True)


def forms(secret: str) -> dict[str, bytes]:
    """A text as programs may hold it; UTF-16 is what MSCHAPv2 hashes."""
    octets = secret.encode()
    return {"text": octets, "utf-16": secret.encode("utf-16le"), "utf-32": secret.encode("utf-32le"),
            "hex": octets.hex().encode(), "base64": base64.b64encode(octets).rstrip(b"="), "reversed": octets[::-1]}


def key_forms(path: Path) -> dict[str, bytes]:
    """The secret numbers of a private key: as DER has them, and as libcrypto computes with them (little-endian)."""
    pem = path.read_bytes()
    key = load_pem_private_key(pem, None)
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.private_numbers()
        parts = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dmp1": numbers.dmp1}
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        parts = {"d": key.private_numbers().private_value}
    found = {"pem": b"".join(pem.splitlines()[1:3])[:100], "pem-line": pem.splitlines()[2]}
    for name, number in parts.items():
        octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
        found[name] = octets[8:40]
        found[f"{name}-little"] = octets[::-1][8:40]
    return {name: octets for name, octets in found.items() if len(octets) >= 16}
