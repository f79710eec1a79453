"""What an importer read → what the import dialog shows: understood, left out, still missing."""

from dataclasses import dataclass

from client.importers import Imported
from client.model.profile import Profile, parse_profile
from client.texts import translated as _


@dataclass(frozen=True)
class ImportView:
    name: str
    rows: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    not_understood: tuple[str, ...]


def import_view(imported: Imported) -> ImportView:
    return ImportView(imported.name, _rows(parse_profile(imported.profile_toml), imported), imported.missing,
                      imported.not_understood)


def _rows(profile: Profile, imported: Imported) -> tuple[tuple[str, str], ...]:
    trust = profile.gateway.trust
    if isinstance(trust, str):
        trusts = {"system": _("the system's authorities"), "eap": _("the log-in method alone"),
                  "pin": _("the key that is pinned")}[trust]
    else:
        trusts = _("certificates of its own: {n}").format(n=len(trust))
    ways = _("all traffic") if profile.tunnel.full else ", ".join(map(str, profile.tunnel.remote))
    rows = ((_("Gateway"), ", ".join(profile.gateway.address)), (_("Must prove to be"), profile.gateway.identity),
            (_("Trusts"), trusts), (_("Log-in"), profile.user.auth), (_("As"), profile.user.identity),
            (_("Carries"), ways), (_("Post-quantum key"), profile.ike.ppk),
            (_("Copied files"), ", ".join(file.name for file in imported.credentials)))
    return tuple((label, text) for label, text in rows if text)
