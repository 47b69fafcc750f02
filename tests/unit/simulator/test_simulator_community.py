"""The made-up community: right in form, nobody's in fact, the same for everybody."""

import csv
from datetime import UTC, datetime
from pathlib import Path

from model.credentials import PassKind
from model.directory import Isolation
from model.id_numbers import fault_of
from model.identities import CompoundId, HouseholdId, PassId
from simulator.community import PassRow, make_households, write_csv_files


def test_every_id_number_has_its_right_check_digit_and_is_nobodys() -> None:
    numbers = [person.id_number for household in make_households() for person in household.people]
    assert len(numbers) > 100
    assert [fault_of(number) for number in numbers] == [None] * len(numbers)
    assert len(set(numbers)) == len(numbers)
    assert {number[:6] for number in numbers} == {"999901"}  # no region has this code


def test_the_same_seed_makes_the_same_people() -> None:
    assert make_households(7) == make_households(7)
    assert make_households(7) != make_households(8)


def test_some_dozens_of_households_in_three_buildings_one_of_them_isolated() -> None:
    households = make_households()
    assert 24 <= len(households) <= 96
    assert {household.building for household in households} == {"1", "2", "3"}
    assert [household.isolation for household in households].count(Isolation.HOME) == 1
    assert len({household.household for household in households}) == len(households)


def test_the_files_hold_every_household_person_and_pass(tmp_path: Path) -> None:
    households = make_households()
    day = datetime(2026, 2, 1, tzinfo=UTC)
    row = PassRow(
        pass_id=PassId("00" * 8),
        household=HouseholdId(11101),
        holder=households[0].people[0].name,
        kind=PassKind.RESIDENT,
        status_index=3,
        valid_from=day,
        valid_until=day,
    )
    write_csv_files(tmp_path, CompoundId("xinghuayuan-1"), households, [row])
    counts = {path.stem: len(list(csv.DictReader(path.open(encoding="utf-8")))) for path in tmp_path.iterdir()}
    people = sum(len(household.people) for household in households)
    assert counts == {"places": len(households), "households": len(households), "people": people, "passes": 1}
