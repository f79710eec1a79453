"""Foreign file → profile TOML, its credential files, and by name whatever could not be taken over."""

from pathlib import Path

from client.importers.imported import CredentialFile, IdentityMissing, Imported, ImportFailed
from client.importers.reader import read_file
from client.model.profile import MAX_BYTES

__all__ = ["CredentialFile", "IdentityMissing", "ImportFailed", "Imported", "import_file"]

MAX_SSWAN = 1024 * 1024       # holds a PKCS#12 bundle in base64


def import_file(source: Path | str | bytes, name: str | None = None, identity: str | None = None) -> Imported:
    """A file's path, or its contents, → Imported. Which format it is, the contents tell.

    ``name`` replaces the profile's; ``identity`` is the user's name where the file leaves it open. Files that the
    profile names are read relative to it (contents alone cannot name any). Raises ImportFailed, and its
    IdentityMissing when only ``identity`` was missing.
    """
    # Imported here: TOML needs tomlkit, .sswan does not.
    if isinstance(source, bytes):
        data, folder, stem = source, None, ""
    else:
        path = Path(source)
        data, folder, stem = read_file(path, MAX_SSWAN), path.parent, path.stem
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        from client.importers.sswan import import_sswan
        if len(data) > MAX_SSWAN:
            raise ImportFailed([f"the file is larger than {MAX_SSWAN // 1024} KiB"])
        return import_sswan(data, name, identity)
    from client.importers.toml import import_toml
    if len(data) > MAX_BYTES:
        raise ImportFailed([f"the profile is larger than {MAX_BYTES // 1024} KiB"])
    return import_toml(data, folder, name or "", stem, identity)
