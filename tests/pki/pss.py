"""Certificates whose key is kept for RSASSA-PSS (RFC 4055 §1.2), made by openssl: our library writes none."""

import subprocess
from pathlib import Path


def make(folder: Path, subject: str, options: dict[str, str], issuer: Path | None = None, names: str = "") -> Path:
    """``pss.crt`` and ``pss.key`` in ``folder``, signed by ``issuer``.crt and .key or by itself → their stem.
    ``options`` are rsa_pss_keygen_… of openssl-genpkey(1)."""
    stem = folder / "pss"
    words = [word for name, value in options.items() for word in ("-pkeyopt", f"rsa_pss_keygen_{name}:{value}")]
    _openssl("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048", *words, "-out", f"{stem}.key")
    by = ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key"] if issuer else ["-signkey", f"{stem}.key"]
    request = _openssl("req", "-new", "-key", f"{stem}.key", "-subj", subject)
    extensions = folder / "pss.ext"
    extensions.write_text(f"subjectAltName = {names}\n" if names else "basicConstraints = CA:FALSE\n")
    _openssl("x509", "-req", *by, "-days", "30", "-set_serial", "4055", "-extfile", str(extensions), "-out",
             f"{stem}.crt", text=request)
    return stem


def _openssl(*argv: str, text: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *argv], input=text, check=True, capture_output=True).stdout
