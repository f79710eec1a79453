"""roved as it is, with a manager that records what it is told instead of building tunnels.

The record is one JSON line per call, in the file $RECORD. A profile's name says what its attempt does:
``asks-…`` prepares with the agent, ``signs-…`` uses it further, ``slow-…`` takes a second to start.
"""

import asyncio
import json
import os
import sys
import time

from client.core.helper.main import main
from client.core.helper.owner import SYSTEM
from client.model.cause import RoveError
from client.model.state import TunnelState, rfc3339


class RecordingManager:
    def __init__(self, log, on_event):
        self.log = log
        self.on_event = on_event
        self.active = {}
        self.tasks = set()

    def record(self, what, owner, name, **more):
        with open(os.environ["RECORD"], "a") as file:
            file.write(json.dumps({"what": what, "uid": owner.uid, "name": name, **more}) + "\n")

    async def start(self):
        self.record("start", SYSTEM, "")

    async def connect(self, owner, profile, agent, deadline):
        self.record("connect", owner, profile.name, deadline=deadline, asks=agent.uid)
        if profile.name.startswith("slow-"):
            await asyncio.sleep(1)
        if profile.name.startswith("breaks-"):
            raise ZeroDivisionError("secret detail")
        self.active[owner, profile.name] = TunnelState(profile.name, "connecting", rfc3339(time.time()))
        self.on_event(owner, {"connection": profile.name, "kind": "state", "state": {"name": profile.name}})
        self.log.write(owner, profile.name, "info", "begins\x1b[31m")
        task = asyncio.create_task(self.attempt(owner, profile.name, agent))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def attempt(self, owner, name, agent):
        try:
            if name.startswith(("asks-", "signs-")):
                prepared = await agent.prepare("connect", 3.0)
                self.record("prepared", owner, name, identity=prepared.identity,
                            certificates=[der.hex() for der in prepared.certificates])
            if name.startswith("signs-"):
                signature = await agent.sign_ike_auth(b"init", b"n" * 32, b"m" * 32, b"", "ecdsa-sha256")
                proof = await agent.psk_auth("prf", b"octets")
                eap = await agent.eap(b"\x01\x01\x00\x05\x01")
                success = await agent.eap(b"\x03\x01\x00\x04")
                self.record("signed", owner, name, signature=signature.hex(), proof=proof.hex(),
                            response=eap.response.hex(), early_msk=len(eap.msk), msk=len(success.msk))
                agent.cancel()
        except RoveError as error:
            self.record("failed", owner, name, code=error.cause.code, detail=error.detail)

    async def disconnect(self, owner, name):
        self.record("disconnect", owner, name)
        self.active.pop((owner, name), None)

    async def rekey(self, owner, name, what):
        self.record("rekey", owner, name, kind=what)

    async def reauthenticate(self, owner, name, sender):
        self.record("reauthenticate", owner, name)

    def prepare_for_sleep(self, going):
        self.record("sleep", SYSTEM, "", going=going)

    def agent_came(self, uid):
        self.record("agent came", SYSTEM, "", of=uid)

    def states(self, owner):
        return [state for (whose, _), state in self.active.items() if whose == owner]

    def is_active(self, owner, name):
        return (owner, name) in self.active

    def owners(self):
        return list({owner for owner, _ in self.active})

    async def shutdown(self):
        self.record("shutdown", SYSTEM, "")


def clean_up(everything):
    with open(os.environ["RECORD"], "a") as file:
        file.write(json.dumps({"what": "clean_up", "everything": everything}) + "\n")
    return ["rove7"]


if __name__ == "__main__":
    sys.exit(main(manager_factory=RecordingManager, clean_up=clean_up))
