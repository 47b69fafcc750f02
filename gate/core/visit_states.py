"""The states of a visit, what a visit may look at, and the moves between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, assert_never

from gate.core.effects import AlarmKind, Effect, Instruction
from gate.core.events import CredentialPresented
from gate.core.settings import LaneSettings
from model.clock import Instant, WallCourse
from model.directory import Directory
from model.facts import ClaimedOuting, VehicleFacts
from model.identities import GuardId, VisitId
from model.outings import OutingPurpose
from model.reasons import Reason
from model.records import DecisionRecord, StepDone, VisitStep
from model.rule_set import RuleSet
from model.temperature import TemperatureJudgement

THERMOMETER: Final = "thermometer"
"""Its name among the lost parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Nobody is being served. is_present: somebody stands there all the same; lasting: and is still told this."""

    is_present: bool = False
    lasting: Instruction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleVisit:
    """A vehicle that waits with everybody in it. is_called: a guard was asked to look at it."""

    seen: VehicleFacts
    is_called: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Visiting:
    """The steps are done one after the other.

    people: on one household card. measured: one judgement for each of them who is done. first_temperature, superseded:
    earlier judgements, the first and the further ones. approach_until: until then a sensor that sees no forehead is
    asked again. mask_missing: not decided until one is put on; is_held: nothing else is left to do, or in time.
    checked_by: the guard who looked at the card. purpose: as a guard stated it. claiming: token of a claim that the
    centre has not answered; all else is done. claimed: what came of it. referred_for: what a guard was asked before.
    vehicle: code is its own pass then, and people are all who are in it.
    """

    visit: VisitId
    began_at: Instant
    step: VisitStep
    step_until: Instant
    is_present: bool
    absent_since: Instant | None = None
    code: CredentialPresented | None = None
    other_codes: int = 0
    questions_answered: int = 0
    answered_yes: tuple[str, ...] = ()
    measuring: int | None = None
    retest_at: Instant | None = None
    approach_until: Instant | None = None
    people: int = 1
    measured: tuple[TemperatureJudgement, ...] = ()
    is_retest: bool = False
    first_temperature: TemperatureJudgement | None = None
    superseded: tuple[TemperatureJudgement, ...] = ()
    mask_missing: bool = False
    mask_was_missing: bool = False
    is_held: bool = False
    checked_by: GuardId | None = None
    purpose: OutingPurpose | None = None
    claiming: int | None = None
    claimed: ClaimedOuting | None = None
    referred_for: Reason | None = None
    steps: tuple[StepDone, ...] = ()
    vehicle: VehicleVisit | None = None

    @property
    def person(self) -> int:
        """Whose forehead is wanted now, or was the last: 1 to people."""
        return min(len(self.measured) + 1, self.people)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """alarm: still standing from a referral whose answer is being recorded."""

    record: DecisionRecord
    token: int
    began_at: Instant  # the visit
    until: Instant
    is_present: bool
    alarm: AlarmKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithGuard:
    """mask_missing: whatever the guard measures, the rules let nobody pass before one is put on."""

    record: DecisionRecord
    began_at: Instant  # the visit
    until: Instant
    is_present: bool
    mask_missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """The barrier is free for this person; the barrier's machine says how it ends. next_code: of whoever comes next."""

    record: DecisionRecord
    is_present: bool
    next_code: CredentialPresented | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The answer stands on the screen. alarm: cleared at the end. After a passage the next in the queue is served.

    lasting: what was told, where it stays true for as long as the person stands there. is_shared: the rest of several
    who came together are still passing.
    """

    until: Instant
    is_present: bool
    lasting: Instruction | None = None
    alarm: AlarmKind | None = None
    is_after_passage: bool = False
    is_shared: bool = False
    next_code: CredentialPresented | None = None


VisitState = Idle | Visiting | Recording | WithGuard | Passing | Closing


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a visit may look at but not change. next_number: first unused number for visits, tokens and requests.

    lost: parts that are not available, and why. course: of the wall clock; None while it is not trusted.
    """

    settings: LaneSettings
    rules: RuleSet
    directory: Directory | None
    next_number: int
    lost: Mapping[str, str] = field(default_factory=dict)
    course: WallCourse | None = None

    def wall(self, at: Instant) -> datetime | None:
        """What a trusted clock shows at this instant."""
        return self.course.at(at) if self.course is not None else None

    @property
    def has_scanner(self) -> bool:
        """Whether a code can be read."""
        scanners = self.settings.scanners
        return not scanners or any(scanner not in self.lost for scanner in scanners)

    @property
    def has_thermometer(self) -> bool:
        """Whether the gate can measure by itself."""
        return self.settings.has_thermometer and THERMOMETER not in self.lost


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitMove:
    """Where an event led to. next_number: as in Surroundings, after this move."""

    state: VisitState
    effects: tuple[Effect, ...]
    next_number: int


def visit_deadline(state: VisitState, settings: LaneSettings) -> Instant | None:
    """When this state wants TimePassed at the latest."""
    match state:
        case Visiting():
            deadlines = [state.step_until]
            if state.retest_at is not None:
                deadlines.append(state.retest_at)
            if state.absent_since is not None and state.vehicle is None:
                deadlines.append(Instant(state.absent_since + settings.walk_away_after_s))
            return min(deadlines)
        case Recording() | WithGuard() | Closing():
            return state.until
        case Idle() | Passing():
            return None
        case _:
            assert_never(state)


def stay(state: VisitState, around: Surroundings, *effects: Effect) -> VisitMove:
    """No number was used."""
    return VisitMove(state=state, effects=effects, next_number=around.next_number)
