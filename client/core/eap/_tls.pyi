class TlsClient:
    """One TLS connection without I/O. Nothing is sent before ``receive`` and friends have put it into the output.

    While a question is open (``certificates_to_judge``, ``message_to_sign``) only its answer is taken; after an
    ``error`` nothing is. Misuse raises ValueError.
    """

    def __init__(self, certificates: list[bytes], schemes: list[int], tls13: bool = True) -> None:
        """``certificates``: DER, the client's own first, or none. ``schemes``: TLS SignatureSchemes, best first."""

    def receive(self, data: bytes) -> None: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def provide_verdict(self, accepted: bool) -> None: ...
    def provide_signature(self, signature: bytes | None) -> None: ...
    def export(self, label: bytes, context: bytes | None, length: int) -> bytes:
        """RFC 5705, RFC 8446 §7.5; once the handshake is over."""

    def take_output(self) -> bytes: ...
    def take_plaintext(self) -> bytes: ...
    @property
    def certificates_to_judge(self) -> list[bytes] | None: ...
    @property
    def message_to_sign(self) -> tuple[int, bytes] | None: ...
    @property
    def handshaking(self) -> bool: ...
    @property
    def version(self) -> int:
        """0x0303, 0x0304; 0 while it is open."""

    @property
    def closed(self) -> bool:
        """close_notify came."""

    @property
    def error(self) -> tuple[str, str, int | None] | None:
        """Kind, words, the number of the server's alert: "alert", "signature", "incompatible", "local", "protocol",
        "refused" (by our verdict), "misuse"."""
