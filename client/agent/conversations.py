"""A round of a profile → its EAP conversation: which methods it may use, and what it needs beforehand."""

from collections.abc import Callable, Mapping

from client.core.eap.gtc import Gtc
from client.core.eap.md5 import Md5Challenge
from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapType
from client.core.eap.peap import Peap
from client.core.eap.peer import EapPeer, Method
from client.core.eap.tls import EapTls
from client.core.eap.tls_method import TlsCredential, check_engine
from client.core.eap.ttls import EapTtls, Inner, Pap, TunnelledEap, TunnelledMsChapV2
from client.model.profile import Round

Random = Callable[[int], bytes]
Maker = Callable[[], Method]
TUNNELLED = ("tls", "ttls", "peap")


def needs_password(auth: str) -> bool:
    """Before anything is sent? Where the gateway's words say what is wanted (GTC), they come first."""
    return auth.startswith("eap-") and auth.replace("/", "-").rsplit("-", 1)[1] in ("mschapv2", "md5", "pap")


def conversation(each: Round, password: str, random: Random, tls: TlsCredential) -> EapPeer:
    """Raises EapError (CREDENTIAL_UNUSABLE) for a name or a password that the method cannot carry."""
    outer, _, inner = each.auth.removeprefix("eap-").partition("/")
    if outer not in TUNNELLED:
        return EapPeer(each.identity, plain_method(outer, each.identity, password, random))
    check_engine()
    if outer == "tls":
        return EapPeer(outer_identity(each), {EapType.TLS: lambda: EapTls(tls)})
    if outer == "peap":
        within = EapPeer(each.identity, plain_method(inner, each.identity, password, random))
        return EapPeer(outer_identity(each), {EapType.PEAP: lambda: Peap(within)})
    speaks = _within_ttls(inner, each.identity, password, random)
    return EapPeer(outer_identity(each), {EapType.TTLS: lambda: EapTtls(speaks)})


def _within_ttls(name: str, user: str, password: str, random: Random) -> Inner:
    if name == "pap":
        return Pap(user, password)
    if name == "mschapv2":
        return TunnelledMsChapV2(user, password, random)
    return TunnelledEap(EapPeer(user, plain_method(name, user, password, random)), user)


def outer_identity(each: Round) -> str:
    """What answers EAP-Identity: where a tunnel hides the real name, ``ike_identity`` may be anonymous@realm."""
    tunnelled = each.auth.removeprefix("eap-").partition("/")[0] in TUNNELLED
    return each.ike_identity if tunnelled and each.ike_identity else each.identity


def plain_method(name: str, user: str, password: str, random: Random) -> Mapping[int, Maker]:
    """Of the methods that need nothing around them, and that may be within a tunnel."""
    if name == "gtc":
        return {EapType.GTC: Gtc}
    if name == "md5":
        Md5Challenge(user, password)
        return {EapType.MD5: lambda: Md5Challenge(user, password)}
    challenge = random(16)
    MsChapV2(user, password, challenge)     # said now, before the gateway is troubled
    return {EapType.MSCHAPV2: lambda: MsChapV2(user, password, challenge, random)}
