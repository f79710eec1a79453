"""The search for the path's MTU, against paths of every width: few probes, and nothing wider than the path lasts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client.core.datapath.size import largest_payload
from client.core.helper import path_mtu
from client.core.helper.path_mtu import LEAST, PathMtu, inner_size
from client.core.ikev2.events import Path
from client.model.endpoint import Endpoint
from tests.esp import reference

PATH = Path(Endpoint("192.168.1.10", 4500), Endpoint("192.0.2.1", 4500), "wifi0")
OTHER = replace(PATH, interface="lte0")


class Link:
    """Probes are answered after a round trip; larger ones than it is wide only in fragments."""

    def __init__(self, width: int, path: Path = PATH) -> None:
        self.width, self.path = width, path
        self.now = 100.0
        self.asked: list[int] = []
        self.believed: list[int] = []

    def run(self, search: PathMtu, seconds: float = 30.0, traffic: bool = True, lose: int = 0) -> None:
        """``lose``: so many probes are lost by chance."""
        end = self.now + seconds
        while search.due is not None and search.due <= end:
            self.now = max(self.now, search.due)
            size = search.step(self.now, traffic=traffic)
            if size:
                self.asked.append(size)
                self.now += 0.05
                arrived = size <= self.width and lose <= 0
                lose -= 1
                search.probed(self.path, size, self.now, arrived=arrived)
                self.believed.append(search.mtu)
        self.now = end


@pytest.mark.parametrize("width", [1280, 1281, 1340, 1400, 1454, 1492, 1500, 9000])
@pytest.mark.parametrize("mtu", [1280, 1400, 1500, 9000])
def test_it_is_found(width: int, mtu: int) -> None:
    search, link = PathMtu(), Link(width)
    search.begin(replace(PATH, mtu=mtu), 0, link.now, probes=True)
    assert search.mtu == LEAST
    link.run(search)
    assert search.settled
    assert search.mtu <= min(width, mtu, 1500)
    assert min(width, mtu, 1500) - search.mtu < 20
    assert len(link.asked) <= 10
    assert max(link.believed, default=LEAST) <= width


def test_the_usual_path_costs_one_probe() -> None:
    search, link = PathMtu(), Link(1500)
    search.begin(PATH, 0, link.now, probes=True)
    link.run(search)
    assert (search.mtu, link.asked) == (1500, [1500])


@given(st.integers(1280, 1600), st.integers(1280, 1600), st.integers(0, 3), st.integers(1200, 1600))
def test_whatever_was_known_and_lost(width: int, mtu: int, lost: int, known: int) -> None:
    search, link = PathMtu(), Link(width)
    search.begin(replace(PATH, mtu=mtu), known, link.now, probes=True)
    link.run(search, lose=lost)
    assert search.settled
    assert search.mtu <= min(width, max(mtu, LEAST))
    if lost < path_mtu.TRIES and (known < LEAST or known >= mtu):
        assert min(width, mtu, 1500) - search.mtu < 20


def test_what_was_known_is_asked_first_and_alone() -> None:
    search, link = PathMtu(), Link(1400)
    search.begin(PATH, 1400, link.now, probes=True)
    assert search.mtu == 1400
    link.run(search)
    assert link.asked == [1400]


def test_what_was_known_and_is_wrong_now() -> None:
    search, link = PathMtu(), Link(1300)
    search.begin(PATH, 1460, link.now, probes=True)
    link.run(search)
    assert search.mtu == 1300
    assert link.asked[:2] == [1460, 1460]


def test_a_path_that_gets_narrower_under_traffic() -> None:
    """Black hole: ICMP does not come, so it is looked at again while packets leave."""
    search, link = PathMtu(), Link(1500)
    search.begin(PATH, 0, link.now, probes=True)
    link.run(search)
    link.width = 1300
    link.run(search, 300, traffic=False)
    assert link.asked == [1500]         # nobody sends: nobody needs to know
    link.run(search, 120)
    assert search.mtu == 1300


def test_one_that_gets_wider_is_found_out_after_a_while() -> None:
    search, link = PathMtu(), Link(1400)
    search.begin(PATH, 0, link.now, probes=True)
    link.run(search)
    link.width = 1500
    link.run(search, path_mtu.RAISE + 2 * path_mtu.CONFIRM)
    assert search.mtu == 1500


def test_a_hint_is_followed_by_a_probe_and_believed_by_nobody() -> None:
    search, link = PathMtu(), Link(1500)
    search.begin(PATH, 0, link.now, probes=True)
    link.run(search)
    for _ in range(100):
        search.hint(link.now)
    link.run(search, 1)
    assert (search.mtu, link.asked) == (1500, [1500, 1500])
    link.width = 1300
    link.now += 10
    search.hint(link.now)
    link.run(search)
    assert search.mtu == 1300


def test_in_a_stream_nothing_is_asked() -> None:
    search, link = PathMtu(), Link(1300)
    search.begin(PATH, 0, link.now, probes=False)
    search.hint(link.now + 10)
    assert (search.mtu, search.due) == (1500, None)


def test_answers_of_another_path_and_of_nobody_do_not_count() -> None:
    search, link = PathMtu(), Link(1500)
    assert not search.probed(PATH, 1500, link.now, arrived=True)
    search.begin(PATH, 0, link.now, probes=True)
    link.now += path_mtu.AFTER
    assert search.step(link.now, traffic=True) == 1500
    assert not search.probed(OTHER, 1500, link.now, arrived=True)
    assert search.mtu == LEAST
    search.could_not_ask(link.now)
    assert search.step(link.now, traffic=True) == 0
    assert search.step(link.now + path_mtu.BUSY, traffic=True) == 1500
    assert search.step(link.now + path_mtu.BUSY + path_mtu.PATIENCE, traffic=True) == 1500      # never answered
    search.end()
    assert search.due is None


def test_a_probe_that_is_a_little_smaller_than_asked_for() -> None:
    """The cipher's blocks: only what arrived is known to arrive."""
    search, link = PathMtu(), Link(1500)
    search.begin(PATH, 0, link.now - path_mtu.AFTER, probes=True)
    assert search.step(link.now, traffic=True) == 1500
    search.probed(PATH, 1490, link.now, arrived=True)
    assert search.mtu == 1490
    assert search.step(link.now, traffic=True) in (0, 1492, 1500)


