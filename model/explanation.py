"""A rule set as sentences, by keys and values: what a cadre reads. The words themselves are files of two languages.

A sentence's key names what it is about and stays the same between two versions of the rules: so a difference between
two rule sets is a difference of their sentences, and nothing that only looks different is one.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import Enum

from model.credentials import Colour, PassKind
from model.directory import Isolation
from model.outings import OutingRules, QuotaWindow
from model.passback import PassbackMode
from model.reasons import Outcome, Reason
from model.rule_set import Check, Level, RuleSet, VisitPolicy
from model.rules import outcome_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time as people say it: seen from `now`, on the clock of `zone`."""

    at: datetime
    now: datetime
    zone: tzinfo


Value = str | int | float | date | time | Enum | Level | Moment | tuple[Enum, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One thing that the rules say. key: what it is about; code: of its words; values: what stands in them."""

    key: str
    code: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What two rule sets say of the same thing; None where one of them says nothing."""

    before: Sentence | None
    after: Sentence | None


def explain(rules: RuleSet) -> tuple[Sentence, ...]:
    """All that the rules say, in the order in which a reader asks for it."""
    return tuple(sentence for tell in _PARTS for sentence in tell(rules))


def changes(old: RuleSet, new: RuleSet) -> tuple[Change, ...]:
    """What the new rules say otherwise than the old ones; empty where they mean the same."""
    before = {each.key: each for each in explain(old)}
    after = {each.key: each for each in explain(new)}
    keys = [*after, *(key for key in before if key not in after)]
    return tuple(
        Change(before=before.get(key), after=after.get(key)) for key in keys if before.get(key) != after.get(key)
    )


def colour_sentence(rules: RuleSet, colour: Colour) -> Sentence:
    """Which ways this colour may go."""
    rule = rules.colours.get(colour)
    ways = _ways(rule is not None and rule.may_enter, rule is not None and rule.may_leave)
    return _say(f"colour.{colour.name.lower()}.ways", f"colour_{ways}", colour=colour)


def isolation_sentence(rules: RuleSet, isolation: Isolation) -> Sentence:
    """Which ways households in this isolation may go without a window."""
    may_enter = rules.isolation_may_enter.get(isolation, False)
    ways = _ways(may_enter, rules.isolation_may_leave.get(isolation, False))
    return _say(f"isolation.{isolation.name.lower()}.ways", f"isolation_{ways}", isolation=isolation)


def kind_sentence(rules: RuleSet, kind: PassKind) -> Sentence:
    """Which ways this kind of pass may go."""
    rule = rules.kinds.get(kind)
    ways = _ways(rule is None or rule.may_enter, rule is None or rule.may_leave)
    return _say(f"kind.{kind.name.lower()}.ways", f"kind_{ways}", kind=kind)


def quota_sentence(outings: OutingRules) -> Sentence:
    """How often a household may go out."""
    quota = outings.quota
    if quota is None:
        return _say("outings.quota", "outings_unlimited")
    if quota.window is QuotaWindow.ROLLING:
        return _say("outings.quota", "outings_rolling", count=quota.count, days=quota.period_days)
    if quota.period_days == 1:
        return _say("outings.quota", "outings_daily", count=quota.count, starts=quota.day_starts_at)
    return _say(
        "outings.quota",
        "outings_calendar",
        count=quota.count,
        days=quota.period_days,
        starts=quota.day_starts_at,
        since=quota.counted_from,
    )


def curfew_sentence(rules: RuleSet) -> Sentence | None:
    """The hours in which nobody passes; None where there are none."""
    curfew = rules.curfew
    if curfew is None:
        return None
    ways = _ordered(curfew.directions)
    return _say("curfew.hours", "curfew_hours", begins=curfew.begins, ends=curfew.ends, directions=ways)


def work_sentence(rules: RuleSet) -> Sentence:
    """When a work certificate opens a gate."""
    way = rules.work_way
    ways = _ordered(rules.work_directions)
    return _say("work.ways", "work_ways", before=way.before_min, after=way.after_min, directions=ways)


def passback_sentence(rules: RuleSet) -> Sentence:
    """What becomes of a pass that is shown twice the same way."""
    if rules.passback.mode is PassbackMode.TIMED:
        return _say("passback.mode", "passback_timed", minutes=rules.passback.within_min)
    return _say("passback.mode", f"passback_{rules.passback.mode.value}")


def fever_sentence(rules: RuleSet) -> Sentence:
    """From which temperature on it is a fever."""
    return _say("temperature.fever", "fever", celsius=float(rules.temperature.high_from_c))


def people_sentence(outings: OutingRules) -> Sentence:
    """How many of a household go out together."""
    return _say("outings.people", "outings_people", people=outings.people_max)


def _head(rules: RuleSet) -> Iterator[Sentence]:
    yield _say("head.community", "head_community", community=rules.community)
    yield _say("head.version", "head_version", version=rules.version, valid_from=rules.valid_from)
    yield _say("head.zone", "head_zone", zone=str(rules.zone))
    yield _say("head.checks", "head_checks", checks=rules.checks)


def _colours(rules: RuleSet) -> Iterator[Sentence]:
    if Check.COLOUR not in rules.checks:
        yield _say("colours", "colours_no_rule")
        return
    for colour in Colour:
        rule = rules.colours.get(colour)
        yield colour_sentence(rules, colour)
        if rule is not None and rule.is_watched:
            yield _say(f"colour.{colour.name.lower()}.watched", "colour_watched", colour=colour)
        if rule is not None and rule.exchange_for is not None:
            key = f"colour.{colour.name.lower()}.exchange"
            days = rule.exchange_after_days
            yield _say(key, "colour_exchange", colour=colour, aim=rule.exchange_for, days=days)


def _kinds(rules: RuleSet) -> Iterator[Sentence]:
    for kind in PassKind:
        if kind in rules.kinds:
            yield kind_sentence(rules, kind)


def _isolations(rules: RuleSet) -> Iterator[Sentence]:
    for isolation in Isolation:
        if isolation is Isolation.NONE:
            continue
        yield isolation_sentence(rules, isolation)
        for window in sorted(rules.isolation_windows.get(isolation, ()), key=lambda each: each.value):
            key = f"isolation.{isolation.name.lower()}.{window.value}"
            yield _say(key, "isolation_window", isolation=isolation, window=window)


def _outings(rules: RuleSet) -> Iterator[Sentence]:
    outings = rules.outings
    if outings is None:
        yield _say("outings.quota", "outings_no_rule")
        return
    yield quota_sentence(outings)
    yield _say("outings.kinds", "outings_kinds", kinds=_ordered(rules.outing_kinds))
    yield people_sentence(outings)
    if outings.return_within_min is not None:
        yield _say("outings.return_within", "return_within", minutes=outings.return_within_min)
    if outings.return_by is not None:
        yield _say("outings.return_by", "return_by", time=outings.return_by)
    if outings.return_within_min is not None or outings.return_by is not None:
        yield _say("outings.overdue", "overdue", minutes=outings.overdue_after_min)
    if outings.exempt:
        yield _say("outings.exempt", "outings_exempt", purposes=_ordered(outings.exempt))
    yield _say("outings.unanswered", f"unanswered_{outings.unanswered.value}")


def _emergency(rules: RuleSet) -> Iterator[Sentence]:
    yield _say("emergency", "emergency")


def _curfew(rules: RuleSet) -> Iterator[Sentence]:
    hours = curfew_sentence(rules)
    if hours is None or rules.curfew is None:
        return
    yield hours
    if rules.curfew.exempt_purposes:
        purposes = _ordered(rules.curfew.exempt_purposes)
        yield _say("curfew.exempt", "curfew_exempt", purposes=purposes)
    if rules.curfew.exempt_kinds:
        yield _say("curfew.exempt_kinds", "curfew_exempt_kinds", kinds=_ordered(rules.curfew.exempt_kinds))


def _work(rules: RuleSet) -> Iterator[Sentence]:
    if Check.WORK in rules.checks:
        yield work_sentence(rules)
        yield _say("work.list", "work_list")


def _passback(rules: RuleSet) -> Iterator[Sentence]:
    if rules.passback.mode is not PassbackMode.OFF:
        yield passback_sentence(rules)
        yield _say("passback.home", "passback_home")


def _health(rules: RuleSet) -> Iterator[Sentence]:
    temperature = rules.temperature
    if rules.measured_directions:
        ways = _ordered(rules.measured_directions)
        yield _say("temperature.ways", "measured", directions=ways)
    else:
        yield _say("temperature.ways", "nobody_measured")
    yield fever_sentence(rules)
    for site, rule in sorted(temperature.sites.items(), key=lambda each: each[0].value):
        yield _say(
            f"temperature.{site.value}",
            "site",
            site=site,
            valid_from=float(rule.valid_from_c),
            valid_to=float(rule.valid_to_c),
            offset=rule.offset_c,
        )
    samples, spread = temperature.burst_size, temperature.spread_max_c
    yield _say("temperature.burst", "burst", samples=samples, spread=spread, model=temperature.model)
    if temperature.shown_to:
        viewers = _ordered(temperature.shown_to)
        yield _say("temperature.shown_to", "shown_to", viewers=viewers)
    else:
        yield _say("temperature.shown_to", "shown_to_nobody")
    yield _say("masks", f"masks_{rules.masks.value}")


def _outsiders(rules: RuleSet) -> Iterator[Sentence]:
    outsiders = rules.outsiders
    yield _say("outsiders.visitors", f"visitors_{outsiders.visitors.value}")
    if outsiders.visitors is VisitPolicy.REGISTERED:
        yield _say("outsiders.limit", "visit_limit", minutes=outsiders.visit_limit_min)
    yield _say("outsiders.deliveries", f"deliveries_{outsiders.deliveries.value}")
    yield _say("outsiders.vehicles", f"vehicles_{outsiders.vehicles.value}")
    if outsiders.services:
        yield _say("outsiders.services", "services", services=_ordered(outsiders.services))
    else:
        yield _say("outsiders.services", "services_none")


def _failures(rules: RuleSet) -> Iterator[Sentence]:
    for reason in Reason:
        # Whatever is not named is denied: that is the same as naming it so.
        if reason in rules.on_failure and outcome_of(reason, rules) is Outcome.REFERRED:
            yield _say(f"failure.{reason.value}", "failure_referred", reason=reason)
    yield _say("failure", "failure_denied")


def _levels(rules: RuleSet) -> Iterator[Sentence]:
    for number, level in enumerate(rules.levels, start=1):
        code = "level_at_once" if level.after_min == 0 else "level"
        yield _say(f"level.{number}", code, number=number, level=level, minutes=level.after_min)


_PARTS = (
    _head,
    _colours,
    _kinds,
    _isolations,
    _outings,
    _emergency,
    _curfew,
    _work,
    _passback,
    _health,
    _outsiders,
    _failures,
    _levels,
)


def _say(about: str, words: str, **values: Value) -> Sentence:
    return Sentence(key=about, code=words, values=values)


def _ways(may_enter: bool, may_leave: bool) -> str:
    if may_enter:
        return "both" if may_leave else "enter"
    return "leave" if may_leave else "none"


def _ordered(chosen: Collection[Enum]) -> tuple[Enum, ...]:
    """In the order of their type, so that the same set is always the same sentence."""
    return tuple(each for kind in {type(each) for each in chosen} for each in kind if each in chosen)
