"""A community's rules: a TOML file into the model's RuleSet. `load_rules` tells every problem at once."""

from collections.abc import Iterable, Mapping
from datetime import UTC, time
from enum import Enum
from pathlib import Path
from typing import TypeVar

from config.problems import Problem, SettingsError
from config.rule_contradictions import contradictions, zone_of
from config.rule_findings import Finding
from config.rule_sections import ColourSection, OutingSection, RulesFile
from config.rule_texts import rule_texts
from config.rule_words import (
    CHECKS,
    COLOURS,
    DIRECTIONS,
    ISOLATIONS,
    KINDS,
    OUTCOMES,
    PURPOSES,
    REASONS,
    SERVICES,
    SITES,
    WINDOWS,
)
from config.toml_files import Table, did_you_mean, parse_table, read_table, validate
from model.credentials import Colour
from model.outings import OutingQuota, OutingRules, QuotaWindow
from model.passback import PassbackMode, PassbackRules
from model.reasons import Outcome
from model.rule_set import (
    NO_PASSBACK,
    ColourRule,
    CurfewRules,
    KindRule,
    Level,
    MaskPolicy,
    OutsiderRules,
    RuleSet,
    VisitPolicy,
)
from model.shifts import Way
from model.temperature import Celsius, SiteRule, TemperatureRules, Viewer

EnumT = TypeVar("EnumT", bound=Enum)
_VISIT_LIMIT_MIN = OutsiderRules().visit_limit_min


def load_rules(file: Path) -> RuleSet:
    """Read, type and check a community's rules. Raises SettingsError with every problem of the file."""
    return _read(read_table(file), file)


def parse_rules(content: bytes, file: Path) -> RuleSet:
    """The same from a file's content; file: what to call it. Raises SettingsError with every problem."""
    return _read(parse_table(content, file), file)


def _read(table: Table, file: Path) -> RuleSet:
    sections, problems = typed(table, file)
    if sections is not None:
        words = rule_texts("en")
        problems += [_problem(found, file, words.finding(found)) for found in contradictions(sections)]
    if sections is None or problems:
        raise SettingsError(problems)
    return rule_set(sections)


def typed(table: Table, file: Path) -> tuple[RulesFile | None, list[Problem]]:
    """The typed sections, or None; and what is wrong with single keys and words."""
    sections, problems = validate(RulesFile, table, file)
    words = _Words(file, table)
    for name, known in _KEYS.items():
        words.look_up(name, known)
    return sections, problems + words.problems


def rule_set(rules: RulesFile) -> RuleSet:
    """The rules as the model has them. rules: without contradictions and unknown words."""
    temperature = rules.temperature
    return RuleSet(
        community=rules.community,
        version=rules.version,
        valid_from=rules.valid_from,
        checks=tuple(CHECKS[word] for word in rules.checks),
        colours={COLOURS[name]: _colour(colour) for name, colour in (rules.colours or {}).items()},
        isolation_may_enter={ISOLATIONS[name]: rule.may_enter for name, rule in rules.isolation.items()},
        isolation_may_leave={ISOLATIONS[name]: rule.may_leave for name, rule in rules.isolation.items()},
        measured_directions=_all(DIRECTIONS, rules.measured_directions),
        temperature=TemperatureRules(
            high_from_c=Celsius(temperature.high_from_c),
            spread_max_c=temperature.spread_max_c,
            burst_size=temperature.burst_size,
            model=temperature.model,
            sites={
                SITES[name]: SiteRule(
                    valid_from_c=Celsius(site.valid_from_c), valid_to_c=Celsius(site.valid_to_c), offset_c=site.offset_c
                )
                for name, site in temperature.sites.items()
            },
            shown_to=frozenset(Viewer(viewer) for viewer in temperature.shown_to),
        ),
        on_failure={REASONS[word]: OUTCOMES[outcome] for word, outcome in rules.on_failure.items()},
        zone=zone_of(rules.time_zone) or UTC,
        isolation_windows={ISOLATIONS[name]: _all(WINDOWS, rule.windows) for name, rule in rules.isolation.items()},
        kinds={
            KINDS[name]: KindRule(may_enter=kind.may_enter, may_leave=kind.may_leave)
            for name, kind in (rules.kinds or {}).items()
        },
        curfew=_curfew(rules),
        outings=_outings(rules, rules.outings) if rules.outings is not None else None,
        masks=MaskPolicy(rules.masks),
        outsiders=OutsiderRules(
            visitors=VisitPolicy(rules.outsiders.visitors),
            deliveries=VisitPolicy(rules.outsiders.deliveries),
            vehicles=VisitPolicy(rules.outsiders.vehicles),
            visit_limit_min=rules.outsiders.visit_limit_min or _VISIT_LIMIT_MIN,
            services=_all(SERVICES, rules.outsiders.services),
        ),
        levels=tuple(
            Level(name=level.name, name_en=level.name_en, after_min=level.after_min) for level in rules.levels
        ),
        passback=_passback(rules),
        outing_kinds=_all(KINDS, rules.outings.kinds if rules.outings is not None else ()),
        work_way=_way(rules),
        work_directions=_all(DIRECTIONS, rules.work.directions if rules.work is not None else ()),
    )


