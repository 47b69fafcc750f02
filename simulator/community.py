"""A made-up community: three buildings, some dozens of households, their people. The same seed gives the same people.

Names are put together from common surnames and given names; the ID numbers have right check digits and a region code
(999901) that no region has, so that none of them can be a real person's.
"""

import csv
import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from model.credentials import Colour, PassKind
from model.directory import Isolation, PassStatus
from model.identities import CompoundId, HouseholdId, PassId

COMPOUND_NAME = "杏花苑"
BUILDINGS, UNITS, FLOORS = 3, 2, 4
_NO_REGION = "999901"
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999
_CHECK_CHARACTERS = "10X98765432"
_SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
_GIVEN_NAMES = (
    *"伟芳娜敏静丽强磊军洋勇艳杰涛明超",
    *("秀英", "桂兰", "建国", "志强", "晓燕", "海波", "雪梅"),
    *("文博", "雨桐", "子涵", "思远", "玉珍", "国庆", "春花"),
)
_COLOURS = (Colour.GREEN,) * 6 + (Colour.BLUE,) * 3 + (Colour.YELLOW,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One resident of the register. phone and id_number are made up."""

    household: HouseholdId
    name: str
    phone: str
    id_number: str
    is_old: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    household: HouseholdId
    building: str
    unit: str
    room: str
    colour: Colour
    isolation: Isolation
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRow:
    """One issued pass as the register's CSV states it."""

    pass_id: PassId
    household: HouseholdId
    holder: str
    kind: PassKind
    status_index: int
    valid_from: datetime
    valid_until: datetime
    status: PassStatus = PassStatus.VALID


def make_households(seed: int = 2020) -> tuple[Household, ...]:
    """All households of the compound; deterministic. One lives in isolation, the others do not."""
    random_source = random.Random(seed)
    households = []
    for building in range(1, BUILDINGS + 1):
        for unit in range(1, UNITS + 1):
            for floor in range(1, FLOORS + 1):
                for door in (1, 2):
                    number = HouseholdId(building * 10_000 + unit * 1000 + floor * 100 + door)
                    households.append(
                        Household(
                            household=number,
                            building=str(building),
                            unit=str(unit),
                            room=f"{floor}0{door}",
                            colour=random_source.choice(_COLOURS),
                            isolation=Isolation.HOME if number == 32_402 else Isolation.NONE,
                            people=_people(number, random_source),
                        )
                    )
    return tuple(households)


def write_csv_files(
    folder: Path, compound: CompoundId, households: Sequence[Household], passes: Iterable[PassRow]
) -> tuple[Path, ...]:
    """Write places, households, people and passes as the centre's import expects them; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    places: list[tuple[str, ...]] = [("compound", "compound_name", "building", "unit", "room")]
    places += [(compound, COMPOUND_NAME, each.building, each.unit, each.room) for each in households]
    rows: list[tuple[str, ...]] = [("household_id", "compound", "building", "unit", "room", "colour", "isolation")]
    rows += [
        (
            str(each.household),
            compound,
            each.building,
            each.unit,
            each.room,
            each.colour.name.lower(),
            each.isolation.name.lower(),
        )
        for each in households
    ]
    people: list[tuple[str, ...]] = [("household_id", "name", "phone", "id_number")]
    people += [(str(p.household), p.name, p.phone, p.id_number) for each in households for p in each.people]
    issued: list[tuple[str, ...]] = [
        ("pass_id", "household_id", "holder", "kind", "status_index", "valid_from", "valid_until", "status")
    ]
    issued += [_pass_cells(row) for row in passes]
    written = []
    for name, table in (("places", places), ("households", rows), ("people", people), ("passes", issued)):
        path = folder / f"{name}.csv"
        path.write_text(_as_csv(table), encoding="utf-8")
        written.append(path)
    return tuple(written)


def check_character(first_seventeen: str) -> str:
    """The eighteenth character of an ID number (ISO 7064, MOD 11-2)."""
    weighted = sum(int(digit) * weight for digit, weight in zip(first_seventeen, _WEIGHTS, strict=True))
    return _CHECK_CHARACTERS[weighted % 11]


def _people(household: HouseholdId, random_source: random.Random) -> tuple[Person, ...]:
    surname = random_source.choice(_SURNAMES)
    people = []
    names = random_source.sample(_GIVEN_NAMES, k=random_source.randint(1, 4))
    for index, given in enumerate(names):
        is_old = random_source.random() < 0.25
        first_day = date(1938, 1, 1) if is_old else date(1965, 1, 1)
        born = first_day + timedelta(days=random_source.randrange(13_000))
        first_seventeen = f"{_NO_REGION}{born:%Y%m%d}{household % 500 * 2 + index % 2:03d}"
        people.append(
            Person(
                household=household,
                name=surname + given,
                phone=f"1990000{random_source.randrange(10_000):04d}",
                id_number=first_seventeen + check_character(first_seventeen),
                is_old=is_old,
            )
        )
    return tuple(people)


def _pass_cells(row: PassRow) -> tuple[str, ...]:
    return (
        row.pass_id,
        str(row.household),
        row.holder,
        row.kind.name.lower(),
        str(row.status_index),
        row.valid_from.isoformat(),
        row.valid_until.isoformat(),
        row.status.name.lower(),
    )


def _as_csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
