"""What only a street can take from a gate: mains by SIGKILL, and every write into a file."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatehouse.street import powers as powers_module
from gatehouse.street.powers import ORDERS_MAX, Powers
from gatehouse.street.processes import Child, ChildPlan, Supervisor

WITHIN_S = 10.0
# Stands for a terminal: counts its starts, then writes again and again and says whether that worked.
PROGRAM = """
import pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
(folder / "starts").open("a").write("x")
while True:
    try:
        (folder / "probe").write_text("written")
    except OSError as error:
        last = error.errno
    else:
        last = 0
    (folder / f"last-{last}").touch()
    time.sleep(0.01)
"""


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class World:
    def __init__(self, folder: Path, program: str = PROGRAM) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.told: list[dict[str, object]] = []
        self.supervisor = Supervisor(say=self.said.append)
        self.powers = Powers(self.supervisor, lambda line: self.told.append(json.loads(line)))
        self.terminal = self.begin("terminal", program)
        self.kiosk = self.begin("kiosk", PROGRAM)
        self.powers.know("gate-1", self.terminal, self.kiosk)

    def begin(self, name: str, program: str) -> Child:
        place = self.folder / name
        place.mkdir()
        return self.supervisor.begin(
            ChildPlan(
                name=name,
                words=[sys.executable, "-c", program, str(place)],
                log_path=self.folder / f"{name}.log",
                is_ready=lambda: True,
            )
        )

    def starts(self, name: str) -> int:
        file = self.folder / name / "starts"
        return len(file.read_text()) if file.exists() else 0

    def order(self, **order: object) -> None:
        assert self.powers.take(json.dumps({"event": "order", "gate": "gate-1", **order}))
        self.powers.serve(0.05)

    def writes(self, name: str) -> bool:
        """Whether a write that this program makes now works."""
        for file in (self.folder / name).glob("last-*"):
            file.unlink(missing_ok=True)
        assert eventually(lambda: any((self.folder / name).glob("last-*")))
        return (self.folder / name / "last-0").exists()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    for child in world.supervisor.children:
        child.kill()
    world.supervisor.stop_all()


def test_terminal_and_kiosk_lose_the_mains_together_and_nobody_starts_them_again(world: World) -> None:
    assert eventually(lambda: world.starts("terminal") == world.starts("kiosk") == 1)
    pids = [child.pid for child in (world.terminal, world.kiosk)]
    for _ in range(2):  # pressed twice
        world.order(mains=False)
    assert not any(Path("/proc", str(pid)).exists() for pid in pids)
    assert world.supervisor.look() == []
    assert world.told[-1] == {"gate": "gate-1", "mains": False, "disk_full": False}
    for _ in range(2):
        world.order(mains=True)
    assert eventually(lambda: world.starts("terminal") == world.starts("kiosk") == 2)
    assert world.told[-1]["mains"] is True


def test_mains_that_flicker_are_no_deaths_that_end_the_street(world: World) -> None:
    for _ in range(8):
        world.order(mains=False)
        world.order(mains=True)
    world.terminal.end(time.monotonic())
    world.supervisor.restart(world.terminal)  # a real death is still forgiven
    assert len(world.terminal.started_at) == 2


def test_on_a_full_disk_no_write_of_the_terminal_works_until_there_is_room_again(world: World) -> None:
    assert eventually(lambda: world.starts("terminal") == 1)
    assert world.writes("terminal")
    for _ in range(2):
        world.order(disk_full=True)
    assert not world.writes("terminal")
    assert world.writes("kiosk")
    world.order(disk_full=False)
    assert world.writes("terminal")


def test_a_disk_stays_full_over_a_power_cut(world: World) -> None:
    assert eventually(lambda: world.starts("terminal") == 1)
    world.order(disk_full=True)
    world.order(mains=False)
    world.order(mains=True)
    assert not world.writes("terminal")


def test_a_terminal_that_does_not_start_on_a_full_disk_is_tried_again_for_as_long_as_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(powers_module, "RETRY_AFTER_S", 0.0)
    world = World(tmp_path, "import sys; sys.exit(3)")
    world.order(disk_full=True)
    for _ in range(12):  # more often than a supervisor forgives
        assert eventually(lambda: world.terminal.exit_code == 3)
        assert world.powers.excuses(world.terminal)
    world.order(disk_full=False)
    assert not world.powers.excuses(world.terminal)
    assert not world.powers.excuses(world.kiosk)
    world.kiosk.kill()
    world.supervisor.stop_all()


@pytest.mark.parametrize("line", ["", "go", "[]", "{}", '{"event": "visit"}', "\x00"])
def test_what_is_no_order_is_left_to_others(world: World, line: str) -> None:
    assert not world.powers.take(line)


def test_orders_for_nobody_or_too_many_of_them_change_nothing(world: World) -> None:
    pid = world.terminal.pid
    for _ in range(ORDERS_MAX + 10):
        world.powers.take(json.dumps({"event": "order", "gate": "gate-9", "mains": False}))
    world.powers.take(json.dumps({"event": "order", "gate": "gate-1", "mains": "no"}))
    world.powers.serve(0.05)
    assert world.terminal.pid == pid
    assert os.getpgid(pid or 0) == pid
