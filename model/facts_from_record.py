"""Facts, read again from the body of a decision's record: what model.fact_fields stated, and nothing that is not in it.

What a decision never asks of is not there and comes back empty: a pass's masked name and its holder's key, moments of
readings, everybody else's households. A body of an older program lacks fields of newer ones: they are their defaults.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from enum import Enum
from math import nan
from typing import Final, TypeVar

from model.clock import Instant
from model.credentials import (
    CheckStage,
    CodeCheck,
    Colour,
    Pass,
    PassFlags,
    PassKind,
    RefusalDetail,
    RefusedCode,
    RegisteredVisitor,
    VerifiedCode,
    VouchedHousehold,
    household_of,
)
from model.directory import Directory, HouseholdEntry, Isolation, PassStatus
from model.facts import ClaimAnswer, ClaimedOuting, Facts, Occupant, VehicleFacts
from model.identities import ClaimId, CommunityId, GateNumber, GuardId, HouseholdId, KeyId, PassId, VisitNumber
from model.outings import OutingInvalid, OutingPurpose, outing_from
from model.passback import LastPassage
from model.passing import Direction
from model.services import IdentifiedWhy
from model.shifts import EmployerId, Listing, Rota, Schedule, ScheduleId, Shift
from model.temperature import (
    BurstReading,
    Celsius,
    HandReading,
    HandSite,
    HandThermometer,
    IndeterminateWhy,
    SensorFault,
    Site,
    TemperatureJudgement,
    TemperatureOutcome,
    ThermometerUnavailable,
)
from model.vehicle_check import PlateMatch
from model.vehicles import Plate
from model.visitors import VisitPurpose
from model.windows import Window, WindowKind

STATUS_INDEX_MAX: Final = 2**20
"""More passes than that no community has; a bound for what comes from outside."""
_NO_MOMENT: Final = Instant(0.0)
_SOME_PLATE, _ANOTHER_PLATE = Plate(text="one"), Plate(text="another")
EnumT = TypeVar("EnumT", bound=Enum)
Fields = Mapping[str, object]


class RecordUnreadable(ValueError):
    """A body that is not one of a decision, or not whole; names the field."""


def facts_from(body: Fields) -> Facts:
    """The facts that a decision's body states. Raises RecordUnreadable naming the field."""
    code = _code(_table(body, "code"), _table(body, "visitor"))
    first, vehicle = _table(body, "temperature"), _table(body, "vehicle")
    outing = _table(body, "outing")
    directory = _directory(body, code)
    if vehicle is not None and directory is not None:
        directory = _with_occupants(directory, body, vehicle, household_of(code))
    purpose = body.get("purpose")
    return Facts(
        direction=_word(body, "direction", Direction),
        gate=GateNumber(_whole(body, "gate")),
        code=code,
        directory=directory,
        temperature=_judgement(first) if first is not None else None,
        code_is_used=body.get("code_used") is True,
        answered_yes=tuple(str(each) for each in _list(body, "answered_yes")),
        people=_whole(body, "people") if "people" in body else 1,
        others=tuple(_judgement(_entry(each, "other_temperatures")) for each in _list(body, "other_temperatures")),
        at=_moment(body, "decided_at") if body.get("decided_at") is not None else None,
        purpose=_word(body, "purpose", OutingPurpose) if purpose is not None else None,
        outing=_outing(outing) if outing is not None else None,
        last_passage=_last_passage(body),
        vehicle=_vehicle(vehicle) if vehicle is not None else None,
    )


def _last_passage(fields: Fields) -> LastPassage | None:
    last = _table(fields, "last_passage")
    return LastPassage(direction=_word(last, "direction", Direction), at=_moment(last, "at")) if last else None


def _vehicle(fields: Fields) -> VehicleFacts:
    """The plate itself stands in no record: one that compares with its household's as the record says."""
    declared = fields.get("declared")
    return VehicleFacts(
        plate=None if _word(fields, "plate", PlateMatch) is PlateMatch.UNREAD else _SOME_PLATE,
        declared=_number(declared, "vehicle.declared") if declared is not None else None,
        occupants=tuple(_occupant(each) for each in _occupants(fields)),
        has_outsider=fields.get("outsider") is True,
        is_outside=fields.get("outside") is True,
    )


def _occupants(vehicle: Fields) -> list[Fields]:
    return [_entry(each, "vehicle.occupants") for each in _list(vehicle, "occupants")]


def _occupant(fields: Fields) -> Occupant:
    check = _code(fields, _table(fields, "visitor"))
    if check is None:
        raise RecordUnreadable("vehicle.occupants: expected what each of them showed")
    return Occupant(check=check, code_is_used=fields.get("code_used") is True, last_passage=_last_passage(fields))


