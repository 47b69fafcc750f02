"""A tent of the street's community: a terminal and a kiosk from the tent's profile, at wires of their own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from street_kit import CHECKOUT, IN, STOP_WITHIN_S, Street, eventually

from gatehouse.street.layout import COMPOUND
from gatehouse.street.settings_text import as_toml
from simulator.physics import SensorView
from simulator.wires import Gate
from simulator.wiring import GateWiring, Input, Output, Pin, Step

PROFILE = CHECKOUT / "config" / "profiles" / "tent.toml"
UP_WITHIN_S = 60.0
DEVICE = "tent-9"
WALL_C, WRIST_C, FEVER_C, AIR_C = 12.0, 33.0, 35.5, 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tent:
    """A tent that stands. url: of its kiosk."""

    gate: Gate
    url: str

    def sees(self, object_c: float) -> None:
        """What is before its thermometer."""
        self.gate.physics.show(SensorView(object_c=object_c, can_c=AIR_C))  # type: ignore[arg-type]


@contextmanager
def standing_tent(folder: Path, wires: Path, street: Street) -> Iterator[Tent]:
    """The profile as it is, with simulated wires; nobody but the guard is shown a temperature.

    wires: a folder with a short path.
    """
    rules = street.folder.rules.read_text(encoding="utf-8").replace(
        'shown_to = ["resident", "guard"]', 'shown_to = ["guard"]'
    )
    (folder / "rules.toml").write_text(rules, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    table = tomllib.loads(PROFILE.read_text(encoding="utf-8"))
    site = street.folder.site
    table |= {"rules": str(folder / "rules.toml"), "state_dir": str(folder / "state")}
    table["identity"] |= {
        "community": street.folder.community,
        "compound": COMPOUND,
        "device": DEVICE,
        "gate_number": 9,
    }
    table["keys"] = {"root_key_path": str(site.root_public), "key_list_path": str(site.key_list)}
    table["clock"]["source"] = "declared"
    table["gpio"]["pin_factory"] = f"wire:{wires / 'pins'}"
    table["thermometer"]["bus"] = f"unix:{wires / 'i2c'}"
    table["serial_scanner"]["device"] = str(wires / "tty")
    table["kiosk"] |= {
        "port": port,
        "socket_path": str(wires / "kiosk"),
        "guards_path": str(street.folder.guards),
    }
    # Without a network somebody carries the register there.
    (folder / "state").mkdir()
    shutil.copy(street.folder.folder / IN / "state" / "directory.bin", folder / "state")
    settings = folder / "tent.toml"
    settings.write_text(as_toml(table), encoding="utf-8")
    gate = Gate(_wiring_of(table, wires))
    with ExitStack() as ending:
        ending.callback(gate.stop)
        twins = ["drivers.twins_server", "--thermometer", str(wires / "i2c"), str(wires / "physics")]
        _start(twins, folder, ending)
        assert eventually((wires / "physics").exists, UP_WITHIN_S)
        gate.start()
        tent = Tent(gate=gate, url=f"http://127.0.0.1:{port}/")
        tent.sees(WALL_C)
        for program in ("gate", "gate.kiosk"):
            _start([program, "--settings", str(settings)], folder, ending)
        assert eventually(lambda: gate.pins.is_connected and _listens(port), UP_WITHIN_S), _last_words(folder)
        yield tent


def _wiring_of(table: dict[str, object], wires: Path) -> GateWiring:
    """The same tent from outside."""
    alarm: dict[str, int] = table["alarm"]  # type: ignore[assignment]
    contacts: list[dict[str, object]] = table["contacts"]  # type: ignore[assignment]
    return GateWiring(
        name=DEVICE,
        direction="in",
        pins_socket=wires / "pins",
        physics_socket=wires / "physics",
        scanner_tty=wires / "tty",
        frames=None,
        inputs={Input(each["role"]): Pin(number=int(str(each["pin"])), active_high=False) for each in contacts},
        outputs={
            output: Pin(number=alarm[f"{output.value}_pin"], active_high=True)
            for output in (Output.GREEN, Output.RED, Output.BUZZER)
        },
        steps=(Step.CHECK, Step.MEASURE, Step.SCAN),
    )


def _start(words: list[str], folder: Path, ending: ExitStack) -> None:
    with (folder / f"{words[0]}.log").open("ab") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", *words],
            stdout=log_file,
            stderr=log_file,
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
    ending.callback(_end, process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_WITHIN_S)
    finally:
        process.kill()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


def _last_words(folder: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8")[-2000:] for log in folder.glob("*.log"))
