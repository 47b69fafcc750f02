"""Rules in words: every sentence, every member of the model's types, every moment, in both languages."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from config.problems import SettingsError
from config.rule_texts import RuleTexts, load_rule_texts, rule_texts, table_of, word_of
from config.rules import load_rules
from model.credentials import Colour, PassKind
from model.decision_explained import explain_decision
from model.directory import Isolation
from model.explanation import Moment, changes, explain
from model.outings import OutingPurpose
from model.passback import PassbackMode, PassbackRules
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import Check, ColourRule, Level, MaskPolicy, OutsiderRules, RuleSet, VisitPolicy
from model.rules import Decision
from model.services import ServiceReason
from model.shifts import Way
from model.temperature import Celsius, Site, Viewer
from model.windows import WindowKind
from tests.unit.model.builders import facts
from tests.unit.model.worlds import BERLIN, SHIPPED, rolling, timed_rules

WORDS = [rule_texts("zh"), rule_texts("en")]
LANGUAGES = ["zh", "en"]
SHANGHAI = ZoneInfo("Asia/Shanghai")
TYPES = (Colour, PassKind, Isolation, Direction, OutingPurpose, WindowKind, Check, Site, Viewer, ServiceReason)


def rules_of(name: str) -> RuleSet:
    return load_rules(Path(config.__file__).parent / f"communities/{name}.toml")


@pytest.mark.parametrize("words", WORDS, ids=LANGUAGES)
@pytest.mark.parametrize("kind", [*TYPES, Reason, Outcome], ids=lambda kind: kind.__name__)
def test_every_member_of_a_type_has_its_word_and_there_is_no_other(words: RuleTexts, kind: Any) -> None:
    assert all(words.word(each) for each in kind)
    assert set(words.file.words[table_of(kind)]) == {word_of(each) for each in kind}


@pytest.mark.parametrize("words", WORDS, ids=LANGUAGES)
@pytest.mark.parametrize("rules", [*SHIPPED, timed_rules(BERLIN), rolling(timed_rules(BERLIN))])
def test_a_whole_rule_set_is_told_in_sentences(words: RuleTexts, rules: RuleSet) -> None:
    told = [words.sentence(each) for each in explain(rules)]
    assert len(told) > 15
    assert all(each and "{" not in each for each in told)
    keys = [each.key for each in explain(rules)]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("words", WORDS, ids=LANGUAGES)
def test_every_way_to_state_a_rule_has_its_sentence(words: RuleTexts) -> None:
    rules = timed_rules(BERLIN)
    assert rules.outings is not None
    ways = [ColourRule(may_enter=enter, may_leave=leave) for enter in (True, False) for leave in (True, False)]
    changed = [replace(rules, colours=dict.fromkeys(Colour, way)) for way in ways]
    for way in ways:
        allowed = ({Isolation.HOME: way.may_enter}, {Isolation.HOME: way.may_leave})
        changed.append(replace(rules, isolation_may_enter=allowed[0], isolation_may_leave=allowed[1]))
    changed += [replace(rules, passback=PassbackRules(mode=mode, within_min=5)) for mode in PassbackMode]
    changed += [replace(rules, masks=policy) for policy in MaskPolicy]
    for policy in VisitPolicy:
        changed.append(replace(rules, outsiders=OutsiderRules(visitors=policy, deliveries=policy, vehicles=policy)))
    changed.append(replace(rules, outsiders=OutsiderRules(services=frozenset()), curfew=None, outings=None))
    for outcome in Outcome:
        changed.append(replace(rules, outings=replace(rules.outings, unanswered=outcome, quota=None)))
    changed.append(replace(rules, temperature=replace(rules.temperature, shown_to=frozenset())))
    for each in changed:
        assert all(words.sentence(sentence) for sentence in explain(each))


@pytest.mark.parametrize("words", WORDS, ids=LANGUAGES)
def test_every_reason_says_what_would_make_it_possible(words: RuleTexts) -> None:
    at = datetime(2020, 2, 14, 2, tzinfo=UTC)
    rules, found = timed_rules(BERLIN), replace(facts(), at=at)
    for reason in Reason:
        for check in (None, *Check):
            for possible_at in (None, datetime(2020, 2, 15, tzinfo=UTC)):
                decision = Decision(outcome=Outcome.DENIED, reason=reason, check=check, possible_at=possible_at)
                if reason.value.startswith(
                    ("admitted", "service", "guard_", "resident_", "scanner", "thermo", "visitor_admitted")
                ):
                    continue
                told = explain_decision(found, decision, rules)
                assert told.remedy is not None
                assert words.sentence(told.remedy)
                assert told.rule is None or words.sentence(told.rule)


@pytest.mark.parametrize(
    ("at", "chinese", "english"),
    [
        (datetime(2020, 2, 14, 8, tzinfo=UTC), "今天 16:00", "today 16:00"),
        (datetime(2020, 2, 14, 16, tzinfo=UTC), "明天 00:00", "tomorrow 00:00"),
        (datetime(2020, 2, 14, 22, tzinfo=UTC), "明天 06:00", "tomorrow 06:00"),
        (datetime(2020, 2, 15, 22, tzinfo=UTC), "后天 06:00", "Sun 16 Feb 06:00"),
        (datetime(2020, 2, 16, 22, tzinfo=UTC), "2月17日 06:00", "Mon 17 Feb 06:00"),
        (datetime(2020, 2, 28, 16, tzinfo=UTC), "2月29日 00:00", "Sat 29 Feb 00:00"),
        (datetime(2021, 1, 1, 0, tzinfo=UTC), "2021年1月1日 08:00", "Fri 1 Jan 2021 08:00"),
    ],
)
def test_a_time_is_told_as_people_say_it(at: datetime, chinese: str, english: str) -> None:
    moment = Moment(at=at, now=datetime(2020, 2, 14, 2, tzinfo=UTC), zone=SHANGHAI)
    assert [words.moment(moment) for words in WORDS] == [chinese, english]


def test_new_years_day_is_tomorrow_and_not_a_date() -> None:
    moment = Moment(
        at=datetime(2020, 12, 31, 22, tzinfo=UTC), now=datetime(2020, 12, 31, 10, tzinfo=UTC), zone=SHANGHAI
    )
    assert [words.moment(moment) for words in WORDS] == ["明天 06:00", "tomorrow 06:00"]


def test_a_difference_is_one_of_meaning() -> None:
    old = rules_of("baiyin")
    assert changes(old, old) == ()
    shuffled = replace(old, on_failure=dict(reversed(old.on_failure.items())), kinds=dict(old.kinds))
    assert changes(old, shuffled) == ()
    # Whatever is not named is denied: to name it so changes nothing.
    assert changes(old, replace(old, on_failure={**old.on_failure, Reason.NO_CODE: Outcome.DENIED})) == ()


@pytest.mark.parametrize("name", [field.name for field in fields(RuleSet)])
def test_no_change_of_a_rule_goes_untold(name: str) -> None:
    old = replace(timed_rules(BERLIN), levels=(Level(name="网格员", name_en="grid worker", after_min=0),))
    assert old.outings is not None
    assert old.curfew is not None
    changed: dict[str, list[Any]] = {
        "community": ["elsewhere"],
        "version": [99],
        "valid_from": [date(2030, 1, 1)],
        "checks": [old.checks[:-1], tuple(reversed(old.checks))],
        "colours": [{**old.colours, Colour.GREEN: ColourRule(may_enter=True, may_leave=False)}],
        "isolation_may_enter": [{Isolation.HOME: False}],
        "isolation_may_leave": [{Isolation.HOME: True}],
        "measured_directions": [frozenset[Direction](), frozenset({Direction.IN})],
        "temperature": [
            replace(old.temperature, high_from_c=Celsius(37.0)),
            replace(old.temperature, burst_size=7),
            replace(old.temperature, shown_to=frozenset({Viewer.GUARD})),
        ],
        "on_failure": [{}, {**old.on_failure, Reason.CURFEW: Outcome.REFERRED}],
        "zone": [SHANGHAI],
        "isolation_windows": [{}],
        "kinds": [],
        "curfew": [None, replace(old.curfew, ends=time(6)), replace(old.curfew, exempt_kinds=frozenset())],
        "outings": [
            None,
            replace(old.outings, people_max=3),
            replace(old.outings, return_by=None),
            replace(old.outings, exempt=frozenset()),
            replace(old.outings, unanswered=Outcome.DENIED),
            replace(old.outings, overdue_after_min=1),
        ],
        "outing_kinds": [frozenset({PassKind.HOUSEHOLD})],
        "work_way": [Way(before_min=61, after_min=45)],
        "work_directions": [frozenset(Direction)],
        "passback": [PassbackRules(mode=PassbackMode.HARD), PassbackRules(mode=PassbackMode.TIMED, within_min=9)],
        "masks": [MaskPolicy.REQUIRED],
        "outsiders": [OutsiderRules(vehicles=VisitPolicy.REGISTERED), OutsiderRules(visit_limit_min=9)],
        "levels": [(), (Level(name="网格员", name_en="grid worker", after_min=2),)],
    }
    for value in changed[name]:
        assert changes(old, replace(old, **{name: value})), (name, value)


@settings(max_examples=20)
@given(code=st.sampled_from(["findings", "sentences", "moments", "words"]))
def test_a_file_of_words_without_a_table_is_refused(code: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("words")
    text = (Path(config.__file__).parent / "texts/rules.en.toml").read_text(encoding="utf-8")
    (folder / "rules.en.toml").write_text(text.replace(f"[{code}", f"[{code}_"), encoding="utf-8")
    with pytest.raises(SettingsError, match=code):
        load_rule_texts("en", folder)
