"""Why a connection failed or ended: a closed vocabulary, one row per cause.

Every row says where it happened (``stage``), whether Rove may try again by itself (``retry``) and which
exit code the command line gives. The sentences for people are in ``client.texts``.
"""

from dataclasses import dataclass
from enum import Enum


class Retry(Enum):
    """Who may start the next attempt."""

    NEVER = "never"            # the settings or the other side must change first
    AFTER_USER = "after-user"  # the user was refused: accounts and cards get locked by repetition
    BACK_OFF = "back-off"      # by ourselves, with exponential back-off


class Stage(Enum):
    """The step of setting up a connection in which it went wrong."""

    PREPARE = "prepare"
    RESOLVE = "resolve"
    REACH = "reach"
    PROPOSAL = "proposal"
    GATEWAY_AUTH = "gateway-auth"
    USER_AUTH = "user-auth"
    TUNNEL = "tunnel"
    HOST = "host"
    RUNNING = "running"


class ExitCode(Enum):
    DONE = 0
    ERROR = 1
    USAGE = 2
    TIMEOUT = 3
    FAILED = 4
    GATEWAY_NOT_AUTHENTICATED = 5
    USER_NOT_AUTHENTICATED = 6
    PROMPT_CANCELLED = 7
    ROVED_NOT_RUNNING = 8
    PIN_BLOCKED_OR_TOKEN_MISSING = 9
    NO_SUCH_PROFILE = 10
    NO_NETWORK = 11
    NOT_AUTHORISED = 12


