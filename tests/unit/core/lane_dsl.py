"""A small language for tests of a lane: people, guards, doors and time act on a scene; the scene keeps what came out.

`run` takes bare events. `Scene` adds a clock that only moves when a test says so, answers for the journal, and checks
with every single step that the same state and event give the same answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from gate.core.effects import (
    AlarmKind,
    ClearAlarm,
    Effect,
    Instruction,
    RaiseAlarm,
    ReleaseBarrier,
    ShowInstruction,
    StartMeasurement,
    StoreRecord,
)
from gate.core.events import (
    CredentialPresented,
    DoorContactChanged,
    EmergencyReleaseOrdered,
    Event,
    FireChanged,
    GuardDecided,
    MeasuredByHand,
    ObstructionChanged,
    PresenceChanged,
    QuestionAnswered,
    RecordRefused,
    RecordStored,
    TemperatureMeasured,
    TimePassed,
)
from gate.core.lane import Lane, Step, deadline, step
from gate.core.settings import LaneSettings
from model.clock import ClockTrust, Instant
from model.credentials import CodeCheck, Scanner
from model.directory import Directory
from model.identities import GuardId
from model.passing import Direction
from model.records import DecisionRecord, Record, VisitStep
from model.rule_set import RuleSet
from model.temperature import Celsius, HandReading, HandSite, HandThermometer, ThermometerReading
from tests.unit.model.builders import MAIN_GATE, OTHER_PASS_ID, burst, directory, resident_pass, rule_set, verified

QUESTIONS = ("fever_or_cough", "been_to_risk_area")
ASK_MEASURE_CHECK_SCAN = (VisitStep.ASK, VisitStep.MEASURE, VisitStep.CHECK, VisitStep.SCAN)
STEP_LIMIT_S = {VisitStep.ASK: 20.0, VisitStep.MEASURE: 10.0, VisitStep.CHECK: 30.0, VisitStep.SCAN: 15.0}
DEADLINES_MAX = 200
SOMEBODY_ELSE = verified(credential=resident_pass(pass_id=OTHER_PASS_ID))

EffectKind = TypeVar("EffectKind")
RecordKind = TypeVar("RecordKind")


def settings(
    *,
    direction: Direction = Direction.IN,
    steps: tuple[VisitStep, ...] = ASK_MEASURE_CHECK_SCAN,
    questions: tuple[str, ...] = (),
    check_by_guard: bool = False,
    has_presence_contact: bool = True,
    has_barrier: bool = True,
    has_door_contact: bool = True,
    rex_is_allowed: bool = False,
    scanners: frozenset[str] = frozenset(),
    approach_s: float = 0.0,
) -> LaneSettings:
    return LaneSettings(
        gate=MAIN_GATE,
        direction=direction,
        steps=steps,
        step_limit_s=STEP_LIMIT_S,
        questions=questions,
        check_by_guard=check_by_guard,
        has_presence_contact=has_presence_contact,
        has_barrier=has_barrier,
        has_door_contact=has_door_contact,
        rex_is_allowed=rex_is_allowed,
        scanners=scanners,
        approach_s=approach_s,
    )


_KNOWN = directory()


def lane(
    lane_settings: LaneSettings | None = None,
    *,
    rules: RuleSet | None = None,
    known: Directory | None = _KNOWN,
) -> Lane:
    return Lane(
        settings=lane_settings or settings(), rules=rules or rule_set(), directory=known, clock_trust=ClockTrust.NTP
    )


def run(start: Lane, *events: Event) -> Step:
    """Lane after these events, and all effects in their order."""
    effects: tuple[Effect, ...] = ()
    for event in events:
        moved = step(start, event)
        start, effects = moved.lane, effects + moved.effects
    return Step(lane=start, effects=effects)


@dataclass(kw_only=True)
class Scene:
    """A lane with people before it. effects: all so far; last: those of the latest act."""

    lane: Lane = field(default_factory=lane)
    now: float = 100.0
    effects: list[Effect] = field(default_factory=list)
    last: tuple[Effect, ...] = ()
    unanswered: list[StoreRecord] = field(default_factory=list)

    def send(self, event: Event) -> "Scene":
        moved = step(self.lane, event)
        assert moved == step(self.lane, event), "same state, same event, same answer"
        self.lane, self.last = moved.lane, moved.effects
        self.effects += moved.effects
        self.unanswered += [effect for effect in moved.effects if isinstance(effect, StoreRecord)]
        return self

    @property
    def at(self) -> Instant:
        return Instant(self.now)

    # People

    def comes(self) -> "Scene":
        return self.send(PresenceChanged(at=self.at, is_present=True))

    def leaves(self) -> "Scene":
        return self.send(PresenceChanged(at=self.at, is_present=False))

    def shows(self, check: CodeCheck | None = None, *, is_used: bool = False) -> "Scene":
        return self.send(
            CredentialPresented(at=self.at, scanner=Scanner.CAMERA, check=check or verified(), code_is_used=is_used)
        )

    def answers(self, *, yes: bool = False) -> "Scene":
        return self.send(QuestionAnswered(at=self.at, is_yes=yes))

    def guard_measures(self, body_c: float = 36.6) -> "Scene":
        """By hand, at the ear."""
        reading = HandReading(
            at=self.at,
            body_c=Celsius(body_c),
            site=HandSite.EAR,
            thermometer=HandThermometer.CONTACT,
            guard=GuardId("li_wei"),
        )
        return self.send(MeasuredByHand(at=self.at, reading=reading))

    def guard_confirms(self) -> "Scene":
        return self.send(GuardDecided(at=self.at, is_confirmed=True))

    def guard_refuses(self) -> "Scene":
        return self.send(GuardDecided(at=self.at, is_confirmed=False))

    def guard_frees_everybody(self) -> "Scene":
        return self.send(EmergencyReleaseOrdered(at=self.at))

    # Devices

    def measures(self, reading: ThermometerReading | None = None) -> "Scene":
        """The thermometer answers the latest request."""
        request = self.of(StartMeasurement)[-1].request
        return self.send(TemperatureMeasured(at=self.at, request=request, reading=reading or burst()))

    def door_opens(self, *, is_initial: bool = False) -> "Scene":
        return self.send(DoorContactChanged(at=self.at, is_open=True, is_initial=is_initial))

    def door_closes(self) -> "Scene":
        return self.send(DoorContactChanged(at=self.at, is_open=False))

    def obstruction(self, is_obstructed: bool) -> "Scene":
        return self.send(ObstructionChanged(at=self.at, is_obstructed=is_obstructed))

    def fire(self, is_alarm: bool) -> "Scene":
        return self.send(FireChanged(at=self.at, is_alarm=is_alarm))

    # The journal

    def stored(self) -> "Scene":
        """The journal has written everything that it was given."""
        answered, self.unanswered = self.unanswered, []
        before = len(self.effects)
        for order in answered:
            self.send(RecordStored(at=self.at, token=order.token))
        self.last = tuple(self.effects[before:])
        return self

    def refused(self, *, code_was_used: bool = False) -> "Scene":
        """The journal could not write the latest record."""
        order = self.unanswered.pop()
        return self.send(RecordRefused(at=self.at, token=order.token, code_was_used=code_was_used))

    # Time

    def waits(self, seconds: float) -> "Scene":
        """Time passes; the shell wakes the lane at each of its deadlines."""
        end, before = self.now + seconds, len(self.effects)
        for _ in range(DEADLINES_MAX):
            due = deadline(self.lane)
            if due is None or due > end:
                self.now = end
                self.last = tuple(self.effects[before:])
                return self
            self.now = max(self.now, due)
            self.send(TimePassed(at=self.at))
        raise AssertionError(f"no rest after {DEADLINES_MAX} deadlines; state: {self.lane.visit}, {self.lane.barrier}")

    # What came out

    def of(self, kind: type[EffectKind]) -> list[EffectKind]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def records(self, kind: type[RecordKind]) -> list[RecordKind]:
        return [order.record for order in self.of(StoreRecord) if isinstance(order.record, kind)]

    @property
    def decisions(self) -> list[DecisionRecord]:
        return self.records(DecisionRecord)

    def told(self) -> Instruction | None:
        """What stands on the screen."""
        shown = self.of(ShowInstruction)
        return shown[-1].instruction if shown else None

    @property
    def releases(self) -> list[ReleaseBarrier]:
        return self.of(ReleaseBarrier)

    @property
    def alarms(self) -> frozenset[AlarmKind]:
        """Alarms that stand."""
        return standing_alarms(self.effects)


def standing_alarms(effects: Iterable[Effect]) -> frozenset[AlarmKind]:
    standing: set[AlarmKind] = set()
    for effect in effects:
        if isinstance(effect, RaiseAlarm):
            standing.add(effect.kind)
        elif isinstance(effect, ClearAlarm):
            standing.discard(effect.kind)
    return frozenset(standing)


def records_in(effects: Iterable[Effect]) -> list[Record]:
    return [effect.record for effect in effects if isinstance(effect, StoreRecord)]


def scene(lane_settings: LaneSettings | None = None, *, rules: RuleSet | None = None) -> Scene:
    return Scene(lane=lane(lane_settings, rules=rules))


def scan_only(
    *,
    has_presence_contact: bool = True,
    has_barrier: bool = True,
    has_door_contact: bool = True,
    rex_is_allowed: bool = False,
) -> LaneSettings:
    return settings(
        steps=(VisitStep.SCAN,),
        has_presence_contact=has_presence_contact,
        has_barrier=has_barrier,
        has_door_contact=has_door_contact,
        rex_is_allowed=rex_is_allowed,
    )


UNMEASURED = rule_set(measured=[])


def granted_scene(lane_settings: LaneSettings | None = None) -> Scene:
    """A resident whose grant has just been stored: the barrier is released, the door still shut."""
    return scene(lane_settings or scan_only(), rules=UNMEASURED).comes().shows().stored()


def with_guard_scene(reading: ThermometerReading | None = None) -> Scene:
    """A resident who was measured twice in doubt and is with the guard now; HIGH unless told otherwise."""
    reading = reading or burst(36.0)
    measured = settings(steps=(VisitStep.MEASURE, VisitStep.SCAN))
    return scene(measured).comes().measures(reading).waits(5.0).measures(reading).shows().stored()


def does(step: VisitStep, visit: Scene) -> None:
    """The person, or the guard, does what the step asks for, one second later."""
    visit.now += 1.0
    match step:
        case VisitStep.ASK:
            for _ in QUESTIONS:
                visit.answers()
        case VisitStep.MEASURE if not visit.of(StartMeasurement):
            visit.guard_measures()  # the gate has nothing to measure with
        case VisitStep.MEASURE:
            visit.measures()
        case VisitStep.CHECK:
            visit.guard_confirms()
        case VisitStep.SCAN:
            visit.shows()
