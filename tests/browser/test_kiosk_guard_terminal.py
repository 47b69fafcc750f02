"""A guard's shift from a browser through kiosk and socket to a whole terminal, its journal and its barrier."""

import asyncio
import math
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from kiosk_kit import make_kiosk
from kiosk_world import PINS, ROOM, KioskBench
from playwright.sync_api import Browser, expect

from gate.kiosk.application import make_application
from gate.kiosk.server import PageServer

WITHIN_S = 20.0
WITHIN_MS = 15_000
CONFIRM_AFTER_MS = 450


class WholeGate:
    """A terminal and a kiosk, each with a loop in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.bench = KioskBench(folder)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._loops: dict[str, asyncio.AbstractEventLoop] = {}
        self._server: PageServer | None = None
        self._started = threading.Barrier(3)
        self._threads = [
            threading.Thread(target=lambda: asyncio.run(self._run_terminal()), name="terminal"),
            threading.Thread(target=lambda: asyncio.run(self._run_kiosk()), name="kiosk"),
        ]
        for thread in self._threads:
            thread.start()
        self._started.wait(WITHIN_S)

    def close(self) -> None:
        assert self._server is not None
        self._loops["kiosk"].call_soon_threadsafe(self._server.stop)
        self._loops["kiosk"].call_soon_threadsafe(self.kiosk.board.close)
        self._threads[1].join(WITHIN_S)
        self._loops["terminal"].call_soon_threadsafe(self.bench.terminal.stop)
        self._threads[0].join(WITHIN_S)
        assert not any(thread.is_alive() for thread in self._threads)
        self.bench.close()

    async def _run_terminal(self) -> None:
        self._loops["terminal"] = asyncio.get_running_loop()
        self._started.wait(WITHIN_S)
        await self.bench.terminal.run()

    async def _run_kiosk(self) -> None:
        self._loops["kiosk"] = asyncio.get_running_loop()
        self.kiosk = make_kiosk(self.bench.socket)
        self._server = PageServer(make_application(self.kiosk), self._listener, None, None)
        running = asyncio.create_task(self.kiosk.terminal.run())
        self._started.wait(WITHIN_S)
        try:
            await self._server.serve()
        finally:
            running.cancel()
            self._listener.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[WholeGate]:
    made = WholeGate(tmp_path)
    yield made
    made.close()


def test_a_shift_from_the_first_pin_to_an_emergency_release(gate: WholeGate, chromium: Browser) -> None:
    context = chromium.new_context(base_url=gate.url, viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.set_default_timeout(WITHIN_MS)
    expect.set_options(timeout=WITHIN_MS)
    page.goto("/guard")
    page.get_by_role("button", name="李卫").click()
    page.keyboard.type("0001")
    page.keyboard.press("Enter")
    expect(page.locator("#pin-told")).to_contain_text("密码不对")
    page.keyboard.type(PINS["li_wei"])
    page.keyboard.press("Enter")
    expect(page.locator("#duty")).to_contain_text("值班：李卫")

    gate.bench.ask_guard()
    expect(page.locator("#person-reason")).to_have_text("没测出体温")
    expect(page.locator("#person-room")).to_have_text(ROOM)
    page.locator("#act-measure").click()
    page.keyboard.type("366")
    page.locator("#measure-send").click()
    expect(page.locator("#person-title")).to_have_text("请通行")
    assert gate.bench.orders.of("release") != []

    page.locator("#menu-find").click()
    page.locator("#find-building").fill("3")
    page.locator("#find-search").click()
    expect(page.locator("#find-results")).to_contain_text(ROOM)
    page.keyboard.press("Escape")
    page.locator("#emergency-press").click()
    page.wait_for_timeout(CONFIRM_AFTER_MS)
    page.locator("#emergency-confirm").click()
    expect(page.locator("#emergency-told")).to_contain_text("已放行")
    expect(page.locator("#banners")).to_contain_text("对所有人打开")
    context.close()

    decided = gate.bench.recorded("decision")[-1]
    assert math.isclose(decided["temperature"]["body_c"], 36.6)
    assert [each["guard"] for each in gate.bench.recorded("duty")] == ["li_wei"]
    assert len(gate.bench.recorded("lookup")) == 1
    assert [each["guard"] for each in gate.bench.recorded("barrier")][-1] == "li_wei"
