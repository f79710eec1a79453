"""The two clients of the table behind one face: Rove, and strongSwan's."""

import re
import time
from typing import Any

from tests.interop.rovetest import connect, imported, status
from tests.lab import measure, plan
from tests.lab.lab import Lab
from tests.lab.ping import PingStream, lost, outage
from tests.lab.ping import ping as ping_once
from tests.lab.shell import LabError

SETTLE = 0.4        # s before a fault and after it
_LIVE = 0.1         # s that a look whether anything passes may take


class Client:
    """``name`` is the gateway's connection; its certificate needs nobody at a terminal."""

    who = ""

    def __init__(self, lab: Lab, name: str, cap: float) -> None:
        self.lab, self.name, self.cap = lab, name, cap

    def connect(self, **changes: Any) -> None:
        raise NotImplementedError

    def disconnect(self) -> None:
        raise NotImplementedError

    @property
    def address(self) -> str:
        """IPv4, inside."""
        raise NotImplementedError

    # --- measuring

    def passes(self, where: str = plan.CLIENT, to: str = plan.CORP_HOST) -> bool:
        return ping_once(self.lab.spaces[where], to, _LIVE)

    def back(self, where: str = plan.CLIENT, to: str = plan.CORP_HOST) -> bool:
        """Wait until something passes again, at most ``cap`` s."""
        until = time.monotonic() + self.cap
        while time.monotonic() < until:
            if self.passes(where, to):
                return True
        return False

    def stream(self, where: str = plan.CLIENT, to: str = plan.CORP_HOST, interval: float = 0.01) -> PingStream:
        return self.lab.ping_stream(where, to, interval)

    def outage(self, stream: PingStream, since: float) -> float | None:
        """Ends the stream. From its first lost probe after ``since`` to the next answered one; None for never."""
        time.sleep(SETTLE)
        try:
            return outage(stream.stop(), since)
        except LabError:
            return None

    def late(self, stream: PingStream, since: float) -> float | None:
        """Ends the stream. From ``since`` on, when the way was there, to the first probe that was answered."""
        time.sleep(SETTLE)
        missing = [probe.sent for probe in lost(stream.stop()) if probe.sent >= since - 0.05]
        if not missing:
            return 0.0
        answered = [probe.sent for probe in stream.probes if probe.rtt is not None and probe.sent > missing[0]]
        return max(0.0, answered[0] - since) if answered else None


class Rove(Client):
    who = "Rove"

    def __init__(self, lab: Lab, name: str, cap: float) -> None:
        super().__init__(lab, name, cap)
        self.before: dict[str, Any] = {}

    def connect(self, **changes: Any) -> None:
        name = imported(self.lab, self.name, **changes)
        agent = self.lab.rove_popen("agent")
        assert agent.stdout is not None
        agent.stdout.readline()             # it is ready
        done = connect(self.lab, name, self.name)
        if done.returncode:
            raise RuntimeError(f"rove connect: {done.stderr}")
        self.before = status(self.lab, name)

    def disconnect(self) -> None:
        self.lab.rove("disconnect", self.name)
        self.lab.roved.stop()               # the next one imports its profile anew

    @property
    def address(self) -> str:
        return next(one for one in self.before["virtual_ips"] if ":" not in one)

    def state(self) -> str:
        return str(status(self.lab, self.name)["state"])

    def same_ike_sa(self) -> bool:
        return bool(status(self.lab, self.name)["ike"]["spi_i"] == self.before["ike"]["spi_i"])


class StrongSwan(Client):
    who = "strongSwan"

    def connect(self, **changes: Any) -> None:
        self.lab.swan_client.start()
        self.lab.swan_client.connect(self.name if not changes else f"{self.name}6")

    def disconnect(self) -> None:
        self.lab.swan_client.stop()

    @property
    def address(self) -> str:
        shown = self.lab.exec("client", "ip", "-4", "-o", "addr").stdout
        return re.findall(r"inet (10\.99\.\d+\.\d+)", shown)[0]


def healthy(lab: Lab) -> None:
    """On Wi-Fi, without faults; gently, and the NAT's mappings as they are: nobody has to recover from this."""
    lab.link("wifi", "up")
    lab.link("lte", "nm")
    for uplink in plan.UPLINKS:
        lab.loss(uplink, 0)
        if plan.MID in lab.spaces:
            lab.delay(uplink, 0)
    measure.wait_until(lambda: ping_once(lab.spaces[plan.CLIENT], plan.UPLINKS["wifi"].router, 0.2), "Wi-Fi", 5)