@pytest.mark.parametrize("suite", ["aes256gcm16", "chacha20poly1305", "aes256-sha256", "aes128-sha512", "3des-sha1"])
@pytest.mark.parametrize(("family", "transport", "around"), [
    ("192.0.2.1", "udp", 28), ("2001:db8::1", "udp", 48), ("192.0.2.1", "esp", 20), ("2001:db8::1", "esp", 40)])
def test_inner_packets_of_this_size_fill_the_outer_ones(suite: str, family: str, transport: str, around: int) -> None:
    from client.core.crypto.algorithms import ESP_SUITES
    encr, integ = ESP_SUITES[suite]
    path = replace(PATH, remote=Endpoint(family, 4500))
    for octets in range(1280, 1300):
        size = inner_size(octets, path, transport, (suite,))
        key, integ_key = bytes(range(encr.key_len + encr.salt_len)), bytes(integ.key_len if integ else 0)
        pad = -(size + 2) % max(encr.block, 4)
        plaintext = bytes(size + pad) + bytes((pad, 4))
        sealed = reference.seal(suite, b"\xc0\0\0\1", 1, bytes(encr.iv_len), key, integ_key, plaintext, False)
        assert len(sealed) + around <= octets
        assert largest_payload(suite, octets - around) == size
        assert octets - around - len(sealed) < max(encr.block, 4)


def test_several_suites_and_too_little_room() -> None:
    assert inner_size(1500, PATH, "udp", ("aes256gcm16", "aes256-sha512")) == inner_size(
        1500, PATH, "udp", ("aes256-sha512",))
    assert largest_payload("aes256-sha512", 40) == 0
