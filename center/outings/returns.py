"""Which of a household's outings are over, worked out anew from all departures and homecomings; pure.

Whoever comes home ends the oldest outing from which somebody is still missing. Worked out anew, because records of two
gates come in any order: a homecoming may be known before the outing that it ends.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    claim: str
    at_ms: int
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Homecoming:
    at_ms: int
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an outing is over. returned_at_ms: when the last came home; None while somebody is missing."""

    claim: str
    people_back: int
    returned_at_ms: int | None


@dataclass(slots=True)
class _Open:
    departure: Departure
    missing: int
    returned_at_ms: int | None = None


def standings(departures: Iterable[Departure], homecomings: Iterable[Homecoming]) -> list[Standing]:
    """Let each homecoming end the oldest outings that had begun, in the order of time."""
    leaving = deque(sorted((_Open(each, each.people) for each in departures), key=_begun))
    waiting: deque[_Open] = deque()
    known = list(leaving)
    for homecoming in sorted(homecomings, key=lambda each: each.at_ms):
        while leaving and leaving[0].departure.at_ms <= homecoming.at_ms:
            waiting.append(leaving.popleft())
        people = homecoming.people
        while people and waiting:
            oldest = waiting[0]
            came = min(people, oldest.missing)
            oldest.missing -= came
            people -= came
            if not oldest.missing:
                oldest.returned_at_ms = homecoming.at_ms
                waiting.popleft()
    return [
        Standing(
            claim=each.departure.claim,
            people_back=each.departure.people - each.missing,
            returned_at_ms=each.returned_at_ms,
        )
        for each in known
    ]


def _begun(each: _Open) -> tuple[int, str]:
    return each.departure.at_ms, each.departure.claim
