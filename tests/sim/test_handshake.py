"""The handshakes that benchmarks/handshake.py measures are whole ones."""

from dataclasses import replace

import pytest

from benchmarks.handshake import ROWS, Row, handshake
from tests.peer.responder import Behaviour


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_they_end_with_a_child_sa_and_cost_something(row: Row) -> None:
    assert handshake(row, 1) > 0.0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_the_gateway_is_judged(row: Row) -> None:
    with pytest.raises(RuntimeError, match="no CHILD_SA"):
        handshake(replace(row, behaviour=lambda: Behaviour(psk=b"another", identity=(2, b"gw.lab.test"))), 1)
