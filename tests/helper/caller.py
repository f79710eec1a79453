"""A user's process on the bus, told what to do by JSON lines on stdin; one JSON line answers each.

Values: {"hex": "00ff"} is a byte array, {"v": ["s", "text"]} a variant, the rest as JSON has it.
"""

import asyncio
import json
import sys
from collections import Counter

from dbus_fast import BusType, Message, MessageFlag, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import SignatureBodyMismatchError

from client.bus.patience import patient

AGENTS = ("org.rovevpn.Rove1.Agent", "org.freedesktop.PolicyKit1.AuthenticationAgent")
ROVE = {"destination": "org.rovevpn.Rove1", "path": "/org/rovevpn/Rove1", "interface": "org.rovevpn.Rove1"}


def decode(value):
    if isinstance(value, dict):
        if "hex" in value:
            return bytes.fromhex(value["hex"])
        if "v" in value:
            return Variant(value["v"][0], decode(value["v"][1]))
        return {key: decode(inner) for key, inner in value.items()}
    return [decode(inner) for inner in value] if isinstance(value, list) else value


def as_json(value):
    return bytes(value).hex() if isinstance(value, (bytes, bytearray)) else repr(value)


def message(order):
    flags = MessageFlag.ALLOW_INTERACTIVE_AUTHORIZATION if order.get("interactive") else MessageFlag.NONE
    where = {**ROVE, **{key: order[key] for key in ROVE if key in order}}
    return Message(**where, member=order["member"], flags=flags, signature=order.get("signature", ""),
                   body=decode(order.get("body", [])))


class Process:
    def __init__(self, bus):
        self.bus = bus
        self.events = []
        self.agent_calls = []
        self.replies = {}
        bus.add_message_handler(self.handle)

    def handle(self, received):
        if received.message_type is MessageType.SIGNAL and received.member == "Event":
            self.events.append({"sender": received.sender, **json.loads(received.body[0])})
        if received.message_type is not MessageType.METHOD_CALL or received.interface not in AGENTS:
            return None
        self.agent_calls.append([received.member, json.loads(json.dumps(received.body, default=as_json))])
        reply = self.replies.get(received.member, {"error": "org.rovevpn.Rove1.Error.no_agent", "text": ""})
        if "hang" in reply:
            return True
        if "error" in reply:
            return Message.new_error(received, reply["error"], reply["text"])
        return Message.new_method_return(received, reply.get("signature", ""), decode(reply.get("body", [])))

    async def tried(self, order):
        """What our own library refuses to send is an answer as well."""
        try:
            reply = await asyncio.wait_for(self.bus.call(message(order)), 60)
        except (TypeError, ValueError, OverflowError, SignatureBodyMismatchError) as error:
            return f"unsent.{type(error).__name__}", ""
        return reply.error_name, repr(reply.body)

    async def obey(self, order):
        match order["op"]:
            case "call":
                reply = await self.bus.call(message(order))
                return {"error": reply.error_name, "signature": reply.signature, "body": reply.body}
            case "send":            # and do not wait
                await self.bus.send(message(order))
                return {}
            case "signal":
                signal = message(order)
                signal.message_type = MessageType.SIGNAL
                await self.bus.send(signal)
                return {}
            case "flood":
                replies = await asyncio.gather(*(self.bus.call(message(order)) for _ in range(order["count"])))
                return {"errors": Counter(reply.error_name or "" for reply in replies)}
            case "each":            # side by side: [error, the body as text] of each
                replies = await asyncio.gather(*map(self.tried, order["orders"]))
                return {"answers": [[error, body] for error, body in replies]}
            case "agent":
                self.replies = order["replies"]
                return {}
            case "heard":
                for _ in range(200):
                    if len(self.events) >= order.get("events", 0) and len(self.agent_calls) >= order.get("calls", 0):
                        break
                    await asyncio.sleep(0.02)
                return {"events": self.events, "agent_calls": self.agent_calls}


async def main():
    bus = patient(await MessageBus(bus_type=BusType.SYSTEM).connect())
    process = Process(bus)
    reader = asyncio.StreamReader(limit=1 << 26)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"name": bus.unique_name}), flush=True)
    while line := await reader.readline():
        try:
            answer = await process.obey(json.loads(line))
        except Exception as error:      # e.g. the daemon has ended our connection: the test wants to know
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, default=repr), flush=True)

asyncio.run(main())
