"""The body of a decision, read for people. What a newer gate adds is passed over; what does not fit is not shown."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class At(_Part):
    clock: str | None = None


class ByHand(_Part):
    """A guard's own thermometer; typed_c as it was typed, also where it is not believed."""

    thermometer: str | None = None
    guard: str | None = None
    typed_c: float | None = None


class Temperature(_Part):
    outcome: str
    site: str
    body_c: float | None = None
    why: str | None = None
    fault: str | None = None
    samples_c: tuple[float | None, ...] = ()
    can_c: float | None = None
    by_hand: ByHand | None = None


class Code(_Part):
    verified: bool
    stage: str | None = None
    detail: str | None = None
    vouched_by: str | None = None
    registered_by: str | None = None
    why: str | None = None


class Visitor(_Part):
    number: str
    host: int | None = None
    purpose: str | None = None


class HouseholdEntry(_Part):
    colour: str
    isolation: str


class Occupant(Code):
    """Somebody in a vehicle: what was shown of them, and what the directory said."""

    pass_id: str | None = Field(default=None, alias="pass")
    household: int | None = None
    household_entry: HouseholdEntry | None = None
    visitor: Visitor | None = None


class Vehicle(_Part):
    """plate: what comparing it came to; plate_listed: which of its household's plates it is, from 1."""

    plate: str
    plate_listed: int | None = None
    declared: int | None = None
    outsider: bool = False
    outside: bool = False
    occupants: tuple[Occupant, ...] = ()


class Rules(_Part):
    community: str
    version: int


class Step(_Part):
    step: str
    result: str
    after_s: float


class DecisionBody(_Part):
    """All inputs of a decision, as `model.records` writes them."""

    at: At | None = None
    check: str | None = None
    watched: bool = False
    referred_for: str | None = None
    scanner: str | None = None
    code: Code | None = None
    household_entry: HouseholdEntry | None = None
    answered_yes: tuple[str, ...] = ()
    temperature: Temperature | None = None
    first_temperature: Temperature | None = None
    temperature_model: str | None = None
    steps: tuple[Step, ...] = ()
    other_codes: int = 0
    people: int = 1
    other_temperatures: tuple[Temperature | None, ...] = ()
    superseded_temperatures: tuple[Temperature | None, ...] = ()
    guard: str | None = None
    service: str | None = None
    mask_was_missing: bool = False
    rules: Rules | None = None
    directory_version: int | None = None
    vehicle: Vehicle | None = None
    visitor: Visitor | None = None


def read_decision(body: Mapping[str, object]) -> DecisionBody:
    """The body's parts; an empty one when it does not fit, the record itself is shown all the same."""
    try:
        return DecisionBody.model_validate(body)
    except ValidationError:
        return DecisionBody()
