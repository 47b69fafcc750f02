"""A rules file becomes the model's rule set; another file, another outcome, without code."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import config
from config.problems import SettingsError
from config.rules import load_rules, parse_rules
from model.credentials import Colour, Pass, PassFlags, PassKind, VerifiedCode
from model.directory import Directory, HouseholdEntry, Isolation
from model.facts import Facts
from model.identities import CommunityId, GateNumber, HouseholdId, KeyId, PassId
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import Check, RuleSet
from model.rules import decide
from model.temperature import Site, Viewer

COMMUNITIES = Path(config.__file__).parent / "communities"
DEFAULT = (COMMUNITIES / "default.toml").read_text()
STRICT = Path(__file__).parent / "rules/strict.toml"
HOUSEHOLD = HouseholdId(7)


def facts(rules: RuleSet, colour: Colour, direction: Direction) -> Facts:
    credential = Pass(
        pass_id=PassId("00" * 8),
        community=rules.community,
        household=HOUSEHOLD,
        colour=colour,
        kind=PassKind.RESIDENT,
        gates=None,
        schedule=0,
        status_index=0,
        flags=PassFlags.NONE,
        valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=datetime(2027, 1, 1, tzinfo=UTC),
    )
    directory = Directory(
        community=rules.community,
        version=1,
        issued_at=datetime(2026, 1, 1, tzinfo=UTC),
        statuses=b"\x01",
        households={HOUSEHOLD: HouseholdEntry(colour=colour)},
    )
    code = VerifiedCode(credential=credential, key_id=KeyId("11" * 8), holder_step=None)
    return Facts(direction=direction, gate=GateNumber(1), code=code, directory=directory, temperature=None)


def problems_of(folder: Path, text: str) -> dict[str, str]:
    file = folder / "rules.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_rules(file)
    return {problem.key: f"{problem.message} | {problem.hint}" for problem in caught.value.problems}


def test_rules_that_travelled_as_text_are_those_of_the_file_and_as_strictly_read(tmp_path: Path) -> None:
    file = COMMUNITIES / "default.toml"
    assert parse_rules(file.read_bytes(), Path("signed rules")) == load_rules(file)
    for bad in (b"\xef\xbb\xbf" + DEFAULT.encode(), b"checks = [", b"\xff", b"", DEFAULT.encode() + b"\nodd = 1"):
        with pytest.raises(SettingsError, match="signed rules"):
            parse_rules(bad, Path("signed rules"))


def test_the_default_community_arrives_as_a_rule_set() -> None:
    rules = load_rules(COMMUNITIES / "default.toml")
    assert rules.community == CommunityId("xinghuayuan")
    assert rules.valid_from == date(2026, 1, 1)
    assert rules.checks[0] is Check.PASS
    assert set(rules.colours) == set(Colour)
    assert rules.isolation_may_leave == {Isolation.HOME: False, Isolation.MEDICAL: False}
    assert rules.measured_directions == {Direction.IN}
    assert rules.temperature.high_from_c == 37.3
    assert rules.temperature.sites[Site.FOREHEAD].valid_from_c == 30.0
    assert rules.on_failure[Reason.TEMPERATURE_HIGH] is Outcome.REFERRED


def test_a_second_rules_file_changes_an_outcome_without_code() -> None:
    default, strict = (load_rules(file) for file in (COMMUNITIES / "default.toml", STRICT))
    by_default = decide(facts(default, Colour.YELLOW, Direction.OUT), default)
    strictly = decide(facts(strict, Colour.YELLOW, Direction.OUT), strict)
    assert (by_default.outcome, by_default.reason) == (Outcome.GRANTED, Reason.ADMITTED_WATCHED)
    assert (strictly.outcome, strictly.reason) == (Outcome.REFERRED, Reason.COLOUR_NOT_ALLOWED)


def test_every_problem_of_a_rules_file_is_told_at_once(tmp_path: Path) -> None:
    text = (
        DEFAULT.replace("version = 1\n", "version = 0\n")
        .replace('"gate", ', '"gates", ')
        .replace("[colours.orange]", "[colours.ornage]")
        .replace("[temperature.sites.wrist]", "[temperature.sites.ear]")
        .replace('measured_directions = ["in"]', 'measured_directions = ["in", "up"]')
        .replace("several_codes =", "severe_codes =")
    )
    found = problems_of(tmp_path, text)
    assert found.keys() == {
        "version",
        "checks",
        "colours.ornage",
        "temperature.sites.ear",
        "measured_directions",
        "on_failure.severe_codes",
    }
    assert "did you mean orange?" in found["colours.ornage"]
    assert "did you mean several_codes?" in found["on_failure.severe_codes"]


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("high_from_c = 37.3", "high_from_c = 99.1", "temperature.high_from_c", "35 to 42"),
        ("valid_from_c = 30.0", "valid_from_c = 44.0", "temperature.sites.forehead", "not below"),
        ('no_code = "referred"', 'no_code = "granted"', "on_failure.no_code", '"denied" or "referred"'),
        ('no_code = "referred"', 'code_forged = "referred"', "on_failure.code_forged", "always denied"),
        ('no_code = "referred"', 'admitted = "denied"', "on_failure.admitted", "not a failure"),
        ('no_code = "referred"', 'admitted_vouched = "denied"', "on_failure.admitted_vouched", "not a failure"),
        ('no_code = "referred"', 'resident_calls = "denied"', "on_failure.resident_calls", "not a failure"),
        ('shown_to = ["resident", "guard"]', 'shown_to = ["boss"]', "temperature.shown_to[1]", "resident"),
        ('"fresh", ', "", "checks", "no community goes without it"),
        ('"fresh", ', '"fresh", "fresh", ', "checks", "stands twice"),
        ('measured_directions = ["in"]', "measured_directions = []", "measured_directions", "nobody is measured"),
        ("[isolation.medical]", "[isolation.none]", "isolation.none", "unknown key"),
        ("[colours.blue]", "[colours.blue]\nmay_fly = true", "colours.blue.may_fly", "unknown key"),
        ("valid_from = 2026-01-01", 'valid_from = "soon"', "valid_from", "date"),
    ],
)
def test_a_rule_that_cannot_hold_is_named(tmp_path: Path, old: str, new: str, key: str, words: str) -> None:
    assert old in DEFAULT
    assert words in problems_of(tmp_path, DEFAULT.replace(old, new, 1))[key]


def test_a_colour_without_a_rule_is_missed(tmp_path: Path) -> None:
    head, _, rest = DEFAULT.partition("[colours.orange]")
    found = problems_of(tmp_path, head + "[isolation.home]" + rest.partition("[isolation.home]")[2])
    assert found.keys() == {"colours.orange"}


@pytest.mark.parametrize(
    ("line", "viewers"),
    [
        ('shown_to = ["guard"]', {Viewer.GUARD}),
        ("shown_to = []", set()),
        ("", {Viewer.RESIDENT, Viewer.GUARD}),
    ],
)
def test_who_sees_a_temperature_is_the_communitys_to_say(tmp_path: Path, line: str, viewers: set[Viewer]) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(DEFAULT.replace('shown_to = ["resident", "guard"]', line, 1))
    assert load_rules(file).temperature.shown_to == viewers
