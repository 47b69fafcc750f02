"""The controller dies or hangs with the barrier released: the relay falls in time, and the centre hears of both lives.

A board beside the wires keeps each output's last level, as a Pi does when its process dies. A small supervisor does
what the unit file tells systemd to do.
"""

import configparser
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from harness_trouble import TroubledGate, TroubleSite

from gatehouse.bench.gate_site import RELAY_PIN, eventually

CHECKOUT = Path(__file__).resolve().parents[2]
UNIT = CHECKOUT / "systemd" / "gatehouse-terminal@.service"
SECURED_WITHIN_S = 5.0
"""From a process's end: --secure is a start of the interpreter and of the settings, on two busy cores."""
WATCHDOG_S = 3.0  # the unit says 10; a test need not wait for so long
HELD_S = 60.0
LONG_RELEASE = {"release": {"release_time_s": HELD_S}, "barrier": {"max_on_time_s": HELD_S + 5}}


class Board:
    """Relays that keep the level last driven, whoever drove it and whether they live."""

    def __init__(self, path: Path) -> None:
        self.levels: dict[int, bool] = {}
        self._path = path
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as wire:
                wire.settimeout(0.2)
                wire.connect(str(self._path))
                self._follow(wire)
            time.sleep(0.001)  # between two owners of the wire

    def _follow(self, wire: socket.socket) -> None:
        rest = b""
        while not self._stopping.is_set():
            try:
                more = wire.recv(4_096)
            except TimeoutError:
                continue
            if not more:
                return
            *lines, rest = (rest + more).split(b"\n")
            for line in lines:
                self._take(json.loads(line))

    def _take(self, told: dict[str, object]) -> None:
        if isinstance(told.get("snapshot"), dict):
            self.levels |= {int(pin): bool(level) for pin, level in told["snapshot"].items()}  # type: ignore[attr-defined]
        elif "pin" in told:
            self.levels[int(str(told["pin"]))] = bool(told["level"])


class Supervisor:
    """Restart=always, WatchdogSec, WatchdogSignal and ExecStopPost, for one gate."""

    def __init__(self, gate: TroubledGate, notify: Path) -> None:
        self.gate = gate
        self.killed_by_watchdog = 0
        self.secured: list[int] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(notify))
        self._socket.settimeout(0.05)

    def close(self) -> None:
        self._socket.close()

    def watch_until_restarted(self, *, executes_stop_post: bool = True) -> None:
        """Watch this life to its end, secure, and begin the next one."""
        alive_at = time.monotonic()
        while self.gate.process.is_running:
            with suppress(TimeoutError):
                if b"WATCHDOG=1" in self._socket.recv(256):
                    alive_at = time.monotonic()
            if time.monotonic() - alive_at > WATCHDOG_S:
                self.killed_by_watchdog += 1
                self.gate.process.kill()
        if executes_stop_post:
            words = [sys.executable, "-m", "gate", "--settings", str(self.gate.place.settings), "--secure"]
            self.secured.append(subprocess.run(words, cwd=CHECKOUT, check=False, timeout=20).returncode)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TroubleSite]:
    site = TroubleSite(tmp_path_factory.mktemp("controller"))
    yield site
    site.close()


@pytest.fixture
def supervised(
    site: TroubleSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[TroubledGate, Supervisor, Board]]:
    """A gate with its barrier released for a minute, under supervision."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    gate = site.gate(LONG_RELEASE)
    supervisor = Supervisor(gate, tmp_path / "notify")
    board = Board(gate.place.pins)
    gate.is_known_to_be_well_in("link")
    assert gate.released(gate.show_code())
    eventually(lambda: board.levels.get(RELAY_PIN) is True, "the board has released", within_s=5.0)
    yield gate, supervisor, board
    with suppress(ProcessLookupError):
        os.kill(gate.process.pid, signal.SIGCONT)
    board.stop()
    supervisor.close()


def session_of(site: TroubleSite, gate: TroubledGate) -> tuple[int, bool]:
    [[session, is_online]] = site.ask("SELECT session, is_online FROM gates WHERE device=?", gate.place.device)
    return int(str(session)), bool(is_online)


def test_a_killed_terminal_lets_the_relay_fall_and_is_back_at_the_centre(
    site: TroubleSite, supervised: tuple[TroubledGate, Supervisor, Board]
) -> None:
    gate, supervisor, board = supervised
    first, _ = session_of(site, gate)
    died_at = time.monotonic()
    os.kill(gate.process.pid, signal.SIGKILL)
    supervisor.watch_until_restarted()
    eventually(lambda: board.levels.get(RELAY_PIN) is False, "the relay has fallen", within_s=SECURED_WITHIN_S)
    assert time.monotonic() - died_at < SECURED_WITHIN_S
    assert supervisor.secured == [0]
    eventually(lambda: session_of(site, gate) == (first, False), "its will is at the centre", within_s=5.0)
    gate.start()
    eventually(
        lambda: session_of(site, gate)[0] != first and session_of(site, gate)[1], "its birth is there", within_s=10.0
    )
    gate.is_known_to_be_well_in("link", "journal")


def test_a_hung_terminal_is_killed_by_its_watchdog_and_the_relay_falls(
    site: TroubleSite, supervised: tuple[TroubledGate, Supervisor, Board]
) -> None:
    gate, supervisor, board = supervised
    hung_at = time.monotonic()
    os.kill(gate.process.pid, signal.SIGSTOP)
    supervisor.watch_until_restarted()
    eventually(lambda: board.levels.get(RELAY_PIN) is False, "the relay has fallen", within_s=SECURED_WITHIN_S)
    assert supervisor.killed_by_watchdog == 1
    assert time.monotonic() - hung_at < WATCHDOG_S + SECURED_WITHIN_S
    gate.start()
    gate.is_known_to_be_well_in("link", "journal")


def test_without_the_order_after_the_end_the_relay_would_stay_on(
    supervised: tuple[TroubledGate, Supervisor, Board],
) -> None:
    """Ablation: no ExecStopPost, on a board that keeps its levels."""
    gate, supervisor, board = supervised
    os.kill(gate.process.pid, signal.SIGKILL)
    supervisor.watch_until_restarted(executes_stop_post=False)
    assert board.levels[RELAY_PIN] is True


def test_a_terminal_that_serves_is_left_alone(supervised: tuple[TroubledGate, Supervisor, Board]) -> None:
    gate, supervisor, _ = supervised
    watching = threading.Thread(target=supervisor.watch_until_restarted, kwargs={"executes_stop_post": False})
    watching.start()
    watching.join(2 * WATCHDOG_S)
    assert supervisor.killed_by_watchdog == 0
    gate.process.stop()
    watching.join(10.0)
    assert not watching.is_alive()


def unit() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return parser


def test_the_unit_orders_what_the_supervisor_does() -> None:
    service = unit()["Service"]
    assert service["Restart"] == "always"
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"
    assert 0 < float(service["WatchdogSec"]) <= 10
    assert service["WatchdogSignal"] == "SIGKILL"
    assert service["ExecStopPost"].endswith("-m gate --settings /etc/gatehouse/%i.toml --secure")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("/opt/gatehouse/.venv/bin/python", sys.executable)
    (tmp_path / "gatehouse-terminal@.service").write_text(text, encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "gatehouse-terminal@.service")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "gatehouse-terminal" not in checked.stderr, checked.stderr
