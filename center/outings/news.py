"""What a record says about an outing; pure. A record that says nothing readable about one is none of these."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from center.clock import is_plausible, to_ms
from center.ingest.extract import KIND_DECISION, KIND_PASSAGE, Columns
from model.identities import ClaimId
from model.outings import PEOPLE_MAX, OutingInvalid, OutingPurpose, claim_from, purpose_from
from model.passing import Direction
from model.reasons import Outcome
from model.records import PassageEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A gate let a household out. at_ms: by the gate's clock, where that told a time."""

    claim: ClaimId
    household: int
    purpose: OutingPurpose
    people: int
    at_ms: int | None
    due_back_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Somebody went through, as far as the lane can see."""

    claim: ClaimId


@dataclass(frozen=True, slots=True, kw_only=True)
class StayedIn:
    """Nobody left: the gate did not let the household out, or it did and nobody went."""

    claim: ClaimId


@dataclass(frozen=True, slots=True, kw_only=True)
class CameHome:
    """A gate let members of a household in."""

    household: int


What = Left | Passed | StayedIn | CameHome


@dataclass(frozen=True, slots=True)
class OutingNews:
    """What one record says. place: its row in the draft of its batch."""

    place: int
    device: str
    compound: str
    what: What


def news_in(body: Mapping[str, object], columns: Columns) -> What | None:
    """What a body says about an outing. columns: what the ingest read from the same body."""
    if columns.kind == KIND_DECISION:
        return _of_decision(body, columns)
    claim = body.get("outing") if columns.kind == KIND_PASSAGE else None
    if claim is None:
        return None
    try:
        number = claim_from(claim)
    except OutingInvalid:
        return None
    return StayedIn(claim=number) if columns.passage_end == PassageEnd.NOT_TAKEN.value else Passed(claim=number)


def people_in(body: Mapping[str, object]) -> int:
    """How many passed on one card; one where a record does not tell."""
    people = body.get("people")
    return people if type(people) is int and 1 <= people <= PEOPLE_MAX else 1


def _of_decision(body: Mapping[str, object], columns: Columns) -> What | None:
    is_granted = columns.outcome == Outcome.GRANTED.value
    if columns.direction == Direction.IN.value:
        return CameHome(household=columns.household) if is_granted and columns.household else None
    stated = body.get("outing")
    if not isinstance(stated, dict):
        return None
    try:
        claim = claim_from(stated.get("claim"))
        if not is_granted:
            return StayedIn(claim=claim)
        purpose = purpose_from(stated.get("purpose"))
    except OutingInvalid:
        return None
    if not columns.household:
        return None
    return Left(
        claim=claim,
        household=columns.household,
        purpose=purpose,
        people=people_in(body),
        at_ms=columns.wall_ms,
        due_back_ms=_moment_ms(body.get("due_back")),
    )


def _moment_ms(value: object) -> int | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return to_ms(moment) if moment is not None and moment.tzinfo is not None and is_plausible(moment) else None
