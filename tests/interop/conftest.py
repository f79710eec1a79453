"""Fixtures of the interop tests: labs with a running strongSwan gateway, one set per process of the test run.

Without root or the lab's packages the tests fail and say what to install; ``-m "not interop"`` leaves them out.
"""

import compileall
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gui.display import Display
from tests.lab import requirements
from tests.lab.accounts import ACCOUNTS
from tests.lab.host import REPOSITORY
from tests.lab.lab import Lab
from tests.lab.pool import Pool
from tests.lab.rove import Roved

_HERE = Path(__file__).parent
_BORROWED = pytest.StashKey[list[Lab]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """A failed test shows the ends of the lab's logs."""
    report = yield
    if report.failed and _HERE in item.path.parents:
        for lab in item.stash.get(_BORROWED, []):
            report.sections += [(f"{lab.prefix}: {name}", text) for name, text in lab.logs().items()]
    return report


@pytest.fixture(scope="session")
def lab_pool() -> Iterator[Pool]:
    if problem := requirements.missing():
        pytest.fail(problem)
    # Rove's programs run there without writing bytecode, and would compile themselves at each start.
    compileall.compile_dir(REPOSITORY / "client", quiet=1)
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture
def lab_with(lab_pool: Pool, request: pytest.FixtureRequest) -> Iterator[Callable[..., Lab]]:
    """``lab_with(v6=True, nat={"wifi": "none"})``: a lab with these options, healed after the test."""
    borrowed = request.node.stash[_BORROWED] = list[Lab]()

    def borrow(**options: Any) -> Lab:
        lab = lab_pool.borrow(**options)
        borrowed.append(lab)
        return lab
    yield borrow
    for lab in borrowed:
        lab_pool.give_back(lab)


@pytest.fixture
def lab(lab_with: Callable[..., Lab]) -> Lab:
    """IPv4 outside, source ports rewritten by both routers, the gateway running."""
    return lab_with()


@pytest.fixture
def lab6(lab_with: Callable[..., Lab]) -> Lab:
    """Global IPv6 outside too."""
    return lab_with(v6=True)


@pytest.fixture
def lab_relay(lab_with: Callable[..., Lab]) -> Lab:
    """With delay, jitter and seeded loss."""
    return lab_with(relay=True)


@pytest.fixture
def roved(lab: Lab) -> Roved:
    """A running roved that has never seen a profile."""
    lab.roved.start(fresh=True)
    return lab.roved


@pytest.fixture
def display(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Display]:
    """A desktop session of the lab's user beside a roved that has never seen a profile; its pictures are kept."""
    lab.roved.start(fresh=True)
    account = ACCOUNTS["rovetest1"]

    def enter(*argv: str) -> list[str]:
        return lab.host.enter(*argv, account=account)
    with Display(REPOSITORY / ".lab/pictures" / request.node.name, enter, lab.host.environment(account)) as opened:
        yield opened
