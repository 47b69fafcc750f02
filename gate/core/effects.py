"""Orders that go out of a lane. Imperative; the shell carries them out in order."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from model.identities import HouseholdId, VisitId
from model.outings import OutingPurpose
from model.reasons import Reason
from model.records import Record


class Instruction(Enum):
    """The one thing that a person at the gate is told now."""

    WELCOME = "welcome"  # nobody is here
    ANSWER_QUESTION = "answer_question"
    HOLD_FOREHEAD = "hold_forehead"
    REST_AND_RETRY = "rest_and_retry"
    SHOW_CARD_TO_GUARD = "show_card_to_guard"
    SHOW_CODE = "show_code"
    WAIT = "wait"
    PUT_ON_MASK = "put_on_mask"
    GO = "go"
    REFUSED = "refused"
    GUARD_COMES = "guard_comes"
    TOO_SLOW = "too_slow"
    WAY_OUT_IS_FREE = "way_out_is_free"


class Hint(Enum):
    """A word beside the instruction, which stays; gone after a few seconds."""

    ONE_AT_A_TIME = "one_at_a_time"
    PUT_ON_MASK = "put_on_mask"
    SHOW_AGAIN = "show_again"  # this code says nothing of anybody


class AlarmKind(Enum):
    DOOR_FORCED_OPEN = "door_forced_open"
    DOOR_HELD_OPEN = "door_held_open"
    OBSTRUCTION_STUCK = "obstruction_stuck"
    FIRE = "fire"
    BREAK_GLASS = "break_glass"
    EMERGENCY_RELEASE = "emergency_release"
    TAMPER = "tamper"
    FORGED_CODE = "forged_code"
    FEVER = "fever"
    JOURNAL = "journal"
    BELL = "bell"  # a resident calls the guard


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowInstruction:
    """possible_at: when what was refused will be possible. due_back: by when the household must be back."""

    instruction: Instruction
    reason: Reason | None = None
    question: str | None = None
    possible_at: datetime | None = None
    due_back: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowHint:
    hint: Hint


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMeasurement:
    request: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreRecord:
    """Commit a record; answered by RecordStored or RecordRefused with the same token."""

    token: int
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimOuting:
    """Ask the centre whether this household may go out; always answered, by OutingAnswered with the same token."""

    token: int
    household: HouseholdId
    purpose: OutingPurpose
    people: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseBarrier:
    """Free the barrier for this long. visit is None when fire, break-glass or a person's order frees it."""

    release_time_s: float
    visit: VisitId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecureBarrier:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseAlarm:
    kind: AlarmKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearAlarm:
    kind: AlarmKind


@dataclass(frozen=True, slots=True, kw_only=True)
class CallGuard:
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishUsed:
    """Tell the compound's other gates that a holder's code is used up."""

    pass_id: str
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishState:
    """The modes changed: let the centre know."""


Effect = (
    ShowInstruction
    | ShowHint
    | StartMeasurement
    | StoreRecord
    | ClaimOuting
    | ReleaseBarrier
    | SecureBarrier
    | RaiseAlarm
    | ClearAlarm
    | CallGuard
    | PublishUsed
    | PublishState
)
