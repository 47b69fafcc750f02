"""Reads the register's CSV files into rows of cells, naming every fault by file and row."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from center.registry.columns import COLUMNS, OPTIONAL_FILES, Column

FILE_MAX_BYTES: Final = 100 * 1024 * 1024
ROWS_MAX: Final = 500_000
PROBLEMS_MAX: Final = 200
NEEDED_FILES: Final = tuple(name for name in COLUMNS if name not in OPTIONAL_FILES)

# A file saved by a Chinese spreadsheet without a byte order mark is GB 18030.
_ENCODINGS: Final = ("utf-8-sig", "gb18030")


@dataclass(slots=True)
class Problems:
    """All that is wrong, in the order found, each once; the first PROBLEMS_MAX of it in words.

    unread: files of which not every row could be read, so that nothing can be said of what refers to them.
    """

    lines: list[str] = field(default_factory=list)
    count: int = 0
    unread: set[str] = field(default_factory=set)

    def add(self, file: str, row: int | None, what: str) -> None:
        """row: as a spreadsheet numbers it, the header being row 1; None for the file as a whole."""
        line = f"{file}, row {row}: {what}" if row is not None else f"{file}: {what}"
        if line in self.lines:
            return
        self.count += 1
        if len(self.lines) < PROBLEMS_MAX:
            self.lines.append(line)

    def in_words(self) -> list[str]:
        """The lines, and how many more there are."""
        more = self.count - len(self.lines)
        return [*self.lines, f"and {more} more"] if more else list(self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One row; cells by the column's English name, stripped, '' where the column or cell is missing.

    is_aligned: it has as many cells as the header; else a cell may stand in another column's place.
    """

    file: str
    number: int
    cells: Mapping[str, str]
    is_aligned: bool


def find_files(sources: Path | list[Path], problems: Problems) -> dict[str, Path]:
    """The register's files, by name: those of a folder, or those that are given; in whatever case of letters."""
    found: dict[str, Path] = {}
    for path in sources if isinstance(sources, list) else [sources]:
        candidates = _files_in(path, problems) if path.is_dir() else [path]
        for candidate in candidates:
            name = candidate.name.lower()
            if name not in COLUMNS and (candidate.exists() or candidate.suffix):
                problems.add(candidate.name, None, f"unknown file; the names are {', '.join(COLUMNS)}")
            elif not candidate.exists():
                problems.add(str(candidate), None, "no such file" if candidate.suffix else "no such folder")
            elif name in found:
                problems.add(candidate.name, None, "given twice")
            else:
                found[name] = candidate
    return found


def _files_in(folder: Path, problems: Problems) -> list[Path]:
    try:
        files = sorted(path for path in folder.iterdir() if path.name.lower() in COLUMNS and path.is_file())
    except OSError as error:
        problems.add(str(folder), None, f"cannot be read: {error.strerror}")
        return []
    here = {path.name.lower() for path in files}
    for name in COLUMNS:
        if name not in here and name not in OPTIONAL_FILES:
            problems.add(str(folder), None, f"{name} is missing; a folder holds all of {', '.join(NEEDED_FILES)}")
    return files


def read_rows(path: Path, problems: Problems) -> Iterator[CsvRow]:
    """Rows of one file; empty lines are passed over."""
    file = path.name.lower()
    text = _read_text(path, problems)
    reader = csv.reader(io.StringIO(text or "", newline=""), strict=True)
    try:
        header = next(reader, [])
        places = _places(file, header, problems) if text is not None else None
        if places is None:
            problems.unread.add(file)
            return
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if reader.line_num > ROWS_MAX:
                problems.add(file, reader.line_num, f"more than {ROWS_MAX} rows; split the file")
                problems.unread.add(file)
                return
            if len(cells) != len(header):
                problems.add(file, reader.line_num, f"has {len(cells)} cells where the header has {len(header)}")
            named = {key: cells[place].strip() if place < len(cells) else "" for key, place in places.items()}
            yield CsvRow(file=file, number=reader.line_num, cells=named, is_aligned=len(cells) == len(header))
    except csv.Error as error:
        problems.add(file, reader.line_num, f"not CSV: {error}")
        problems.unread.add(file)


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
