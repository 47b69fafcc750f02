"""A community's rules: a TOML file into the model's RuleSet. `load_rules` tells every problem at once."""

from collections.abc import Mapping
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field

from config.problems import Problem, SettingsError
from config.toml_files import Section, did_you_mean, read_table, validate
from model.credentials import Colour
from model.directory import Isolation
from model.identities import CommunityId
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import Check, ColourRule, RuleSet
from model.rules import ALWAYS_DENIED
from model.temperature import Celsius, Site, SiteRule, TemperatureRules, Viewer

_NEVER_FAILURES = frozenset(
    {
        Reason.ADMITTED,
        Reason.ADMITTED_WATCHED,
        Reason.ADMITTED_VOUCHED,
        Reason.SERVICE_ADMITTED,
        Reason.VISITOR_ADMITTED,
        Reason.GUARD_CONFIRMED,
        Reason.GUARD_REFUSED,
        Reason.SCANNER_UNAVAILABLE,
        Reason.THERMOMETER_UNAVAILABLE,
        Reason.RESIDENT_CALLS,
    }
)
"""Why somebody passes, or why a guard is called: no check fails for them."""
_OUTCOMES = {"denied": Outcome.DENIED, "referred": Outcome.REFERRED}
EnumT = TypeVar("EnumT", bound=Enum)


class _Colour(Section):
    may_enter: bool = Field(description="true or false")
    may_leave: bool = Field(description="true or false")
    is_watched: bool = Field(default=False, description="true: passes, and the centre is told (重点关注)")


class _Isolation(Section):
    may_enter: bool = Field(description="true or false")
    may_leave: bool = Field(description="true or false")


class _Site(Section):
    valid_from_c: float = Field(ge=0, le=45, description="°C at the skin, 0 to 45; colder is INDETERMINATE")
    valid_to_c: float = Field(ge=0, le=45, description="°C at the skin, 0 to 45; warmer is INDETERMINATE")
    offset_c: float = Field(ge=0, le=10, description="from skin to body, 0 to 10 °C")


class _Temperature(Section):
    high_from_c: float = Field(ge=35, le=42, description="°C of the body from which it counts as fever, 35 to 42")
    spread_max_c: float = Field(gt=0, le=2, description="°C between the samples of one burst, up to 2")
    burst_size: int = Field(ge=3, le=50, description="samples that a judgement needs, 3 to 50")
    model: str = Field(
        min_length=1, max_length=40, description="name/version of the offsets, recorded with each judgement"
    )
    sites: dict[str, _Site] = Field(min_length=1, description="add [temperature.sites.forehead], or wrist")
    shown_to: tuple[Literal["resident", "guard"], ...] = Field(
        default=("resident", "guard"),
        max_length=2,
        description='who sees the number: "resident", "guard", or nobody: []',
    )


class _Rules(Section):
    community: CommunityId = Field(pattern=r"^[a-z0-9-]{1,16}$", description="1 to 16 of a-z, 0-9 and hyphen")
    version: int = Field(ge=1, le=2**31 - 1, description="count up with every change")
    valid_from: date = Field(description="a date such as 2026-02-01")
    checks: tuple[str, ...] = Field(description="in the order of judging: " + ", ".join(check.value for check in Check))
    measured_directions: tuple[str, ...] = Field(description='["in"], ["out"], both, or [] where nobody is measured')
    colours: dict[str, _Colour] = Field(description="one table per colour, such as [colours.green]")
    isolation: dict[str, _Isolation] = Field(description="[isolation.home] and [isolation.medical]")
    temperature: _Temperature = Field(description="add the table [temperature]")
    on_failure: dict[str, str] = Field(default={}, description='reason = "denied" or "referred"')


def load_rules(file: Path) -> RuleSet:
    """Read, type and check a community's rules. Raises SettingsError with every problem of the file."""
    table = read_table(file)
    rules, problems = validate(_Rules, table, file)
    words = _Words(file)
    for name, known in (("colours", _COLOURS), ("isolation", _ISOLATIONS)):
        words.look_up(name, table.get(name), known)
    temperature = table.get("temperature")
    words.look_up("temperature.sites", temperature.get("sites") if isinstance(temperature, dict) else None, _SITES)
    words.look_up("checks", table.get("checks"), _CHECKS)
    words.look_up("measured_directions", table.get("measured_directions"), _DIRECTIONS)
    words.look_up("on_failure", table.get("on_failure"), _REASONS)
    if rules is None:
        raise SettingsError(problems + words.problems)
    problems += words.problems + _cross_problems(rules, file)
    if problems:
        raise SettingsError(problems)
    return _rule_set(rules)


