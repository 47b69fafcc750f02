"""Rows of the register as values, and how a CSV row becomes one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TypeVar

from center.registry import columns
from center.registry.columns import CellFault
from center.registry.csv_files import CsvRow, Problems
from model.credentials import Colour, PassKind
from model.directory import Isolation, PassStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceEntry:
    """A room by its full address."""

    compound: str
    compound_name: str
    building: str
    unit: str
    room: str

    @property
    def path(self) -> str:
        return f"{self.compound}/{self.building}/{self.unit}/{self.room}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdEntry:
    row: int
    household_id: int
    path: str
    colour: Colour
    isolation: Isolation


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEntry:
    row: int
    household_id: int
    name: str
    phone: str | None
    id_number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassEntry:
    """holder: the person's full name within the household; None for the household's own pass."""

    row: int
    pass_id: str
    household_id: int
    holder: str | None
    kind: PassKind
    status_index: int
    valid_from: datetime
    valid_until: datetime
    status: PassStatus


class RowReader:
    """Reads the cells of one row; every cell that can't be used becomes a problem."""

    def __init__(self, row: CsvRow, problems: Problems) -> None:
        self._row = row
        self._problems = problems
        self.is_good = True

    def cell(self, name: str, parse: Callable[[str], T], otherwise: T) -> T:
        """One cell's value; `otherwise` after a problem, so that the row's other cells are judged too."""
        try:
            return parse(self._row.cells.get(name, ""))
        except CellFault as fault:
            self.is_good = False
            self._problems.add(self._row.file, self._row.number, str(fault))
            return otherwise


def place_entry(row: CsvRow, problems: Problems) -> PlaceEntry | None:
    """A row of places.csv."""
    reader = RowReader(row, problems)
    entry = PlaceEntry(
        compound=reader.cell("compound", columns.compound_id, ""),
        compound_name=row.cells.get("compound_name", "")[:64],
        building=reader.cell("building", columns.place_name, ""),
        unit=reader.cell("unit", columns.place_name, ""),
        room=reader.cell("room", columns.place_name, ""),
    )
    return entry if reader.is_good else None


def household_entry(row: CsvRow, problems: Problems) -> HouseholdEntry | None:
    """A row of households.csv."""
    reader = RowReader(row, problems)
    parts = (
        reader.cell("compound", columns.compound_id, ""),
        reader.cell("building", columns.place_name, ""),
        reader.cell("unit", columns.place_name, ""),
        reader.cell("room", columns.place_name, ""),
    )
    entry = HouseholdEntry(
        row=row.number,
        household_id=reader.cell("household_id", columns.household_id, 0),
        path="/".join(parts),
        colour=reader.cell("colour", columns.colour, Colour.UNCOLOURED),
        isolation=reader.cell("isolation", columns.isolation, Isolation.NONE),
    )
    return entry if reader.is_good else None


def person_entry(row: CsvRow, problems: Problems) -> PersonEntry | None:
    """A row of people.csv."""
    reader = RowReader(row, problems)
    entry = PersonEntry(
        row=row.number,
        household_id=reader.cell("household_id", columns.household_id, 0),
        name=reader.cell("name", columns.person_name, ""),
        phone=reader.cell("phone", columns.phone, None),
        id_number=reader.cell("id_number", columns.id_number, None),
    )
    return entry if reader.is_good else None


def pass_entry(row: CsvRow, problems: Problems, zone: tzinfo) -> PassEntry | None:
    """A row of passes.csv. zone: of moments that state none."""
    reader = RowReader(row, problems)
    nowhen = datetime.min.replace(tzinfo=zone)
    entry = PassEntry(
        row=row.number,
        pass_id=reader.cell("pass_id", columns.pass_id, ""),
        household_id=reader.cell("household_id", columns.household_id, 0),
        holder=row.cells.get("holder") or None,
        kind=reader.cell("kind", columns.pass_kind, PassKind.RESIDENT),
        status_index=reader.cell("status_index", columns.status_index, 0),
        valid_from=reader.cell("valid_from", lambda cell: columns.moment(cell, zone), nowhen),
        valid_until=reader.cell("valid_until", lambda cell: columns.moment(cell, zone), nowhen),
        status=reader.cell("status", columns.pass_status, PassStatus.VALID),
    )
    if reader.is_good and entry.valid_until <= entry.valid_from:
        problems.add(row.file, row.number, "valid_until must be after valid_from")
        return None
    return entry if reader.is_good else None
