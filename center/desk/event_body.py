"""What a gate records beside decisions, read for people: duty, look-ups, the barrier, its own parts.

A kind that this version does not know is shown as such: a newer gate may say more than an older centre understands.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from journal.body import KIND_GAP, parse_body
from journal.errors import RecordInvalid

KIND_DECISION: Final = "decision"
NEVER_LISTED: Final = ("passage", "copy")
"""What came of a decision stands with it, and a copy with its original."""
LISTED: Final = ("duty", "lookup", "barrier", "visitor", "delivery")
"""What people did at the gate stands in the list with the passages."""
ON_REQUEST: Final = ("abandoned", "mode", "clock", "started", "conflict", KIND_GAP)
"""What the machine tells of itself is listed when it is asked for."""
KNOWN: Final = (KIND_DECISION, *LISTED, *ON_REQUEST, *NEVER_LISTED)
UNKNOWN: Final = "unknown"
"""Stands for every kind that is not known here."""
KINDS: Final = (KIND_DECISION, *LISTED, *ON_REQUEST, UNKNOWN)
"""What a list can be asked for."""
ROUTINE: Final = ("closed", "request_to_exit", "cleared")
"""Of the barrier's events, what happens all day."""
_TEXT_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBody:
    """Parts of an event; what its kind lacks, or what can't be read, is None or 0."""

    code: str | None = None  # the barrier's event, a clock's trust, a program's name, a step
    component: str | None = None
    is_available: bool | None = None
    why: str | None = None
    guard: str | None = None
    before: str | None = None
    count: int = 0
    more: bool = False
    from_seq: int = 0
    to_seq: int = 0
    jumped_s: float = 0.0
    mask_was_missing: bool = False
    number: str | None = None  # of a visit
    what: str | None = None  # was delivered


def read_event(kind: str, text: str | None) -> EventBody:
    """The parts of a body; total."""
    try:
        body: Mapping[str, object] = parse_body(text) if text is not None else {}
    except RecordInvalid:
        body = {}
    households = body.get("households")
    available, more, jumped_s = body.get("available"), body.get("more_found"), body.get("jumped_s")
    return EventBody(
        code=_first(body, "event", "trust", "program", "at_step", "step"),
        component=_first(body, "component"),
        is_available=available if isinstance(available, bool) else None,
        why=_first(body, "why"),
        guard=_first(body, "guard"),
        before=_first(body, "before"),
        count=len(households) if isinstance(households, list) else 0,
        more=more is True,
        from_seq=_whole(body.get("from")),
        to_seq=_whole(body.get("to")),
        jumped_s=float(jumped_s) if isinstance(jumped_s, int | float) else 0.0,
        mask_was_missing=body.get("mask_was_missing") is True,
        number=_first(body, "number"),
        what=_first(body, "what"),
    )


def listed_as(kind: str) -> str:
    """The kind under which a list shows a record."""
    return kind if kind in KNOWN else UNKNOWN


def service_in(text: str | None) -> str | None:
    """Whom a guard let in without a pass, by a decision's body."""
    try:
        return _first(parse_body(text), "service") if text is not None else None
    except RecordInvalid:
        return None


def _first(body: Mapping[str, object], *names: str) -> str | None:
    for name in names:
        value = body.get(name)
        if isinstance(value, str) and value.isprintable():
            return value[:_TEXT_MAX]
    return None


def _whole(value: object) -> int:
    return value if type(value) is int else 0
