"""Lists that the rules read beside the register: windows of isolation, vehicles, employers, schedules of work.

Each is one CSV file and always whole: what an imported file does not hold is over. They come from CSV until they have
rooms of their own.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, tzinfo
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from center.clock import from_ms, to_ms
from center.registry import columns
from center.registry.columns import CellFault
from center.registry.csv_files import CsvRow, Problems
from center.registry.entries import RowReader
from center.store.schema import Base, Employer, Household, HouseholdVehicle, IsolationWindow, WorkSchedule
from model.identities import HouseholdId
from model.shifts import CYCLE_DAYS_MAX, EVERY_DAY, EmployerId, Listing, Rota, Schedule, ScheduleId, Shift
from model.vehicles import Plate
from model.windows import Window, WindowKind
from passes.sealed import MAX_PLATES

NUMBER_MAX: Final = 65_535
SHIFTS_MAX: Final = 6
_KINDS: Final = {
    "come_home": WindowKind.COME_HOME, "回家": WindowKind.COME_HOME,
    "clinic": WindowKind.CLINIC, "就医": WindowKind.CLINIC,
    "delivery": WindowKind.DELIVERY, "送货": WindowKind.DELIVERY,
    "rubbish": WindowKind.RUBBISH, "清运垃圾": WindowKind.RUBBISH,
    "emergency": WindowKind.EMERGENCY, "紧急": WindowKind.EMERGENCY,
}  # fmt: skip
_LISTINGS: Final = {
    "": Listing.NONE, "none": Listing.NONE, "无": Listing.NONE,
    "red": Listing.RED, "红榜": Listing.RED,
    "black": Listing.BLACK, "黑榜": Listing.BLACK,
}  # fmt: skip
_DAYS: Final = {name: day for names in ("一二三四五六日", "1234567") for day, name in enumerate(names)}
_SHIFT: Final = re.compile(r"(\d{1,2}:\d{2})\s*[-~至]\s*(\d{1,2}:\d{2})")
_ROTA: Final = re.compile(r"(\d{1,2})\s*/\s*(\d{1,2})\s*(?:from|自)?\s*(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEntry:
    row: int
    household_id: int
    window: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleEntry:
    row: int
    household_id: int
    plate: Plate


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployerEntry:
    row: int
    employer: int
    name: str
    listing: Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleEntry:
    row: int
    schedule: Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLists:
    """What gates are told of them. Employers' names stay at the centre."""

    windows: Mapping[HouseholdId, tuple[Window, ...]] = field(default_factory=dict)
    schedules: Mapping[ScheduleId, Schedule] = field(default_factory=dict)


def window_entry(row: CsvRow, problems: Problems, zone: tzinfo) -> WindowEntry | None:
    """A row of windows.csv. zone: of moments that state none."""
    reader = RowReader(row, problems)
    nowhen = datetime.min.replace(tzinfo=zone)
    household = reader.cell("household_id", columns.household_id, 0)
    kind = reader.cell("kind", lambda cell: columns.chosen(cell, _KINDS, "kind"), WindowKind.CLINIC)
    begins = reader.cell("begins", lambda cell: columns.moment(cell, zone), nowhen)
    ends = reader.cell("ends", lambda cell: columns.moment(cell, zone), nowhen)
    if reader.is_good and ends <= begins:
        problems.add(row.file, row.number, "ends must be after begins")
        return None
    window = Window(kind=kind, begins=begins, ends=ends)
    return WindowEntry(row=row.number, household_id=household, window=window) if reader.is_good else None


def vehicle_entry(row: CsvRow, problems: Problems) -> VehicleEntry | None:
    """A row of vehicles.csv."""
    reader = RowReader(row, problems)
    household = reader.cell("household_id", columns.household_id, 0)
    plate = reader.cell("plate", columns.plate, None)
    return VehicleEntry(row=row.number, household_id=household, plate=plate) if plate is not None else None


def employer_entry(row: CsvRow, problems: Problems) -> EmployerEntry | None:
    """A row of employers.csv."""
    reader = RowReader(row, problems)
    entry = EmployerEntry(
        row=row.number,
        employer=reader.cell("employer", _number("employer"), 0),
        name=reader.cell("name", columns.person_name, ""),
        listing=reader.cell("listing", lambda cell: columns.chosen(cell, _LISTINGS, "listing"), Listing.NONE),
    )
    return entry if reader.is_good else None


