"""A real terminal process on wire twins: its files, its process, and hands on its wires. For benches and tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from drivers.serial_twin import SerialScannerTwin
from gatehouse.bench.community import RULES_FILE, Community
from model.identities import CompoundId, DeviceId

COMPOUND: Final = CompoundId("garden-1")
RELAY_PIN, FEEDBACK_PIN = 17, 18
GREEN_PIN, RED_PIN, BUZZER_PIN = 22, 23, 24
CONFIRM_PIN, EMERGENCY_PIN, PRESENCE_PIN, DOOR_PIN = 20, 26, 6, 5
READY_WITHIN_S: Final = 40.0
STOP_WITHIN_S: Final = 10.0
SCANNER_IS_OPEN: Final = "serial_scanner_available=True"
_CONNECT_WITHIN_S: Final = 5.0
_POLL_S: Final = 0.005
_LINE_MAX: Final = 4096
_CHECKOUT: Final = Path(__file__).resolve().parents[2]

Table = Mapping[str, object]
"""One table of a settings file."""


def eventually(holds: Callable[[], object], what: str, *, within_s: float) -> None:
    """Poll until it holds. Raises TimeoutError, which names what did not."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(_POLL_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePlace:
    """Where one gate's files and wires are."""

    folder: Path
    device: DeviceId

    @property
    def settings(self) -> Path:
        return self.folder / "terminal.toml"

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    @property
    def journal(self) -> Path:
        return self.state_dir / "journal.db"

    @property
    def pins(self) -> Path:
        return self.folder / "pins.sock"

    @property
    def scanner(self) -> Path:
        return self.folder / "scanner"

    @property
    def thermometer(self) -> Path:
        return self.folder / "i2c.sock"

    @property
    def physics(self) -> Path:
        return self.folder / "physics.sock"

    @property
    def log(self) -> Path:
        return self.folder / "terminal.log"


def prepare_gate(
    folder: Path,
    community: Community,
    device: DeviceId,
    *,
    bus_port: int | None,
    tables: Mapping[str, Table] | None = None,
    contacts: Sequence[Table] = (),
) -> GatePlace:
    """Write a gate's settings and its directory as provisioning leaves them. tables: changes, table by table.

    A lane on the way out with a serial scanner and a relay, so that a code alone decides; quick to serve the next one.
    """
    place = GatePlace(folder=folder, device=device)
    place.state_dir.mkdir(parents=True)
    (place.state_dir / "directory.bin").write_bytes(community.signed_directory())
    site = community.site
    bus: dict[str, object] = {"enabled": False}
    if bus_port is not None:
        credentials = site.credentials(device)
        bus = {
            "host": "127.0.0.1",
            "port": bus_port,
            "ca_path": str(credentials.ca),
            "certificate_path": str(credentials.certificate),
            "key_path": str(credentials.key),
        }
    settings: dict[str, dict[str, object]] = {
        "identity": {
            "community": community.name,
            "compound": COMPOUND,
            "device": device,
            "gate_number": 1,
            "direction": "out",
        },
        "bus": bus,
        "keys": {"root_key_path": str(site.root_public), "key_list_path": str(site.key_list)},
        "clock": {"source": "declared"},
        "gpio": {"pin_factory": f"wire:{place.pins}"},
        "serial_scanner": {"device": str(place.scanner), "repeat_window_s": 0},
        "barrier": {"pin": RELAY_PIN},
        "visit": {"steps": ["scan"], "result_shown_s": 0.5},
        "release": {"release_time_s": 0.02},
        "kiosk": {"enabled": False},
    }
    for name, table in (tables or {}).items():
        settings.setdefault(name, {}).update(table)
    place.settings.write_text(_as_toml(community, place, settings, contacts), encoding="utf-8")
    return place


