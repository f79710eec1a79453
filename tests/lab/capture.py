"""Packets of one interface, and the IKE messages in them, decrypted with a gateway's log of level 4."""

import subprocess
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.lab import ikekeys, netns, shell
from tests.lab.shell import LabError, run

# RFC 7296 §3.1 and §3.2, RFC 7383 §2.5, RFC 9242 §3
EXCHANGES = {34: "IKE_SA_INIT", 35: "IKE_AUTH", 36: "CREATE_CHILD_SA", 37: "INFORMATIONAL", 43: "IKE_INTERMEDIATE"}
PAYLOADS = {33: "SA", 34: "KE", 35: "IDi", 36: "IDr", 37: "CERT", 38: "CERTREQ", 39: "AUTH", 40: "Nonce", 41: "N",
            42: "D", 43: "V", 44: "TSi", 45: "TSr", 46: "SK", 47: "CP", 48: "EAP", 53: "SKF"}
EAP_CODES = {1: "Request", 2: "Response", 3: "Success", 4: "Failure"}  # RFC 3748 §4
_INNER = (2, 3)  # proposals and transforms, inside SA


@dataclass(frozen=True)
class IkeMessage:
    """One datagram. A message in fragments (RFC 7383) shows its payloads with the last one."""

    time: float                  # since the first packet, s
    source: str                  # address
    destination: str
    exchange: str
    message_id: int
    response: bool
    size: int                    # of the IKE message or fragment, octets
    payloads: tuple[str, ...]    # as PAYLOADS, SK first, then what it holds
    notifies: tuple[str, ...]
    eap: tuple[tuple[str, int | None], ...]   # (code, type)
    decrypted: bool


class Capture:
    """From entering to leaving the ``with`` block; ``path`` is then a pcap file."""

    def __init__(self, space: str, interface: str, path: Path, expression: str = "") -> None:
        self.path = path
        words = ["tcpdump", "--immediate-mode", "-U", "-n", "-Z", "root", "-i", interface, "-w", str(path), expression]
        self._process = shell.start([*netns.command(space), *filter(None, words)], stderr=subprocess.PIPE)
        assert self._process.stderr is not None
        said: list[str] = []
        while "listening on" not in (line := self._process.stderr.readline()):
            if not line:
                raise LabError(f"tcpdump does not start: {' '.join(said)}")
            said.append(line)

    def __enter__(self) -> "Capture":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        if self._process.poll() is None:
            time.sleep(0.05)  # what is on its way through the kernel
        shell.stop(self._process)

    def ike(self, log: str = "") -> list[IkeMessage]:
        """The IKE messages; ``log`` of either charon, written at level 4, decrypts them (``StrongSwan.log()``)."""
        profile = self.path.with_suffix(".wireshark")
        ikekeys.write_profile(log, profile)
        environment = {"WIRESHARK_CONFIG_DIR": str(profile), "HOME": str(profile), "PATH": "/usr/bin:/bin"}
        done = run("tshark", "-r", str(self.path), "-Y", "isakmp", "-T", "pdml", env=environment)
        return [_message(packet) for packet in ElementTree.fromstring(done.stdout).iter("packet")]

    def count(self, expression: str) -> int:
        """How many packets match a Wireshark display filter."""
        done = run("tshark", "-r", str(self.path), "-Y", expression, "-T", "fields", "-e", "frame.number")
        return len(done.stdout.split())


def _message(packet: ElementTree.Element) -> IkeMessage:
    fields: dict[str, list[ElementTree.Element]] = {}
    for element in packet.iter("field"):
        fields.setdefault(element.get("name", ""), []).append(element)

    def first(*names: str) -> str:
        return next((fields[name][0].get("show", "") for name in names if name in fields), "")
    kinds = [int(element.get("show", "0")) for element in fields.get("isakmp.typepayload", [])]
    payloads = tuple(PAYLOADS.get(kind, str(kind)) for kind in kinds if kind not in _INNER)
    named = [element.get("showname", "").partition(": ")[2] for element in fields.get("isakmp.notify.msgtype", [])]
    return IkeMessage(
        float(first("frame.time_relative")), first("ip.src", "ipv6.src"), first("ip.dst", "ipv6.dst"),
        EXCHANGES.get(int(first("isakmp.exchangetype")), first("isakmp.exchangetype")),
        int(first("isakmp.messageid"), 16), first("isakmp.flag_r") == "1", int(first("isakmp.length")), payloads,
        tuple(name.rpartition(" (")[0] for name in named), _eap(packet), "isakmp.enc.decrypted" in fields)


def _eap(packet: ElementTree.Element) -> tuple[tuple[str, int | None], ...]:
    found: list[tuple[str, int | None]] = []
    for element in packet.iter("field"):
        if element.get("name") == "eap.code":
            found.append((EAP_CODES.get(int(element.get("show", "0")), "?"), None))
        elif element.get("name") == "eap.type" and found and found[-1][1] is None:
            found[-1] = (found[-1][0], int(element.get("show", "0")))
    return tuple(found)
