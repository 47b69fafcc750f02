"""One walk through a gate: up to it, answer, forehead, code, read the lamps, through the door or away.

Rules of a visit: a person does the steps in the order that the gate asks for; shows the code again and again until the
lamps say something; stops at once when they do; waits for the guard with patience; and opens the door only when the
barrier was released. What a person sees is told, never what the gate decided inside.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Protocol

from model.temperature import Celsius
from simulator.people import Behaviour, Carrier, Resident, shown_code
from simulator.physics import Weather, skin_after
from simulator.pictures import Medium, Shot, draw_frame, empty_frame
from simulator.senses import GateAnswer, perceive
from simulator.spot import Spot
from simulator.wires import GateOutside, OutputChange, SensorTrouble
from simulator.wiring import Input, Output, Step

# A person's own times at pace 1.0 and tempo 1.0.
_STEPS_UP_S = 0.9
_READS_QUESTION_S = 1.2
_PRESS_S = 0.35
_BENDS_FORWARD_S = 0.5
_HOLDS_FOREHEAD_S = 2.0
_TAKES_OUT_CODE_S = 0.8
_SHOWS_AGAIN_EVERY_S = 0.35
_SCANS_AGAIN_EVERY_S = 1.5
_REACHES_DOOR_S = 0.7
_WALKS_THROUGH_S = 1.6
_TURNS_AWAY_S = 1.5
# Patience is with the gate and not with oneself: it does not scale with the tempo.
PATIENCE_S = 25.0
PATIENCE_WITH_GUARD_S = 45.0
_LOOKS_EVERY_S = 0.05
_LOOKS_BACK_S = 1.5
_CALLED_OFF = (GateAnswer.REFUSED, GateAnswer.GUARD_CALLED, GateAnswer.ALARM)
_FLEES = frozenset({Behaviour.FORGED_PASS, Behaviour.SCREENSHOT, Behaviour.WEB_ADDRESS})


class Scanner(Enum):
    """Which of a gate's scanners a person uses."""

    CAMERA = "camera"
    SERIAL = "serial"


class Clock(Protocol):
    """Time as people in the street have it."""

    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float: ...

    def wait(self, seconds: float) -> bool:
        """Wait; True when everybody is called home meanwhile."""


class StreetClock:
    """The machine's own time; `stop` ends every wait."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        return self._stopped.wait(seconds)

    def stop(self) -> None:
        self._stopped.set()


@dataclass(slots=True)
class Forehead:
    """What is before the thermometer; set by a visit, read by the thread that moves the sensor's scene."""

    skin_c: Celsius | None = None
    distance_cm: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitSeen:
    """What a person can tell of a visit. answers: in order; answered_after_s: from arriving to the first of them."""

    gate: str
    name: str
    household: int
    pass_id: str
    behaviour: Behaviour
    scanner: Scanner
    answers: tuple[GateAnswer, ...]
    answered_after_s: float | None
    has_passed: bool
    began_at: float
    ended_at: float


class HomeCalled(Exception):
    """Everybody is called home: the street closes."""


@dataclass(slots=True)
class Surroundings:
    """What somebody has set by hand at a gate's thermometer; None: as the weather makes it."""

    air_c: Celsius | None = None
    can_c: Celsius | None = None
    trouble: SensorTrouble = SensorTrouble.NONE


@dataclass(slots=True)
class Place:
    """A gate as a place where somebody may stand. person: who stands there; the guard looks at it."""

    name: str
    gate: GateOutside
    steps: tuple[Step, ...]
    weather: Weather
    forehead: Forehead
    scanners: tuple[Scanner, ...]
    has_barrier: bool = True
    person: Resident | None = None
    surroundings: Surroundings = field(default_factory=Surroundings)
    spot: Spot = field(default_factory=Spot)


