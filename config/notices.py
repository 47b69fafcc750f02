"""The community's notices: a TOML file into typed entries. One that is wrong is told, and the others are kept."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from config.problems import Problem, SettingsError
from config.toml_files import Section, read_table, validate

MAX_NOTICES: Final = 50
WORDS_MAX: Final = 200

_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_MOMENT_HINT: Final = "a day (2026-02-10), or a time with its zone (2026-02-10T08:00:00+08:00), without quotes"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeEntry:
    """words: by language. from_at, until_at: a day means its beginning here, or its end; None where it is open."""

    words: dict[str, str]
    from_at: datetime | None
    until_at: datetime | None
    spoken_at: tuple[time, ...]


class _Notice(Section):
    zh: str = Field(default="", max_length=WORDS_MAX, description=f"Chinese, up to {WORDS_MAX} characters")
    en: str = Field(default="", max_length=WORDS_MAX, description=f"English, up to {WORDS_MAX} characters")
    from_: str | None = Field(default=None, alias="from", description=_MOMENT_HINT)
    until: str | None = Field(default=None, description=_MOMENT_HINT)
    spoken: Literal[False] | tuple[str, ...] = Field(
        default=False, description='times of day such as ["08:00", "16:30"], or false'
    )


def load_notices(file: Path) -> tuple[Sequence[NoticeEntry], Sequence[Problem]]:
    """The notices that can be used, and what is wrong with the others. Raises SettingsError when there is no list."""
    table = read_table(file)
    problems = [
        Problem(file=file, key=key, message="unknown key", hint="notices begin with [[notices]]")
        for key in table.keys() - {"notices"}
    ]
    listed = table.get("notices", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        hint = "begin each notice with [[notices]]"
        raise SettingsError([*problems, Problem(file=file, key="notices", message="is no list", hint=hint)])
    if len(listed) > MAX_NOTICES:
        hint = f"keep at most {MAX_NOTICES}; the rest is not shown"
        problems.append(Problem(file=file, key="notices", message=f"{len(listed)} notices", hint=hint))
    entries = []
    for number, each in enumerate(listed[:MAX_NOTICES], start=1):
        entry, wrong = _entry(each, file, f"notices[{number}]")
        problems += wrong
        if entry is not None:
            entries.append(entry)
    return entries, problems


def _entry(table: dict[str, Any], file: Path, place: str) -> tuple[NoticeEntry | None, list[Problem]]:
    notice, found = validate(_Notice, table, file)
    problems = [
        Problem(file=file, key=f"{place}.{problem.key}", message=problem.message, hint=problem.hint)
        for problem in found
    ]
    if notice is None:
        return None, problems

    def wrong(key: str, message: str, hint: str) -> None:
        problems.append(Problem(file=file, key=f"{place}.{key}" if key else place, message=message, hint=hint))

    words = {language: text.strip() for language, text in (("zh", notice.zh), ("en", notice.en)) if text.strip()}
    if not words:
        wrong("", "says nothing", "add zh = …, or en = …, or both")
    from_at, until_at = _moment(notice.from_, is_end=False), _moment(notice.until, is_end=True)
    for key, given, moment in (("from", notice.from_, from_at), ("until", notice.until, until_at)):
        if given is not None and moment is None:
            wrong(key, f"{given} is no moment", _MOMENT_HINT)
    if from_at is not None and until_at is not None and until_at <= from_at:
        wrong("until", "is not after `from`", "exchange them")
    times = notice.spoken or ()
    for each in times:
        if _TIME.fullmatch(each) is None:
            wrong("spoken", f'"{each}" is no time of day', 'write it as "08:00"')
    if problems:
        return None, problems
    spoken_at = tuple(time.fromisoformat(each) for each in times)
    return NoticeEntry(words=words, from_at=from_at, until_at=until_at, spoken_at=spoken_at), []


def _moment(text: str | None, *, is_end: bool) -> datetime | None:
    """A day of this machine's zone, or an aware time; None for anything else."""
    if text is None:
        return None
    try:
        if len(text) == len("2026-02-10"):
            day = date.fromisoformat(text)
            return datetime.combine(day, time.max if is_end else time.min).astimezone()
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):  # the first and the last day that there are lie outside in another zone
        return None