def _as_toml(community: Community, place: GatePlace, tables: Mapping[str, Table], contacts: Sequence[Table]) -> str:
    lines = [f"rules = {json.dumps(str(RULES_FILE))}", f"state_dir = {json.dumps(str(place.state_dir))}"]
    named = [(f"[{name}]", table) for name, table in tables.items()]
    for header, table in [*named, *(("[[contacts]]", contact) for contact in contacts)]:
        # Strings, numbers, booleans and lists of strings are written alike in JSON and in TOML.
        lines += [header, *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    return "\n".join(lines) + "\n"


class GateProcess:
    """`python -m gate` for one place; started and killed any number of times. program: words after the interpreter."""

    def __init__(self, place: GatePlace, *, program: Sequence[str] = ("-m", "gate"), log_level: str = "INFO") -> None:
        self.place = place
        self._words = [sys.executable, *program, "--settings", str(place.settings), "--log-level", log_level]
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    @property
    def pid(self) -> int:
        """Its process id. Raises ProcessLookupError when it does not run."""
        if self._process is None or self._process.poll() is not None:
            raise ProcessLookupError(f"the terminal of {self.place.device} does not run")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, *, wrapped_by: Sequence[str] = ()) -> None:
        """Start and wait until it says that it is ready. Raises TimeoutError with its last words otherwise."""
        with self.place.log.open("ab") as log_file:
            self._log_from = log_file.tell()
            self._process = subprocess.Popen(
                [*wrapped_by, *self._words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_file,
                cwd=self.place.folder,
                env={**os.environ, "PYTHONPATH": str(_CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
            )
        if not says_ready(self._process):
            self.kill()
            raise TimeoutError(f"the terminal of {self.place.device} did not start: {self.last_words()}")

    def kill(self) -> None:
        """End it as the power does. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_WITHIN_S)
            if self._process.stdout is not None:
                self._process.stdout.close()

    def stop(self) -> int:
        """End it in order; returns its exit code. One that does not end is killed."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL

    def last_words(self) -> str:
        """End of its log."""
        return "; ".join(self.place.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])

    def has_said(self, words: str) -> bool:
        """Whether its log holds these words since its last start."""
        return words.encode() in self.place.log.read_bytes()[self._log_from :]

    def wait_for_its_scanner(self) -> None:
        """Wait until the serial scanner is open: what is typed before is flushed away. The log level must be INFO."""
        eventually(lambda: self.has_said(SCANNER_IS_OPEN), "the scanner is open", within_s=READY_WITHIN_S)


def says_ready(process: "subprocess.Popen[bytes]") -> bool:
    """Read the first line with a deadline: a pipe that stays silent must not hold the caller."""
    heard = threading.Event()

    def listen() -> None:
        if process.stdout is not None and process.stdout.readline().strip() == b"ready":
            heard.set()
        ended.set()

    ended = threading.Event()
    threading.Thread(target=listen, name="ready", daemon=True).start()
    ended.wait(READY_WITHIN_S)
    return heard.is_set()


@dataclass(frozen=True, slots=True, kw_only=True)
class PinChange:
    """An output's new level. at: the terminal's instant on this machine's monotonic clock."""

    pin: int
    level: bool
    at: float


@dataclass(slots=True)
class _Seen:
    changes: list[PinChange] = field(default_factory=list)
    levels: dict[int, bool] = field(default_factory=dict)


class PinHand:
    """The outside of a terminal's pins, for one life of the terminal. A thread of its own reads."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises OSError when nobody listens."""
        self._seen = _Seen()
        self._changed = threading.Condition()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.settimeout(_CONNECT_WITHIN_S)
        self._connection.connect(str(path))
        self._connection.settimeout(None)
        self._reader = threading.Thread(target=self._read, name="pins", daemon=True)
        self._reader.start()

    def wait_until_silent(self, within_s: float) -> bool:
        """Whether the terminal's end of the wire was closed, as its death closes it, and all it said is read."""
        self._reader.join(within_s)
        return not self._reader.is_alive()

    def close(self) -> None:
        """Hang up."""
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the terminal went first

    def drive(self, pin: int, level: bool) -> None:
        """Put a level on an input."""
        self._connection.sendall(json.dumps({"pin": pin, "level": int(level)}).encode() + b"\n")

    def level(self, pin: int) -> bool | None:
        """Last known level of an output."""
        with self._changed:
            return self._seen.levels.get(pin)

    def changes(self, pin: int) -> list[PinChange]:
        """Changes of an output, oldest first."""
        with self._changed:
            return [change for change in self._seen.changes if change.pin == pin]

    def wait_for(self, pin: int, level: bool, *, after: float, within_s: float) -> PinChange | None:
        """First change of an output to a level at or after an instant; None when it does not come in time."""

        def found() -> PinChange | None:
            for change in reversed(self._seen.changes):
                if change.at < after:
                    return None
                if change.pin == pin and change.level is level:
                    return change
            return None

        with self._changed:
            return self._changed.wait_for(found, within_s)

    def _read(self) -> None:
        try:
            with self._connection.makefile("rb") as lines:
                while line := lines.readline(_LINE_MAX):
                    self._take(json.loads(line))
        except (OSError, ValueError):
            return  # the terminal is dead

    def _take(self, told: dict[str, object]) -> None:
        with self._changed:
            snapshot = told.get("snapshot")
            if isinstance(snapshot, dict):
                self._seen.levels |= {int(pin): bool(level) for pin, level in snapshot.items()}
            elif "pin" in told:
                change = PinChange(pin=int(str(told["pin"])), level=bool(told["level"]), at=float(str(told["at"])))
                self._seen.levels[change.pin] = change.level
                self._seen.changes.append(change)
            self._changed.notify_all()


class Hands:
    """Scanner and pins of one gate through all its lives."""

    def __init__(self, place: GatePlace) -> None:
        self.place = place
        self.scanner = SerialScannerTwin(place.scanner)
        self._pins: PinHand | None = None

    @property
    def pins(self) -> PinHand:
        """The pins of the present life. Raises ProcessLookupError before `take_hold`."""
        if self._pins is None:
            raise ProcessLookupError(f"nobody holds the wires of {self.place.device}")
        return self._pins

    def take_hold(self) -> None:
        """After a start: connect to the new life's pins."""
        self.let_go()
        eventually(self.place.pins.exists, "the terminal's pins", within_s=_CONNECT_WITHIN_S)
        self._pins = PinHand(self.place.pins)
        eventually(lambda: self.pins.level(RELAY_PIN) is not None, "the relay is claimed", within_s=_CONNECT_WITHIN_S)

    def let_go(self) -> None:
        """Hang up. Idempotent."""
        if self._pins is not None:
            self._pins.close()
            self._pins = None

    def scan(self, code: str) -> float:
        """Show a code to the serial scanner; returns the instant before its first byte."""
        began = time.monotonic()
        self.scanner.type(code.encode() + b"\r")
        return began