def _colour(colour: ColourSection) -> ColourRule:
    aim: Colour | None = COLOURS[colour.exchange_for] if colour.exchange_for is not None else None
    return ColourRule(
        may_enter=colour.may_enter,
        may_leave=colour.may_leave,
        is_watched=colour.is_watched,
        exchange_for=aim,
        exchange_after_days=colour.exchange_after_days or 0,
    )


def _curfew(rules: RulesFile) -> CurfewRules | None:
    curfew = rules.curfew
    if curfew is None:
        return None
    return CurfewRules(
        begins=curfew.begins,
        ends=curfew.ends,
        directions=_all(DIRECTIONS, curfew.directions),
        exempt_purposes=_all(PURPOSES, curfew.exempt),
        exempt_kinds=_all(KINDS, curfew.exempt_kinds),
    )


def _outings(rules: RulesFile, outings: OutingSection) -> OutingRules:
    quota = None
    if outings.count is not None and outings.per_days is not None and outings.window is not None:
        quota = OutingQuota(
            count=outings.count,
            period_days=outings.per_days,
            window=QuotaWindow(outings.window),
            day_starts_at=outings.day_starts_at or time(),
            counted_from=outings.counted_from or rules.valid_from,
        )
    return OutingRules(
        quota=quota,
        people_max=outings.people_max,
        return_within_min=outings.return_within_min,
        return_by=outings.return_by,
        overdue_after_min=outings.overdue_after_min,
        exempt=_all(PURPOSES, outings.exempt),
        unanswered=Outcome(outings.unanswered),
    )


def _passback(rules: RulesFile) -> PassbackRules:
    if rules.passback is None:
        return NO_PASSBACK
    return PassbackRules(mode=PassbackMode(rules.passback.mode), within_min=rules.passback.within_min or 0)


def _way(rules: RulesFile) -> Way:
    if rules.work is None:
        return Way()
    return Way(before_min=rules.work.before_min, after_min=rules.work.after_min)


def _all(known: Mapping[str, EnumT], words: Iterable[str]) -> frozenset[EnumT]:
    return frozenset(known[word] for word in words)


def _problem(found: Finding, file: Path, words: tuple[str, str]) -> Problem:
    return Problem(file=file, key=found.key, message=words[0], hint=words[1])


_KEYS: Mapping[str, Mapping[str, Enum]] = {
    "checks": CHECKS,
    "measured_directions": DIRECTIONS,
    "colours": COLOURS,
    "colours.*.exchange_for": COLOURS,
    "kinds": KINDS,
    "isolation": ISOLATIONS,
    "isolation.*.windows": WINDOWS,
    "curfew.directions": DIRECTIONS,
    "curfew.exempt": PURPOSES,
    "curfew.exempt_kinds": KINDS,
    "outings.exempt": PURPOSES,
    "outings.kinds": KINDS,
    "work.directions": DIRECTIONS,
    "outsiders.services": SERVICES,
    "temperature.sites": SITES,
    "on_failure": REASONS,
}
"""Where a file names things of the model; a star stands for any name."""


class _Words:
    """Collects words of a file that the model does not know."""

    def __init__(self, file: Path, table: Table) -> None:
        self._file = file
        self._table = table
        self.problems: list[Problem] = []

    def look_up(self, name: str, known: Mapping[str, Enum]) -> None:
        """Compare the words at this place of the file, as far as there are any."""
        places: list[tuple[str, object]] = [("", self._table)]
        for part in name.split("."):
            places = [
                (f"{place}.{key}" if place else key, value)
                for place, table in places
                if isinstance(table, dict)
                for key, value in table.items()
                if part in ("*", key)
            ]
        for place, found in places:
            self._compare(place, found, known)

    def _compare(self, place: str, found: object, known: Mapping[str, Enum]) -> None:
        words = [found] if isinstance(found, str) else found
        if not isinstance(words, (dict, list)):
            return
        for word in words:
            if isinstance(word, str) and word not in known:
                is_key = isinstance(words, dict)
                message = "unknown key" if is_key else f'unknown word "{word}"'
                hint = did_you_mean(word, list(known))
                key = f"{place}.{word}" if is_key else place
                self.problems.append(Problem(file=self._file, key=key, message=message, hint=hint))
