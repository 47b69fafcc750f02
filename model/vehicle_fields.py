"""A vehicle as it stands in the record of its decision. Its plate does not: only what comparing it came to.

The centre knows the plates of its register, and finds the one that is meant by the household and `plate_listed`.
"""

from model.credentials import household_of
from model.fact_fields import JsonValue, code_fields, household_fields, pass_status, timed_fields, visitor_fields
from model.facts import Facts
from model.vehicle_check import occupants_of, plate_match


def vehicle_fields(facts: Facts) -> dict[str, JsonValue] | None:
    """None for people on foot."""
    vehicle = facts.vehicle
    if vehicle is None:
        return None
    return {
        "plate": plate_match(facts).value,
        "plate_listed": _place_of_plate(facts),
        "declared": vehicle.declared,
        "outsider": vehicle.has_outsider,
        "outside": vehicle.is_outside,
        "occupants": [_occupant(each) for each in occupants_of(facts)],
    }


def _occupant(facts: Facts) -> JsonValue:
    """The same names as of somebody on foot, so that both are read alike."""
    timed = timed_fields(facts)
    return {
        **(code_fields(facts.code) or {}),
        "code_used": facts.code_is_used,
        "household_entry": household_fields(facts),
        "pass_status": pass_status(facts),
        "visitor": visitor_fields(facts.code),
        **{name: timed[name] for name in ("last_passage", "windows", "schedule")},
    }


def _place_of_plate(facts: Facts) -> int | None:
    """Which of the household's plates it is in this version of the directory, from 1."""
    household = household_of(facts.code)
    if household is None or facts.vehicle is None or facts.vehicle.plate is None or facts.directory is None:
        return None
    listed = facts.directory.vehicles.get(household, ())
    return listed.index(facts.vehicle.plate) + 1 if facts.vehicle.plate in listed else None