class Visit:
    """One person's walk through one gate. tempo: factor on a person's own times, 1.0 = human."""

    def __init__(
        self,
        resident: Resident,
        place: Place,
        clock: Clock,
        *,
        scanner: Scanner,
        tempo: float = 1.0,
        random_source: random.Random,
        companion: Resident | None = None,
    ) -> None:
        """companion: whose pass is shown as the second one (SECOND_PASS)."""
        self._resident = resident
        self._place = place
        self._gate = place.gate
        self._clock = clock
        self._scanner = scanner if scanner in place.scanners else place.scanners[0]
        self._tempo = tempo * resident.pace
        self._random = random_source
        self._companion = companion
        self._looks_since = 0.0
        self._is_used_to_alarm = False

    def walk(self) -> VisitSeen:
        """Go through with it. Raises HomeCalled when the street closes; the place is left empty either way."""
        began_at = self._looks_since = self._clock.monotonic()
        before = self._gate.changes_since(began_at - _LOOKS_BACK_S)
        # A lamp that blinked before means something else than oneself.
        self._is_used_to_alarm = perceive(before, began_at) is GateAnswer.ALARM
        answers: list[GateAnswer] = []
        answered_at: float | None = None
        has_passed = False
        self._place.person = self._resident
        try:
            first = self._until_the_first_answer()
            if first is not GateAnswer.NOTHING:
                answers.append(first)
                answered_at = self._clock.monotonic()
            if first is GateAnswer.GUARD_CALLED or (first is GateAnswer.ALARM and self._stays_for_the_guard()):
                answers.append(self._look_until(GateAnswer.OPENED, GateAnswer.REFUSED, at_most_s=PATIENCE_WITH_GUARD_S))
            if answers and answers[-1] is GateAnswer.OPENED:
                self._go_through()
                has_passed = True
        finally:
            self._leave()
        return VisitSeen(
            gate=self._place.name,
            name=self._resident.name,
            household=self._resident.household,
            pass_id=self._resident.wallet.pass_id,
            behaviour=self._resident.behaviour,
            scanner=self._scanner,
            answers=tuple(answers) or (GateAnswer.NOTHING,),
            answered_after_s=None if answered_at is None else answered_at - began_at,
            has_passed=has_passed,
            began_at=began_at,
            ended_at=self._clock.monotonic(),
        )

    def _until_the_first_answer(self) -> GateAnswer:
        self._gate.set_input(Input.PRESENCE, True)
        self._pause(_STEPS_UP_S)
        for step in self._place.steps:
            answer = self._do(step)
            if answer is not GateAnswer.NOTHING or self._has_had_enough(step):
                return answer
        return GateAnswer.NOTHING

    def _do(self, step: Step) -> GateAnswer:
        match step:
            case Step.ASK:
                self._pause(_READS_QUESTION_S)
                self._press(Input.ANSWER_NO)
            case Step.MEASURE:
                self._pause(_BENDS_FORWARD_S)
                self._bend_forward()
                return self._look_until(*_CALLED_OFF, at_most_s=self._times(_HOLDS_FOREHEAD_S))
            case Step.CHECK:
                return self._see()  # the guard or the rules check; there is nothing to do
            case Step.SCAN:
                self._pause(_TAKES_OUT_CODE_S)
                return self._show_code_until_answered()
        return self._see()

    def _has_had_enough(self, step: Step) -> bool:
        """Somebody who walks away does so before the code is shown."""
        steps = self._place.steps
        is_before_scan = steps.index(step) + 1 == steps.index(Step.SCAN) if Step.SCAN in steps else True
        return self._resident.behaviour is Behaviour.WALKS_AWAY and is_before_scan

    def _stays_for_the_guard(self) -> bool:
        return self._resident.behaviour not in _FLEES

    def _bend_forward(self) -> None:
        skin_c = skin_after(self._resident.core_c, self._place.weather, self._resident.outdoors_s)
        self._place.forehead.distance_cm = self._random.uniform(4.0, 7.0)
        self._place.forehead.skin_c = skin_c

    def _show_code_until_answered(self) -> GateAnswer:
        until = self._clock.monotonic() + PATIENCE_S
        every_s = _SHOWS_AGAIN_EVERY_S if self._scanner is Scanner.CAMERA else _SCANS_AGAIN_EVERY_S
        shows_at = self._clock.monotonic()
        shown = 0
        while self._clock.monotonic() < until:
            if self._clock.monotonic() >= shows_at:
                self._show(shown)
                shown += 1
                shows_at = self._clock.monotonic() + every_s
            answer = self._see()
            if answer is not GateAnswer.NOTHING:
                return answer
            self._wait(_LOOKS_EVERY_S)
        return GateAnswer.NOTHING

    def _show(self, times_shown: int) -> None:
        resident = self._resident
        if resident.behaviour is Behaviour.SECOND_PASS and self._companion is not None and times_shown % 2:
            resident = self._companion
        code = shown_code(resident, self._clock.now())
        if self._scanner is Scanner.SERIAL:
            self._gate.scan_with_serial(code)
        else:
            self._gate.show_to_camera(draw_frame(code, shot_of(resident.carrier, self._random)))

    def _go_through(self) -> None:
        self._pause(_REACHES_DOOR_S)
        self._gate.set_input(Input.DOOR, True)
        try:
            self._place.forehead.skin_c = None
            self._pause(_WALKS_THROUGH_S)
        finally:
            # A door has a closer: it shuts behind whoever went through, also when the street closes.
            self._gate.set_input(Input.DOOR, False)

    def _leave(self) -> None:
        self._put_code_away()
        self._place.forehead.skin_c = None
        self._place.forehead.distance_cm = 100.0
        self._gate.set_input(Input.PRESENCE, False)
        self._place.person = None
        self._clock.wait(self._times(_TURNS_AWAY_S))

    def _put_code_away(self) -> None:
        if self._scanner is Scanner.CAMERA:
            self._gate.show_to_camera(empty_frame(seed=self._random.randrange(2**31)))

    def _see(self) -> GateAnswer:
        now = self._clock.monotonic()
        answer = perceive(self._changes(), now, has_barrier=self._place.has_barrier)
        if answer is GateAnswer.ALARM and self._is_used_to_alarm:
            answer = GateAnswer.NOTHING
        if answer is not GateAnswer.NOTHING:
            self._put_code_away()
        return answer

    def _changes(self) -> tuple[OutputChange, ...]:
        return self._gate.changes_since(self._looks_since)

    def _look_until(self, *wanted: GateAnswer, at_most_s: float) -> GateAnswer:
        """The first of these answers, NOTHING when time is up."""
        until = self._clock.monotonic() + at_most_s
        while self._clock.monotonic() < until:
            answer = self._see()
            if answer in wanted:
                return answer
            self._wait(_LOOKS_EVERY_S)
        return GateAnswer.NOTHING

    def _press(self, button: Input) -> None:
        self._gate.set_input(button, True)
        self._wait(_PRESS_S)
        self._gate.set_input(button, False)

    def _pause(self, seconds: float) -> None:
        self._wait(self._times(seconds))

    def _times(self, seconds: float) -> float:
        return seconds * self._tempo * self._random.uniform(0.85, 1.25)

    def _wait(self, seconds: float) -> None:
        if self._clock.wait(seconds):
            raise HomeCalled


def shot_of(carrier: Carrier, random_source: random.Random) -> Shot:
    """How somebody's hand holds a code before the camera, a little differently each time."""
    medium = {
        Carrier.PAPER: Medium.PAPER,
        Carrier.PHONE: Medium.PHONE,
        Carrier.PHONE_DARK_MODE: Medium.PHONE_DARK_MODE,
    }[carrier]
    hand = random_source.uniform
    return Shot(
        medium=medium,
        code_px=int(hand(260, 340)),
        centre=(320 + int(hand(-40, 40)), 240 + int(hand(-20, 20))),
        tilt=(hand(-0.3, 0.3), hand(-0.3, 0.3)),
        rotation_deg=hand(-12, 12),
        blur_px=hand(0.3, 0.8),
        brightness=hand(0.6, 1.0),
        seed=random_source.randrange(2**31),
    )


def is_lit(gate: GateOutside) -> bool:
    """Whether a lamp still shows the answer to the person before."""
    return any(gate.is_active(lamp) for lamp in (Output.GREEN, Output.RED))
