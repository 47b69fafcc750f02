"""What became of a scenario, against what it expects and against what holds for every passage.

Beside a passage's own expectations: exactly one decision of the rules for each visit; the relay moved exactly when a
grant was on the disk and never otherwise; nobody stood there longer than they had patience; the lane was free again
before the next person came; at the end no output is on, every release ended in time, no part was lost, and the chain
of each lane is whole.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from journal.verify import verify
from tests.scenarios.scenario_file import Passage, Written
from tests.scenarios.virtual_lane import Body, RelayMoved, VirtualLane, wall_of
from tests.scenarios.virtual_time import VirtualTime

ON_TIME_MARGIN_S = 0.001


@dataclass(slots=True, kw_only=True)
class Played:
    """One passage as it was played. troubles: what went wrong, in words. undone: what the guard still waits to do."""

    number: int
    passage: Passage
    pass_id: str
    begins_s: float
    ends_s: float
    troubles: list[str] = field(default_factory=list)
    undone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """failures: one text each; empty when all was as expected. bodies: every lane's records in their order."""

    failures: tuple[str, ...]
    bodies: Mapping[str, Sequence[Body]]


def judge(written: Written, clock: VirtualTime, lanes: Mapping[str, VirtualLane], played: Sequence[Played]) -> Verdict:
    """Judge a scenario that was played to its end."""
    bodies = {name: lane.bodies() for name, lane in lanes.items()}
    failures: list[str] = []
    for name, lane in lanes.items():
        of_lane = sorted((each for each in played if each.passage.lane == name), key=lambda each: each.begins_s)
        for place, each in enumerate(of_lane):
            follows = of_lane[place + 1 : place + 2]
            until_s = follows[0].begins_s if follows else float("inf")
            failures += _Judged(written, clock, lane, bodies[name], each, until_s).failures()
        first_s = of_lane[0].begins_s if of_lane else float("inf")
        early = [moved for moved in lane.relay if moved.is_high and moved.at_s < first_s]
        if any(not lane.is_freed(moved.at_s) for moved in early):
            failures.append(f"{written.file.name}, lane {name}: the relay moved before anybody came")
        flaws = _lane_flaws(lane, bodies[name], written.scenario.lost_on_purpose)
        failures += [f"{written.file.name}, lane {name}: {what}" for what in flaws]
    return Verdict(failures=tuple(failures), bodies=bodies)


