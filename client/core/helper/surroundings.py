"""What a connection needs of roved."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from client.core.datapath.child_process import Nursery
from client.core.helper.fetch import Fetcher
from client.core.helper.ladder import Memory
from client.core.helper.machine_settings import MachineSettings
from client.core.helper.revocation import Revocation
from client.core.platform.host import HostConfig
from client.model.cause import Finding


class HostPort(Protocol):
    """platform.host.Host, as far as a connection uses it."""

    async def apply(self, config: HostConfig) -> tuple[Finding, ...]: ...
    async def remove(self, index: int) -> None: ...


@dataclass(frozen=True)
class Surroundings:
    """``event`` takes Event documents, ``log`` level and text."""

    host: HostPort
    event: Callable[[dict[str, Any]], None]
    log: Callable[[str, str], None]
    nursery: Nursery
    memory: Memory
    index: int
    interface: str
    mark: int
    clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    random: Callable[[int], bytes] = os.urandom
    alone: Callable[[], bool] = lambda: True    # no other connection has this identity at this gateway
    fetcher: Fetcher = field(default_factory=Fetcher)
    settings: MachineSettings = field(default_factory=MachineSettings)
    revocation: Revocation = field(default_factory=lambda: Revocation(Fetcher().fetch))
