"""The tunnel on this host: addresses, routes and names, as its CHILD_SAs and the path's size of packets want them."""

from client.core.helper.settings import host_config, suites
from client.core.helper.sizing import Sizing
from client.core.helper.surroundings import Surroundings
from client.core.helper.transport import Transport
from client.core.ikev2 import events as ike
from client.core.ikev2.traffic_selector import TrafficSelector
from client.core.platform.host import HostConfig
from client.model.cause import Finding, RoveError
from client.model.profile import Profile


class Attachment:
    """Of one connection, for all of its attempts."""

    def __init__(self, profile: Profile, around: Surroundings, sizing: Sizing) -> None:
        self._profile, self._around, self._sizing = profile, around, sizing
        self._networks: dict[str, ike.ChildSaInfo] = {}     # the newest of each name: routed, also while it is gone
        self._applied = False

    def install(self, child: ike.ChildSaInfo) -> ike.ChildSaInfo | None:
        """→ the CHILD_SA of this name before."""
        known = self._networks.get(child.name)
        self._networks[child.name] = child
        return known

    @property
    def resizable(self) -> bool:
        return self._applied and bool(self._networks)

    def inside(self) -> list[TrafficSelector]:
        return [selector for child in self._networks.values() for selector in child.remote_ts]

    def config(self, ips: ike.VirtualIps, transport: Transport | None) -> HostConfig:
        """With the data path told what fits, before packets of the new size can come."""
        networks = tuple(self._networks.values())
        inner = self._sizing.inner(suites(networks))
        if transport is not None:
            transport.data_path.set_limit(inner)
        return host_config(self._profile, self._around.index, ips, networks, inner)

    async def apply(self, config: HostConfig) -> tuple[Finding, ...]:
        """Raises RoveError."""
        self._applied = True
        return await self._around.host.apply(config)

    async def resize(self, config: HostConfig) -> None:
        """Raises RoveError."""
        self._around.log("info", f"path MTU {self._sizing.outer}, in the tunnel {config.mtu}")
        await self._around.host.apply(config)

    async def remove(self) -> None:
        if self._applied:
            try:
                await self._around.host.remove(self._around.index)
            except RoveError as error:
                self._around.log("error", f"the host could not be cleaned: {error}")
