"""All that others see of hardware: Protocols of devices, and the readings they emit.

Threads belong to drivers. A driver hands readings to the `emit` it was given, on its own thread; the shell enters its
inbox from there. Orders (`release`, `sound`, …) may come from any thread and return at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from model.clock import Instant
from model.credentials import Scanner
from model.temperature import ThermometerReading


class Component(Enum):
    """Parts of a gate whose health is shown at the gate and known at the centre."""

    THERMOMETER = "thermometer"
    SERIAL_SCANNER = "serial_scanner"
    CAMERA_SCANNER = "camera_scanner"
    BARRIER = "barrier"
    ALARM = "alarm"
    CONTACTS = "contacts"
    SPEAKER = "speaker"


class ContactRole(Enum):
    """What an input of the gate means. The profile says which pin, pull and polarity it has."""

    DOOR = "door"  # active = open
    PRESENCE = "presence"  # active = somebody stands in the lane
    OBSTRUCTION = "obstruction"  # active = something is in the barrier's way
    FIRE = "fire"
    BREAK_GLASS = "break_glass"
    REX = "rex"  # request to exit
    TAMPER = "tamper"  # the terminal's enclosure
    ANSWER_YES = "answer_yes"  # big button: "yes, that applies to me"
    ANSWER_NO = "answer_no"  # big button: "no, none of it"
    GUARD_CONFIRM = "guard_confirm"  # key switch at the guard's desk: looked at, let through
    GUARD_REFUSE = "guard_refuse"
    GUARD_EMERGENCY = "guard_emergency"  # emergency release
    GUARD_BELL = "guard_bell"  # a resident wants to speak to a person


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeScanned:
    """One code as read, without prefix, suffix and line end. text: at most 601 bytes, so that 600 plus is known.

    several: the frame held more than one different code; text is then empty.
    """

    at: Instant
    scanner: Scanner
    text: bytes
    several: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged:
    """A debounced change of an input, or its level at the start (is_initial)."""

    at: Instant
    role: ContactRole
    is_active: bool
    is_initial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentHealth:
    """A device went away or came back; sent once at each change and once at the start. why: a short word in English."""

    at: Instant
    component: Component
    is_available: bool
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEndedEarly:
    """The barrier's output reached its own maximum on-time before the end of what was ordered."""

    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstDone:
    """The burst that was asked for ended. request: the number given to `measure`."""

    at: Instant
    request: int
    reading: ThermometerReading


class CameraHint(Enum):
    """What would make a code that is held up readable."""

    CLOSER = "closer"
    FARTHER = "farther"
    HOLD_STILL = "hold_still"
    BRIGHTER = "brighter"  # a phone's display turned up, a lamp over a card
    LESS_GLARE = "less_glare"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraHintChanged:
    """The camera sees something that looks like a code and can't be read; None: not any more."""

    at: Instant
    hint: CameraHint | None


Reading = CodeScanned | ContactChanged | ComponentHealth | ReleaseEndedEarly | BurstDone | CameraHintChanged
Emit = Callable[[Reading], None]


class Device(Protocol):
    """Something that runs from start to stop. start() returns within 1 s whether or not the hardware is there."""

    def start(self, emit: Emit) -> None: ...

    def stop(self) -> None:
        """Bring outputs into their safe state, end threads, release lines. Idempotent; within 2 s."""


class Thermometer(Device, Protocol):
    def measure(self, request: int) -> None:
        """Take a burst after the settling time; answers with one BurstDone. A newer request replaces a waiting one."""


class BarrierOutput(Device, Protocol):
    def release(self, release_time_s: float) -> None:
        """Energise the release relay for at most release_time_s, never longer than the output's own maximum on-time."""

    def secure(self) -> None:
        """De-energise now."""


class Speaker(Device, Protocol):
    """Says one sentence at a time. Health is emitted as of any device."""

    def say(self, sentences: Sequence[tuple[str, str]], *, urgent: bool = False) -> None:
        """Say (language, words) one after the other: language zh or en.

        What comes while something is being said takes the place of what still waits; urgent cuts the present one off.
        """

    def hush(self) -> None:
        """Be silent at once, and forget what waits."""


class Signal(Enum):
    """What the lamps and the buzzer say."""

    GRANTED = "granted"
    REFUSED = "refused"
    GUARD = "guard"
    ALARM = "alarm"
    OFF = "off"


class AlarmOutput(Device, Protocol):
    def signal(self, signal: Signal) -> None:
        """Show a signal until the next one or until the output's own maximum on-time."""