class _Judged:
    """One passage and what the lane has of it."""

    def __init__(
        self,
        written: Written,
        clock: VirtualTime,
        lane: VirtualLane,
        bodies: Sequence[Body],
        played: Played,
        until_s: float,
    ) -> None:
        self._written = written
        self._clock = clock
        self._played = played
        self._passage = played.passage
        self._until_s = until_s
        self._bodies = [body for body in bodies if played.begins_s <= clock.instant_at(wall_of(body)) < until_s]
        self._rises = [
            moved
            for moved in lane.relay
            if moved.is_high and played.begins_s <= moved.at_s < until_s and not lane.is_freed(moved.at_s)
        ]
        self._decisions = [body for body in self._bodies if body["kind"] == "decision"]
        self._told_person = [what for at_s, what in lane.onlooker.told if played.begins_s <= at_s < until_s]

    def failures(self) -> list[str]:
        """In words, each with the passage and the record."""
        flaws = [*self._played.troubles, *self._outcome_flaws(), *self._relay_flaws()]
        if not _is_in_order(self._passage.told, self._told_person):
            flaws += _differs("told", list(self._passage.told), self._told_person)
        if self._played.ends_s > self._until_s:
            flaws.append("was not over when the next person stepped up: give them more time between each other")
        return [self._told(flaw) for flaw in flaws]

    def _outcome_flaws(self) -> list[str]:
        passage, flaws = self._passage, list[str]()
        first = [body for body in self._decisions if body["referred_for"] is None]
        expected = 1 if passage.expect in ("granted", "denied", "referred") else 0
        if len(first) != expected:
            flaws.append(f"decisions: expected {expected}, seen {len(first)}")
        if not self._decisions:
            seen = "abandoned" if any(body["kind"] == "abandoned" for body in self._bodies) else "nothing"
            return [*flaws, *_differs("outcome", passage.expect, seen)]
        last = self._decisions[-1]
        flaws += _differs("outcome", passage.expect, last["outcome"])
        if passage.reason is not None:
            flaws += _differs("reason", passage.reason, last["reason"])
        flaws += _differs("referred_for", passage.referred_for, last["referred_for"])
        if passage.possible_at is not None:
            expected_at = self._written.moment(passage.possible_at)
            flaws += _differs("possible_at", expected_at, _moment(last.get("possible_at")))
        for key, value in passage.record.items():
            flaws += _differs(f"record {key}", value, _at(last, key))
        ends = [body["end"] for body in self._bodies if body["kind"] == "passage"]
        wanted = passage.end or ("taken" if passage.passes_through else "not_taken")
        flaws += _differs("passage", [wanted] if passage.expect == "granted" else [], ends)
        return flaws

    def _relay_flaws(self) -> list[str]:
        moves = self._passage.relay if self._passage.relay is not None else self._passage.expect == "granted"
        flaws = _differs("relay moved", int(moves), len(self._rises))
        granted = [body["visit"] for body in self._decisions if body["outcome"] == "granted"]
        for moved in self._rises:
            if not any(body["outcome"] == "granted" and body["visit"] in granted for body in moved.on_disk):
                flaws.append("the relay moved before a grant of this visit was on the disk")
        return flaws

    def _told(self, flaw: str) -> str:
        passage = self._passage
        last = self._decisions[-1] if self._decisions else (self._bodies[-1] if self._bodies else None)
        body = json.dumps(last, ensure_ascii=False, sort_keys=True) if last is not None else "no record"
        where = f"{self._written.file.name}, passage {self._played.number} at {passage.at} ({passage.lane})"
        return f"{where}: {passage.says}\n  {flaw}\n  {body}"


def _lane_flaws(lane: VirtualLane, bodies: Sequence[Body], lost_on_purpose: Sequence[str]) -> list[str]:
    flaws = [
        f"{body['component']} was lost at {body['at']['wall']}: {body['why']}"
        for body in bodies
        if body["kind"] == "mode" and not body["available"] and body["component"] not in lost_on_purpose
    ]
    report = verify(lane.folder / "journal.db")
    flaws += [f"the chain is broken at {flaw.seq}: {flaw.what}" for flaw in report.flaws]
    if lane.wires.pins.high:
        flaws.append(f"outputs are still on: {sorted(lane.wires.pins.high)}")
    barrier = lane.settings.barrier
    longest_s = barrier.max_on_time_s if barrier is not None else 0.0
    flaws += [
        f"a release lasted {lasted_s:.3f} s, and the output's own maximum is {longest_s:g} s"
        for lasted_s in _on_times(lane.relay)
        if lasted_s > longest_s + ON_TIME_MARGIN_S
    ]
    return flaws


def _on_times(relay: Sequence[RelayMoved]) -> list[float]:
    ups, downs = [each for each in relay if each.is_high], [each for each in relay if not each.is_high]
    return [down.at_s - up.at_s for up, down in zip(ups, downs, strict=False)]


def _is_in_order(wanted: Sequence[str], seen: Sequence[str]) -> bool:
    """Whether all that is wanted was seen in this order, whatever else was seen between."""
    rest = iter(seen)
    return all(each in rest for each in wanted)


def _differs(what: str, expected: object, seen: object) -> list[str]:
    return [] if expected == seen else [f"{what}: expected {expected}, seen {seen}"]


def _at(body: Body, key: str) -> Any:
    here: Any = body
    for word in key.split("."):
        here = here.get(word) if isinstance(here, Mapping) else None
    return here


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
