"""A vehicle and who in it was checked, as the guard sees them: masked; pure like the rest of a screen."""

from collections.abc import Mapping

from gate.screens import OccupantShown, VehicleShown
from model.credentials import CodeCheck, RefusedCode, RegisteredVisitor, VerifiedCode, VouchedHousehold, household_of
from model.directory import Directory
from model.facts import Occupant, VehicleFacts
from model.identities import HouseholdId
from model.vehicle_check import compare_plate
from passes.sealed import GuardEntry


def vehicle_shown(
    vehicle: VehicleFacts | None,
    vehicle_pass: CodeCheck | None,
    directory: Directory | None,
    view: Mapping[HouseholdId, GuardEntry],
) -> VehicleShown | None:
    """None for people on foot."""
    if vehicle is None:
        return None
    return VehicleShown(
        plate=vehicle.plate.masked if vehicle.plate is not None else None,
        plate_match=compare_plate(vehicle.plate, vehicle_pass, directory).value,
        declared=vehicle.declared,
        has_outsider=vehicle.has_outsider,
        occupants=tuple(_occupant(each, directory, view) for each in vehicle.occupants),
    )


def _occupant(occupant: Occupant, directory: Directory | None, view: Mapping[HouseholdId, GuardEntry]) -> OccupantShown:
    household = household_of(occupant.check)
    entry = view.get(household) if household is not None else None
    listed = directory.households.get(household) if directory is not None and household is not None else None
    claimed = occupant.check.credential.masked_name if isinstance(occupant.check, VerifiedCode) else None
    return OccupantShown(
        room=entry.room if entry is not None else None,
        masked_name=(entry.masked_name if entry is not None else claimed) or None,
        colour=listed.colour.name.lower() if listed is not None else None,
        isolation=listed.isolation.name.lower() if listed is not None else None,
        identified_by_guard=isinstance(occupant.check, (VouchedHousehold, RegisteredVisitor)),
        is_refused=isinstance(occupant.check, RefusedCode) or occupant.code_is_used,
    )
