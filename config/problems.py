"""What is wrong with a file: every problem at once, each with its file, its key and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to correct. key: its place in the file, such as barrier.pin; empty for the file as a whole."""

    file: Path
    key: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else str(self.file)
        return f"{place}: {self.message}" + (f"\n    {self.hint}" if self.hint else "")


class SettingsError(Exception):
    """A file cannot be used as it is; correct it. problems: all of them, at least one."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
