"""What is wrong with an import is told plainly, and once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import temporary_store
from center_office import HOUSEHOLDS, PASSES, PEOPLE, PLACES, ZONE, write_register

from center.errors import ImportRefused
from center.registry.csv_import import import_csv
from center.registry.spoiled_rows import SpoiledRows
from center.registry.vault import Vault, create_vault_file, load_vault
from center.store.database import Store


class Desk:
    """A register's folder, and an empty database to import it into."""

    def __init__(self, folder: Path) -> None:
        self.store: Store = temporary_store(folder)
        create_vault_file(folder / "vault.json")
        self.vault: Vault = load_vault(folder / "vault.json")
        self.csv = write_register(folder)

    def refused(self, source: Path | list[Path] | None = None) -> list[str]:
        with pytest.raises(ImportRefused) as caught:
            import_csv(self.store, self.vault, source or self.csv, zone=ZONE)
        return caught.value.problems


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_a_folder_that_does_not_exist_is_told(desk: Desk, tmp_path: Path) -> None:
    assert desk.refused(tmp_path / "nowhere") == [f"{tmp_path}/nowhere: no such folder"]
    assert desk.refused([tmp_path / "people.csv"]) == [f"{tmp_path}/people.csv: no such file"]


def test_each_missing_file_of_a_folder_is_told_and_nothing_else(desk: Desk) -> None:
    (desk.csv / "places.csv").unlink()
    (desk.csv / "passes.csv").unlink()
    every = "places.csv, households.csv, people.csv, passes.csv"
    assert desk.refused() == [
        f"{desk.csv}: places.csv is missing; a folder holds all of {every}",
        f"{desk.csv}: passes.csv is missing; a folder holds all of {every}",
    ]


def test_a_name_in_another_case_is_the_same_name(desk: Desk) -> None:
    (desk.csv / "people.csv").rename(desk.csv / "People.CSV")
    assert import_csv(desk.store, desk.vault, desk.csv, zone=ZONE).people.added == 2
    (desk.csv / "people.csv").write_text(PEOPLE, encoding="utf-8")
    assert desk.refused() == ["people.csv: given twice"]


def test_a_row_with_too_many_or_too_few_cells_is_told(desk: Desk) -> None:
    (desk.csv / "people.csv").write_text(PEOPLE + "501,王五,,,x\n501,赵六\n", encoding="utf-8")
    assert desk.refused() == [
        "people.csv, row 4: has 5 cells where the header has 4",
        "people.csv, row 5: has 2 cells where the header has 4",
    ]


def test_one_fault_is_told_once_however_much_hangs_on_it(desk: Desk) -> None:
    """A room, its household, its people and their passes: the row to repair is named, not what follows from it."""
    (desk.csv / "places.csv").write_text(PLACES.replace("3,2,501", "3,2,50/1"), encoding="utf-8")
    (desk.csv / "households.csv").write_text(HOUSEHOLDS.replace("501,green", "50/1,green"), encoding="utf-8")
    assert desk.refused() == [
        f"{file}, row 2: building, unit and room must be 1 to 32 characters without '/'"
        for file in ("places.csv", "households.csv")
    ]
    (desk.csv / "places.csv").write_text(PLACES.replace("3,2,501", ",,"), encoding="utf-8")
    (desk.csv / "households.csv").write_text(HOUSEHOLDS, encoding="utf-8")
    assert desk.refused()[0].startswith("places.csv, row 2: building, unit and room")
    (desk.csv / "places.csv").write_text(PLACES, encoding="utf-8")
    (desk.csv / "people.csv").write_text(PEOPLE.replace("13800001234", "1-"), encoding="utf-8")
    assert [line.split(":")[0] for line in desk.refused()] == ["people.csv, row 2"]


def test_a_file_that_cannot_be_read_is_told_once(desk: Desk) -> None:
    (desk.csv / "people.csv").write_text(PEOPLE.replace("姓名", "名字"), encoding="utf-8")
    assert desk.refused() == [
        "people.csv, row 1: unknown column '名字'",
        "people.csv, row 1: column name or 姓名 is missing",
    ]
    (desk.csv / "people.csv").write_text(PEOPLE, encoding="utf-8")
    (desk.csv / "households.csv").write_text("", encoding="utf-8")
    assert {line.split(",")[0] for line in desk.refused()} == {"households.csv"}


def test_without_that_memory_one_fault_would_be_told_of_all_that_hangs_on_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpoiledRows, "may_hold_household", lambda self, household_id: False)
    (desk.csv / "households.csv").write_text(HOUSEHOLDS.replace("green", "purple"), encoding="utf-8")
    (desk.csv / "passes.csv").write_text(PASSES, encoding="utf-8")
    assert len(desk.refused()) == 4
