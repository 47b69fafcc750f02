"""A whole lane as real processes: camera, thermometer, contacts and relay on wire twins, kiosk beside it where wanted.

One visit by hand (`walk_through`) is quick and the same each time; virtual people (simulator.visit) take their time.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from drivers.mlx90614_twin import Mlx90614Twin
from drivers.twins_server import ThermometerTwinServer
from gatehouse.bench.bus_site import free_port
from gatehouse.bench.community import Community
from gatehouse.bench.gate_site import (
    BUZZER_PIN,
    CONFIRM_PIN,
    DOOR_PIN,
    GREEN_PIN,
    PRESENCE_PIN,
    RED_PIN,
    RELAY_PIN,
    STOP_WITHIN_S,
    GatePlace,
    GateProcess,
    Hands,
    eventually,
    prepare_gate,
)
from model.identities import DeviceId
from simulator.pictures import Shot, draw_frame, empty_frame
from simulator.wires import CameraWire
from simulator.wiring import GateWiring, Input, Output, Pin, Step

WALL_C, FOREHEAD_C = 20.0, 33.7
VARIANT: Final = "DCI"
SAMPLE_INTERVAL_S: Final = 0.1
BURST_SIZE: Final = 5
RELEASED_WITHIN_S: Final = 15.0
KIOSK_NICE: Final = 10  # as in systemd/gatehouse-kiosk@.service
_KIOSK_UP_WITHIN_S: Final = 15.0
_CHECKOUT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """One visit: the instant of its first frame with the code, and of the relay. Seconds on this machine's clock."""

    shown_at: float
    released_at: float

    @property
    def took_s(self) -> float:
        return self.released_at - self.shown_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A lane that runs. kiosk_port: None where no kiosk runs."""

    place: GatePlace
    terminal: GateProcess
    hands: Hands
    twin: Mlx90614Twin
    camera: CameraWire
    kiosk: "subprocess.Popen[bytes] | None"
    kiosk_port: int | None

    def walk_through(self, code: str, seed: int) -> Passed:
        """Step up, hold the code up, be measured, pass. Raises TimeoutError when the relay does not move."""
        picture = draw_frame(code, Shot(seed=seed))
        self.twin.show(object_temp_c=FOREHEAD_C)
        self.hands.pins.drive(PRESENCE_PIN, False)
        shown_at = time.monotonic()
        self.camera.show(picture)
        released = self.hands.pins.wait_for(RELAY_PIN, True, after=shown_at, within_s=RELEASED_WITHIN_S)
        if released is None:
            raise TimeoutError(f"not released within {RELEASED_WITHIN_S:g} s: {self.terminal.last_words()}")
        self.camera.show(empty_frame(seed=seed))
        self.twin.show(object_temp_c=WALL_C)
        self.hands.pins.wait_for(RELAY_PIN, False, after=released.at, within_s=RELEASED_WITHIN_S)
        self.hands.pins.drive(PRESENCE_PIN, True)
        return Passed(shown_at=shown_at, released_at=released.at)


@contextmanager
def open_lane(
    folder: Path,
    community: Community,
    device: DeviceId,
    *,
    steps: Sequence[str],
    with_kiosk: bool,
    bus_port: int | None = None,
    has_door: bool = False,
    variant: str = VARIANT,
    direction: str = "in",
) -> Iterator[Lane]:
    """Start everything of one lane; ends all that it started. has_door: whoever passes opens it.

    variant: of the thermometer; AAA settles nine times sooner than DCI.
    """
    place = GatePlace(folder=folder, device=device)
    frames = folder / "frames"
    kiosk_port = free_port() if with_kiosk else None
    contacts = [{"role": "presence", "pin": PRESENCE_PIN}, {"role": "guard_confirm", "pin": CONFIRM_PIN}]
    prepare_gate(
        folder,
        community,
        device,
        bus_port=bus_port,
        tables={
            "identity": {"direction": direction},
            "thermometer": {
                "bus": f"unix:{place.thermometer}",
                "variant": variant,
                "burst_size": BURST_SIZE,
                "sample_interval_s": SAMPLE_INTERVAL_S,
            },
            "camera_scanner": {"source": f"frames:{frames}"},
            "alarm": {"green_pin": GREEN_PIN, "red_pin": RED_PIN, "buzzer_pin": BUZZER_PIN},
            "visit": {"steps": list(steps), "result_shown_s": 0.5},
            "release": {"release_time_s": 3.0 if has_door else 0.2},
            "kiosk": {"enabled": with_kiosk, "port": kiosk_port or 8090},
            "voice": {"enabled": False},
        },
        contacts=[*contacts, {"role": "door", "pin": DOOR_PIN}] if has_door else contacts,
    )
    frames.mkdir()
    camera = CameraWire(frames)
    camera.show(empty_frame(seed=1))
    twin = Mlx90614Twin()
    twin.show(object_temp_c=WALL_C)
    server = ThermometerTwinServer(twin, place.thermometer, place.physics)
    process, hands = GateProcess(place), Hands(place)
    with ExitStack() as ending:
        server.start()
        ending.callback(server.stop)
        hands.scanner.plug()
        ending.callback(hands.scanner.unplug)
        ending.callback(process.stop)
        process.start()
        hands.take_hold()
        ending.callback(hands.let_go)
        kiosk = _start_kiosk(place, ending) if with_kiosk else None
        if kiosk_port is not None:
            eventually(lambda: _listens(kiosk_port), "the kiosk's page", within_s=_KIOSK_UP_WITHIN_S)
        process.wait_for_its_scanner()
        yield Lane(
            place=place,
            terminal=process,
            hands=hands,
            twin=twin,
            camera=camera,
            kiosk=kiosk,
            kiosk_port=kiosk_port,
        )


def wiring_from_outside(lane: Lane, steps: Sequence[str]) -> GateWiring:
    """The same lane as virtual people find it."""
    return GateWiring(
        name=lane.place.device,
        direction="in",
        pins_socket=lane.place.pins,
        physics_socket=lane.place.physics,
        scanner_tty=None,
        frames=lane.place.folder / "frames",
        inputs={
            Input.PRESENCE: Pin(number=PRESENCE_PIN, active_high=False),
            Input.DOOR: Pin(number=DOOR_PIN, active_high=False),
            Input.GUARD_CONFIRM: Pin(number=CONFIRM_PIN, active_high=False),
        },
        outputs={
            Output.RELEASE: Pin(number=RELAY_PIN, active_high=True),
            Output.GREEN: Pin(number=GREEN_PIN, active_high=True),
            Output.RED: Pin(number=RED_PIN, active_high=True),
        },
        steps=tuple(Step(step) for step in steps),
    )


def _start_kiosk(place: GatePlace, ending: ExitStack) -> "subprocess.Popen[bytes]":
    with (place.folder / "kiosk.log").open("ab") as log_file:
        process = subprocess.Popen(
            ["nice", "-n", str(KIOSK_NICE), sys.executable, "-m", "gate.kiosk", "--settings", str(place.settings)],
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            cwd=place.folder,
            env={**os.environ, "PYTHONPATH": str(_CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    ending.callback(_end, process)
    return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_WITHIN_S)
        return
    process.kill()
    process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.5):
        return True
    return False
