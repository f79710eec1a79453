"""The D-Bus interface: names, and one row per method with its signatures and polkit action.

Documents (status, profile lists, events) travel as JSON text in one string: their schema is the contract of
``rove --json``, and a field more does not break a caller.
"""

from dataclasses import dataclass

BUS_NAME = "org.rovevpn.Rove1"
OBJECT_PATH = "/org/rovevpn/Rove1"
INTERFACE = "org.rovevpn.Rove1"
AGENT_PATH = "/org/rovevpn/Rove1/Agent"
AGENT_INTERFACE = "org.rovevpn.Rove1.Agent"
ERROR_PREFIX = "org.rovevpn.Rove1.Error."   # + Cause.code with - as _

ACTION_STATUS = "org.rovevpn.rove.status"                  # see the own connections
ACTION_CONNECT = "org.rovevpn.rove.connect"                # bring an own profile up or down
ACTION_MANAGE = "org.rovevpn.rove.manage"                  # import and delete own profiles
ACTION_MANAGE_SYSTEM = "org.rovevpn.rove.manage-system"    # the same for profiles of the machine
ACTION_OTHERS = "org.rovevpn.rove.manage-others"           # stop another user's connection


@dataclass(frozen=True)
class Method:
    name: str
    signature: str
    returns: str
    action: str
    summary: str


METHODS = {row.name: row for row in (
    Method("ImportProfile", "sb", "s", ACTION_MANAGE,
           "TOML with CA certificates as PEM inside; system profile? → the name it has now"),
    Method("ImportSystemProfile", "sa{say}a{ss}", "s", ACTION_MANAGE_SYSTEM,
           "TOML as above; contents of the certificate and key files that it names; what roved is to keep, root-only: "
           'passwords and keys by round ("0", …), "ppk", "passphrase" → the name it has now'),
    Method("ListProfiles", "", "s", ACTION_STATUS,
           'JSON [{"name", "system", "auth", "gateway", "state"}], own and system profiles'),
    Method("GetProfile", "s", "s", ACTION_STATUS, "name → its TOML"),
    Method("ReplaceProfile", "ss", "", ACTION_MANAGE,
           "name, TOML: an own profile, whole or not at all; refused while it is active"),
    Method("DeleteProfile", "s", "", ACTION_MANAGE, "name; refused while it is active"),
    Method("Connect", "sd", "", ACTION_CONNECT,
           "name, timeout in s (0 = none): starts; progress comes as events. The caller's agent is asked first"),
    Method("Disconnect", "s", "", ACTION_CONNECT, "name, or empty for all own; returns when the host is clean"),
    Method("Pause", "sd", "", ACTION_CONNECT,
           "name, or empty for all own that are up or paused; seconds (1 to 86400): disconnects, returns when the host "
           "is clean, and connects again by itself afterwards. Connect and Disconnect end the pause; the finding "
           '"paused" in status tells until when'),
    Method("Rekey", "ss", "", ACTION_CONNECT, 'name, "child" or "ike"'),
    Method("Reauthenticate", "s", "", ACTION_CONNECT,
           "name: log in again beside the connection in use; what that needs is asked of the caller's agent"),
    Method("Status", "s", "s", ACTION_STATUS, "name or empty → the JSON of rove status --json"),
    Method("Subscribe", "", "", ACTION_STATUS, "from now on Event signals come to this caller, unicast"),
    Method("Unsubscribe", "", "", ACTION_STATUS, ""),
    Method("Log", "d", "s", ACTION_STATUS,
           "lines since this Unix time → JSON [{time, connection, level, text}]; log events follow with Subscribe"),
    Method("RegisterAgent", "a{sv}", "", ACTION_CONNECT,
           'this caller hosts an agent at AGENT_PATH; {"kind": "cli"|"agent"|"tray"}'),
    Method("UnregisterAgent", "", "", ACTION_CONNECT, ""),
)}

# Event(s): JSON {"time": RFC 3339, "connection": name, "kind": …} with kind one of
#   "state"    + "state": TunnelState as in status
#   "step"     + "step": text id, "detail", "elapsed": seconds since Connect
#   "log"      + "level", "text"
#   "prompt"   + "what": what the user is asked now, "deadline"
#   "error"    + "code", "stage", "message", "advice", "exit_code", "final": bool
EVENT_SIGNAL = "Event"

AGENT_METHODS = {row.name: row for row in (
    Method("Prepare", "sssd", "a{sv}", "",
           'profile name, profile TOML, reason ("connect"|"reconnect"|"reauth"|"silent"), seconds until the deadline → '
           '{"certificates": aay, "signatures": as, "identity": s (certificate subject, for IDi when none is set), '
           '"eap_identity": s (the answer to EAP-Identity)}; '
           "asks the user for what is missing now"),
    Method("SignIkeAuth", "sayayayays", "ay", "",
           "profile, IKE_SA_INIT message, Nr, MACedID, IntAuth, algorithm (auth.SIGNATURES key) → raw signature"),
    Method("PskAuth", "ssay", "ay", "", "profile, PRF name, octets → prf(prf(PSK, key pad), octets)"),
    Method("PpkMix", "ssayayay", "ayayay", "",
           "profile, PRF name, SK_d, SK_pi, SK_pr → each as prf+ (PPK, itself)"),
    Method("Eap", "say", "ayay", "", "profile, EAP packet from the gateway → (response or empty, MSK or empty); "
           "not asked for EAP-Identity and EAP-Success, whose answers are known from Prepare and from the MSK"),
    Method("Outcome", "sb", "", "", "profile; did the gateway accept all that was given? then it may be kept where the "
           "user wished so, else what was kept is removed"),
    Method("Cancel", "s", "", "", "profile: end of the attempt or of the prompt; forget what it held"),
)}


def error_name(code: str) -> str:
    """Cause code → D-Bus error name."""
    return ERROR_PREFIX + code.replace("-", "_")


def error_code(name: str) -> str | None:
    """D-Bus error name → Cause code, None when it is not one of ours."""
    return name.removeprefix(ERROR_PREFIX).replace("_", "-") if name.startswith(ERROR_PREFIX) else None
