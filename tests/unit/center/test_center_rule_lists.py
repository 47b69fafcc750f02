"""Windows, employers and schedules from CSV: whole lists, every fault by row, sent to gates with the directory."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from center_kit import temporary_store
from center_office import HOUSEHOLDS, PASSES, PEOPLE, PLACES, ZONE
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from center.errors import ImportRefused
from center.registry.csv_import import import_csv
from center.registry.directory_issue import DirectoryIssue
from center.registry.rule_lists import RuleLists, read_rule_lists, read_vehicles
from center.registry.vault import Vault, create_vault_file, load_vault
from center.store.database import Store
from model.identities import CommunityId, DeviceId, HouseholdId
from model.shifts import EVERY_DAY, Listing, Rota, ScheduleId, Shift
from model.vehicles import Plate
from model.windows import Window, WindowKind
from passes.keys import new_signing_key

WINDOWS = (
    "household_id,kind,begins,ends\n502,clinic,2020-02-14 08:00,2020-02-14 11:00\n502,回家,2020-02-10,2020-02-11\n"
)
EMPLOYERS = "单位编号,单位名称,红黑榜\n1,白银水厂,红榜\n2,一家小店,黑榜\n"
SCHEDULES = (
    "schedule,employer,shifts,weekdays,rota\n"
    "1,1,08:00-17:00,1-5,\n"
    "2,1,20:00-04:00;12:00-14:00,,3/1 from 2020-02-01\n"
    "3,2,,一三五,\n"
)
VEHICLES = "household_id,plate\n501,云a·12345\n502,云AD54321\n"
LONG_BEFORE = 0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = temporary_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    create_vault_file(tmp_path / "vault.json")
    return load_vault(tmp_path / "vault.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "csv"
    path.mkdir()
    for name, text in (
        ("places", PLACES), ("households", HOUSEHOLDS), ("people", PEOPLE), ("passes", PASSES),
        ("windows", WINDOWS), ("vehicles", VEHICLES), ("employers", EMPLOYERS), ("schedules", SCHEDULES),
    ):  # fmt: skip
        (path / f"{name}.csv").write_text(text, encoding="utf-8")
    return path


def lists(store: Store, *, now: datetime | None = None) -> RuleLists:
    with store.reading() as connection:
        return read_rule_lists(connection, now_ms=LONG_BEFORE if now is None else int(now.timestamp() * 1000))


def refused(store: Store, vault: Vault, folder: Path) -> list[str]:
    with pytest.raises(ImportRefused) as caught:
        import_csv(store, vault, folder, zone=ZONE)
    return caught.value.problems


def test_lists_are_read_as_people_write_them(store: Store, vault: Vault, folder: Path) -> None:
    report = import_csv(store, vault, folder, zone=ZONE)
    assert report.lists == {"windows": 2, "vehicles": 2, "employers": 2, "schedules": 3}
    with store.reading() as connection:
        assert read_vehicles(connection)[HouseholdId(501)] == (Plate(text="云A12345"),)
    found = lists(store)
    home, clinic = found.windows[HouseholdId(502)]
    assert home.kind is WindowKind.COME_HOME
    assert clinic == Window(
        kind=WindowKind.CLINIC,
        begins=datetime(2020, 2, 14, 0, 0, tzinfo=UTC),
        ends=datetime(2020, 2, 14, 3, 0, tzinfo=UTC),
    )
    day, night, without = (found.schedules[ScheduleId(number)] for number in (1, 2, 3))
    assert (day.shifts, day.weekdays, day.rota, day.listing) == (
        (Shift(begins=time(8), ends=time(17)),), frozenset(range(5)), None, Listing.RED,
    )  # fmt: skip
    assert night.weekdays == EVERY_DAY
    assert night.rota == Rota(days_on=3, days_off=1, counted_from=date(2020, 2, 1))
    assert (without.shifts, without.weekdays, without.listing) == ((), frozenset({0, 2, 4}), Listing.BLACK)


def test_a_window_that_is_over_is_told_to_no_gate(store: Store, vault: Vault, folder: Path) -> None:
    import_csv(store, vault, folder, zone=ZONE)
    after_the_first = datetime(2020, 2, 12, tzinfo=UTC)
    assert [each.kind for each in lists(store, now=after_the_first).windows[HouseholdId(502)]] == [WindowKind.CLINIC]


def test_a_list_is_whole_and_one_that_is_not_given_stays(store: Store, vault: Vault, folder: Path) -> None:
    import_csv(store, vault, folder, zone=ZONE)
    (folder / "windows.csv").write_text("household_id,kind,begins,ends\n", encoding="utf-8")
    (folder / "employers.csv").unlink()
    (folder / "schedules.csv").unlink()
    import_csv(store, vault, folder, zone=ZONE)
    assert lists(store).windows == {}
    assert len(lists(store).schedules) == 3


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("windows", "502,clinic,2020-02-14 11:00,2020-02-14 08:00", "ends must be after begins"),
        ("windows", "502,party,2020-02-14,2020-02-15", "kind must be one of"),
        ("windows", "999,clinic,2020-02-14,2020-02-15", "household 999 is not in the register"),
        ("windows", "502,clinic,tomorrow,2020-02-15", "a time must look like"),
        ("vehicles", "501,12345", "plate must look like"),
        ("vehicles", "999,云A11111", "household 999 is not in the register"),
        ("vehicles", "502,云A12345", "plate stands in row 2 already"),
        ("employers", "0,x,", "employer must be a whole number"),
        ("employers", "1,again,", "employer stands in row 2 already"),
        ("employers", "3,x,grey", "listing must be one of"),
        ("schedules", "4,9,08:00-17:00,,", "employer 9 is not in employers.csv"),
        ("schedules", "4,1,8 to 5,,", "shifts must look like"),
        ("schedules", "4,1,08:00-24:30,,", "no time of day"),
        ("schedules", "4,1,08:00-17:00,8,", "weekdays must look like"),
        ("schedules", "4,1,08:00-17:00,,3/1", "rota must look like"),
        ("schedules", "4,1,08:00-17:00,,0/5 from 2020-02-01", "at least one day on"),
        ("schedules", "4,1,08:00-17:00,,3/1 from 2020-02-31", "first day is no date"),
        ("schedules", "1,1,08:00-17:00,,", "schedule stands in row 2 already"),
    ],
)
def test_every_fault_is_named_by_row_and_nothing_is_imported(
    store: Store, vault: Vault, folder: Path, name: str, row: str, words: str
) -> None:
    file = folder / f"{name}.csv"
    file.write_text(file.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")
    problems = refused(store, vault, folder)
    number = len(file.read_text(encoding="utf-8").splitlines())
    assert any(problem.startswith(f"{name}.csv, row {number}: ") and words in problem for problem in problems)
    assert lists(store) == RuleLists()


def test_a_new_window_makes_a_new_directory(store: Store, vault: Vault, folder: Path) -> None:
    later = folder / "windows.csv"
    later.write_text("household_id,kind,begins,ends\n502,clinic,2090-02-14 08:00,2090-02-14 11:00\n", encoding="utf-8")
    import_csv(store, vault, folder, zone=ZONE)
    issue = DirectoryIssue(store, new_signing_key(), CommunityId("longcheng"))
    first, again = issue.publish(), issue.publish()
    assert first.version == again.version
    later.write_text("household_id,kind,begins,ends\n502,clinic,2090-02-14 09:00,2090-02-14 11:00\n", encoding="utf-8")
    import_csv(store, vault, folder, zone=ZONE)
    assert issue.publish().version == first.version + 1


def test_a_changed_plate_makes_a_new_directory_for_guards(store: Store, vault: Vault, folder: Path) -> None:
    import_csv(store, vault, folder, zone=ZONE)
    gate = generate_private_key(SECP256R1())
    keys = {DeviceId("gate-1"): gate.public_key()}
    issue = DirectoryIssue(store, new_signing_key(), CommunityId("longcheng"), gate_keys=keys)
    first, again = issue.publish(), issue.publish()
    assert first.version == again.version
    (folder / "vehicles.csv").write_text(VEHICLES.replace("54321", "54322"), encoding="utf-8")
    import_csv(store, vault, folder, zone=ZONE)
    assert issue.publish().version == first.version + 1
