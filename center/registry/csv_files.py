"""Reads the register's CSV files into rows of cells, naming every fault by file and row."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from center.registry.columns import COLUMNS, Column

FILE_MAX_BYTES: Final = 100 * 1024 * 1024
ROWS_MAX: Final = 500_000
PROBLEMS_MAX: Final = 200

# A file saved by a Chinese spreadsheet without a byte order mark is GB 18030.
_ENCODINGS: Final = ("utf-8-sig", "gb18030")


@dataclass(slots=True)
class Problems:
    """All that is wrong, in the order found; the first PROBLEMS_MAX of it in words."""

    lines: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, file: str, row: int | None, what: str) -> None:
        """row: as a spreadsheet numbers it, the header being row 1; None for the file as a whole."""
        self.count += 1
        if len(self.lines) < PROBLEMS_MAX:
            self.lines.append(f"{file}, row {row}: {what}" if row is not None else f"{file}: {what}")

    def in_words(self) -> list[str]:
        """The lines, and how many more there are."""
        more = self.count - len(self.lines)
        return [*self.lines, f"and {more} more"] if more else list(self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One row; cells by the column's English name, stripped, '' where the column or cell is missing."""

    file: str
    number: int
    cells: Mapping[str, str]


def find_files(sources: Path | list[Path], problems: Problems) -> dict[str, Path]:
    """The register's files in a folder, or among the files named; each at most once."""
    paths = sources if isinstance(sources, list) else [sources]
    found: dict[str, Path] = {}
    for path in paths:
        candidates = [path / name for name in COLUMNS if (path / name).is_file()] if path.is_dir() else [path]
        for candidate in candidates:
            if candidate.name not in COLUMNS:
                problems.add(candidate.name, None, f"unknown file; the names are {', '.join(COLUMNS)}")
            elif candidate.name in found:
                problems.add(candidate.name, None, "given twice")
            else:
                found[candidate.name] = candidate
    if not found and not problems.count:
        problems.add(str(paths[0].name), None, f"none of {', '.join(COLUMNS)} is here")
    return found


def read_rows(path: Path, problems: Problems) -> Iterator[CsvRow]:
    """Rows of one file; empty lines are passed over."""
    text = _read_text(path, problems)
    if text is None:
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        places = _places(path.name, next(reader, []), problems)
        if places is None:
            return
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if reader.line_num > ROWS_MAX:
                problems.add(path.name, reader.line_num, f"more than {ROWS_MAX} rows; split the file")
                return
            named = {key: cells[place].strip() if place < len(cells) else "" for key, place in places.items()}
            yield CsvRow(file=path.name, number=reader.line_num, cells=named)
    except csv.Error as error:
        problems.add(path.name, reader.line_num, f"not CSV: {error}")


def _read_text(path: Path, problems: Problems) -> str | None:
    try:
        if path.stat().st_size > FILE_MAX_BYTES:
            problems.add(path.name, None, f"larger than {FILE_MAX_BYTES // 1024 // 1024} MB; split it")
            return None
        raw = path.read_bytes()
    except OSError as error:
        problems.add(path.name, None, f"cannot be read: {error.strerror}")
        return None
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    problems.add(path.name, None, "neither UTF-8 nor GB 18030; save it as CSV UTF-8")
    return None


def _places(file: str, header: list[str], problems: Problems) -> dict[str, int] | None:
    """Where each column stands; None when the header can't be used."""
    columns: dict[str, Column] = {name: column for column in COLUMNS[file] for name in column.names}
    places: dict[str, int] = {}
    before = problems.count
    for place, cell in enumerate(header):
        name = cell.strip()
        column = columns.get(name) or columns.get(name.lower())
        if column is None:
            if name:
                problems.add(file, 1, f"unknown column {name[:40]!r}")
        elif column.key in places:
            problems.add(file, 1, f"column {column.key} stands twice")
        else:
            places[column.key] = place
    for column in COLUMNS[file]:
        if column.is_required and column.key not in places:
            problems.add(file, 1, f"column {' or '.join(column.names)} is missing")
    return places if problems.count == before else None
