"""A round of a profile → its EAP conversation: which methods it may use, and what it needs beforehand."""

from collections.abc import Callable, Mapping

from client.core.eap.gtc import Gtc
from client.core.eap.md5 import Md5Challenge
from client.core.eap.mschapv2 import MsChapV2
from client.core.eap.packet import EapType
from client.core.eap.peer import EapPeer, Method
from client.model.profile import Round

Random = Callable[[int], bytes]
Maker = Callable[[], Method]


def needs_password(auth: str) -> bool:
    """Before anything is sent? Where the gateway's words say what is wanted (GTC), they come first."""
    return auth.startswith("eap-") and auth.replace("/", "-").rsplit("-", 1)[1] in ("mschapv2", "md5", "pap")


def conversation(each: Round, password: str, random: Random) -> EapPeer:
    """Raises EapError (CREDENTIAL_UNUSABLE) for a name or a password that the method cannot carry."""
    methods = plain_method(each.auth.removeprefix("eap-"), each.identity, password, random)
    return EapPeer(each.identity, methods)


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
