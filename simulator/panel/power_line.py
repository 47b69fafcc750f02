"""The line between the panel and whoever keeps a street running: what only that one can do, a line of JSON each.

Asked on standard output: {"event": "order", "gate", "mains": false} or {"event": "order", "gate", "disk_full": true}.
Told on standard input, at each change: {"gate", "mains", "disk_full"}.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """How a gate stands, as the street says."""

    mains: bool = True
    disk_full: bool = False


class PowerLine:
    """Any thread: each change replaces a whole value."""

    def __init__(self, say: Callable[[dict[str, object]], None]) -> None:
        """say: writes one event to whoever keeps the street running."""
        self._say = say
        self._powers: dict[str, Power] = {}

    def of(self, gate: str) -> Power:
        return self._powers.get(gate, Power())

    def switch_mains(self, gate: str, *, is_on: bool) -> None:
        """Ask for it; `of` shows when it is done."""
        self._say({"event": "order", "gate": gate, "mains": is_on})

    def fill_disk(self, gate: str, *, is_full: bool) -> None:
        """Ask for it; `of` shows when it is done."""
        self._say({"event": "order", "gate": gate, "disk_full": is_full})

    def take(self, line: str) -> None:
        """Note what a line tells; what is no such line changes nothing."""
        try:
            told = json.loads(line)
        except ValueError:
            return
        if isinstance(told, dict) and isinstance(told.get("gate"), str):
            self._powers[told["gate"]] = Power(
                mains=told.get("mains") is not False, disk_full=told.get("disk_full") is True
            )
