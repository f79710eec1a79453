"""Name servers of the lab, as threads of the test: they answer from a table and remember who asked what."""

import contextlib
import socket
import threading
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.lab import netns, plan
from tests.lab.gateways import CONNECTIONS, DOMAIN, address, identity


def internet_names(v6: bool) -> dict[str, tuple[str, ...]]:
    """What everybody can look up: the gateway by all its names."""
    both: tuple[str, ...] = (plan.GATEWAY, plan.GATEWAY6) if v6 else (plan.GATEWAY,)
    names: dict[str, tuple[str, ...]] = {
        identity(name): both if address(name) == plan.GATEWAY else (address(name),) for name in CONNECTIONS}
    return names | {DOMAIN: both, "public.example": (plan.INET_DNS,), "silent.example": ("192.0.2.98",),
                    "pki.lab.test": (plan.INET_DNS,)}


CORP_NAMES: dict[str, tuple[str, ...]] = {
    "host.corp.lab.test": (plan.CORP_HOST, plan.CORP_HOST6), "db.lab.internal": (plan.CORP_HOST_B,),
    "public.example": (plan.CORP_HOST,),   # another answer than the internet's shows whose resolver was asked
}


class NameServer:
    """UDP on port 53 of ``addresses`` in a namespace. ``queries`` grows: (client, name, type)."""

    def __init__(self, space: str, addresses: tuple[str, ...], names: dict[str, tuple[str, ...]]) -> None:
        self.names, self.queries = names, list[tuple[str, str, str]]()
        self._sockets = [netns.inside(space, lambda a=a: _listen(a)) for a in addresses]  # type: ignore[misc] # bound now
        self._threads = [threading.Thread(target=self._serve, args=(s,), daemon=True) for s in self._sockets]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for opened, thread in zip(self._sockets, self._threads, strict=True):
            with contextlib.suppress(OSError):  # ENOTCONN, yet it wakes the thread
                opened.shutdown(socket.SHUT_RD)
            thread.join()
            opened.close()

    def _serve(self, opened: socket.socket) -> None:
        while True:
            try:
                data, client = opened.recvfrom(4096)
            except OSError:
                return
            if not data:  # shut down
                return
            try:
                answer = self._answer(dns.message.from_wire(data), client[0])
                opened.sendto(answer.to_wire(), client)
            except (dns.exception.DNSException, OSError):
                continue

    def _answer(self, query: dns.message.Message, client: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        self.queries.append((client, name, dns.rdatatype.to_text(question.rdtype)))
        if name not in self.names:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        wanted = {dns.rdatatype.A: 4, dns.rdatatype.AAAA: 6}.get(question.rdtype)
        found = [text for text in self.names.get(name, ()) if ip_address(text).version == wanted]
        if found:
            answer.answer.append(dns.rrset.from_text(question.name, 60, question.rdclass, question.rdtype, *found))
        return answer


def _listen(local: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in local else socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((local, 53))
    return opened
