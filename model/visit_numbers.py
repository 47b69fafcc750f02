"""The number of a visit, given without a network: short enough to write on a slip and to say over a telephone.

`{gate}-{day}-{running}-{check}`, such as 3-28-014-1: the gate's number, the day of the month, a number that the gate
counts on from day to day, and a check character (digit or X) by ISO 7064 MOD 11-2 like that of an ID number, so that
one digit misread, or two exchanged, never names another visit.
"""

from dataclasses import dataclass
from typing import Final

from model.id_numbers import check_character
from model.identities import GateNumber, VisitNumber

RUNNING_MAX: Final = 999
_SEPARATORS: Final = frozenset(" \t-–—.,/")
_GATE_MAX: Final = 63
_DAY_MAX: Final = 31
_WEIGHED_DIGITS: Final = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitNumberParts:
    """day: of the month, by the community's clock. running: 1 to RUNNING_MAX, then 1 again."""

    gate: GateNumber
    day: int
    running: int


def visit_number(parts: VisitNumberParts) -> VisitNumber:
    """The number as it is written and said."""
    digits = f"{parts.gate}{parts.day:02}{parts.running:03}"
    check = check_character(digits.rjust(_WEIGHED_DIGITS, "0"))
    return VisitNumber(f"{parts.gate}-{parts.day:02}-{parts.running:03}-{check}")


def parts_of(text: str) -> VisitNumberParts | None:
    """What a number says, as people type it, with or without hyphens; None when it is none, or was misread."""
    digits = "".join(character for character in text if character not in _SEPARATORS).upper()
    body, check = digits[:-1], digits[-1:]
    if not (body.isascii() and body.isdigit() and len(body) in (6, 7)):
        return None
    parts = VisitNumberParts(gate=GateNumber(int(body[:-5])), day=int(body[-5:-3]), running=int(body[-3:]))
    is_possible = parts.gate <= _GATE_MAX and 1 <= parts.day <= _DAY_MAX and 1 <= parts.running <= RUNNING_MAX
    return parts if is_possible and visit_number(parts)[-1] == check else None


def next_running(running: int) -> int:
    """The number after this one."""
    return running % RUNNING_MAX + 1
