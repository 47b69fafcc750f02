"""Where the simulator touches a gate: sockets, the scanner's tty, the camera's frames, and which pin means what.

Written by whoever starts a simulated street, read by the simulator's process; JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from simulator.errors import SceneRefused

FORMAT = "gatehouse-scene-1"


class Input(Enum):
    """Inputs of a gate that the simulator moves, by the name of their role."""

    DOOR = "door"
    PRESENCE = "presence"
    OBSTRUCTION = "obstruction"
    FIRE = "fire"
    BREAK_GLASS = "break_glass"
    REX = "rex"
    TAMPER = "tamper"
    ANSWER_YES = "answer_yes"
    ANSWER_NO = "answer_no"
    GUARD_CONFIRM = "guard_confirm"
    GUARD_REFUSE = "guard_refuse"
    GUARD_EMERGENCY = "guard_emergency"
    GUARD_BELL = "guard_bell"


class Output(Enum):
    """Outputs of a gate that people see or hear."""

    RELEASE = "release"
    GREEN = "green"
    RED = "red"
    GUARD = "guard"
    BUZZER = "buzzer"


class Step(Enum):
    """What a person does at the gate, in the order that the screen asks for it."""

    ASK = "ask"
    MEASURE = "measure"
    CHECK = "check"
    SCAN = "scan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A BCM number and the level that means active."""

    number: int
    active_high: bool

    def level(self, is_active: bool) -> bool:
        return is_active == self.active_high


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWiring:
    """One gate from outside. scanner_tty, frames: None where the gate has no such scanner."""

    name: str
    direction: str
    pins_socket: Path
    physics_socket: Path
    scanner_tty: Path | None
    frames: Path | None
    inputs: Mapping[Input, Pin]
    outputs: Mapping[Output, Pin]
    steps: tuple[Step, ...]


def write_scene(path: Path, gates: tuple[GateWiring, ...]) -> None:
    """Write the gates' wiring for the simulator's process."""
    path.write_text(json.dumps({"format": FORMAT, "gates": [_as_json(gate) for gate in gates]}, indent=1) + "\n")


def read_scene(path: Path) -> tuple[GateWiring, ...]:
    """Read the gates' wiring. Raises SceneRefused when it can't be used."""
    try:
        scene = json.loads(path.read_text(encoding="utf-8"))
        if scene["format"] != FORMAT:
            raise ValueError(f"format {scene['format']!r}, expected {FORMAT!r}")
        return tuple(_from_json(gate) for gate in scene["gates"])
    except OSError as error:
        raise SceneRefused(
            f"{path}: cannot be read ({error.strerror}); start a street first: gatehouse street"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise SceneRefused(f"{path}: not a scene of this version ({error}); start the street again") from error


def _as_json(gate: GateWiring) -> dict[str, object]:
    return {
        "name": gate.name,
        "direction": gate.direction,
        "pins_socket": str(gate.pins_socket),
        "physics_socket": str(gate.physics_socket),
        "scanner_tty": str(gate.scanner_tty) if gate.scanner_tty else None,
        "frames": str(gate.frames) if gate.frames else None,
        "inputs": {role.value: [pin.number, pin.active_high] for role, pin in gate.inputs.items()},
        "outputs": {role.value: [pin.number, pin.active_high] for role, pin in gate.outputs.items()},
        "steps": [step.value for step in gate.steps],
    }


def _from_json(gate: dict[str, object]) -> GateWiring:
    def path_or_none(name: str) -> Path | None:
        return Path(str(gate[name])) if gate[name] else None

    return GateWiring(
        name=str(gate["name"]),
        direction=str(gate["direction"]),
        pins_socket=Path(str(gate["pins_socket"])),
        physics_socket=Path(str(gate["physics_socket"])),
        scanner_tty=path_or_none("scanner_tty"),
        frames=path_or_none("frames"),
        inputs={Input(name): _pin(pin) for name, pin in _mapping(gate["inputs"]).items()},
        outputs={Output(name): _pin(pin) for name, pin in _mapping(gate["outputs"]).items()},
        steps=tuple(Step(step) for step in _sequence(gate["steps"])),
    )


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, got {value!r}")
    return value


def _sequence(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, got {value!r}")
    return value


def _pin(value: object) -> Pin:
    number, active_high = _sequence(value)
    if not isinstance(number, int) or not isinstance(active_high, bool):
        raise TypeError(f"expected [BCM number, active_high], got {value!r}")
    return Pin(number=number, active_high=active_high)
