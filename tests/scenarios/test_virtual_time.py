"""The clock by which scenarios run: it goes on only when nothing works, one thread at a time, in the same order."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from tests.scenarios import virtual_time
from tests.scenarios.virtual_time import BEGINS_S, StuckError, VirtualCondition, VirtualLoop, VirtualTime

BEGAN = datetime(2026, 2, 14, 2, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualTime:
    return VirtualTime(BEGAN)


@contextmanager
def thread(clock: VirtualTime, run: Callable[[VirtualCondition], None]) -> Iterator[VirtualCondition]:
    """A driver's thread with its condition."""
    condition = clock.condition()
    running = threading.Thread(target=run, args=(condition,), name="driver", daemon=True)
    running.start()
    yield condition
    clock.set_free()
    running.join(5.0)


def waits(clock: VirtualTime, every_s: float, seen: list[str], name: str) -> Callable[[VirtualCondition], None]:
    """A thread that writes down when it was awake."""

    def run(condition: VirtualCondition) -> None:
        with condition:
            while not clock.is_free:
                condition.wait(every_s)
                seen.append(f"{name} {clock.monotonic() - BEGINS_S:g}")

    return run


def run_loop(clock: VirtualTime, for_s: float) -> None:
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        runner.run(asyncio.sleep(for_s))


def test_a_week_takes_no_time_and_the_wall_clock_goes_along(clock: VirtualTime) -> None:
    run_loop(clock, 7 * 86_400.0)
    assert clock.wall == datetime(2026, 2, 21, 2, 0, tzinfo=UTC)


def test_threads_and_loop_go_on_in_the_order_of_their_moments(clock: VirtualTime) -> None:
    seen: list[str] = []
    with thread(clock, waits(clock, 2.0, seen, "slow")), thread(clock, waits(clock, 1.0, seen, "quick")):
        run_loop(clock, 4.5)
        assert seen == ["quick 1", "slow 2", "quick 2", "quick 3", "slow 4", "quick 4"]


def test_time_stands_still_while_a_thread_works(clock: VirtualTime) -> None:
    works, is_done = threading.Event(), threading.Event()
    seen: list[float] = []

    def work(condition: VirtualCondition) -> None:
        with condition:
            condition.wait(1.0)
            works.set()
            is_done.wait(5.0)
            seen.append(clock.monotonic() - BEGINS_S)
            condition.wait()

    def let_go() -> None:
        works.wait(5.0)
        is_done.set()

    threading.Thread(target=let_go, daemon=True).start()
    with thread(clock, work):
        run_loop(clock, 100.0)
        assert seen == [1.0]


def test_thread_that_is_due_with_a_timer_has_done_its_work_before_the_loop_goes_on(clock: VirtualTime) -> None:
    seen: list[str] = []

    def work(condition: VirtualCondition) -> None:
        with condition:
            condition.wait(3.0)
            threading.Event().wait(0.05)
            seen.append("thread")
            condition.wait()

    with thread(clock, work):
        run_loop(clock, 3.0)
        seen.append("loop")
        assert seen == ["thread", "loop"]


def test_thread_that_is_called_goes_on_at_once(clock: VirtualTime) -> None:
    seen: list[str] = []
    with thread(clock, waits(clock, 50.0, seen, "driver")) as condition:

        async def call() -> None:
            await asyncio.sleep(3.0)
            with condition:
                condition.notify_all()
            await asyncio.sleep(3.0)

        with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
            runner.run(call())
        assert seen == ["driver 3"]


def test_what_runs_in_the_executor_takes_no_virtual_time(clock: VirtualTime) -> None:
    async def ask() -> float:
        await asyncio.gather(asyncio.to_thread(threading.Event().wait, 0.05), asyncio.sleep(0))
        return clock.monotonic()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(clock)) as runner:
        assert runner.run(ask()) == BEGINS_S


def test_leap_goes_straight_to_its_moment(clock: VirtualTime) -> None:
    seen: list[str] = []
    clock.leap_by(lambda: BEGINS_S + 1_000.0 if clock.monotonic() > BEGINS_S + 1.5 else None)
    with thread(clock, waits(clock, 1.0, seen, "driver")):
        run_loop(clock, 1_001.0)
        assert seen[:4] == ["driver 1", "driver 2", "driver 1000", "driver 1001"]


def test_what_never_comes_to_rest_is_named(clock: VirtualTime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "STUCK_AFTER_S", 0.2)
    clock.watch("in commits", lambda: False)
    with pytest.raises(StuckError, match="in commits"):
        run_loop(clock, 1.0)


def test_clock_that_does_not_watch_goes_on(clock: VirtualTime) -> None:
    blind = VirtualTime(BEGAN, blind_to=("commits",))
    blind.watch("in commits", lambda: False)
    run_loop(blind, 1.0)
    assert blind.monotonic() == BEGINS_S + 1.0
