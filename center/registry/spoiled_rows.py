"""Rows of an import that can't be used: what refers to one of them is not told as a fault of its own."""

from collections.abc import Set

from center.registry.csv_files import CsvRow


class SpoiledRows:
    """What may have been meant by rows with faults. unread: files of which not every row could be read at all."""

    def __init__(self, unread: Set[str]) -> None:
        self._unread = unread
        self._rooms: set[str] = set()
        self._households: set[str] = set()
        self._people: set[tuple[str, str]] = set()

    def add(self, row: CsvRow) -> None:
        """Note a row whose fault has been told."""
        cells = row.cells
        household = cells.get("household_id", "")
        if row.file == "places.csv":
            self._rooms.add("/".join(cells.get(name, "") for name in ("compound", "building", "unit", "room")))
        elif row.file == "households.csv":
            self._households.add(household)
        elif row.file == "people.csv":
            self._people.add((household, cells.get("name", "")))

    def may_hold_room(self, path: str) -> bool:
        return "places.csv" in self._unread or path in self._rooms

    def may_hold_household(self, household_id: int) -> bool:
        return "households.csv" in self._unread or str(household_id) in self._households

    def may_hold_person(self, household_id: int, name: str) -> bool:
        return "people.csv" in self._unread or (str(household_id), name) in self._people
