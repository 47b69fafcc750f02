"""What a rules file says in vain, and what it leaves open: warnings, the file is used all the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import time
from itertools import pairwise
from typing import Final

from config.rule_contradictions import is_inside
from config.rule_findings import Finding, Severity
from config.rule_sections import CurfewSection, RulesFile
from config.rule_words import CHECK_OF, FROM_MILD_TO_STRICT, REASONS, WINDOWS
from model.passing import Direction
from model.windows import DIRECTIONS_OF

_FOR_LIFE: Final = ("ambulance", "fire_brigade", "police")
_DAY_MIN: Final = 24 * 60


def gaps(rules: RulesFile) -> list[Finding]:
    """Every unreachable rule and every gap, by its place in the file."""
    return sorted((found for look in _LOOKS for found in look(rules)), key=lambda found: found.key)


def _warning(code: str, key: str, values: Mapping[str, str | int] | None = None) -> Finding:
    return Finding(code=code, key=key, values=values or {}, severity=Severity.WARNING)


def _reasons(rules: RulesFile) -> Iterator[Finding]:
    for word in rules.on_failure:
        reason = REASONS.get(word)
        check = CHECK_OF.get(reason) if reason is not None else None
        if check is not None and check.value not in rules.checks and word != "outing_unanswered":
            yield _warning("reason_never_comes", f"on_failure.{word}", {"reason": word, "check": check.value})
    if "isolation" not in rules.checks:
        yield _warning("section_never_judged", "isolation", {"check": "isolation", "section": "isolation"})


def _keys_without_effect(rules: RulesFile) -> Iterator[Finding]:
    outings, passback = rules.outings, rules.passback
    if outings is not None:
        if outings.window == "rolling":
            for key in ("day_starts_at", "counted_from"):
                if getattr(outings, key) is not None:
                    yield _warning("only_for_calendar", f"outings.{key}", {"key": key})
        if outings.count is None:
            for key in ("window", "day_starts_at", "counted_from"):
                if getattr(outings, key) is not None:
                    yield _warning("only_with_quota", f"outings.{key}", {"key": key})
        if outings.overdue_after_min and outings.return_within_min is None and outings.return_by is None:
            yield _warning("overdue_without_return", "outings.overdue_after_min")
        if "emergency" in outings.exempt:
            yield _warning("emergency_always", "outings.exempt")
    if passback is not None and passback.mode != "timed" and passback.within_min is not None:
        yield _warning("only_for_timed", "passback.within_min", {"mode": passback.mode})
    if rules.outsiders.visitors != "registered" and rules.outsiders.visit_limit_min is not None:
        yield _warning("limit_of_no_visit", "outsiders.visit_limit_min", {"policy": rules.outsiders.visitors})


def _words_twice(rules: RulesFile) -> Iterator[Finding]:
    curfew, outings, work = rules.curfew, rules.outings, rules.work
    given: list[tuple[str, tuple[str, ...]]] = [
        ("measured_directions", rules.measured_directions),
        ("outsiders.services", rules.outsiders.services),
        *((f"isolation.{name}.windows", each.windows) for name, each in rules.isolation.items()),
    ]
    if curfew is not None:
        given += [("curfew.directions", curfew.directions), ("curfew.exempt", curfew.exempt)]
        given.append(("curfew.exempt_kinds", curfew.exempt_kinds))
    if outings is not None:
        given += [("outings.exempt", outings.exempt), ("outings.kinds", outings.kinds)]
    if work is not None:
        given.append(("work.directions", work.directions))
    for key, words in given:
        for word in sorted({word for word in words if words.count(word) > 1}):
            yield _warning("word_twice", key, {"word": word})


def _returns(rules: RulesFile) -> Iterator[Finding]:
    outings, curfew = rules.outings, rules.curfew
    if outings is None:
        return
    if outings.return_within_min is not None and outings.count is not None and outings.per_days is not None:
        period_min = outings.per_days * _DAY_MIN
        if outings.return_within_min > period_min:
            values = {"minutes": outings.return_within_min, "days": outings.per_days}
            yield _warning("return_after_period", "outings.return_within_min", values)
    if curfew is None or "in" not in curfew.directions or curfew.begins == curfew.ends:
        return
    free_min = _DAY_MIN - _length_min(curfew)
    if outings.return_within_min is not None and outings.return_within_min >= free_min:
        free = {"minutes": outings.return_within_min, "free": free_min}
        yield _warning("curfew_covers_return", "outings.return_within_min", free)
    if "out" not in curfew.directions and outings.return_within_min is not None and outings.return_by is None:
        last = _minutes(curfew.begins) - 1
        due = (last + outings.return_within_min) % _DAY_MIN
        if is_inside(time(due // 60, due % 60), curfew):
            begins = curfew.begins.isoformat("minutes")
            meeting: dict[str, str | int] = {"begins": begins, "minutes": outings.return_within_min}
            yield _warning("return_may_meet_curfew", "curfew.directions", meeting)


def _ways(rules: RulesFile) -> Iterator[Finding]:
    colours = rules.colours or {}
    if colours and not any(each.may_enter for each in colours.values()):
        yield _warning("no_colour_may", "colours", {"key": "may_enter"})
    if rules.outings is not None and colours and not any(each.may_leave for each in colours.values()):
        yield _warning("no_colour_may", "outings", {"key": "may_leave"})
    for name, isolation in rules.isolation.items():
        opened = {way for word in isolation.windows if word in WINDOWS for way in DIRECTIONS_OF[WINDOWS[word]]}
        if not isolation.may_enter and Direction.IN not in opened:
            yield _warning("no_way_home", f"isolation.{name}.may_enter", {"isolation": name})
    order = [colour.name.lower() for colour in FROM_MILD_TO_STRICT]
    for milder, stricter in pairwise(order):
        mild, strict = colours.get(milder), colours.get(stricter)
        if mild is None or strict is None or not (strict.may_enter or strict.may_leave):
            continue
        if mild.is_watched and not strict.is_watched:
            values = {"colour": stricter, "milder": milder}
            yield _warning("stricter_not_watched", f"colours.{stricter}", values)
    if rules.curfew is not None and rules.kinds is not None:
        for kind in rules.curfew.exempt_kinds:
            stated = rules.kinds.get(kind)
            ways = {"in": stated is None or stated.may_enter, "out": stated is None or stated.may_leave}
            if not any(ways.get(direction, True) for direction in rules.curfew.directions):
                yield _warning("exempt_may_not_pass", "curfew.exempt_kinds", {"kind": kind})


def _services(rules: RulesFile) -> Iterator[Finding]:
    for service in _FOR_LIFE:
        if service not in rules.outsiders.services:
            yield _warning("service_left_out", "outsiders.services", {"service": service})


def _fever(rules: RulesFile) -> Iterator[Finding]:
    if "temperature" in rules.checks and "temperature_indeterminate" not in rules.on_failure:
        yield _warning("doubt_turns_away", "on_failure", {"reason": "temperature_indeterminate"})


def _length_min(curfew: CurfewSection) -> int:
    return (_minutes(curfew.ends) - _minutes(curfew.begins)) % _DAY_MIN


def _minutes(moment: time) -> int:
    return moment.hour * 60 + moment.minute


_LOOKS: Sequence[Callable[[RulesFile], Iterator[Finding]]] = (
    _reasons,
    _keys_without_effect,
    _words_twice,
    _returns,
    _ways,
    _services,
    _fever,
)
