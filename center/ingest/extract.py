"""Columns of a record that the centre searches, read from its body. What a body lacks is None, never an error."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from center.clock import is_plausible
from journal.body import KIND_GAP, parse_body
from journal.envelope import MAX_SEQ
from journal.errors import RecordInvalid
from model.passing import Direction
from model.reasons import Outcome

KIND_DECISION: Final = "decision"
KIND_PASSAGE: Final = "passage"
KIND_BARRIER: Final = "barrier"
KIND_CONFLICT: Final = "conflict"
_EPOCH: Final = re.compile(r"[0-9a-f]{16}")
_INTEGER_MAX: Final = 2**31 - 1
_WHY_MAX: Final = 200
_OUTCOMES: Final = frozenset(outcome.value for outcome in Outcome)
_DIRECTIONS: Final = frozenset(direction.value for direction in Direction)


@dataclass(slots=True, kw_only=True)
class Columns:
    """What is searched. Not frozen: one is made for each record, and freezing doubles its price."""

    kind: str
    wall_ms: int | None = None
    visit: int | None = None
    direction: str | None = None
    outcome: str | None = None
    reason: str | None = None
    pass_id: str | None = None
    household: int | None = None
    passage_end: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredGap:
    """A device's word that its records from_seq to to_seq are gone for good. epoch: None = of the same journal."""

    epoch: str | None
    from_seq: int
    to_seq: int
    why: str


def columns_of(body: Mapping[str, object]) -> Columns:
    """Columns of a body that `parse_body` accepted."""
    kind = _short(body["kind"], 32) or "unnamed"
    columns = Columns(kind=kind, wall_ms=_wall_ms(body.get("at")), visit=_whole(body.get("visit")))
    if kind == KIND_DECISION:
        code = body.get("code")
        if isinstance(code, dict):
            columns.pass_id = _short(code.get("pass"), 16)
            columns.household = _whole(code.get("household"))
        direction, outcome = body.get("direction"), body.get("outcome")
        columns.direction = direction if isinstance(direction, str) and direction in _DIRECTIONS else None
        columns.outcome = outcome if isinstance(outcome, str) and outcome in _OUTCOMES else None
        columns.reason = _short(body.get("reason"), 48)
    elif kind == KIND_PASSAGE:
        columns.pass_id = _short(body.get("pass"), 16)
        columns.household = _whole(body.get("household"))
        columns.passage_end = _short(body.get("end"), 16)
    elif kind == KIND_BARRIER:
        columns.reason = _short(body.get("event"), 48)
    return columns


def declared_gap_of(body_text: str) -> DeclaredGap | None:
    """The gap that a record declares; None when it declares none, or none that makes sense."""
    try:
        body = parse_body(body_text)
    except RecordInvalid:
        return None
    return gap_in(body)


def gap_in(body: Mapping[str, object]) -> DeclaredGap | None:
    """The gap that a parsed body declares."""
    if body["kind"] != KIND_GAP:
        return None
    from_seq, to_seq = body.get("from"), body.get("to")
    if type(from_seq) is not int or type(to_seq) is not int or not 1 <= from_seq <= to_seq <= MAX_SEQ:
        return None
    epoch = body.get("epoch")
    if epoch is not None and not (isinstance(epoch, str) and _EPOCH.fullmatch(epoch)):
        return None
    return DeclaredGap(epoch=epoch, from_seq=from_seq, to_seq=to_seq, why=_short(body.get("why"), _WHY_MAX) or "")


def origin_in(body: Mapping[str, object]) -> tuple[str, int] | None:
    """Epoch and number of the record that a body says to repeat."""
    origin = body.get("copy_of")
    if not isinstance(origin, dict):
        return None
    epoch, seq = origin.get("epoch"), origin.get("seq")
    if not isinstance(epoch, str) or _EPOCH.fullmatch(epoch) is None:
        return None
    return (epoch, seq) if type(seq) is int and 1 <= seq <= MAX_SEQ else None


def holder_code_in(body: Mapping[str, object]) -> tuple[str, int] | None:
    """Pass and step of the holder's code that a grant used up, or that a gate tells to be granted twice."""
    if body["kind"] == KIND_CONFLICT:
        told: object = body
    elif body["kind"] == KIND_DECISION and body.get("outcome") == Outcome.GRANTED.value:
        told = body.get("code")
    else:
        return None
    if not isinstance(told, dict):
        return None
    pass_id, step = told.get("pass"), told.get("holder_step")
    if not isinstance(pass_id, str) or _EPOCH.fullmatch(pass_id) is None:
        return None
    return (pass_id, step) if type(step) is int and abs(step) < 2**53 else None


def _wall_ms(at: object) -> int | None:
    wall = at.get("wall") if isinstance(at, dict) else None
    if not isinstance(wall, str):
        return None
    try:
        moment = datetime.fromisoformat(wall)
    except ValueError:
        return None
    # A clock far off tells no time: at the ends of the calendar a moment can't even be moved to another zone.
    return round(moment.timestamp() * 1000) if moment.tzinfo is not None and is_plausible(moment) else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _INTEGER_MAX else None


def _short(value: object, length_max: int) -> str | None:
    # A NUL or half a surrogate pair is legal JSON that no database takes as text: it would sink its whole batch.
    return value[:length_max] if isinstance(value, str) and value.isprintable() else None
