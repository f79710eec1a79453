"""Sentences for people: every Cause, step and state, for the command line and the desktop alike.

The source language is English. ``_`` marks what xgettext collects; ``bind`` gives the function that translates
when a text is used. Texts that came from a gateway pass ``plain``; whoever put them into a detail
labelled them as the gateway's.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from client.model.cause import Cause
from client.model.state import ErrorState, State

MAX_DETAIL = 2000     # characters: a full list of proposals fits
FIELD = re.compile(r"\\\{(\w+)\\\}")     # of an escaped template


def bind(translate: Callable[[str], str]) -> None:
    """From now on every text goes through ``translate`` (for example ``gettext.gettext``)."""
    global _translate
    _translate = translate


def translated(text: str) -> str:
    """For texts that are marked where they are used: front ends import this as ``_``."""
    return _translate(text)


def marked(text: str) -> str:
    """For texts in tables: ``translated`` is called where they are used."""
    return text


def error_text(cause: Cause, detail: str = "") -> ErrorState:
    """A cause and what was seen → sentence and advice. ``detail`` may hold anything, also a gateway's bytes."""
    row = CAUSES[cause]
    seen = plain(detail)
    if not seen or seen.rstrip(".").casefold() == row.sentence.rstrip(".").casefold():
        message = _translate(row.sentence)
    elif row.with_detail:
        message = _translate(row.with_detail).format(detail=seen)
    else:
        message = f"{_translate(row.sentence)} ({seen})"
    return ErrorState(cause.code, cause.stage.value, message, _translate(row.advice))


def finding_text(code: str, **details: str) -> str:
    """A finding's sentence; ``details`` are what it names in braces."""
    return _translate(FINDINGS[code]).format(**{name: plain(text) for name, text in details.items()})


def finding_detail(code: str, message: str, name: str) -> str:
    """What a finding's English sentence has in this place; empty where it is another sentence."""
    template = FINDINGS.get(code, "")
    found = pattern(template).fullmatch(message) if f"{{{name}}}" in template else None
    return found[name] if found else ""


def paused_until(findings: Iterable[Mapping[str, str]]) -> str:
    """A connection's findings → when its pause ends (RFC 3339), empty where it is not paused."""
    times = (finding_detail("paused", str(one.get("message", "")), "until") for one in findings
             if one.get("code") == "paused")
    return next(times, "")


@cache
def pattern(template: str) -> re.Pattern[str]:
    """Matches what a template with fields in braces was made into."""
    return re.compile(FIELD.sub(r"(?P<\1>.+)", re.escape(template)))


def step_text(step: str) -> str:
    """A step's id → what was reached; a step nobody described is shown by its id."""
    known = STEPS.get(step)
    return _translate(known) if known else plain(step, 80).replace("-", " ").capitalize()


def state_text(state: str) -> str:
    """A State's value → one or two words; an unknown one is shown as it came."""
    known = STATES.get(state)
    return _translate(known) if known else plain(state, 40)


def plain(text: str, limit: int = MAX_DETAIL) -> str:
    """One line without control, format (bidirectional!) and unassigned characters, at most ``limit`` long."""
    spaced = "".join(" " if char in _SPACES or unicodedata.category(char) in ("Zl", "Zp") else char
                     for char in text[:4 * limit])
    line = " ".join("".join(char for char in spaced if unicodedata.category(char)[0] != "C").split())
    return line if len(line) <= limit else line[:limit - 1] + "…"


# --- the tables ---


def _(text: str) -> str:
    """Marks a text for xgettext; it is translated where it is used."""
    return text


def _untranslated(text: str) -> str:
    return text


_translate: Callable[[str], str] = _untranslated
_SPACES = "\t\n\v\f\r\x85"


@dataclass(frozen=True)
class CauseText:
    """``with_detail`` replaces ``sentence`` when there is a detail; without it the detail follows in brackets."""

    sentence: str
    advice: str
    with_detail: str = ""


_ASK_ADMIN = _("Tell whoever runs the gateway.")
_TRY_LATER = _("Try again later; if it persists, tell whoever runs the gateway.")

