"""Imports the register from CSV: all of it or nothing, every fault named by file and row; idempotent.

What the files do not mention stays as it is. A revocation is final: no file brings a revoked pass back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, insert, select, update

from center.accounts import audit
from center.clock import NowMs, now_ms, to_ms
from center.errors import ImportRefused
from center.registry.csv_files import CsvRow, Problems, find_files, read_rows
from center.registry.entries import (
    HouseholdEntry,
    PassEntry,
    PersonEntry,
    PlaceEntry,
    household_entry,
    pass_entry,
    person_entry,
    place_entry,
)
from center.registry.rule_lists import (
    EmployerEntry,
    ScheduleEntry,
    VehicleEntry,
    WindowEntry,
    employer_entry,
    replace_schedules,
    replace_vehicles,
    replace_windows,
    schedule_entry,
    vehicle_entry,
    window_entry,
)
from center.registry.spoiled_rows import SpoiledRows
from center.registry.vault import Vault
from center.store.database import Store
from center.store.schema import Base, Household, IssuedPass, Person, Place
from model.directory import PassStatus
from model.id_numbers import mask_id_number, mask_name

T = TypeVar("T")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What an import did to one table."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """lists: rows of each list for the rules that was given, which it replaced."""

    places: Counts
    households: Counts
    people: Counts
    passes: Counts
    lists: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    places: Sequence[PlaceEntry]
    households: Sequence[HouseholdEntry]
    people: Sequence[PersonEntry]
    passes: Sequence[PassEntry]
    windows: Sequence[WindowEntry] | None
    vehicles: Sequence[VehicleEntry] | None
    employers: Sequence[EmployerEntry] | None
    schedules: Sequence[ScheduleEntry] | None


def import_csv(
    store: Store,
    vault: Vault,
    sources: Path | list[Path],
    *,
    zone: tzinfo,
    by: str = "cli",
    now: NowMs = now_ms,
) -> ImportReport:
    """Import places.csv, households.csv, people.csv and passes.csv of a folder, or those files that are named.

    windows.csv, vehicles.csv, employers.csv and schedules.csv beside them replace the lists of before.

    sources: a folder, or the files. zone: of moments in the files that state none.
    Raises ImportRefused with every problem; nothing is changed then.
    """
    problems = Problems()
    paths = find_files(sources, problems)
    if problems.count:
        raise ImportRefused(problems.in_words())
    spoiled = SpoiledRows(problems.unread)
    files = _Files(
        places=_read(paths, "places.csv", place_entry, problems, spoiled),
        households=_read(paths, "households.csv", household_entry, problems, spoiled),
        people=_read(paths, "people.csv", person_entry, problems, spoiled),
        passes=_read(paths, "passes.csv", lambda row, found: pass_entry(row, found, zone), problems, spoiled),
        windows=_list(paths, "windows.csv", lambda row, found: window_entry(row, found, zone), problems, spoiled),
        vehicles=_list(paths, "vehicles.csv", vehicle_entry, problems, spoiled),
        employers=_list(paths, "employers.csv", employer_entry, problems, spoiled),
        schedules=_list(paths, "schedules.csv", schedule_entry, problems, spoiled),
    )
    store.make_if_missing()
    with store.writing() as connection:
        importer = _Importer(connection, vault, problems, spoiled, now())
        report = ImportReport(
            places=importer.places(files.places),
            households=importer.households(files.households),
            people=importer.people(files.people),
            passes=importer.passes(files.passes),
            lists={
                name: len(entries)
                for name, entries in (
                    ("windows", files.windows),
                    ("vehicles", files.vehicles),
                    ("employers", files.employers),
                    ("schedules", files.schedules),
                )
                if entries is not None
            },
        )
        if files.windows is not None:
            replace_windows(connection, files.windows, problems)
        if files.vehicles is not None:
            replace_vehicles(connection, files.vehicles, problems)
        replace_schedules(connection, files.employers, files.schedules, problems)
        if problems.count:
            # Leaving the block by an error undoes everything.
            raise ImportRefused(problems.in_words())
        audit.note(
            connection,
            at_ms=now(),
            user_name=by,
            action=audit.Action.REGISTER_IMPORTED,
            subject=", ".join(sorted(paths)),
            reason="csv",
        )
    return report


def _read(
    paths: Mapping[str, Path],
    name: str,
    parse: Callable[[CsvRow, Problems], T | None],
    problems: Problems,
    spoiled: SpoiledRows,
) -> list[T]:
    entries: list[T] = []
    for row in read_rows(paths[name], problems) if name in paths else ():
        entry = parse(row, problems) if row.is_aligned else None
        if entry is None:
            spoiled.add(row)
        else:
            entries.append(entry)
    return entries


def _list(
    paths: Mapping[str, Path],
    name: str,
    parse: Callable[[CsvRow, Problems], T | None],
    problems: Problems,
    spoiled: SpoiledRows,
) -> list[T] | None:
    """The rows of a list; None where the file was not given, which leaves the list as it is."""
    return _read(paths, name, parse, problems, spoiled) if name in paths else None


class _Importer:
    """Writes entries in one transaction, noting what contradicts the register or itself."""

    def __init__(
        self, connection: Connection, vault: Vault, problems: Problems, spoiled: SpoiledRows, now: int
    ) -> None:
        self._connection = connection
        self._vault = vault
        self._problems = problems
        self._spoiled = spoiled
        self._now = now
        # What the register will hold; what refers to a row that is named already is not named as well.
        self._households: set[int] = set()
        self._names: set[tuple[int, str]] = set()

    def places(self, entries: Sequence[PlaceEntry]) -> Counts:
        """Rooms, and the units, buildings and compounds above them."""
        known = self._ids(Place.path, Place.id)
        names = {row.path: row.name for row in self._connection.execute(select(Place.path, Place.name))}
        added = changed = 0
        # Level by level, because a place names its parent by the number that the database gave it.
        for level, kind in enumerate(("compound", "building", "unit", "room"), start=1):
            rows: dict[str, Row] = {}
            for entry in entries:
                parts = entry.path.split("/")[:level]
                path = "/".join(parts)
                name = (entry.compound_name or names.get(path) or parts[0]) if level == 1 else parts[-1]
                parent = known["/".join(parts[:-1])] if level > 1 else None
                rows[path] = {
                    "parent_id": parent,
                    "kind": kind,
                    "name": name,
                    "path": path,
                    "label": "-".join(parts[1:]) or path,
                }
            new = [row for path, row in rows.items() if path not in known]
            renamed = [row for path, row in rows.items() if path in known and names[path] != row["name"]]
            self._insert(Place, new)
            if renamed:
                self._connection.execute(
                    update(Place).where(Place.path == bindparam("at")).values(name=bindparam("named")),
                    [{"at": row["path"], "named": row["name"]} for row in renamed],
                )
            if new:
                known = self._ids(Place.path, Place.id)
            if kind == "room":
                added, changed = len(new), 0
            changed += len(renamed)
        rooms = {entry.path for entry in entries}
        return Counts(added=added, changed=changed, unchanged=len(rooms) - added)

    def households(self, entries: Sequence[HouseholdEntry]) -> Counts:
        """Households at rooms that are known."""
        file = "households.csv"
        rooms = self._ids(Place.path, Place.id, Place.kind == "room")
        known = {
            row.id: row
            for row in self._connection.execute(
                select(Household.id, Household.place_id, Household.colour, Household.isolation)
            )
        }
        self._households = set(known) | {entry.household_id for entry in entries}
        rows: dict[int, Row] = {}
        for entry in self._once(entries, lambda entry: entry.household_id, file, "household_id"):
            place_id = rooms.get(entry.path)
            if place_id is None:
                if not self._spoiled.may_hold_room(entry.path):
                    self._problems.add(file, entry.row, f"the room {entry.path} is not in places.csv or the register")
                continue
            rows[entry.household_id] = {
                "id": entry.household_id,
                "place_id": place_id,
                "colour": entry.colour.value,
                "isolation": entry.isolation.value,
            }
        return self._store(Household, Household.id, rows, known)

    def people(self, entries: Sequence[PersonEntry]) -> Counts:
        """People of known households, told apart by ID number, else by name within the household."""
        file = "people.csv"
        registered = self._connection.execute(
            select(Person.id, Person.household_id, Person.name, Person.phone, Person.id_number_hash)
        ).all()
        by_name: dict[tuple[int, str], Any] = {(row.household_id, row.name): row for row in registered}
        by_hash: dict[bytes, Any] = {row.id_number_hash: row for row in registered if row.id_number_hash is not None}
        self._names = set(by_name) | {(entry.household_id, entry.name) for entry in entries}
        new: list[Row] = []
        changed: dict[int, Row] = {}
        unchanged = 0
        seen_hashes: dict[bytes, int] = {}
        seen_names: dict[tuple[int, str], int] = {}
        for entry in entries:
            if entry.household_id not in self._households:
                if not self._spoiled.may_hold_household(entry.household_id):
                    self._problems.add(file, entry.row, f"household {entry.household_id} is not in the register")
                continue
            number_hash = self._vault.hash_of(entry.id_number) if entry.id_number else None
            who = (entry.household_id, entry.name)
            twin = seen_names.get(who) or (seen_hashes.get(number_hash) if number_hash else None)
            if twin:
                self._problems.add(file, entry.row, f"the same person as in row {twin}")
                continue
            seen_names[who] = entry.row
            if number_hash is not None:
                seen_hashes[number_hash] = entry.row
            known = by_hash.get(number_hash) if number_hash is not None else None
            known = known if known is not None else by_name.get(who)
            if known is None:
                new.append(self._person(entry, number_hash))
                continue
            if number_hash is not None and known.id_number_hash not in (None, number_hash):
                self._problems.add(file, entry.row, "another ID number is registered for this name and household")
                continue
            wanted = (entry.household_id, entry.name, entry.phone, number_hash or known.id_number_hash)
            if wanted == (known.household_id, known.name, known.phone, known.id_number_hash):
                unchanged += 1
                continue
            wanted_row = self._person(entry, number_hash)
            if number_hash is None:
                # A file without the number says nothing about it: what is registered stays.
                del wanted_row["id_number_encrypted"], wanted_row["id_number_hash"], wanted_row["masked_id"]
            changed[known.id] = wanted_row
        if not self._problems.count:
            self._insert(Person, new)
            self._update(Person, Person.id, changed)
        return Counts(added=len(new), changed=len(changed), unchanged=unchanged)

    def passes(self, entries: Sequence[PassEntry]) -> Counts:
        """Passes of known households; a holder must be one of its people."""
        file = "passes.csv"
        people = {
            (row.household_id, row.name): row.id
            for row in self._connection.execute(select(Person.household_id, Person.name, Person.id))
        }
        known = {row.pass_id: row for row in self._connection.execute(select(*IssuedPass.__table__.columns))}
        by_index = {row.status_index: row.pass_id for row in known.values()}
        rows: dict[str, Row] = {}
        for entry in self._once(entries, lambda entry: entry.pass_id, file, "pass_id"):
            fault = None
            if entry.household_id not in self._households:
                if self._spoiled.may_hold_household(entry.household_id):
                    continue
                fault = f"household {entry.household_id} is not in the register"
            elif entry.holder is not None and (entry.household_id, entry.holder) not in self._names:
                if self._spoiled.may_hold_person(entry.household_id, entry.holder):
                    continue
                fault = f"the holder is not one of household {entry.household_id}'s people"
            elif by_index.setdefault(entry.status_index, entry.pass_id) != entry.pass_id:
                fault = f"status_index {entry.status_index} belongs to pass {by_index[entry.status_index]}"
            elif entry.pass_id in known and known[entry.pass_id].status_index != entry.status_index:
                fault = "a pass keeps its status_index for ever: it stands in the pass itself"
            if fault is not None:
                self._problems.add(file, entry.row, fault)
                continue
            rows[entry.pass_id] = self._pass(entry, people, known.get(entry.pass_id))
        return self._store(IssuedPass, IssuedPass.pass_id, rows, known)

    def _person(self, entry: PersonEntry, number_hash: bytes | None) -> Row:
        sealed = self._vault.seal(entry.id_number) if entry.id_number else None
        return {
            "household_id": entry.household_id,
            "name": entry.name,
            "masked_name": mask_name(entry.name),
            "phone": entry.phone,
            "id_number_encrypted": sealed.encrypted if sealed is not None else None,
            "id_number_hash": number_hash,
            "masked_id": mask_id_number(entry.id_number) if entry.id_number else None,
        }

    def _pass(self, entry: PassEntry, people: Mapping[tuple[int, str], int], known: Any) -> Row:
        was_revoked = known is not None and known.status == PassStatus.REVOKED.value
        status = PassStatus.REVOKED if was_revoked else entry.status
        is_new_revocation = status is PassStatus.REVOKED and not was_revoked
        return {
            "pass_id": entry.pass_id,
            "household_id": entry.household_id,
            "person_id": people.get((entry.household_id, entry.holder)) if entry.holder is not None else None,
            "kind": entry.kind.value,
            "status_index": entry.status_index,
            "status": status.value,
            "valid_from_ms": to_ms(entry.valid_from),
            "valid_until_ms": to_ms(entry.valid_until),
            "revoked_at_ms": self._now if is_new_revocation else (known.revoked_at_ms if was_revoked else None),
            "revoked_why": "csv" if is_new_revocation else (known.revoked_why if was_revoked else None),
        }

    def _once(self, entries: Iterable[T], key_of: Callable[[T], object], file: str, what: str) -> list[T]:
        seen: dict[object, T] = {}
        for entry in entries:
            first = seen.setdefault(key_of(entry), entry)
            if first is not entry:
                self._problems.add(file, entry.row, f"{what} stands in row {first.row} already")  # type: ignore[attr-defined]
        return list(seen.values())

    def _store(self, model: type[Base], key: Any, rows: Mapping[Any, Row], known: Mapping[Any, Any]) -> Counts:
        """Insert what is new and change what differs, by primary key."""
        new = [row for own, row in rows.items() if own not in known]
        changed = {
            own: row
            for own, row in rows.items()
            if own in known and any(getattr(known[own], name) != value for name, value in row.items())
        }
        if not self._problems.count:
            self._insert(model, new)
            self._update(model, key, changed)
        return Counts(added=len(new), changed=len(changed), unchanged=len(rows) - len(new) - len(changed))

    def _insert(self, model: type[Base], rows: Sequence[Row]) -> None:
        if rows:
            self._connection.execute(insert(model), rows)

    def _update(self, model: type[Base], key: Any, rows: Mapping[Any, Row]) -> None:
        # In groups of rows that name the same columns: one prepared statement for each.
        groups: dict[tuple[str, ...], list[Row]] = {}
        for own, row in rows.items():
            groups.setdefault(tuple(sorted(row)), []).append({"at_key": own, **{f"to_{n}": row[n] for n in row}})
        for names, parameters in groups.items():
            statement = update(model).where(key == bindparam("at_key"))
            self._connection.execute(statement.values({name: bindparam(f"to_{name}") for name in names}), parameters)

    def _ids(self, key: Any, value: Any, *where: Any) -> dict[Any, Any]:
        return {row[0]: row[1] for row in self._connection.execute(select(key, value).where(*where))}
