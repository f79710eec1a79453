"""What IKE_SA_INIT and IKE_SESSION_RESUME have in common: unprotected, until keys exist.

Cookies (RFC 7296 §2.6), NAT detection (§2.23), redirects (RFC 5685 §3) and what both sides say that they can.
"""

from client.core.ikev2.constants import CertEncoding, ExchangeType, HashAlgorithm, NotifyType
from client.core.ikev2.errors import InvalidSyntax, ProtocolError
from client.core.ikev2.ike_sa import Context, IkeSa, IkeState
from client.core.ikev2.keymat import IkeKeys, ciphers
from client.core.ikev2.message import Message, encode_plain
from client.core.ikev2.natd import detect_nat, nat_detection
from client.core.ikev2.payloads import CERTREQ, Nonce, Notify, Payload
from client.core.ikev2.proposal import Proposal
from client.core.ikev2.redirect import RedirectedAway, new_gateway, redirected_from

MAX_RETRIES = 6              # cookies and other groups together, against a peer that plays (RFC 7296 §2.6.1)
MAX_COOKIE = 64              # octets (§2.6)
NONCE_LENGTH = 32            # octets; at least half the largest PRF key (§2.10)


class FirstExchange:
    """Runs until keys exist. ``request`` is what goes out now; the real first message is part of AUTH."""

    exchange: ExchangeType

    def __init__(self, ctx: Context, sa: IkeSa) -> None:
        self._ctx = ctx
        self._sa = sa
        self.nonce_i = ctx.random(NONCE_LENGTH)
        self.nonce_r = b""
        self.request = b""
        self.response = b""
        self._cookie = b""
        assert ctx.path is not None
        self._nat = nat_detection(sa.spi_i, bytes(8), ctx.path, ctx.random)     # the same in each request (§2.6)
        self._retries = 0

    def fallback_group(self) -> int | None:
        """The group to try when nobody answers, None when there is none."""
        return None

    def process_response(self, message: Message, raw: bytes, now: float) -> bool:
        """True when keys exist; False when ``request`` must go out anew.

        Raises ProtocolError for what cannot be accepted. Nothing here is authenticated yet: the
        AUTH payloads cover both messages.
        """
        if cookie := message.notify(NotifyType.COOKIE):
            self._count_retry()
            if not 1 <= len(cookie.data) <= MAX_COOKIE:
                raise InvalidSyntax("cookie length")
            self._cookie = cookie.data
            self._build()
            return False
        if self._otherwise(message):
            return False
        if self._ctx.config.redirects and (redirect := message.notify(NotifyType.REDIRECT)):
            raise RedirectedAway(new_gateway(redirect, self.nonce_i))
        if error := next((n for n in message.notifies() if n.is_error), None):
            raise ProtocolError(error.type, f"answer to {self.exchange.name}")
        nonce = message.require(Nonce)
        if not 16 <= len(nonce.data) <= 256:
            raise InvalidSyntax("nonce length")        # §2.10
        if not any(message.spi_r):
            raise InvalidSyntax("the gateway has no SPI")      # §3.1
        self.nonce_r, self.response, self._sa.spi_r = nonce.data, raw, message.spi_r
        self._accept(message)
        return True

    # --- what differs ---

    def _otherwise(self, message: Message) -> bool:
        """Does the gateway want another request? Then ``request`` is it."""
        return False

    def _keys(self, message: Message) -> tuple[Proposal, IkeKeys]:
        raise NotImplementedError("each exchange makes its own")

    def _payloads(self) -> list[Payload]:
        """Between the cookie and what both exchanges say."""
        raise NotImplementedError("each exchange has its own")

    # --- what does not ---

    def _accept(self, message: Message) -> None:
        ctx, sa = self._ctx, self._sa
        sa.proposal, sa.keys = self._keys(message)
        sa.cipher_out, sa.cipher_in = ciphers(sa.proposal, sa.keys, ctx.crypto)
        sa.state = IkeState.AUTH
        peer = ctx.peer
        peer.fragmentation = (ctx.config.fragmentation
                              and message.notify(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) is not None)
        peer.intermediate = message.notify(NotifyType.INTERMEDIATE_EXCHANGE_SUPPORTED) is not None
        peer.childless = message.notify(NotifyType.CHILDLESS_IKEV2_SUPPORTED) is not None
        peer.multiple_auth = message.notify(NotifyType.MULTIPLE_AUTH_SUPPORTED) is not None
        peer.ppk = message.notify(NotifyType.USE_PPK) is not None
        peer.authorities = frozenset(
            authority for asked in message.all(CERTREQ) if asked.encoding == CertEncoding.X509_SIGNATURE
            for authority in asked.authorities)
        if hashes := message.notify(NotifyType.SIGNATURE_HASH_ALGORITHMS):
            peer.hashes = frozenset(
                int.from_bytes(hashes.data[i:i + 2], "big") for i in range(0, len(hashes.data) - 1, 2))
        assert ctx.path is not None
        ctx.nat = bool(detect_nat(message, sa.spi_i, sa.spi_r, ctx.path))
        ctx.path = ctx.path.natt()      # our ESP travels in UDP, whether the gateway speaks of NAT or not

    def _count_retry(self) -> None:
        self._retries += 1
        if self._retries > MAX_RETRIES:
            raise ProtocolError(NotifyType.INVALID_SYNTAX, f"the gateway keeps asking for another {self.exchange.name}")

    def _build(self) -> None:
        config, sa = self._ctx.config, self._sa
        payloads: list[Payload] = [Notify.of(NotifyType.COOKIE, self._cookie)] if self._cookie else []
        payloads += [*self._payloads(), *self._nat]
        if config.fragmentation:
            payloads.append(Notify.of(NotifyType.IKEV2_FRAGMENTATION_SUPPORTED))
        payloads.append(Notify.of(NotifyType.SIGNATURE_HASH_ALGORITHMS, _OUR_HASHES))
        payloads += self._last_payloads()
        if config.redirects:
            payloads.append(redirected_from(config.redirected_from) if config.redirected_from
                            else Notify.of(NotifyType.REDIRECT_SUPPORTED))
        self.request = encode_plain(Message(sa.spi_i, bytes(8), self.exchange, initiator=True,
                                            response=False, message_id=0, payloads=tuple(payloads)))

    def _last_payloads(self) -> list[Payload]:
        return []


_OUR_HASHES = b"".join(number.to_bytes(2, "big") for number in (
    HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512, HashAlgorithm.IDENTITY))
