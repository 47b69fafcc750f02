"""Contradictions in a rules file: what no community can mean. A file with one of them is not used."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import time
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from config.rule_findings import Finding
from config.rule_sections import ColourSection, CurfewSection, RulesFile
from config.rule_words import (
    COLOURS,
    FROM_MILD_TO_STRICT,
    ISOLATIONS,
    NEVER_FAILURES,
    OUTCOMES,
    REASONS,
    WINDOWS,
)
from model.outings import OutingPurpose
from model.passing import Direction
from model.rules import ALWAYS_DENIED
from model.windows import DIRECTIONS_OF

_SECTIONS_OF: Final = {
    "colour": "colours",
    "kind": "kinds",
    "curfew": "curfew",
    "outing": "outings",
    "work": "work",
    "passback": "passback",
}
_ALWAYS_NEEDED: Final = ("pass", "directory", "fresh")


def contradictions(rules: RulesFile) -> list[Finding]:
    """Every contradiction, by its place in the file. Words that the model does not know are passed over."""
    return sorted((found for look in _LOOKS for found in look(rules)), key=lambda found: found.key)


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of this name; None when this machine knows none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def is_inside(moment: time, curfew: CurfewSection) -> bool:
    """Whether a clock that shows this is in the curfew."""
    if curfew.begins < curfew.ends:
        return curfew.begins <= moment < curfew.ends
    return moment >= curfew.begins or moment < curfew.ends


def _zone(rules: RulesFile) -> Iterator[Finding]:
    if zone_of(rules.time_zone) is None:
        yield Finding(code="zone_unknown", key="time_zone", values={"zone": rules.time_zone})


def _checks(rules: RulesFile) -> Iterator[Finding]:
    for needed in _ALWAYS_NEEDED:
        if needed not in rules.checks:
            yield Finding(code="check_needed", key="checks", values={"check": needed})
    for check in sorted({check for check in rules.checks if rules.checks.count(check) > 1}):
        yield Finding(code="check_twice", key="checks", values={"check": check})
    if "temperature" in rules.checks and not rules.measured_directions:
        yield Finding(code="nobody_measured", key="measured_directions")
    if "temperature" not in rules.checks and rules.measured_directions:
        yield Finding(code="measured_for_nothing", key="checks")
    for check, section in _SECTIONS_OF.items():
        is_there = bool(getattr(rules, section))
        if check in rules.checks and not is_there:
            yield Finding(code="section_missing", key="checks", values={"check": check, "section": section})
        if check not in rules.checks and is_there:
            yield Finding(code="check_missing", key=section, values={"check": check, "section": section})


def _colours(rules: RulesFile) -> Iterator[Finding]:
    colours = rules.colours
    if not colours:
        return  # a community without colours
    for name in COLOURS.keys() - colours.keys():
        yield Finding(code="colour_missing", key=f"colours.{name}", values={"colour": name})
    order = [colour.name.lower() for colour in FROM_MILD_TO_STRICT]
    for position, name in enumerate(order):
        colour = colours.get(name)
        if colour is None:
            continue
        for key in ("may_enter", "may_leave"):
            milder = next((each for each in order[:position] if _forbids(colours, each, key)), None)
            if getattr(colour, key) and milder is not None:
                values = {"colour": name, "milder": milder, "key": key}
                yield Finding(code="stricter_may_more", key=f"colours.{name}.{key}", values=values)
    for name, colour in colours.items():
        place = f"colours.{name}"
        if (colour.exchange_for is None) != (colour.exchange_after_days is None):
            given = "exchange_after_days" if colour.exchange_for is None else "exchange_for"
            missing = "exchange_for" if colour.exchange_for is None else "exchange_after_days"
            yield Finding(code="half_given", key=f"{place}.{given}", values={"given": given, "missing": missing})
        aim = colour.exchange_for
        if aim in order and name in order and order.index(aim) >= order.index(name):
            values = {"colour": name, "aim": aim}
            yield Finding(code="exchange_not_milder", key=f"{place}.exchange_for", values=values)


def _forbids(colours: Mapping[str, ColourSection], name: str, key: str) -> bool:
    colour = colours.get(name)
    return colour is not None and not getattr(colour, key)


def _isolations(rules: RulesFile) -> Iterator[Finding]:
    for name in ISOLATIONS.keys() - rules.isolation.keys():
        yield Finding(code="isolation_missing", key=f"isolation.{name}", values={"isolation": name})
    for name, isolation in rules.isolation.items():
        allowed = {Direction.IN} if isolation.may_enter else set()
        allowed |= {Direction.OUT} if isolation.may_leave else set()
        for word in isolation.windows:
            opens = DIRECTIONS_OF[WINDOWS[word]] if word in WINDOWS else None
            key, values = f"isolation.{name}.windows", {"isolation": name, "window": word}
            if opens is not None and not opens:
                yield Finding(code="window_opens_nothing", key=key, values=values)
            elif opens is not None and opens <= allowed:
                yield Finding(code="window_not_needed", key=key, values=values)


def _curfew(rules: RulesFile) -> Iterator[Finding]:
    curfew = rules.curfew
    if curfew is None:
        return
    if curfew.begins == curfew.ends:
        yield Finding(code="curfew_all_day", key="curfew.ends", values={"time": _clock(curfew.ends)})
        return
    outings = rules.outings
    by = outings.return_by if outings is not None else None
    if by is not None and by != curfew.begins and "in" in curfew.directions and is_inside(by, curfew):
        values = {"time": _clock(by), "begins": _clock(curfew.begins), "ends": _clock(curfew.ends)}
        yield Finding(code="return_in_curfew", key="outings.return_by", values=values)


def _outings(rules: RulesFile) -> Iterator[Finding]:
    outings = rules.outings
    if outings is None:
        return
    for given, missing in (("count", "per_days"), ("per_days", "count"), ("count", "window")):
        if getattr(outings, given) is not None and getattr(outings, missing) is None:
            key = f"outings.{given}"
            yield Finding(code="half_given", key=key, values={"given": given, "missing": missing})
    if outings.count is None and outings.per_days is None and not (outings.return_within_min or outings.return_by):
        yield Finding(code="outings_rule_nothing", key="outings")
    if OutingPurpose.ORDINARY.value in outings.exempt:
        yield Finding(code="ordinary_exempt", key="outings.exempt")
    if not outings.kinds:
        yield Finding(code="outings_of_nobody", key="outings.kinds")
    for kind in outings.kinds:
        if rules.kinds is not None and kind in rules.kinds and not rules.kinds[kind].may_leave:
            yield Finding(code="quota_may_not_leave", key="outings.kinds", values={"kind": kind})
    if "outing_unanswered" in rules.on_failure:
        yield Finding(code="said_by_unanswered", key="on_failure.outing_unanswered")


def _work(rules: RulesFile) -> Iterator[Finding]:
    kind = rules.kinds.get("work") if rules.kinds is not None else None
    if rules.work is None or kind is None:
        return
    ways = {"in": kind.may_enter, "out": kind.may_leave}
    if not any(ways.get(direction, True) for direction in rules.work.directions):
        values = {"directions": ", ".join(rules.work.directions)}
        yield Finding(code="work_of_nobody", key="work.directions", values=values)


def _passback(rules: RulesFile) -> Iterator[Finding]:
    passback = rules.passback
    if passback is not None and passback.mode == "timed" and not passback.within_min:
        key = "passback.within_min" if passback.within_min is not None else "passback.mode"
        yield Finding(code="passback_no_time", key=key)


def _levels(rules: RulesFile) -> Iterator[Finding]:
    for number, (lower, upper) in enumerate(pairwise(rules.levels), start=2):
        if upper.after_min <= lower.after_min:
            values: dict[str, str | int] = {"level": upper.name, "after": upper.after_min}
            values |= {"below": lower.name, "before": lower.after_min}
            yield Finding(code="levels_not_ascending", key=f"levels[{number}].after_min", values=values)
    names = [level.name for level in rules.levels]
    for number, name in enumerate(names, start=1):
        if name in names[: number - 1]:
            yield Finding(code="level_twice", key=f"levels[{number}].name", values={"level": name})


def _outsiders(rules: RulesFile) -> Iterator[Finding]:
    kind = rules.kinds.get("visitor") if rules.kinds is not None else None
    visitors = rules.outsiders.visitors
    if kind is not None and kind.may_enter and visitors != "registered":
        yield Finding(code="visitor_pass_for_nobody", key="kinds.visitor.may_enter", values={"policy": visitors})
    if kind is not None and not kind.may_enter and visitors == "registered":
        yield Finding(code="visitor_may_not_enter", key="outsiders.visitors")


def _temperature(rules: RulesFile) -> Iterator[Finding]:
    for name, site in rules.temperature.sites.items():
        key = f"temperature.sites.{name}"
        if site.valid_from_c >= site.valid_to_c:
            yield Finding(code="site_without_range", key=key)
            continue
        fever_c = round(rules.temperature.high_from_c - site.offset_c, 2)
        values = {"site": name, "fever": f"{fever_c:g}"}
        if fever_c > site.valid_to_c:
            yield Finding(code="fever_never_seen", key=f"{key}.valid_to_c", values=values)
        if fever_c <= site.valid_from_c:
            yield Finding(code="everybody_has_fever", key=f"{key}.valid_from_c", values=values)


def _on_failure(rules: RulesFile) -> Iterator[Finding]:
    for word, outcome in rules.on_failure.items():
        key, reason = f"on_failure.{word}", REASONS.get(word)
        if outcome not in OUTCOMES:
            yield Finding(code="outcome_unknown", key=key, values={"outcome": outcome})
        elif reason in NEVER_FAILURES:
            yield Finding(code="not_a_failure", key=key)
        elif reason in ALWAYS_DENIED and outcome != "denied":
            yield Finding(code="always_denied", key=key)


def _clock(moment: time) -> str:
    return moment.isoformat("minutes")


_LOOKS: Sequence[Callable[[RulesFile], Iterator[Finding]]] = (
    _zone,
    _checks,
    _colours,
    _isolations,
    _curfew,
    _outings,
    _work,
    _passback,
    _levels,
    _outsiders,
    _temperature,
    _on_failure,
)
