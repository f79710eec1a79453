"""Captive portals: what counts as one, what is said of it, and how often the network is asked."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from client.core.helper import portal as module
from client.core.helper.fetch_rules import FetchError, Reply
from client.core.helper.portal import PortalWatch
from client.core.helper.portal_rules import (
    API_TYPE,
    MAX_URL,
    UNRESTRICTED,
    Captive,
    by_api,
    by_check,
    by_gateway,
    shown_url,
)
from client.core.platform import announced

NAMES = ("vpn.example.org", "203.0.113.9")
LOGIN = "http://login.hotel.example/?mac=1"
CHECK = "http://check.example.net/204"


@pytest.mark.parametrize(("body", "verdict"), [
    (b'{"captive": true, "user-portal-url": "https://hotel.example/portal"}', Captive("https://hotel.example/portal")),
    (b'{"captive": true}', Captive("")), (b'{"captive": true, "user-portal-url": 7}', Captive("")),
    (b'{"captive": true, "user-portal-url": "javascript:alert(1)"}', Captive("")),
    (b'{"captive": false, "user-portal-url": "https://hotel.example/"}', False),
    (b"", True), (b"\xff", True), (b"[]", True), (b"{}", True), (b'{"captive": "yes"}', True), (b"[" * 5000, True)])
def test_the_api(body: bytes, verdict: Captive | bool) -> None:
    assert by_api(body) == verdict


@pytest.mark.parametrize(("status", "location", "verdict"), [
    (204, "", None), (204, LOGIN, None), (302, LOGIN, Captive(LOGIN)), (307, LOGIN, Captive(LOGIN)),
    (200, "", Captive(CHECK)), (511, "", Captive(CHECK)), (302, "/login", Captive(CHECK)), (0, "", None),
    (999, "", None)])
def test_a_page_that_should_say_204(status: int, location: str, verdict: Captive | None) -> None:
    assert by_check(status, location, CHECK) == verdict


@pytest.mark.parametrize(("status", "location", "verdict"), [
    (302, LOGIN, Captive(LOGIN)), (301, "http://10.0.0.1/login", Captive("http://10.0.0.1/login")),
    (511, "", Captive("http://203.0.113.9/")),
    # the gateway's own pages
    (200, "", None), (404, "", None), (204, "", None), (302, "https://203.0.113.9/", None), (302, "/start", None),
    (301, "https://VPN.example.org./", None), (301, "https://www.example.org/", None), (302, "", None),
    (302, "ftp://login.hotel.example/", None), (302, "http://me@login.hotel.example/", None)])
def test_the_gateways_address(status: int, location: str, verdict: Captive | None) -> None:
    assert by_gateway(status, location, NAMES, "http://203.0.113.9/") == verdict


def test_addresses_with_equal_ends_are_not_of_one_owner() -> None:
    assert by_gateway(302, "http://10.0.113.9/", NAMES, "") == Captive("http://10.0.113.9/")


@pytest.mark.parametrize("value", ["http://[::1", "http://", "https://a.example:bad\x07", "http://ä.example/", None, 7,
                                   "http://a.example/" + "x" * 3000, "about:blank", "http://u:p@a.example/"])
def test_what_is_not_shown(value: object) -> None:
    shown = shown_url(value)
    assert shown == "" or (shown.isprintable() and len(shown) <= MAX_URL)
    if value != "https://a.example:bad\x07":
        assert shown == ""


def test_what_is_shown_is_bounded() -> None:
    assert len(shown_url("http://a.example/" + "x" * 1500)) == MAX_URL


class Network:
    """Answers by ``script``: URL → Reply, or why there is none."""

    def __init__(self, script: dict[str, Reply | FetchError], check: str = "gateway") -> None:
        self.script = script
        self.asked: list[tuple[str, bool]] = []
        self.found: list[str] = []
        self.opened = 0
        self.watch = PortalWatch(check, NAMES, self.ask, self.found.append, self.open, lambda _line: None)

    async def ask(self, url: str, *, limit: int, interface: str, accept: str = "*/*", announced: bool = False
                  ) -> Reply:
        assert interface == "wlan0"
        self.asked.append((url, announced))
        assert accept == (API_TYPE if announced else "*/*")
        answer = self.script[url]
        if isinstance(answer, FetchError):
            raise answer
        return answer

    def open(self) -> None:
        self.opened += 1


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.01)
    monkeypatch.setattr(module, "announced_portal", lambda _interface: "")


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(5):
            await scene()
    asyncio.run(bounded())


async def until(what: Callable[[], object]) -> None:
    while not what():       # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.005)


GATEWAY_URL = "http://203.0.113.9/"


def test_it_is_found_watched_and_told_when_it_opens() -> None:
    async def scene() -> None:
        network = Network({GATEWAY_URL: Reply(302, LOGIN, b"")})
        network.watch.suspect("wlan0", "203.0.113.9")
        await until(lambda: network.found)
        assert network.watch.captive
        network.watch.suspect("wlan0", "203.0.113.9")       # while it is watched nothing is begun anew
        await until(lambda: len(network.asked) > 3)
        assert (network.found, network.opened) == ([LOGIN], 0)
        network.script[GATEWAY_URL] = FetchError("nothing listens")
        await until(lambda: network.opened)
        asked = len(network.asked)
        await asyncio.sleep(0.05)
        assert (len(network.asked), network.opened, network.watch.captive) == (asked, 1, False)
    run(scene)


def test_where_there_is_none_it_is_looked_for_once_per_suspicion() -> None:
    async def scene() -> None:
        network = Network({GATEWAY_URL: FetchError("no answer")})
        for number in (1, 2):
            network.watch.suspect("wlan0", "203.0.113.9")
            await until(lambda number=number: len(network.asked) == number)     # type: ignore[misc] # bound
            await asyncio.sleep(0.05)
            assert len(network.asked) == number
        assert network.found == []
    run(scene)


def test_dismissed_it_asks_nobody_any_more() -> None:
    async def scene() -> None:
        network = Network({GATEWAY_URL: Reply(302, LOGIN, b"")})
        network.watch.suspect("wlan0", "203.0.113.9")
        await until(lambda: network.found)
        network.watch.dismiss()
        asked = len(network.asked)
        await asyncio.sleep(0.05)
        assert (len(network.asked), network.opened, network.watch.captive) == (asked, 0, False)
    run(scene)


def test_the_portal_of_another_network_does_not_matter() -> None:
    async def scene() -> None:
        network = Network({GATEWAY_URL: Reply(302, LOGIN, b"")})
        network.watch.suspect("wlan0", "203.0.113.9")
        await until(lambda: network.found)
        network.watch.now_on("wlan0")
        assert network.watch.captive
        network.watch.now_on("wwan0")
        assert not network.watch.captive
    run(scene)


def test_off() -> None:
    async def scene() -> None:
        network = Network({}, "off")
        network.watch.suspect("wlan0", "203.0.113.9")
        await asyncio.sleep(0.05)
        assert network.asked == []
    run(scene)


def test_ipv6_and_a_page_of_ones_own() -> None:
    async def scene() -> None:
        six = Network({"http://[2001:db8::9]/": Reply(302, LOGIN, b"")})
        six.watch.suspect("wlan0", "2001:db8::9")
        own = Network({CHECK: Reply(200, "", b"")}, CHECK)
        own.watch.suspect("wlan0", "203.0.113.9")
        await until(lambda: six.found and own.found)
        assert own.found == [CHECK]
        six.watch.dismiss()
        own.watch.dismiss()
    run(scene)


@pytest.mark.parametrize(("said", "answer", "asked", "found"), [
    (UNRESTRICTED, None, [], []),
    ("https://api.hotel.example/", b'{"captive": true, "user-portal-url": "https://hotel.example/p"}',
     [("https://api.hotel.example/", True)], ["https://hotel.example/p"]),
    ("https://api.hotel.example/", b'{"captive": false}', [("https://api.hotel.example/", True)], []),
    ("https://api.hotel.example/", b"nonsense", [("https://api.hotel.example/", True), (GATEWAY_URL, False)], [LOGIN]),
    ("https://api.hotel.example/", None, [("https://api.hotel.example/", True), (GATEWAY_URL, False)], [LOGIN]),
    ("http://api.hotel.example/", None, [(GATEWAY_URL, False)], [LOGIN])])       # RFC 8908 §4.1: https alone
def test_one_that_the_network_announces(monkeypatch: pytest.MonkeyPatch, said: str, answer: bytes | None,
                                        asked: list[tuple[str, bool]], found: list[str]) -> None:
    async def scene() -> None:
        monkeypatch.setattr(module, "AGAIN", 60.0)
        monkeypatch.setattr(module, "announced_portal", lambda _interface: said)
        network = Network({GATEWAY_URL: Reply(302, LOGIN, b""),
                           said: FetchError("gone") if answer is None else Reply(200, "", answer)})
        network.watch.suspect("wlan0", "203.0.113.9")
        await asyncio.sleep(0.1)
        assert (network.asked, network.found) == (asked, found)
        network.watch.dismiss()
    run(scene)


@pytest.mark.parametrize(("content", "uri"), [
    (b"# private\nADMIN_STATE=configured\nCAPTIVE_PORTAL=https://api.hotel.example/x?y=z\nDNS=\n",
     "https://api.hotel.example/x?y=z"),
    (b"ADMIN_STATE=configured\n", ""), (b"", ""), (b"CAPTIVE_PORTAL=\xff\n", ""),
    (b"CAPTIVE_PORTAL=https://a.example/" + b"x" * 3000, ""), (b"X" * 70000 + b"\nCAPTIVE_PORTAL=https://a/", "")])
def test_what_networkd_keeps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, uri: str) -> None:
    monkeypatch.setattr(announced, "_NETWORKD", tmp_path)
    assert announced.announced_portal("lo") == ""
    (tmp_path / "1").write_bytes(content)
    assert announced.announced_portal("lo") == uri
    assert announced.announced_portal("nosuchlink0") == ""
