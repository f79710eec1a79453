"""Keys are renewed by either side under a ping every 10 ms, and not one packet is lost."""

import time
from collections.abc import Callable

import pytest

from tests.interop.renewal import no_loss, spis
from tests.interop.rovetest import connected, status
from tests.lab import measure
from tests.lab.lab import Lab

NAME = "mschap"
Rekey = Callable[[Lab], object]

IKE, CHILD = 0, 1
REKEYS: dict[str, Rekey] = {
    "own-child": lambda lab: lab.rove("rekey", NAME),
    "own-ike": lambda lab: lab.rove("rekey", NAME, "--ike"),
    "gateway-child": lambda lab: lab.gateway.initiate_rekey(child="net"),
    "gateway-ike": lambda lab: lab.gateway.initiate_rekey(ike=NAME)}


@pytest.mark.parametrize("how", REKEYS)
def test_rekeys(lab: Lab, how: str) -> None:
    connected(lab, NAME)
    with no_loss(lab):
        for _ in range(2):
            renew(lab, how)
    agreed(lab, rekeys=2)


def test_a_renewed_ike_sa_renews_its_child(lab: Lab) -> None:
    """The keys of a CHILD_SA come from the SK_d of its day; those of a later one from the successor's."""
    connected(lab, NAME)
    with no_loss(lab):
        for how in ("own-ike", "gateway-child", "gateway-ike", "own-child"):
            renew(lab, how)
    agreed(lab, rekeys=4)


def test_lifetimes_of_the_profile(lab: Lab) -> None:
    connected(lab, NAME, ike={"lifetime": "10s", "child_lifetime": "10s"})
    before = spis(lab)
    with no_loss(lab):
        measure.wait_until(lambda: all(map(str.__ne__, spis(lab), before)), "both renewed", 15)
    agreed(lab)


@pytest.mark.parametrize(("own", "theirs"), [("own-child", "gateway-child"), ("own-ike", "gateway-ike"),
                                             ("own-child", "gateway-ike"), ("own-ike", "gateway-child")])
def test_both_at_once(lab_relay: Lab, own: str, theirs: str) -> None:
    """RFC 7296 §2.8.1 and §2.25: on a long way the two requests cross, also where a busy machine needs a while for
    ``rove`` to end."""
    lab = lab_relay
    lab.roved.start(fresh=True)         # remembers no path's MTU, so it is measured, and said when it is known:
    begun = lab.roved.mark()
    connected(lab, NAME)
    lab.roved.wait("path MTU 1500", since=begun)        # then no probe is in the window any more
    lab.delay("wifi", 200)
    before = spis(lab)
    with no_loss(lab, settle=0.8):
        mark = lab.gateway.mark()
        REKEYS[own](lab)
        REKEYS[theirs](lab)
        lab.gateway.wait(r"parsed CREATE_CHILD_SA request", since=mark)
        lab.gateway.wait(r"generating CREATE_CHILD_SA request", since=mark)
        measure.wait_until(lambda: spis(lab) != before, "new keys", 10)
        time.sleep(2)
    assert status(lab, NAME)["state"] == "connected"
    agreed(lab)


# --- helpers


def renew(lab: Lab, how: str) -> None:
    """One rekey, until the gateway has finished it; only what was to change has changed."""
    index = IKE if how.endswith("ike") else CHILD
    before = spis(lab)
    REKEYS[how](lab)
    measure.wait_until(lambda: spis(lab)[index] != before[index], f"new keys: {how}")
    assert spis(lab)[1 - index] == before[1 - index]


def agreed(lab: Lab, rekeys: int = 0) -> None:
    """Both ends name the same SAs; Rove's list may begin with a replaced one that it still receives on."""
    ike, child = spis(lab)
    shown = status(lab, NAME)
    assert shown["ike"]["spi_i"] == ike
    assert shown["children"][-1]["spi_out"] == child
    if rekeys:
        assert shown["counters"]["rekeys"] == rekeys