CAUSES: dict[Cause, CauseText] = {
    Cause.BAD_SETTINGS: CauseText(
        _("The profile's settings cannot be used."), _("Correct the profile and import it again."),
        _("The profile's settings cannot be used: {detail}.")),
    Cause.NO_SUCH_PROFILE: CauseText(
        _("There is no such profile."), _("“rove list” shows the profiles there are."),
        _("There is no such profile.")),      # what was seen is that there is none
    Cause.NOT_AUTHORISED: CauseText(
        _("You may not do that."),
        _("Use a session at this computer, or ask an administrator.")),
    Cause.ANOTHER_FULL_TUNNEL: CauseText(
        _("Another connection already carries all traffic."),
        _("Disconnect it first: only one connection at a time can carry everything.")),
    Cause.ALREADY_ACTIVE: CauseText(
        _("This connection is already active."), _("“rove status” shows it; “rove disconnect” ends it.")),
    Cause.NOT_CONNECTED: CauseText(
        _("This connection is not up."), _("“rove status” shows what it does; “rove connect” brings it up.")),
    Cause.NO_AGENT: CauseText(
        _("Nobody could be asked for the password or key."),
        _("Connect from a terminal, or run “rove agent” in your session.")),
    Cause.PROMPT_CANCELLED: CauseText(
        _("The prompt was cancelled."), _("Connect again when you have the password or key at hand.")),
    Cause.PROMPT_UNANSWERED: CauseText(
        _("The prompt was not answered in time."), _("Connect again when you have the password or key at hand.")),
    Cause.CREDENTIAL_UNUSABLE: CauseText(
        _("Your certificate or key cannot be used."),
        _("Check the file and its passphrase, then import the profile again."),
        _("Your certificate or key cannot be used: {detail}.")),
    Cause.TOKEN_MISSING: CauseText(
        _("The smartcard with your certificate is not inserted."),
        _("Insert it and connect again; “rove token list” shows what is found."),
        _("The smartcard with your certificate is not inserted: {detail}.")),
    Cause.TOKEN_OTHER: CauseText(
        _("The smartcard that is inserted does not have the certificate of this profile."),
        _("Insert the right one, or correct user.certificate; “rove token list” shows what is found."),
        _("The smartcard that is inserted does not have the certificate of this profile: {detail}.")),
    Cause.TOKEN_REMOVED: CauseText(
        _("The smartcard was removed before it had signed."), _("Insert it again, leave it there, and connect again.")),
    Cause.TOKEN_SILENT: CauseText(
        _("The smartcard or its driver does not answer."),
        _("Take the smartcard out and insert it again, then connect again; if that does not help, start the program"
          " that asks for the PIN anew.")),
    Cause.PIN_WRONG: CauseText(
        _("The PIN is wrong."),
        _("Connect again with the right PIN. Rove does not repeat a wrong one by itself: smartcards get locked."),
        _("The PIN is wrong: {detail}.")),
    Cause.PIN_LOCKED: CauseText(
        _("The PIN of the smartcard is locked."),
        _("Unlock it with its PUK and the tool of whoever issued the smartcard, or ask them.")),
    Cause.TLS_ENGINE_MISSING: CauseText(
        _("This installation lacks the TLS engine that EAP-TLS, TTLS and PEAP need."),
        _("Install Rust (cargo) and install Rove again, or use a package that has the engine.")),
    Cause.NO_NETWORK: CauseText(
        _("There is no network."), _("Connect to Wi-Fi, cable or mobile data first.")),
    Cause.NAME_NOT_FOUND: CauseText(
        _("The gateway's name was not found."),
        _("Check the network and gateway.address in the profile."),
        _("The gateway's name was not found: {detail}.")),
    Cause.GATEWAY_SILENT: CauseText(
        _("The gateway does not answer."),
        _("Check its address; this network may block UDP ports 500 and 4500.")),
    Cause.GATEWAY_REFUSES_UDP: CauseText(
        _("The network or the gateway refuses UDP."),
        _("Check the gateway's address, or try another network: this one may not allow VPNs.")),
    Cause.LOGIN_UNANSWERED: CauseText(
        _("The gateway answers at first, but not to the log-in."),
        _("This network may block UDP port 4500 or drop large packets: try another one. IKE fragmentation, at the"
          " gateway and in the profile (ike.fragmentation), keeps packets small.")),
    Cause.CAPTIVE_PORTAL: CauseText(
        _("This network wants you to log in, or to agree to something, before it lets anything pass."),
        _("Open the page that it names, or any, in a browser and do what it asks; Rove goes on by itself then.")),
    Cause.TIMEOUT: CauseText(
        _("The connection did not come up in time."), _("Try again, or allow more time with --timeout.")),
    Cause.NO_COMMON_PROPOSAL: CauseText(
        _("The gateway accepts none of the algorithms offered."),
        _("Ask whoever runs the gateway which ones it takes, and name them in ike.proposals. An old gateway may need"
          " ike.legacy = \"on\"."),
        _("The gateway accepts none of the algorithms offered: {detail}.")),
    Cause.PPK_NOT_USED: CauseText(
        _("The gateway does not use the post-quantum key that the profile demands."),
        _("Ask whoever runs the gateway; without ike.ppk Rove connects without such a key.")),
    Cause.PROTOCOL_ERROR: CauseText(_("The gateway sent something that IKEv2 does not allow."), _TRY_LATER),
    Cause.GATEWAY_UNTRUSTED: CauseText(
        _("The gateway's certificate is not from an authority that this profile trusts."),
        _("Do not connect unless you can explain this. Check gateway.trust in the profile.")),
    Cause.GATEWAY_EXPIRED: CauseText(
        _("The gateway's certificate is not valid now."),
        _("Check this computer's date; if it is right, the gateway needs a new certificate."),
        _("The gateway's certificate is not valid now: {detail}.")),
    Cause.GATEWAY_PIN: CauseText(
        _("The gateway has another key than the one that this profile pins."),
        _("Do not connect unless whoever runs the gateway confirms the new key; then change gateway.pin."),
        _("The gateway has another key than the one that this profile pins: {detail}.")),
    Cause.GATEWAY_REVOKED: CauseText(
        _("The gateway's certificate has been revoked."),
        _("Do not connect. Whoever runs the gateway has to give it a new certificate."),
        _("The gateway's certificate has been revoked: {detail}.")),
    Cause.REVOCATION_UNKNOWN: CauseText(
        _("It cannot be found out whether the gateway's certificate has been revoked."),
        _("The profile demands to know (gateway.revocation = \"strict\"). Try another network; if it persists, tell"
          " whoever runs the gateway."),
        _("It cannot be found out whether the gateway's certificate has been revoked: {detail}.")),
    Cause.GATEWAY_WRONG_NAME: CauseText(
        _("The gateway's certificate is for another name."),
        _("Do not connect unless you can explain this. Check gateway.identity in the profile."),
        _("The gateway's certificate is for another name: {detail}.")),
    Cause.GATEWAY_KEY_USAGE: CauseText(
        _("The gateway's certificate is not made for a VPN gateway."), _ASK_ADMIN),
    Cause.GATEWAY_BAD_SIGNATURE: CauseText(
        _("The gateway could not prove that it is the one it claims to be."),
        _("Do not connect on this network. With a pre-shared key, check that the key is right.")),
    Cause.GATEWAY_SHA1: CauseText(
        _("The gateway proves who it is by a signature with SHA-1, which this profile forbids."),
        _("Ask whoever runs the gateway to sign with SHA-2 (RFC 7427), or set ike.legacy = \"off\".")),
    Cause.GATEWAY_NO_AUTH: CauseText(
        _("The gateway wanted your credentials without proving who it is."),
        _("Nothing was sent. Do not connect on this network; tell whoever runs the gateway.")),
    Cause.USER_REFUSED: CauseText(
        _("The gateway refused your user name, password, key or certificate."),
        _("Check them and connect again. Rove does not retry by itself: accounts get locked."),
        _("The gateway refused your user name, password, key or certificate: {detail}.")),
    Cause.CERTIFICATE_EXPIRED: CauseText(
        _("Your certificate has expired."),
        _("Get a new certificate from whoever issued it, import the profile with it, and connect again."),
        _("Your certificate has expired: {detail}.")),
    Cause.PPK_REFUSED: CauseText(
        _("The gateway refused the post-quantum key, or your login with it."),
        _("Check the key and its name in ike.ppk, then connect again. Rove does not retry by itself.")),
    Cause.ROUNDS_UNSUPPORTED: CauseText(
        _("The gateway does not take several logins one after the other."),
        _("Ask whoever runs the gateway how to log in, and name one way in user.auth.")),
    Cause.EAP_METHOD_UNSUPPORTED: CauseText(
        _("The gateway asks for a way to log in that this version does not have."), _ASK_ADMIN),
    Cause.CHILD_NO_PROPOSAL: CauseText(
        _("The gateway accepts none of the algorithms offered for the traffic."),
        _("Ask whoever runs the gateway which ones it takes, and name them in ike.esp_proposals. An old gateway may"
          " need ike.legacy = \"on\"."),
        _("The gateway accepts none of the algorithms offered for the traffic: {detail}.")),
    Cause.TS_UNACCEPTABLE: CauseText(
        _("The gateway does not serve the networks this profile asks for."),
        _("Check tunnel.remote or the [[child]] tables in the profile.")),
    Cause.ADDRESS_FAILURE: CauseText(_("The gateway has no address for this computer."), _TRY_LATER),
    Cause.CONFIG_REQUIRED: CauseText(
        _("The gateway wants to give this computer an address, but did not understand that it was asked for one."),
        _ASK_ADMIN),
    Cause.CHILD_FAILED: CauseText(_("The gateway accepted you but not the tunnel."), _TRY_LATER),
    Cause.HOST_SETUP: CauseText(
        _("This computer's network could not be set up for the tunnel."), _("“rove log” says more.")),
    Cause.DEAD_PEER: CauseText(_("The gateway no longer answers."), _("Check the network; then connect again.")),
    Cause.GATEWAY_CLOSED: CauseText(
        _("The gateway ended the connection."), _("Connect again; if it persists, tell whoever runs the gateway.")),
    Cause.LIFETIME_EXPIRED: CauseText(
        _("The connection's keys expired before they could be renewed."), _("Connect again.")),
    Cause.LOGIN_EXPIRED: CauseText(
        _("It was time to log in again and nobody did, so the connection was ended."), _("Connect again.")),
    Cause.INTERNAL: CauseText(_("Rove made a mistake."), _("“rove log” says more; please report it.")),
}

