"""The guards of a gate: a TOML file that `gatehouse guard` writes, into typed entries; every problem told at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import Field

from config.problems import Problem, SettingsError
from config.toml_files import Section, read_table, validate
from model.identities import GuardId

MAX_GUARDS: Final = 100
GUARD_PATTERN: Final = r"^[a-z][a-z0-9_]{0,15}$"
NAME_MAX: Final = 40

_PIN_HASH = re.compile(
    r"\$argon2id\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,4}),p=([0-9]{1,3})\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+"
)
# A file must not be able to take the memory of a small board, or its minutes.
_MEMORY_KIB_MAX: Final = 65_536
_TIME_MAX: Final = 10
_LANES_MAX: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardEntry:
    """One guard who may sign in. pin_hash: an argon2id string."""

    guard: GuardId
    name: str
    pin_hash: str = field(repr=False)


class _Guard(Section):
    guard: str = Field(
        pattern=GUARD_PATTERN, description="1 to 16 of a-z, 0-9 and underscore, beginning with a letter; never changed"
    )
    name: str = Field(min_length=1, max_length=NAME_MAX, description="as it stands on the screen, such as 李卫")
    pin_hash: str = Field(max_length=200, repr=False, description="made by `gatehouse guard add`")


class _Guards(Section):
    guards: tuple[_Guard, ...] = Field(
        default=(), max_length=MAX_GUARDS, description="add guards: `gatehouse guard add`"
    )


def load_guards(file: Path) -> Sequence[GuardEntry]:
    """The guards in the file's order. Raises SettingsError with every problem of the file."""
    table = read_table(file)
    guards, problems = validate(_Guards, table, file)
    if guards is None:
        raise SettingsError([_without_hash(problem) for problem in problems])
    seen: set[str] = set()
    for number, entry in enumerate(guards.guards, start=1):
        key = f"guards[{number}]"
        if entry.guard in seen:
            problems.append(Problem(file=file, key=f"{key}.guard", message="stands twice", hint="remove one of them"))
        seen.add(entry.guard)
        if not _is_bearable(entry.pin_hash):
            hint = f"make it anew: gatehouse guard remove {entry.guard}, then gatehouse guard add"
            problems.append(Problem(file=file, key=f"{key}.pin_hash", message="is no PIN of ours", hint=hint))
    if problems:
        raise SettingsError(problems)
    return [GuardEntry(guard=GuardId(entry.guard), name=entry.name, pin_hash=entry.pin_hash) for entry in guards.guards]


def _is_bearable(pin_hash: str) -> bool:
    found = _PIN_HASH.fullmatch(pin_hash)
    if found is None:
        return False
    memory_kib, time, lanes = (int(number) for number in found.groups())
    return 8 <= memory_kib <= _MEMORY_KIB_MAX and 1 <= time <= _TIME_MAX and 1 <= lanes <= _LANES_MAX


def _without_hash(problem: Problem) -> Problem:
    """A problem quotes what it found; a PIN's hash belongs on no screen."""
    if not problem.key.endswith("pin_hash"):
        return problem
    return Problem(file=problem.file, key=problem.key, message="is no PIN of ours", hint=problem.hint)
