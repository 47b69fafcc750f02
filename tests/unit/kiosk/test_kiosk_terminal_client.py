"""The kiosk's end of the socket: a terminal that is not heard is dead, and every order has one answer or none."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_terminal import NOON, FakeTerminal, screen

from gate.kiosk import part_reports, terminal_client
from gate.kiosk.board import Board
from gate.kiosk.errors import TerminalSilent
from gate.kiosk.terminal_client import MAX_ORDERS_OPEN, TerminalClient
from gate.screens import Answer, LostShown, Refusal, ReleaseInEmergency, ReportPart, RingBell

WITHIN_S = 8.0


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[FakeTerminal]:
    with FakeTerminal(tmp_path / "k.sock") as fake:
        yield fake


def with_client(path: Path, work: Callable[[TerminalClient], Awaitable[None]], **limits: Any) -> None:
    """Run a client while the work goes on; what fails in it fails the test."""

    async def run() -> None:
        client = TerminalClient(path, Board(), **limits)
        running = asyncio.create_task(client.run())
        try:
            await asyncio.wait_for(work(client), 20)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(run())


async def until(is_so: Callable[[], object]) -> None:
    ends_at = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < ends_at, "it did not come to that in time"
        await asyncio.sleep(0.01)


def test_the_newest_screen_is_on_the_board(terminal: FakeTerminal) -> None:
    async def work(client: TerminalClient) -> None:
        await until(lambda: client.board.is_alive)
        await asyncio.to_thread(terminal.show, screen("go", revision=9))
        await until(lambda: client.board.screen is not None and client.board.screen.revision == 9)

    with_client(terminal.path, work)


def test_a_terminal_that_closes_is_dead_at_once_and_found_again(terminal: FakeTerminal) -> None:
    async def work(client: TerminalClient) -> None:
        await until(lambda: client.board.is_alive)
        began = time.monotonic()
        await asyncio.to_thread(terminal.stop)
        await until(lambda: not client.board.is_alive)
        assert time.monotonic() - began < 1.0
        await asyncio.to_thread(terminal.start)
        await until(lambda: client.board.is_alive)
        assert terminal.connections >= 2

    with_client(terminal.path, work)


def test_the_screen_of_another_lane_is_none_and_nothing_is_ordered_there(terminal: FakeTerminal) -> None:
    async def work(client: TerminalClient) -> None:
        await asyncio.to_thread(terminal.await_that, lambda: terminal.connections >= 2)  # dropped and made anew
        assert not client.board.is_alive
        with pytest.raises(TerminalSilent):
            await client.order(ReleaseInEmergency())
        assert terminal.orders == []
        await asyncio.to_thread(terminal.show, screen(gate_changes={"device": "gate-2-in"}))
        await until(lambda: client.board.is_alive)

    with_client(terminal.path, work, device="gate-2-in")


@pytest.mark.parametrize("is_watched", [True, False])
def test_a_terminal_that_hangs_is_dead_only_because_its_silence_is_watched(
    terminal: FakeTerminal, is_watched: bool
) -> None:
    """With the watch off (an endless patience) the old screen would stand there: the ablation."""

    async def work(client: TerminalClient) -> None:
        await until(lambda: client.board.is_alive)
        terminal.is_mute = True
        if is_watched:
            await until(lambda: not client.board.is_alive)
        else:
            await asyncio.sleep(1.0)
            assert client.board.is_alive

    with_client(terminal.path, work, silent_after_s=0.4 if is_watched else 3600.0)


def test_silence_of_three_seconds_is_too_long_and_two_are_not() -> None:
    assert terminal_client.SILENT_AFTER_S == 3.0


@pytest.mark.parametrize(
    "garbage", [b"\n", b"{}]\n", b'{"screen":{"v":1}}\n', b"\xff\xfe\n", b"x" * (terminal_client.MAX_LINE_BYTES + 10)]
)
def test_garbage_ends_the_connection_and_a_new_one_is_made(terminal: FakeTerminal, garbage: bytes) -> None:
    async def work(client: TerminalClient) -> None:
        await until(lambda: client.board.is_alive)
        await asyncio.to_thread(terminal.send_bytes, garbage)
        await until(lambda: terminal.connections >= 2 and client.board.is_alive)

    with_client(terminal.path, work)


def test_an_order_gets_its_answer(terminal: FakeTerminal) -> None:
    terminal.answer = lambda order: Answer(is_done=False, why=Refusal.NOT_NOW)

    async def work(client: TerminalClient) -> None:
        await until(lambda: client.board.is_alive)
        assert (await client.order(RingBell())).why is Refusal.NOT_NOW

    with_client(terminal.path, work)


def test_an_order_without_an_answer_is_told_and_not_sent_again(terminal: FakeTerminal) -> None:
    terminal.answer = lambda order: None

    async def work(client: TerminalClient) -> None:
        await until(lambda: client.board.is_alive)
        with pytest.raises(TerminalSilent):
            await client.order(RingBell())
        await asyncio.sleep(0.3)

    with_client(terminal.path, work, order_within_s=0.2)
    assert terminal.orders == [RingBell()]


def test_an_order_whose_terminal_dies_is_told_at_once(terminal: FakeTerminal) -> None:
    terminal.answer = lambda order: None

    async def work(client: TerminalClient) -> None:
        await until(lambda: client.board.is_alive)
        ordered = asyncio.create_task(client.order(RingBell()))
        await until(lambda: terminal.orders)
        await asyncio.to_thread(terminal.drop_all)
        with pytest.raises(TerminalSilent):
            await ordered

    with_client(terminal.path, work, order_within_s=15.0)


def test_without_a_terminal_nothing_is_ordered(tmp_path: Path) -> None:
    async def work(client: TerminalClient) -> None:
        with pytest.raises(TerminalSilent):
            await client.order(RingBell())

    with_client(tmp_path / "nobody.sock", work)


def test_the_ninth_open_order_is_busy_and_an_emergency_is_not(terminal: FakeTerminal) -> None:
    terminal.answer = lambda order: Answer(is_done=True) if isinstance(order, ReleaseInEmergency) else None

    async def work(client: TerminalClient) -> None:
        await until(lambda: client.board.is_alive)
        open_orders = [asyncio.create_task(client.order(RingBell())) for _ in range(MAX_ORDERS_OPEN)]
        await until(lambda: len(terminal.orders) == MAX_ORDERS_OPEN)
        assert (await client.order(RingBell())).why is Refusal.BUSY
        assert (await client.order(ReleaseInEmergency())).is_done
        await asyncio.gather(*open_orders, return_exceptions=True)

    with_client(terminal.path, work, order_within_s=1.5)
    assert len(terminal.orders) == MAX_ORDERS_OPEN + 1


def test_what_changed_is_waited_for_without_a_queue() -> None:
    async def work() -> None:
        board = Board()
        waiting = asyncio.create_task(board.another(board.number, 5.0))
        await asyncio.sleep(0)
        for revision in range(3):
            board.take(screen(revision=revision))
        assert await waiting
        assert board.screen is not None
        assert board.screen.revision == 2
        assert not await board.another(board.number, 0.01)

    asyncio.run(work())


def test_a_lost_voice_is_reported_until_the_terminal_knows_it(
    terminal: FakeTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_reports, "AGAIN_AFTER_S", 0.05)
    lost = ReportPart(component="speaker", is_available=False, why="no_sound")
    known = screen(lost=(LostShown(component="speaker", why="no_sound", since=NOON),))

    async def work(client: TerminalClient) -> None:
        board = client.board
        reporting = asyncio.create_task(part_reports.report_parts(board, client))
        await until(lambda: board.is_alive)
        board.note_part("speaker", is_available=True)
        assert part_reports.report_due(board) is None
        board.note_part("speaker", is_available=False, why="no_sound")
        await until(lambda: terminal.orders[:1] == [lost])
        await asyncio.to_thread(terminal.show, known)
        await until(lambda: part_reports.report_due(board) is None)
        board.note_part("speaker", is_available=True)
        await until(lambda: terminal.orders[-1] == ReportPart(component="speaker", is_available=True))
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)

    with_client(terminal.path, work)