FINDINGS: dict[str, str] = {
    "child-refused": _("The gateway refuses a part of the tunnel; Rove asks again from time to time ({detail})."),
    "child-lost": _("A part of the tunnel is gone; Rove makes it anew ({detail})."),
    "single-pairs": _("The gateway wants each network in a tunnel of its own."),
    "additional-networks": _("The gateway gives some of the networks in a tunnel of their own: {detail}."),
    "too-many-children": _("The gateway wants the tunnel in more parts than Rove makes: {detail} are missing."),
    "paused": _("Paused; Rove connects again by itself at {until}."),
    "waiting-for-user": _("Rove waits for what you have to type, until {until}."),
    "captive-portal": _("This network wants you to log in first, on the page {url} that it names."),
    "captive-portal-unnamed": _("This network wants you to log in first. Open any page in a browser."),
    "revocation-unknown": _("It could not be found out whether the gateway's certificate has been revoked ({detail})."),
    "user-certificate-expires": _("Your certificate {name} expires in less than {left}, on {date}. Get a new one in"
                                  " time: Rove does not keep a connection whose certificate has expired."),
    "gateway-certificate-expires": _("The gateway's certificate {name} expires in less than {left}, on {date}. If it is"
                                     " not renewed, the connection ends then."),
    "reauth-failed": _("You have to log in again, and that did not work: {why} “rove reauth” tries once more; "
                       "until {until} the connection goes on as it is."),
    "not-renewed": _("The gateway did not renew the tunnel's keys in time; Rove logged in again instead. "
                     "Whoever runs the gateway should compare its settings with ike.pfs and ike.esp_proposals."),
}

