"""The thread of the smartcards' modules: patience, cancelling, and results that nobody waits for any more."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from client.agent.worker import Worker
from client.model.cause import Cause, RoveError


def run(scenario: Callable[[Worker], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scenario(Worker("test"))
    asyncio.run(bounded(), debug=True)


def test_one_thread_for_all_calls_and_errors_come_back() -> None:
    async def scenario(worker: Worker) -> None:
        threads = await asyncio.gather(*(worker.run(threading.get_ident, 5) for _ in range(5)))
        assert len(set(threads)) == 1
        assert threads[0] != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            await worker.run(lambda: 1 // 0, 5)
    run(scenario)


@pytest.mark.parametrize("how", ["patience", "cancel"])
def test_what_comes_too_late_is_undone(how: str) -> None:
    async def scenario(worker: Worker) -> None:
        go, undone = threading.Event(), []

        def slow() -> str:
            go.wait(5)
            return "result"
        task = asyncio.create_task(worker.run(slow, 0.1 if how == "patience" else 5, undone.append))
        await asyncio.sleep(0.05)
        if how == "cancel":
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            with pytest.raises(RoveError) as error:
                await task
            assert error.value.cause is Cause.TOKEN_SILENT
        go.set()
        await worker.settled(5)
        assert undone == ["result"]
    run(scenario)


def test_a_result_that_crosses_with_the_cancelling_is_undone_or_taken() -> None:
    async def scenario(worker: Worker) -> None:
        undone: list[int] = []
        for number in range(200):
            task = asyncio.create_task(worker.run(lambda number=number: number, 5, undone.append))
            await asyncio.sleep(0)
            time.sleep(number % 10 / 20000)     # noqa: ASYNC251 - the thread runs meanwhile, the loop does not
            task.cancel()
            try:
                assert await task == number
                taken = True
            except asyncio.CancelledError:
                taken = False
            await worker.settled(5)
            assert not (taken and number in undone)
        assert len(undone) == len(set(undone))
    run(scenario)


def test_a_job_that_nobody_waits_for_is_not_begun() -> None:
    async def scenario(worker: Worker) -> None:
        go, ran = threading.Event(), []
        first = asyncio.create_task(worker.run(lambda: go.wait(5), 5))
        second = asyncio.create_task(worker.run(lambda: ran.append(1), 5))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0)
        go.set()
        await first
        await worker.settled(5)
        assert ran == []
    run(scenario)


def test_posted_work_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(worker: Worker) -> None:
        def fails() -> None:
            raise ValueError("123456")
        worker.post(fails)
        assert await worker.run(lambda: 7, 5) == 7
    run(scenario)
    assert "ValueError" in caplog.text
    assert "123456" not in caplog.text


def test_the_loop_may_end_before_the_job() -> None:
    go, undone = threading.Event(), threading.Event()
    worker = Worker("test")

    async def scenario() -> None:
        def slow() -> int:
            go.wait(5)
            return 1
        with pytest.raises(RoveError):
            await worker.run(slow, 0.05, lambda _: undone.set())
    asyncio.run(scenario())
    go.set()
    assert undone.wait(5)
