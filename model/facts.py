"""All that a decision rests on."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from model.credentials import CodeCheck, Pass, VerifiedCode, household_of
from model.directory import Directory, HouseholdEntry
from model.identities import ClaimId, GateNumber
from model.outings import Outing, OutingPurpose
from model.passback import LastPassage
from model.passing import Direction
from model.temperature import TemperatureJudgement
from model.vehicles import Plate


class ClaimAnswer(Enum):
    """What the centre said to a gate that claimed an outing; the words stand in records and are never renamed."""

    GRANTED = "granted"  # reserved for this gate
    REFUSED = "refused"
    UNANSWERED = "unanswered"  # in time; the gate decides from what it knows


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedOuting:
    """A claim and what came of it. outings: of this household, as the centre said, or as this gate knows.

    possible_at: from when on the centre would grant it; None where it did not say.
    """

    claim: ClaimId
    answer: ClaimAnswer
    outings: tuple[Outing, ...] = ()
    possible_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupant:
    """Somebody in a vehicle, by a code of their own or by a guard's word; the other fields as in Facts."""

    check: CodeCheck
    code_is_used: bool = False
    last_passage: LastPassage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleFacts:
    """A vehicle with everybody in it, its driver too. Facts.code is the vehicle's own pass.

    plate: as a guard read it. declared: how many a guard saw in it; None while nobody looked. has_outsider: a guard saw
    somebody in it who belongs to nobody here. is_outside: it has no pass.
    """

    plate: Plate | None
    declared: int | None
    occupants: tuple[Occupant, ...] = ()
    has_outsider: bool = False
    is_outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a decision rests on; recorded with it, so that it can be replayed.

    code: None when none was shown. temperature: None when nobody measured. code_is_used: a grant has consumed this
    (cti, step).
    answered_yes: the questions that were answered with yes.
    people: how many came on one household card. others: temperatures of all but the first, as far as measured.
    at: aware UTC; None where the clock is not trusted. purpose: as a guard stated it. outing: None where none was
    claimed. last_passage: of the same pass, as far as this gate knows. vehicle: None for people on foot; else `people`
    is how many are in it.
    """

    direction: Direction
    gate: GateNumber
    code: CodeCheck | None
    directory: Directory | None
    temperature: TemperatureJudgement | None
    code_is_used: bool = False
    answered_yes: tuple[str, ...] = ()
    people: int = 1
    others: tuple[TemperatureJudgement, ...] = ()
    at: datetime | None = None
    purpose: OutingPurpose | None = None
    outing: ClaimedOuting | None = None
    last_passage: LastPassage | None = None
    vehicle: VehicleFacts | None = None

    @property
    def temperatures(self) -> tuple[TemperatureJudgement, ...]:
        """Of everybody who was measured, in their order."""
        return (self.temperature, *self.others) if self.temperature is not None else self.others

    @property
    def credential(self) -> Pass | None:
        """The pass that was shown and verified."""
        return self.code.credential if isinstance(self.code, VerifiedCode) else None

    @property
    def household(self) -> HouseholdEntry | None:
        """What the directory says of the household."""
        household = household_of(self.code)
        if household is None or self.directory is None:
            return None
        return self.directory.households.get(household)
