"""Anti-passback: a pass that went through one way may not go the same way again at once, handed over the fence."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from model.passing import Direction


class PassbackMode(Enum):
    """What a second use the same way comes to. OFF where communities trust each other."""

    OFF = "off"
    TIMED = "timed"  # refused for some minutes
    SOFT = "soft"  # passes, and the centre is told
    HARD = "hard"  # refused until the pass was used the other way


@dataclass(frozen=True, slots=True, kw_only=True)
class PassbackRules:
    """within_min: for TIMED; the other modes have no end."""

    mode: PassbackMode
    within_min: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPassage:
    """The last grant of the same pass that this gate knows of."""

    direction: Direction
    at: datetime


def is_passed_back(rules: PassbackRules, last: LastPassage | None, direction: Direction, at: datetime) -> bool:
    """Whether this use is a second one the same way, within the time of the rules."""
    if rules.mode is PassbackMode.OFF or last is None or last.direction is not direction:
        return False
    return rules.mode is not PassbackMode.TIMED or at < ends_at(rules, last)


def ends_at(rules: PassbackRules, last: LastPassage) -> datetime:
    """When a timed refusal ends."""
    return last.at + timedelta(minutes=rules.within_min)
