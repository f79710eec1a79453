"""``python authorized.py ACTION``: does polkit allow it to this process? Prints ``yes``, ``challenge`` or ``no``."""

import asyncio
import sys

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

_POLKIT = "org.freedesktop.PolicyKit1"


async def check(action: str) -> str:
    """Asks as roved asks: by the unique bus name. Raises RuntimeError when polkit gives an error."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    subject = ["system-bus-name", {"name": Variant("s", bus.unique_name)}]
    reply = await bus.call(Message(
        destination=_POLKIT, path="/org/freedesktop/PolicyKit1/Authority", interface=f"{_POLKIT}.Authority",
        member="CheckAuthorization", signature="(sa{sv})sa{ss}us", body=[subject, action, {}, 0, ""]))
    bus.disconnect()
    if reply is None or reply.message_type == MessageType.ERROR:
        raise RuntimeError(f"polkit: {reply and (reply.error_name, reply.body)}")
    authorized, challenge, _ = reply.body[0]
    return "yes" if authorized else "challenge" if challenge else "no"


if __name__ == "__main__":
    print(asyncio.run(check(sys.argv[1])))
