"""What a review of a rules file finds, before it is put into words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Severity(Enum):
    """ERROR: the file is not used. WARNING: it is used, and something in it never comes to anything, or is missing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake. code: of its words in texts/rules.*.toml; key: its place; values: what the words name."""

    code: str
    key: str
    values: Mapping[str, str | int] = field(default_factory=dict)
    severity: Severity = Severity.ERROR
