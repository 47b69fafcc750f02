"""What is judged of a vehicle: where it belongs, and that everybody in it was checked.

- A vehicle from outside does not enter, but where the rules register those who are in it.
- The plate is one of its pass's household. A guard declares how many are in it; so many have shown a code, or are
  known to the guard. An outsider does not come in by a resident's vehicle; a registered visitor neither, but where
  vehicles from outside are registered.
- Each of them is judged by every other check as if on foot (`occupants_of`), and each is measured.
"""

from dataclasses import replace
from enum import Enum

from model.credentials import CodeCheck, PassKind, RegisteredVisitor, VerifiedCode, household_of
from model.directory import Directory
from model.facts import Facts, VehicleFacts
from model.passing import Direction
from model.reasons import Reason
from model.rule_set import RuleSet, VisitPolicy
from model.vehicles import Plate


class PlateMatch(Enum):
    """What comparing a plate with those of the pass's household comes to; the words stand in records."""

    OWN = "own"
    DIFFERS = "differs"
    UNLISTED = "unlisted"  # the directory knows no vehicle of this household
    NO_LIST = "no_list"  # this gate knows nobody's vehicles
    UNREAD = "unread"  # nobody looked
    NO_PASS = "no_pass"  # there is no household to compare with


def vehicle_check(facts: Facts, rules: RuleSet) -> Reason | None:
    """Whether the vehicle itself may go this way, and everybody in it has been checked."""
    vehicle = facts.vehicle
    if vehicle is None:
        return None
    is_registered = rules.outsiders.vehicles is VisitPolicy.REGISTERED
    if facts.direction is Direction.IN:
        if vehicle.has_outsider or (has_visitor(vehicle) and not is_registered):
            return Reason.OUTSIDER_INSIDE
        if facts.code is None and not is_registered:
            return Reason.VEHICLE_UNKNOWN
    match plate_match(facts):
        case PlateMatch.DIFFERS:
            return Reason.PLATE_DIFFERS
        case PlateMatch.UNLISTED if facts.direction is Direction.IN:
            return Reason.VEHICLE_UNKNOWN
        case PlateMatch.UNREAD if facts.code is not None:
            return Reason.PLATE_DIFFERS
    if vehicle.declared is None or not vehicle.declared == len(vehicle.occupants) == facts.people:
        return Reason.OCCUPANTS_DIFFER
    return None


def has_visitor(vehicle: VehicleFacts) -> bool:
    """Whether a visitor sits in it, by a pass or registered by a guard."""
    return any(
        isinstance(each.check, RegisteredVisitor)
        or (isinstance(each.check, VerifiedCode) and each.check.credential.kind is PassKind.VISITOR)
        for each in vehicle.occupants
    )


def is_plate_for_the_guard(facts: Facts) -> bool:
    """Whether only a person can say that the plate is the household's: this gate holds no plates.

    Asked when everything else lets the vehicle in, so that no guard confirms it without knowing of anything else.
    """
    is_coming_in = facts.vehicle is not None and facts.direction is Direction.IN
    return is_coming_in and plate_match(facts) is PlateMatch.NO_LIST


def plate_match(facts: Facts) -> PlateMatch:
    """How the plate compares with those that the directory names for the household of the vehicle's pass."""
    return compare_plate(facts.vehicle.plate if facts.vehicle is not None else None, facts.code, facts.directory)


def compare_plate(plate: Plate | None, vehicle_pass: CodeCheck | None, directory: Directory | None) -> PlateMatch:
    """The same while a visit is still going on."""
    household = household_of(vehicle_pass)
    if household is None:
        return PlateMatch.NO_PASS
    if plate is None:
        return PlateMatch.UNREAD
    if directory is None or not directory.vehicles:
        return PlateMatch.NO_LIST
    listed = directory.vehicles.get(household, ())
    if not listed:
        return PlateMatch.UNLISTED
    return PlateMatch.OWN if plate in listed else PlateMatch.DIFFERS


def occupants_of(facts: Facts) -> tuple[Facts, ...]:
    """Everybody in the vehicle as if each of them came on foot.

    An outing that was claimed is the household's of the vehicle's pass: nobody asked for another household's.
    """
    vehicle = facts.vehicle
    if vehicle is None:
        return ()
    household = household_of(facts.code)
    return tuple(
        replace(
            facts,
            code=each.check,
            code_is_used=each.code_is_used,
            last_passage=each.last_passage,
            temperature=None,
            others=(),
            people=1,
            outing=facts.outing if household_of(each.check) == household else None,
            vehicle=None,
        )
        for each in vehicle.occupants
    )


def of_the_household(facts: Facts) -> tuple[Facts, ...]:
    """Those in the vehicle who belong to the household of its pass: one outing of theirs."""
    household = household_of(facts.code)
    return tuple(each for each in occupants_of(facts) if household is not None and household_of(each.code) == household)