def schedule_entry(row: CsvRow, problems: Problems) -> ScheduleEntry | None:
    """A row of schedules.csv: shifts as 08:00-17:00;20:00-04:00, weekdays as 1-5 or 135, rota as 3/1 from 2020-02-01.

    Without shifts the schedule states none, and its certificates open nothing.
    """
    reader = RowReader(row, problems)
    schedule = Schedule(
        schedule=ScheduleId(reader.cell("schedule", _number("schedule"), 1)),
        employer=EmployerId(reader.cell("employer", _number("employer"), 1)),
        shifts=reader.cell("shifts", _shifts, ()),
        weekdays=reader.cell("weekdays", _weekdays, EVERY_DAY),
        rota=reader.cell("rota", _rota, None),
    )
    return ScheduleEntry(row=row.number, schedule=schedule) if reader.is_good else None


def replace_vehicles(connection: Connection, entries: Sequence[VehicleEntry], problems: Problems) -> None:
    """All vehicles anew, of households that are known; a plate has one household."""
    _require_households(connection, entries, "vehicles.csv", problems)
    _once(entries, lambda entry: entry.plate.text, "vehicles.csv", "plate", problems)
    counts = Counter(entry.household_id for entry in entries)
    for household, count in counts.items():
        if count > MAX_PLATES:
            problems.add("vehicles.csv", None, f"household {household} has {count} vehicles; at most {MAX_PLATES}")
    rows = [{"household_id": entry.household_id, "plate": entry.plate.text} for entry in entries]
    _replace(connection, HouseholdVehicle, rows, problems)


def replace_windows(connection: Connection, entries: Sequence[WindowEntry], problems: Problems) -> None:
    """All windows anew, of households that are known."""
    _require_households(connection, entries, "windows.csv", problems)
    rows = {
        (entry.household_id, entry.window.kind, entry.window.begins): {
            "household_id": entry.household_id,
            "kind": entry.window.kind.value,
            "begins_ms": to_ms(entry.window.begins),
            "ends_ms": to_ms(entry.window.ends),
        }
        for entry in entries
    }
    _replace(connection, IsolationWindow, rows.values(), problems)


def replace_schedules(
    connection: Connection,
    employers: Sequence[EmployerEntry] | None,
    schedules: Sequence[ScheduleEntry] | None,
    problems: Problems,
) -> None:
    """Employers and schedules anew; None leaves a list as it is. A schedule's employer must be on the list."""
    if employers is not None:
        _once(employers, lambda entry: entry.employer, "employers.csv", "employer", problems)
    if schedules is not None:
        _once(schedules, lambda entry: entry.schedule.schedule, "schedules.csv", "schedule", problems)
    known = (
        {entry.employer for entry in employers}
        if employers is not None
        else set(connection.execute(select(Employer.id)).scalars())
    )
    for entry in schedules or ():
        if entry.schedule.employer not in known:
            problems.add("schedules.csv", entry.row, f"employer {entry.schedule.employer} is not in employers.csv")
    if employers is not None:
        rows = [{"id": each.employer, "name": each.name, "listing": each.listing.value} for each in employers]
        _replace(connection, Employer, rows, problems)
    if schedules is not None:
        _replace(connection, WorkSchedule, [_schedule_row(each.schedule) for each in schedules], problems)


def read_rule_lists(connection: Connection, *, now_ms: int) -> RuleLists:
    """The lists as gates get them; windows that are over are left out."""
    windows: dict[HouseholdId, tuple[Window, ...]] = {}
    for row in connection.execute(
        select(IsolationWindow.household_id, IsolationWindow.kind, IsolationWindow.begins_ms, IsolationWindow.ends_ms)
        .where(IsolationWindow.ends_ms > now_ms)
        .order_by(IsolationWindow.household_id, IsolationWindow.begins_ms, IsolationWindow.kind)
    ):
        window = Window(kind=WindowKind(row.kind), begins=from_ms(row.begins_ms), ends=from_ms(row.ends_ms))
        household = HouseholdId(row.household_id)
        windows[household] = (*windows.get(household, ()), window)
    listings = {row.id: row.listing for row in connection.execute(select(Employer.id, Employer.listing))}
    schedules: dict[ScheduleId, Schedule] = {}
    for each in connection.execute(
        select(
            WorkSchedule.id, WorkSchedule.employer_id, WorkSchedule.shifts, WorkSchedule.weekdays, WorkSchedule.rota
        ).order_by(WorkSchedule.id)
    ):
        schedules[ScheduleId(each.id)] = Schedule(
            schedule=ScheduleId(each.id),
            employer=EmployerId(each.employer_id),
            listing=Listing(listings.get(each.employer_id, "none")),
            shifts=_shifts(each.shifts),
            weekdays=_weekdays(each.weekdays),
            rota=_rota(each.rota),
        )
    return RuleLists(windows=windows, schedules=schedules)