def _with_occupants(directory: Directory, body: Fields, vehicle: Fields, household: HouseholdId | None) -> Directory:
    """The same directory with what it said of everybody in the vehicle, and of its plate."""
    seen = [directory]
    for each in _occupants(vehicle):
        of_one = _directory({**body, **each}, _code(each, _table(each, "visitor")))
        seen += [of_one] if of_one is not None else []
    statuses = bytearray(max(len(each.statuses) for each in seen))
    for part in seen:
        for place, byte in enumerate(part.statuses):
            statuses[place] |= byte
    match = _word(vehicle, "plate", PlateMatch)
    listed = {PlateMatch.OWN: {household: (_SOME_PLATE,)}, PlateMatch.DIFFERS: {household: (_ANOTHER_PLATE,)}}
    nobodys = {HouseholdId(0): (_ANOTHER_PLATE,)} if match is not PlateMatch.NO_LIST else {}
    return replace(
        directory,
        statuses=bytes(statuses),
        households={number: entry for each in seen for number, entry in each.households.items()},
        windows={number: windows for each in seen for number, windows in each.windows.items()},
        schedules={number: schedule for each in seen for number, schedule in each.schedules.items()},
        vehicles={number: plates for number, plates in listed.get(match, nobodys).items() if number is not None},
    )


def _code(fields: Fields | None, visitor: Fields | None) -> CodeCheck | None:
    if fields is None:
        return None
    if "registered_by" in fields:
        return _registered(fields, visitor)
    household = HouseholdId(_whole(fields, "household")) if fields.get("household") is not None else None
    if "vouched_by" in fields:
        if household is None:
            raise RecordUnreadable("code.household: a guard's word is about a household")
        guard = GuardId(_text(fields, "vouched_by"))
        return VouchedHousehold(household=household, guard=guard, why=_word(fields, "why", IdentifiedWhy))
    if fields.get("verified") is not True:
        return RefusedCode(
            stage=_word(fields, "stage", CheckStage),
            detail=_word(fields, "detail", RefusalDetail),
            pass_id=PassId(_text(fields, "pass")) if fields.get("pass") is not None else None,
            household=household,
        )
    claims = _table(fields, "claims")
    if claims is None or household is None:
        raise RecordUnreadable("code.claims: a verified code has claims and a household")
    return VerifiedCode(
        credential=_pass(claims, PassId(_text(fields, "pass")), household),
        key_id=KeyId(_text(fields, "key")),
        holder_step=_whole(fields, "holder_step") if fields.get("holder_step") is not None else None,
        needs_guard=fields.get("needs_guard") is True,
    )


def _registered(fields: Fields, visitor: Fields | None) -> RegisteredVisitor:
    if visitor is None:
        raise RecordUnreadable("visitor: expected the number of who was registered")
    return RegisteredVisitor(
        number=VisitNumber(_text(visitor, "number")),
        guard=GuardId(_text(fields, "registered_by")),
        host=HouseholdId(_whole(visitor, "host")) if visitor.get("host") is not None else None,
        purpose=_word(visitor, "purpose", VisitPurpose) if visitor.get("purpose") is not None else None,
    )


def _pass(claims: Fields, pass_id: PassId, household: HouseholdId) -> Pass:
    return Pass(
        pass_id=pass_id,
        community=CommunityId(_text(claims, "community")),
        household=household,
        colour=_name(claims, "colour", Colour),
        kind=_name(claims, "kind", PassKind),
        gates=_whole(claims, "gates") if claims.get("gates") is not None else None,
        schedule=_whole(claims, "schedule"),
        status_index=_whole(claims, "status_index", most=STATUS_INDEX_MAX),
        flags=PassFlags(_whole(claims, "flags")),
        valid_from=_moment(claims, "valid_from"),
        valid_until=_moment(claims, "valid_until"),
    )


def _directory(body: Fields, code: CodeCheck | None) -> Directory | None:
    """The directory as far as this decision saw it: one pass, one household, its windows, its schedule."""
    if body.get("directory_version") is None:
        return None
    household, entry = household_of(code), _table(body, "household_entry")
    statuses = b""
    credential = code.credential if isinstance(code, VerifiedCode) else None
    if credential is not None:
        byte_index, slot = divmod(credential.status_index, 4)
        status = _name(body, "pass_status", PassStatus)
        statuses = bytes(byte_index) + bytes([status << (2 * slot)])
    rules = _table(body, "rules")
    windows = tuple(_window(_entry(each, "windows")) for each in _list(body, "windows"))
    schedule = _table(body, "schedule")
    schedules = {}
    if schedule is not None:
        schedules = {ScheduleId(_whole(schedule, "schedule")): _schedule(schedule)}
    return Directory(
        community=CommunityId(_text(rules, "community") if rules is not None else ""),
        version=_whole(body, "directory_version"),
        issued_at=datetime.min.replace(tzinfo=UTC),
        statuses=statuses,
        households={household: _household(entry)} if household is not None and entry is not None else {},
        windows={household: windows} if household is not None and windows else {},
        schedules=schedules,
    )


def _household(entry: Fields) -> HouseholdEntry:
    return HouseholdEntry(colour=_name(entry, "colour", Colour), isolation=_name(entry, "isolation", Isolation))


def _window(fields: Fields) -> Window:
    kind = _word(fields, "kind", WindowKind)
    return Window(kind=kind, begins=_moment(fields, "begins"), ends=_moment(fields, "ends"))


