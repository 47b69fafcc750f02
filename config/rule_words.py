"""Words of a rules file and what they stand for, and the order of colours from mild to strict."""

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeVar

from model.credentials import Colour, PassKind
from model.directory import Isolation
from model.outings import OutingPurpose
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import Check
from model.services import ServiceReason
from model.temperature import Site
from model.windows import WindowKind

EnumT = TypeVar("EnumT", bound=Enum)


def by_word(enum: type[EnumT], *, lower_names: bool = False) -> dict[str, EnumT]:
    """The members of an enum by the word that a rules file has for them."""
    return {member.name.lower() if lower_names else str(member.value): member for member in enum}


COLOURS: Final = by_word(Colour, lower_names=True)
ISOLATIONS: Final = {
    word: kind for word, kind in by_word(Isolation, lower_names=True).items() if kind is not Isolation.NONE
}
KINDS: Final = by_word(PassKind, lower_names=True)
SITES: Final = by_word(Site)
CHECKS: Final = by_word(Check)
DIRECTIONS: Final = by_word(Direction)
REASONS: Final = by_word(Reason)
PURPOSES: Final = by_word(OutingPurpose)
WINDOWS: Final = by_word(WindowKind)
SERVICES: Final = by_word(ServiceReason)
OUTCOMES: Final = {"denied": Outcome.DENIED, "referred": Outcome.REFERRED}

FROM_MILD_TO_STRICT: Final = (Colour.GREEN, Colour.BLUE, Colour.YELLOW, Colour.ORANGE)

NEVER_FAILURES: Final = frozenset(
    {
        Reason.ADMITTED,
        Reason.ADMITTED_WATCHED,
        Reason.ADMITTED_VOUCHED,
        Reason.EMERGENCY_EXIT,
        Reason.SERVICE_ADMITTED,
        Reason.GUARD_CONFIRMED,
        Reason.GUARD_REFUSED,
        Reason.SCANNER_UNAVAILABLE,
        Reason.THERMOMETER_UNAVAILABLE,
        Reason.RESIDENT_CALLS,
        Reason.VEHICLE_WAITS,
        Reason.VEHICLE_TURNED_BACK,
    }
)
"""Why somebody passes, or why a guard is called: no check fails for them."""

CHECK_OF: Final[Mapping[Reason, Check]] = {
    Reason.WRONG_GATE: Check.GATE,
    Reason.HOUSEHOLD_ISOLATED: Check.ISOLATION,
    Reason.COLOUR_NOT_ALLOWED: Check.COLOUR,
    Reason.KIND_NOT_ALLOWED: Check.KIND,
    Reason.SHOWN_TWICE: Check.PASSBACK,
    Reason.CURFEW: Check.CURFEW,
    Reason.SHIFT_UNKNOWN: Check.WORK,
    Reason.OUTSIDE_SHIFT: Check.WORK,
    Reason.EMPLOYER_LISTED: Check.WORK,
    Reason.QUOTA_USED: Check.OUTING,
    Reason.TOO_MANY_PEOPLE: Check.OUTING,
    Reason.OUTING_UNANSWERED: Check.OUTING,
    Reason.TEMPERATURE_HIGH: Check.TEMPERATURE,
    Reason.TEMPERATURE_INDETERMINATE: Check.TEMPERATURE,
    Reason.QUESTION_ANSWERED_YES: Check.QUESTIONS,
}
"""The one check that a reason comes from. Reasons of the pass itself are judged by every community."""