def read_vehicles(connection: Connection) -> dict[HouseholdId, tuple[Plate, ...]]:
    """Plates by household, as they are sealed for guards."""
    vehicles: dict[HouseholdId, tuple[Plate, ...]] = {}
    for row in connection.execute(
        select(HouseholdVehicle.household_id, HouseholdVehicle.plate).order_by(
            HouseholdVehicle.household_id, HouseholdVehicle.plate
        )
    ):
        household = HouseholdId(row.household_id)
        vehicles[household] = (*vehicles.get(household, ()), Plate(text=row.plate))
    return vehicles


def _require_households(
    connection: Connection, entries: Sequence[WindowEntry | VehicleEntry], file: str, problems: Problems
) -> None:
    known = set(connection.execute(select(Household.id)).scalars())
    for entry in entries:
        if entry.household_id not in known:
            problems.add(file, entry.row, f"household {entry.household_id} is not in the register")


def _replace(connection: Connection, model: type[Base], rows: Iterable[dict[str, Any]], problems: Problems) -> None:
    if problems.count:
        return
    connection.execute(delete(model))
    written = list(rows)
    if written:
        connection.execute(insert(model), written)


def _once(entries: Sequence[Any], key_of: Callable[[Any], object], file: str, what: str, problems: Problems) -> None:
    seen: dict[object, int] = {}
    for entry in entries:
        first = seen.setdefault(key_of(entry), entry.row)
        if first != entry.row:
            problems.add(file, entry.row, f"{what} stands in row {first} already")


def _schedule_row(schedule: Schedule) -> dict[str, Any]:
    rota = schedule.rota
    return {
        "id": schedule.schedule,
        "employer_id": schedule.employer,
        "shifts": ";".join(f"{shift.begins:%H:%M}-{shift.ends:%H:%M}" for shift in schedule.shifts),
        "weekdays": "".join(str(day + 1) for day in sorted(schedule.weekdays)),
        "rota": f"{rota.days_on}/{rota.days_off} from {rota.counted_from}" if rota is not None else "",
    }


def _number(what: str) -> Callable[[str], int]:
    def parse(cell: str) -> int:
        if not (cell.isascii() and cell.isdigit() and 1 <= int(cell) <= NUMBER_MAX):
            raise CellFault(f"{what} must be a whole number from 1 to {NUMBER_MAX}")
        return int(cell)

    return parse


def _shifts(cell: str) -> tuple[Shift, ...]:
    shifts = []
    for part in re.split(r"[;；]", cell):
        if not part.strip():
            continue
        found = _SHIFT.fullmatch(part.strip())
        if found is None:
            raise CellFault("shifts must look like 08:00-17:00, several with ';' between them")
        shifts.append(Shift(begins=_time(found[1]), ends=_time(found[2])))
    if len(shifts) > SHIFTS_MAX:
        raise CellFault(f"shifts: at most {SHIFTS_MAX} a day")
    return tuple(shifts)


def _time(text: str) -> time:
    hour, minute = map(int, text.split(":"))
    try:
        return time(hour, minute)
    except ValueError:
        raise CellFault(f"{text} is no time of day; give 00:00 to 23:59") from None


def _weekdays(cell: str) -> frozenset[int]:
    if not cell:
        return EVERY_DAY
    ends = re.fullmatch(r"([1-7])\s*[-~至]\s*([1-7])", cell)
    if ends is not None and int(ends[1]) <= int(ends[2]):
        return frozenset(range(int(ends[1]) - 1, int(ends[2])))
    days = [_DAYS.get(letter) for letter in re.sub(r"[\s,，、周]", "", cell)]
    known = frozenset(day for day in days if day is not None)
    if not days or None in days:
        raise CellFault("weekdays must look like 1-5 or 135, 1 being Monday")
    return known


def _rota(cell: str) -> Rota | None:
    if not cell:
        return None
    found = _ROTA.fullmatch(cell)
    if found is None:
        raise CellFault("rota must look like 3/1 from 2020-02-01: days on, days off, a first day on")
    days_on, days_off = int(found[1]), int(found[2])
    if days_on < 1 or not 2 <= days_on + days_off <= CYCLE_DAYS_MAX:
        raise CellFault(f"rota: at least one day on, and at most {CYCLE_DAYS_MAX} days together")
    try:
        return Rota(days_on=days_on, days_off=days_off, counted_from=date.fromisoformat(found[3]))
    except ValueError:
        raise CellFault("rota: its first day is no date") from None