STEPS: dict[str, str] = {
    "resuming": _("Asked the gateway to take the session back"),
    "ike-sa-init": _("Agreed on algorithms"),
    "gateway-authenticated": _("Gateway is who it claims to be"),
    "user-authenticated": _("Gateway accepted you"),
    "established": _("IKE SA is up"),
    "connected": _("Connected"),
    "roaming": _("Moving to another network"),
    "roamed": _("Moved to another network"),
    "portal-open": _("The network lets us pass"),
    "roam-refused": _("Gateway refused the move"),
    "certificate-not-asked-for": _("Gateway asks for a certificate of another authority"),
    "certificate-expires": _("A certificate will expire"),
    "reauth-due": _("Time to log in again"),
    "reauthenticated": _("Logged in again"),
    "redirected": _("Gateway sends us to another gateway"),
    "ike-rekeyed": _("IKE SA renewed"),
    "child-rekeyed-by-gateway": _("Gateway renewed the tunnel's keys"),
    "rekey-refused": _("Gateway refused new keys"),
    "pfs-refused": _("Keys are renewed without PFS"),
    "child-refused": _("Gateway refused a part of the tunnel"),
    "child-lost": _("A part of the tunnel is gone"),
    "single-pairs": _("Gateway wants each network on its own"),
    "additional-networks": _("Gateway gives the other networks separately"),
    "too-many-children": _("Gateway wants the tunnel in too many parts"),
    "childless-only": _("Gateway wants to make the tunnel after logging in"),
    "wide-selectors": _("Gateway granted more than was asked for"),
    "gateway-error": _("Gateway reported an error"),
}

STATES: dict[str, str] = {
    State.DISCONNECTED.value: _("disconnected"),
    State.CONNECTING.value: _("connecting"),
    State.WAITING_FOR_USER.value: _("waiting for you"),
    State.CONNECTED.value: _("connected"),
    State.ROAMING.value: _("changing networks"),
    State.RECONNECTING.value: _("reconnecting"),
    State.OFFLINE.value: _("waiting for a network"),
    State.BLOCKED.value: _("blocked"),
    State.FAILED.value: _("failed"),
}