class Cause(Enum):
    """code, stage, retry, exit code."""

    # fmt: off
    BAD_SETTINGS           = ("bad-settings", Stage.PREPARE, Retry.NEVER, ExitCode.FAILED)
    NO_SUCH_PROFILE        = ("no-such-profile", Stage.PREPARE, Retry.NEVER, ExitCode.NO_SUCH_PROFILE)
    NOT_AUTHORISED         = ("not-authorised", Stage.PREPARE, Retry.NEVER, ExitCode.NOT_AUTHORISED)
    ANOTHER_FULL_TUNNEL    = ("another-full-tunnel", Stage.PREPARE, Retry.NEVER, ExitCode.FAILED)
    ALREADY_ACTIVE         = ("already-active", Stage.PREPARE, Retry.NEVER, ExitCode.ERROR)
    NOT_CONNECTED          = ("not-connected", Stage.PREPARE, Retry.NEVER, ExitCode.ERROR)
    NO_AGENT               = ("no-agent", Stage.PREPARE, Retry.AFTER_USER, ExitCode.PROMPT_CANCELLED)
    PROMPT_CANCELLED       = ("prompt-cancelled", Stage.PREPARE, Retry.AFTER_USER, ExitCode.PROMPT_CANCELLED)
    PROMPT_UNANSWERED      = ("prompt-unanswered", Stage.PREPARE, Retry.AFTER_USER, ExitCode.PROMPT_CANCELLED)
    CREDENTIAL_UNUSABLE    = ("credential-unusable", Stage.PREPARE, Retry.AFTER_USER, ExitCode.USER_NOT_AUTHENTICATED)
    TOKEN_MISSING          = ("token-missing", Stage.PREPARE, Retry.AFTER_USER, ExitCode.PIN_BLOCKED_OR_TOKEN_MISSING)
    TOKEN_OTHER            = ("token-other", Stage.PREPARE, Retry.AFTER_USER, ExitCode.PIN_BLOCKED_OR_TOKEN_MISSING)
    TOKEN_REMOVED          = ("token-removed", Stage.PREPARE, Retry.AFTER_USER, ExitCode.PIN_BLOCKED_OR_TOKEN_MISSING)
    TOKEN_SILENT           = ("token-silent", Stage.PREPARE, Retry.AFTER_USER, ExitCode.PIN_BLOCKED_OR_TOKEN_MISSING)
    PIN_WRONG              = ("pin-wrong", Stage.PREPARE, Retry.AFTER_USER, ExitCode.USER_NOT_AUTHENTICATED)
    PIN_LOCKED             = ("pin-locked", Stage.PREPARE, Retry.AFTER_USER, ExitCode.PIN_BLOCKED_OR_TOKEN_MISSING)
    TLS_ENGINE_MISSING     = ("tls-engine-missing", Stage.PREPARE, Retry.NEVER, ExitCode.ERROR)
    NO_NETWORK             = ("no-network", Stage.REACH, Retry.BACK_OFF, ExitCode.NO_NETWORK)
    NAME_NOT_FOUND         = ("name-not-found", Stage.RESOLVE, Retry.BACK_OFF, ExitCode.FAILED)
    GATEWAY_SILENT         = ("gateway-silent", Stage.REACH, Retry.BACK_OFF, ExitCode.TIMEOUT)
    GATEWAY_REFUSES_UDP    = ("gateway-refuses-udp", Stage.REACH, Retry.BACK_OFF, ExitCode.TIMEOUT)
    LOGIN_UNANSWERED       = ("login-unanswered", Stage.REACH, Retry.BACK_OFF, ExitCode.TIMEOUT)
    CAPTIVE_PORTAL         = ("captive-portal", Stage.REACH, Retry.BACK_OFF, ExitCode.TIMEOUT)
    TIMEOUT                = ("timeout", Stage.REACH, Retry.BACK_OFF, ExitCode.TIMEOUT)
    NO_COMMON_PROPOSAL     = ("no-common-proposal", Stage.PROPOSAL, Retry.NEVER, ExitCode.FAILED)
    PPK_NOT_USED           = ("ppk-not-used", Stage.PROPOSAL, Retry.NEVER, ExitCode.FAILED)
    PROTOCOL_ERROR         = ("protocol-error", Stage.PROPOSAL, Retry.BACK_OFF, ExitCode.FAILED)
    GATEWAY_UNTRUSTED      = ("gateway-untrusted", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    GATEWAY_EXPIRED        = ("gateway-expired", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    GATEWAY_PIN            = ("gateway-pin", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    GATEWAY_REVOKED        = ("gateway-revoked", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    REVOCATION_UNKNOWN     = ("gateway-revocation-unknown", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    GATEWAY_WRONG_NAME     = ("gateway-wrong-name", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    GATEWAY_KEY_USAGE      = ("gateway-key-usage", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    GATEWAY_BAD_SIGNATURE  = ("gateway-bad-signature", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    GATEWAY_SHA1           = ("gateway-sha1", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    GATEWAY_NO_AUTH        = ("gateway-no-auth", Stage.GATEWAY_AUTH, Retry.NEVER, ExitCode.GATEWAY_NOT_AUTHENTICATED)
    USER_REFUSED           = ("user-refused", Stage.USER_AUTH, Retry.AFTER_USER, ExitCode.USER_NOT_AUTHENTICATED)
    CERTIFICATE_EXPIRED    = ("certificate-expired", Stage.USER_AUTH, Retry.AFTER_USER, ExitCode.USER_NOT_AUTHENTICATED)
    PPK_REFUSED            = ("ppk-refused", Stage.USER_AUTH, Retry.AFTER_USER, ExitCode.USER_NOT_AUTHENTICATED)
    ROUNDS_UNSUPPORTED     = ("rounds-unsupported", Stage.USER_AUTH, Retry.NEVER, ExitCode.USER_NOT_AUTHENTICATED)
    EAP_METHOD_UNSUPPORTED = ("eap-method-unsupported", Stage.USER_AUTH, Retry.NEVER, ExitCode.USER_NOT_AUTHENTICATED)
    CHILD_NO_PROPOSAL      = ("child-no-proposal", Stage.TUNNEL, Retry.NEVER, ExitCode.FAILED)
    TS_UNACCEPTABLE        = ("ts-unacceptable", Stage.TUNNEL, Retry.NEVER, ExitCode.FAILED)
    ADDRESS_FAILURE        = ("address-failure", Stage.TUNNEL, Retry.BACK_OFF, ExitCode.FAILED)
    CONFIG_REQUIRED        = ("config-required", Stage.TUNNEL, Retry.NEVER, ExitCode.FAILED)
    CHILD_FAILED           = ("child-failed", Stage.TUNNEL, Retry.BACK_OFF, ExitCode.FAILED)
    HOST_SETUP             = ("host-setup", Stage.HOST, Retry.NEVER, ExitCode.ERROR)
    DEAD_PEER              = ("dead-peer", Stage.RUNNING, Retry.BACK_OFF, ExitCode.FAILED)
    GATEWAY_CLOSED         = ("gateway-closed", Stage.RUNNING, Retry.BACK_OFF, ExitCode.FAILED)
    LIFETIME_EXPIRED       = ("lifetime-expired", Stage.RUNNING, Retry.BACK_OFF, ExitCode.FAILED)
    LOGIN_EXPIRED          = ("login-expired", Stage.RUNNING, Retry.AFTER_USER, ExitCode.PROMPT_CANCELLED)
    INTERNAL               = ("internal", Stage.RUNNING, Retry.NEVER, ExitCode.ERROR)
    # fmt: on

    def __init__(self, code: str, stage: Stage, retry: Retry, exit_code: ExitCode) -> None:
        self.code = code
        self.stage = stage
        self.retry = retry
        self.exit_code = exit_code

    @classmethod
    def from_code(cls, code: str) -> "Cause":
        """Raises KeyError for a code that is none of ours."""
        return _BY_CODE[code]


_BY_CODE = {cause.code: cause for cause in Cause}


class RoveError(Exception):
    """Something the user should hear of: a cause, and what was seen, in one technical line."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        super().__init__(f"{cause.code}: {detail}" if detail else cause.code)
        self.cause = cause
        self.detail = detail


@dataclass(frozen=True)
class Finding:
    """Something worth telling that did not end the connection."""

    code: str
    message: str
