"""The peer broke the protocol, the peer is not the peer, or we misused our own code."""

from client.core.crypto.errors import IntegrityError
from client.core.ikev2.constants import NotifyType, PayloadType

__all__ = ["IntegrityError", "InvalidKePayload", "InvalidMajorVersion", "InvalidSyntax", "MisuseError",
           "NoProposalChosen", "ProtocolError", "UnsupportedCriticalPayload"]


class ProtocolError(Exception):
    """The peer broke the protocol. ``notify`` and the other parts are the notification that says so.

    ``detail`` is for our log and is not sent. It never quotes what came in an encrypted payload.
    """

    def __init__(self, notify: NotifyType, detail: str = "", data: bytes = b"", *, protocol: int = 0,
                 spi: bytes = b"") -> None:
        super().__init__(f"{notify.name}: {detail}" if detail else notify.name)
        self.notify = notify
        self.detail = detail
        self.data = data
        self.protocol = protocol
        self.spi = spi


class InvalidSyntax(ProtocolError):
    """RFC 7296 §3.10.1 type 7."""

    def __init__(self, detail: str) -> None:
        super().__init__(NotifyType.INVALID_SYNTAX, detail)


class UnsupportedCriticalPayload(ProtocolError):
    """RFC 7296 §2.5; the notification data is the payload's type."""

    def __init__(self, payload_type: int) -> None:
        super().__init__(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, PayloadType(payload_type).name, bytes([payload_type]))
        self.payload_type = payload_type


class InvalidMajorVersion(ProtocolError):
    """RFC 7296 §2.5."""

    def __init__(self, major: int) -> None:
        super().__init__(NotifyType.INVALID_MAJOR_VERSION, f"version {major}")


class NoProposalChosen(ProtocolError):
    def __init__(self, detail: str) -> None:
        super().__init__(NotifyType.NO_PROPOSAL_CHOSEN, detail)


class InvalidKePayload(ProtocolError):
    """RFC 7296 §1.3; the notification data is the group that we would take."""

    def __init__(self, group: int) -> None:
        super().__init__(NotifyType.INVALID_KE_PAYLOAD, f"wants group {group}", group.to_bytes(2, "big"))
        self.group = group


class MisuseError(Exception):
    """A mistake of ours: a value that no message can carry, keys that do not fit."""
