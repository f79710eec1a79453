"""Is this the authentication server that a profile means? Asked in the handshake of EAP-TLS, TTLS and PEAP."""

from collections.abc import Sequence
from datetime import datetime

from client.core.ikev2.identity import identity_from_text
from client.core.pki.anchors import Trust, load_trust
from client.core.pki.certificate import display
from client.core.pki.identity import certificate_names, names_identity
from client.core.pki.trust import trusted_path
from client.core.pki.usage import gateway_usage_problem
from client.model.cause import Cause, RoveError
from client.model.profile import Profile


def verify_server(certificates: Sequence[bytes], profile: Profile, now: datetime) -> None:
    """Accepts, or raises RoveError with the GATEWAY_… cause.

    ``certificates``: DER as they came, the server's own first; ``now``: aware wall-clock time. That the server has the
    key to its certificate is for TLS to see.
    """
    name = profile.user.aaa.server_name or profile.gateway.identity
    try:
        wanted = identity_from_text(name)
    except ValueError as error:
        raise RoveError(Cause.BAD_SETTINGS, f"user.aaa: server_name: {error}") from error
    try:
        leaf = trusted_path(certificates, server_trust(profile), now)[0]
        # The name before the usages, as for a gateway: another server's certificate may well be without fault.
        if not names_identity(leaf, *wanted):
            has = ", ".join(certificate_names(leaf)) or "no names"
            raise RoveError(Cause.GATEWAY_WRONG_NAME, f"the profile expects {display(name)}, its certificate has {has}")
        if problem := gateway_usage_problem(leaf):
            raise RoveError(Cause.GATEWAY_KEY_USAGE, problem)
    except RoveError as error:
        if error.cause is Cause.BAD_SETTINGS:
            raise
        raise RoveError(error.cause, f"the authentication server: {error.detail}") from error


def server_trust(profile: Profile) -> Trust:
    """As the gateway's where the profile says nothing else; one that proves itself by EAP alone is the system's."""
    trust = profile.user.aaa.trust
    if trust != "gateway":
        return load_trust(trust)
    gateway = profile.gateway
    return load_trust("system" if gateway.trust == "eap" else gateway.trust, gateway.pin)