def _by_word(enum: type[EnumT], *, lower_names: bool = False) -> dict[str, EnumT]:
    return {member.name.lower() if lower_names else str(member.value): member for member in enum}


_COLOURS = _by_word(Colour, lower_names=True)
_ISOLATIONS = {word: kind for word, kind in _by_word(Isolation, lower_names=True).items() if kind is not Isolation.NONE}
_SITES = _by_word(Site)
_CHECKS = _by_word(Check)
_DIRECTIONS = _by_word(Direction)
_REASONS = _by_word(Reason)


class _Words:
    """Collects words of a file that the model does not know."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.problems: list[Problem] = []

    def look_up(self, key: str, words: object, known: Mapping[str, Enum]) -> None:
        if not isinstance(words, (dict, list)):
            return
        for word in words:
            if isinstance(word, str) and word not in known:
                place = f"{key}.{word}" if isinstance(words, dict) else key
                message = "unknown key" if isinstance(words, dict) else f'unknown word "{word}"'
                hint = did_you_mean(word, list(known))
                self.problems.append(Problem(file=self._file, key=place, message=message, hint=hint))


def _cross_problems(rules: _Rules, file: Path) -> list[Problem]:
    problems: list[Problem] = []

    def add(key: str, message: str, hint: str) -> None:
        problems.append(Problem(file=file, key=key, message=message, hint=hint))

    for needed in ("pass", "directory", "fresh"):
        if needed not in rules.checks:
            add("checks", f'"{needed}" is missing', "no community goes without it: add it")
    if len(set(rules.checks)) != len(rules.checks):
        add("checks", "a check stands twice", "name each check once")
    if "temperature" in rules.checks and not rules.measured_directions:
        add(
            "measured_directions",
            "nobody is measured, and checks has temperature",
            "name a direction, or drop the check",
        )
    if "temperature" not in rules.checks and rules.measured_directions:
        add("checks", "measured_directions names a direction, and nothing is judged", 'add "temperature"')
    for name in _COLOURS.keys() - rules.colours.keys():
        add(f"colours.{name}", "is missing", f"say what the colour may do: add the table [colours.{name}]")
    for name in _ISOLATIONS.keys() - rules.isolation.keys():
        add(f"isolation.{name}", "is missing", f"say what these households may do: add [isolation.{name}]")
    for name, site in rules.temperature.sites.items():
        if site.valid_from_c >= site.valid_to_c:
            add(f"temperature.sites.{name}", "valid_from_c is not below valid_to_c", "give a range")
    for word, outcome in rules.on_failure.items():
        reason = _REASONS.get(word)
        if outcome not in _OUTCOMES:
            add(f"on_failure.{word}", f'unknown outcome "{outcome}"', 'give "denied" or "referred"')
        elif reason in _NEVER_FAILURES:
            add(f"on_failure.{word}", "is not a failure", "drop this line")
        elif reason in ALWAYS_DENIED and outcome != "denied":
            add(f"on_failure.{word}", "is always denied", "drop this line: no rules file can soften it")
    return sorted(problems, key=lambda problem: problem.key)


def _rule_set(rules: _Rules) -> RuleSet:
    temperature = rules.temperature
    sites = {
        _SITES[name]: SiteRule(
            valid_from_c=Celsius(site.valid_from_c), valid_to_c=Celsius(site.valid_to_c), offset_c=site.offset_c
        )
        for name, site in temperature.sites.items()
    }
    return RuleSet(
        community=rules.community,
        version=rules.version,
        valid_from=rules.valid_from,
        checks=tuple(_CHECKS[word] for word in rules.checks),
        colours={
            _COLOURS[name]: ColourRule(may_enter=rule.may_enter, may_leave=rule.may_leave, is_watched=rule.is_watched)
            for name, rule in rules.colours.items()
        },
        isolation_may_enter={_ISOLATIONS[name]: rule.may_enter for name, rule in rules.isolation.items()},
        isolation_may_leave={_ISOLATIONS[name]: rule.may_leave for name, rule in rules.isolation.items()},
        measured_directions=frozenset(_DIRECTIONS[word] for word in rules.measured_directions),
        temperature=TemperatureRules(
            high_from_c=Celsius(temperature.high_from_c),
            spread_max_c=temperature.spread_max_c,
            burst_size=temperature.burst_size,
            model=temperature.model,
            sites=sites,
            shown_to=frozenset(Viewer(viewer) for viewer in temperature.shown_to),
        ),
        on_failure={_REASONS[word]: _OUTCOMES[outcome] for word, outcome in rules.on_failure.items()},
    )
