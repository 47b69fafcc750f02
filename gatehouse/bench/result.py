"""What a bench found, as one JSON object on one line or as lines for a person."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Figure = float | int | str | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A bound that a figure is to hold; at_most and at_least are in the figure's own unit."""

    figure: str
    at_most: float | None = None
    at_least: float | None = None

    def is_held_by(self, value: Figure) -> bool:
        """Whether a value lies within. What could not be measured holds nothing."""
        if value is None or isinstance(value, str):
            return False
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)

    def __str__(self) -> str:
        """The bound in words."""
        bounds = ((self.at_least, "at least"), (self.at_most, "at most"))
        return f"{self.figure} " + " and ".join(f"{word} {bound:g}" for bound, word in bounds if bound is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResult:
    """One bench. ratio: ours to the floor or peer. figures: units stand last in their names.

    floor: what it was held against. conditions: what the figures depend on. limits: what the design promises.
    """

    name: str
    ratio: float
    figures: Mapping[str, Figure]
    floor: str
    limits: Sequence[Limit] = ()
    conditions: Mapping[str, Figure] = field(default_factory=dict)

    @property
    def missed(self) -> tuple[str, ...]:
        """The promises that this run did not hold, in words."""
        values = {**self.figures, "ratio": self.ratio}
        return tuple(
            f"{limit}, was {_plain(values.get(limit.figure))}"
            for limit in self.limits
            if not limit.is_held_by(values.get(limit.figure))
        )

    def as_json(self) -> str:
        """One object on one line."""
        members: dict[str, object] = {
            "name": self.name,
            "ratio": _rounded(self.ratio),
            **{name: _rounded(value) for name, value in self.figures.items()},
            "floor": self.floor,
            "limits": [str(limit) for limit in self.limits],
            "missed": list(self.missed),
            "conditions": {**machine(), **self.conditions},
        }
        return json.dumps(members, ensure_ascii=False)

    def as_text(self) -> str:
        """Lines for a person."""
        width = max(map(len, ("ratio", *self.figures)))
        lines = [f"{self.name}: ours against {self.floor}"]
        lines += [
            f"  {name:<{width}}  {_plain(value)}" for name, value in {"ratio": self.ratio, **self.figures}.items()
        ]
        lines += [f"  {name}: {value}" for name, value in {**machine(), **self.conditions}.items()]
        verdict = "; ".join(self.missed)
        return "\n".join([*lines, f"missed: {verdict}" if verdict else "every promise held"])


def machine() -> dict[str, Figure]:
    """What every figure depends on."""
    return {
        "cores": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "machine": platform.machine(),
        "processor": _processor(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    named = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return named[-1] if named else "unknown"


def _rounded(value: Figure) -> Figure:
    """Four significant digits: more than any of these figures deserves."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _plain(value: Figure) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
