"""The search of the passages as it stands in an address, read into a filter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum
from typing import Final, TypeVar

from center.clock import is_plausible
from center.desk.event_body import KIND_DECISION, KINDS, LISTED, ROUTINE, UNKNOWN
from center.desk.passages import PassageFilter, PassageRow
from model.reasons import Outcome, Reason

FIELDS: Final = ("kind", "place", "household", "pass", "outcome", "reason", "gate", "from", "to")
_PASS: Final = re.compile(r"[0-9a-f]{16}")
_DEVICE: Final = re.compile(r"[a-z0-9-]{1,32}")
_PLACE_MAX: Final = 100

E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search and how it was asked for. problems: keys of the texts that say what can't be used."""

    filter: PassageFilter
    fields: Mapping[str, str]
    problems: tuple[str, ...]

    @property
    def is_active(self) -> bool:
        return any(self.fields.values())


def read_search(query: Mapping[str, str], zone: tzinfo) -> Search:
    """Read a search; a field that can't be used is named and left out."""
    fields = {name: query.get(name, "").strip()[:_PLACE_MAX] for name in FIELDS}
    problems: list[str] = []

    def judged(name: str, problem: str, is_good: bool) -> str | None:
        if fields[name] and not is_good:
            problems.append(problem)
        return fields[name] if fields[name] and is_good else None

    fields["pass"] = fields["pass"].lower()
    kind = judged("kind", "search.bad_choice", fields["kind"] in KINDS)
    pass_id = judged("pass", "search.bad_pass", _PASS.fullmatch(fields["pass"]) is not None)
    household = judged("household", "search.bad_household", _is_number(fields["household"]))
    device = judged("gate", "search.bad_choice", _DEVICE.fullmatch(fields["gate"]) is not None)
    since, until = _day(fields["from"], zone), _day(fields["to"], zone)
    judged("from", "search.bad_date", since is not None)
    judged("to", "search.bad_date", until is not None)
    outcome, reason = _choice(Outcome, fields["outcome"]), _choice(Reason, fields["reason"])
    judged("outcome", "search.bad_choice", outcome is not None)
    judged("reason", "search.bad_choice", reason is not None)
    before = query.get("before", "")
    return Search(
        filter=PassageFilter(
            kind=kind,
            pass_id=pass_id,
            household=int(household) if household is not None else None,
            place=fields["place"] or None,
            reason=reason,
            outcome=outcome,
            device=device,
            since=since,
            until=until + timedelta(days=1) if until is not None else None,
            before_id=int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None,
        ),
        fields=fields,
        problems=tuple(dict.fromkeys(problems)),
    )


def matches(row: PassageRow, wanted: PassageFilter) -> bool:
    """Whether a live row belongs to a search; the same judgement as the database's, paging apart."""
    return (
        _is_of_kind(row, wanted)
        and wanted.pass_id in (None, row.pass_id)
        and wanted.household in (None, row.household)
        and wanted.device in (None, row.device)
        and (wanted.reason is None or wanted.reason.value == row.reason)
        and (wanted.outcome is None or wanted.outcome.value == row.outcome)
        and (wanted.since is None or row.moment >= wanted.since)
        and (wanted.until is None or row.moment < wanted.until)
        and (wanted.place is None or _is_at(row.place, wanted.place))
    )


def _is_of_kind(row: PassageRow, wanted: PassageFilter) -> bool:
    if wanted.kind is not None:
        return row.kind == wanted.kind
    looked_for = (wanted.pass_id, wanted.household, wanted.place, wanted.reason, wanted.outcome)
    if row.kind == KIND_DECISION:
        return True
    is_anything = all(each is None for each in (*looked_for, wanted.since, wanted.until))
    is_routine = row.event is not None and row.kind == "barrier" and row.event.code in ROUTINE
    return is_anything and row.kind in (*LISTED, UNKNOWN) and not is_routine


def _is_at(place: str | None, wanted: str) -> bool:
    return place is not None and (place == wanted or place.lower().startswith(wanted.strip("-").lower() + "-"))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= 2**31 - 1


def _day(text: str, zone: tzinfo) -> datetime | None:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone)
    except ValueError:
        return None
    return day.astimezone(UTC) if is_plausible(day) else None


def _choice(kind: type[E], text: str) -> E | None:
    return next((choice for choice in kind if choice.value == text), None)
