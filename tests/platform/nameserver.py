"""A name server for tests, run in a driver: UDP and TCP on one address, answers from a table."""

import asyncio
import socket

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """``zone``: (name, type) → texts. ``mode``: "answer", "truncate", "servfail", "garbage", "forge", "silent"."""

    def __init__(self, address: str, zone: dict[tuple[str, str], list[str]], mode: str = "answer") -> None:
        self.zone, self.mode, self.address = zone, mode, address
        self.asked: list[tuple[str, str, str]] = []      # transport, name, type
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._udp = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._udp.bind((address, 53))

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._serve_udp())]
        self._server = await asyncio.start_server(self._serve_tcp, self.address, 53)

    async def _serve_udp(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data, sender = await loop.sock_recvfrom(self._udp, 4096)
            query = dns.message.from_wire(data)
            self._note("udp", query)
            if self.mode == "silent":
                continue
            if self.mode == "garbage":
                await loop.sock_sendto(self._udp, b"\xff" * 100, sender)
                continue
            if self.mode == "forge":        # a wrong identifier first, then the truth
                wrong = self._answer(query)
                wrong.id ^= 1
                await loop.sock_sendto(self._udp, wrong.to_wire(), sender)
            reply = self._answer(query)
            if self.mode == "truncate":
                reply = dns.message.make_response(query)
                reply.flags |= dns.flags.TC
            await loop.sock_sendto(self._udp, reply.to_wire(), sender)

    async def _serve_tcp(self, reader, writer) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        query = dns.message.from_wire(await reader.readexactly(length))
        self._note("tcp", query)
        wire = self._answer(query).to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        await writer.drain()
        writer.close()

    def _note(self, transport, query) -> None:
        question = query.question[0]
        self.asked.append((transport, question.name.to_text(), dns.rdatatype.to_text(question.rdtype)))

    def _answer(self, query):
        question = query.question[0]
        reply = dns.message.make_response(query)
        if self.mode == "servfail":
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        for _ in range(20):
            if (name, "CNAME") not in self.zone:
                break
            target = self.zone[name, "CNAME"]
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", *target))
            name = target[0]
        if records := self.zone.get((name, kind)):
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *records))
        elif not any(name == known for known, _ in self.zone):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply
