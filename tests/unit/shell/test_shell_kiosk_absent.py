"""A gate whose screen is dark says so."""

import asyncio
from pathlib import Path

import pytest
from kiosk_world import KioskBench

from gate.shell import kiosk_desk
from tests.support.kiosk_wire import KioskWire


def test_gate_without_a_kiosk_is_known_as_such_until_one_connects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kiosk_desk, "KIOSK_ABSENT_S", -1.0)
    monkeypatch.setattr(kiosk_desk, "LOOK_INTERVAL_S", 0.0)
    bench = KioskBench(tmp_path)

    def connect() -> None:
        with KioskWire(bench.socket) as wire:
            wire.screen(lambda screen: all(part.component != "kiosk" for part in screen.lost))

    async def run() -> None:
        running = asyncio.create_task(bench.terminal.run())
        async with asyncio.timeout(10):
            while "kiosk" not in bench.terminal.lane.lost:  # noqa: ASYNC110  # the lane tells nobody of its change
                await asyncio.sleep(0)
            await asyncio.to_thread(connect)
        bench.terminal.stop()
        await running

    asyncio.run(run())
    told = [(body["available"], body["why"]) for body in bench.recorded("mode") if body["component"] == "kiosk"]
    assert told[:2] == [(False, "not_connected"), (True, "")]
    bench.close()


def test_kiosk_that_starts_again_is_given_its_time(tmp_path: Path) -> None:
    assert kiosk_desk.KIOSK_ABSENT_S > 10.0  # its start takes 2 s on this machine's class, some 8 s on the smallest Pi
    bench = KioskBench(tmp_path)

    async def run() -> None:
        running = asyncio.create_task(bench.terminal.run())
        for _ in range(50):
            await asyncio.sleep(0)
        bench.terminal.stop()
        await running

    asyncio.run(run())
    assert "kiosk" not in bench.terminal.lane.lost
    bench.close()
