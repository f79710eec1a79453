"""What the agent's tests share: profiles, a prompter that answers from a list, an IKE_SA_INIT message."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from client.agent.prompts import Answer, Choice, PromptCancelled, Question

EAP_PROFILE = """
name = "work"
[gateway]
address = ["gw.lab.test"]
[user]
auth = "eap-mschapv2"
identity = "alice@lab.test"
"""
PSK_PROFILE = EAP_PROFILE.replace("eap-mschapv2", "psk")
CERTIFICATE_PROFILE = EAP_PROFILE.replace('"eap-mschapv2"', '"certificate"\ncertificate = "alice.p12"')


@dataclass
class Answers:
    """A Prompter; None stands for a user who never answers, an exception for one who refuses."""

    answers: list[str | Exception | None]
    asked: list[Question] = field(default_factory=list)
    remember: bool = False
    open: int = 0
    shown: asyncio.Event = field(default_factory=asyncio.Event)
    withdrawn: asyncio.Event = field(default_factory=asyncio.Event)

    async def choose(self, text: str, choices: Sequence[Choice], profile: str = "") -> int:
        raise PromptCancelled("nobody chooses")

    async def secret(self, question: Question) -> Answer:
        self.asked.append(question)
        answer = self.answers.pop(0) if self.answers else PromptCancelled("nobody")
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            self.open += 1
            self.shown.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.open -= 1
                self.withdrawn.set()
        assert answer is not None
        return Answer(answer, self.remember)


def ike_sa_init(*, flags: int = 0x08, exchange: int = 34, spi_r: bytes = bytes(8), message_id: int = 0,
                drop: int | None = None, spi_i: bytes = b"initiato") -> bytes:
    """{ SA KE Ni } put together by hand (RFC 7296 §3.1-3.9); ``drop`` leaves out one payload type."""
    transforms = (b"\x03\x00\x00\x0c\x01\x00\x00\x14\x80\x0e\x01\x00"      # AES-GCM-16, 256 bits
                  b"\x03\x00\x00\x08\x02\x00\x00\x05" b"\x00\x00\x00\x08\x04\x00\x00\x13")
    proposal = b"\x00\x00" + (8 + len(transforms)).to_bytes(2, "big") + b"\x01\x01\x00\x03" + transforms
    bodies = [(33, proposal), (34, b"\x00\x13\x00\x00" + bytes(range(64))), (40, bytes(range(32)))]
    bodies = [(kind, body) for kind, body in bodies if kind != drop]
    payloads = b""
    for index, (_, body) in enumerate(bodies):
        following = bodies[index + 1][0] if index + 1 < len(bodies) else 0
        payloads += bytes((following, 0)) + (4 + len(body)).to_bytes(2, "big") + body
    return (spi_i + spi_r + bytes((bodies[0][0], 0x20, exchange, flags)) + message_id.to_bytes(4, "big")
            + (28 + len(payloads)).to_bytes(4, "big") + payloads)