def _schedule(fields: Fields) -> Schedule:
    rota = _list(fields, "rota") if fields.get("rota") is not None else None
    try:
        shifts = tuple(
            Shift(begins=time.fromisoformat(str(begins)), ends=time.fromisoformat(str(ends)))
            for begins, ends in (_items(each, "schedule.shifts") for each in _list(fields, "shifts"))
        )
        turns = (
            Rota(
                days_on=_number(rota[0], "schedule.rota"),
                days_off=_number(rota[1], "schedule.rota"),
                counted_from=date.fromisoformat(str(rota[2])),
            )
            if rota is not None
            else None
        )
    except (ValueError, IndexError):
        raise RecordUnreadable("schedule: expected times such as 08:00:00, and days on, days off, first day") from None
    return Schedule(
        schedule=ScheduleId(_whole(fields, "schedule")),
        employer=EmployerId(_whole(fields, "employer")),
        listing=_word(fields, "listing", Listing),
        shifts=shifts,
        weekdays=frozenset(_number(each, "schedule.weekdays") for each in _list(fields, "weekdays")),
        rota=turns,
    )


def _outing(fields: Fields) -> ClaimedOuting:
    try:
        outings = tuple(outing_from(_entry(each, "outing.outings")) for each in _list(fields, "outings"))
    except OutingInvalid as error:
        raise RecordUnreadable(f"outing.outings: {error}") from None
    return ClaimedOuting(
        claim=ClaimId(_text(fields, "claim")),
        answer=_word(fields, "answer", ClaimAnswer),
        outings=outings,
        possible_at=_moment(fields, "possible_at") if fields.get("possible_at") is not None else None,
    )


def _judgement(fields: Fields) -> TemperatureJudgement:
    by_hand = _table(fields, "by_hand")
    if by_hand is not None:
        hand_site = _word(fields, "site", HandSite)
        reading = HandReading(
            at=_NO_MOMENT,
            body_c=_celsius(by_hand.get("typed_c"), "by_hand.typed_c"),
            site=hand_site,
            thermometer=_word(by_hand, "thermometer", HandThermometer),
            guard=GuardId(_text(by_hand, "guard")),
        )
        return _judged(fields, hand_site, reading)
    site = _word(fields, "site", Site)
    if "fault" in fields:
        fault = ThermometerUnavailable(since=_NO_MOMENT, why=_word(fields, "fault", SensorFault))
        return _judged(fields, site, fault)
    supply_v = fields.get("supply_v")
    burst = BurstReading(
        at=_NO_MOMENT,
        # What was no number when it was measured stands as null in a record.
        samples_c=tuple(
            Celsius(nan) if each is None else _celsius(each, "samples_c") for each in _list(fields, "samples_c")
        ),
        can_c=_celsius(fields.get("can_c"), "can_c"),
        supply_v=float(_celsius(supply_v, "supply_v")) if supply_v is not None else None,
    )
    return _judged(fields, site, burst)


def _judged(
    fields: Fields, site: Site | HandSite, reading: BurstReading | ThermometerUnavailable | HandReading
) -> TemperatureJudgement:
    body_c, why = fields.get("body_c"), fields.get("why")
    return TemperatureJudgement(
        outcome=_word(fields, "outcome", TemperatureOutcome),
        site=site,
        body_c=_celsius(body_c, "body_c") if body_c is not None else None,
        why=_word(fields, "why", IndeterminateWhy) if why is not None else None,
        reading=reading,
    )


def _word(fields: Fields, name: str, kind: type[EnumT]) -> EnumT:
    return _one_of(fields.get(name), name, kind, lambda each: each.value)


def _name(fields: Fields, name: str, kind: type[EnumT]) -> EnumT:
    return _one_of(fields.get(name), name, kind, lambda each: each.name.lower())


def _one_of(value: object, name: str, kind: type[EnumT], word: Callable[[EnumT], object]) -> EnumT:
    found = next((each for each in kind if word(each) == value), None)
    if found is None:
        raise RecordUnreadable(f"{name}: expected one of {', '.join(str(word(each)) for each in kind)}")
    return found


def _whole(fields: Fields, name: str, most: int = 2**64) -> int:
    return _number(fields.get(name), name, most)


def _number(value: object, name: str, most: int = 2**64) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise RecordUnreadable(f"{name}: expected a whole number up to {most}")
    return value


def _celsius(value: object, name: str) -> Celsius:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise RecordUnreadable(f"{name}: expected a number")
    return Celsius(float(value))


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise RecordUnreadable(f"{name}: expected text")
    return value


def _moment(fields: Fields, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(fields, name))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RecordUnreadable(f"{name}: expected a time with its offset, such as 2020-02-14T06:00:00Z")
    return moment.astimezone(UTC)


def _table(fields: Fields, name: str) -> Fields | None:
    value = fields.get(name)
    return _entry(value, name) if value is not None else None


def _entry(value: object, name: str) -> Fields:
    if not isinstance(value, dict):
        raise RecordUnreadable(f"{name}: expected an object")
    return value


def _list(fields: Fields, name: str) -> list[object]:
    value = fields.get(name, [])
    return _items(value, name)


def _items(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        raise RecordUnreadable(f"{name}: expected a list")
    return value
