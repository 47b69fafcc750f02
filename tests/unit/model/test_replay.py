"""Replay: a record gives back the facts of its decision; unchanged rules change nothing, others say what."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.credentials import Scanner
from model.fact_fields import JsonValue
from model.facts import Facts
from model.facts_from_record import RecordUnreadable, facts_from
from model.identities import CommunityId, VisitId
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import DecisionRecord, fields_of
from model.replay import Replay, changed
from model.rule_set import RuleSet
from model.rules import Decision, decide
from model.temperature import Celsius
from tests.unit.model.builders import COMMUNITY, NOON, facts, resident_pass, rule_set, verified
from tests.unit.model.worlds import BERLIN, COMMUNITIES, SHIPPED, facts_of, timed_rules

KNOWN = [(rules, facts_of(rules)) for rules in (timed_rules(BERLIN), *SHIPPED)]
NAMES = ["timed", *(file.stem for file in COMMUNITIES)]
GOLDEN = Path(__file__).parent / "golden"
widely = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
NAMED = {"temperature": "site", "windows": "begins"}  # where the fault lies further inside
Known = tuple[RuleSet, st.SearchStrategy[Facts]]


def body_of(found: Facts, rules: RuleSet, decision: Decision | None = None) -> dict[str, JsonValue]:
    record = DecisionRecord(
        visit=VisitId(1),
        facts=found,
        rules=rules,
        decision=decision or decide(found, rules),
        steps=(),
        scanner=Scanner.SERIAL,
        first_temperature=None,
        other_codes=0,
    )
    kind, fields = fields_of(record)
    body: dict[str, JsonValue] = json.loads(json.dumps({"kind": kind, **fields}, allow_nan=False))
    return body


@pytest.mark.parametrize("known", KNOWN, ids=NAMES)
@widely
@given(data=st.data())
def test_facts_read_again_from_their_record_lead_to_the_same_decision_and_the_same_record(
    known: Known, data: st.DataObject
) -> None:
    rules, found = known
    before = data.draw(found)
    body = body_of(before, rules)
    after = facts_from(body)
    assert decide(after, rules) == decide(before, rules)
    assert body_of(after, rules) == body


@pytest.mark.parametrize("known", KNOWN, ids=NAMES)
@widely
@given(data=st.data())
def test_replay_under_unchanged_rules_changes_nothing(known: Known, data: st.DataObject) -> None:
    rules, found = known
    replay = Replay(rules)
    for before in data.draw(st.lists(found, max_size=3)):
        replayed = replay.next(body_of(before, rules))
        assert replayed is not None
        assert not replayed.is_changed
        assert not replayed.is_assumed
        assert replayed.now == decide(before, rules)


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("decision_*.json")), ids=lambda file: file.stem)
def test_every_body_that_was_ever_written_can_be_read(file: Path) -> None:
    body = json.loads(file.read_text(encoding="utf-8"))
    assert facts_from(body).direction.value == body["direction"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("direction", "up"),
        ("gate", -1),
        ("gate", True),
        ("people", "two"),
        ("code", []),
        ("temperature", {"outcome": "warm"}),
        ("pass_status", None),
        ("decided_at", "noon"),
        ("decided_at", "2026-11-22T12:00:00"),
        ("answered_yes", {}),
        ("other_temperatures", [None]),
        ("outing", {"claim": "x", "answer": "granted", "outings": [{}]}),
        ("windows", [{"kind": "clinic"}]),
        ("schedule", {"schedule": 4, "employer": 1, "listing": "none", "shifts": [["8"]], "weekdays": []}),
        ("rules", None),
    ],
)
def test_a_field_that_does_not_fit_is_named(field: str, value: object) -> None:
    body: dict[str, object] = {**body_of(facts(), rule_set()), field: value}
    with pytest.raises(RecordUnreadable, match=NAMED.get(field, field)):
        Replay(rule_set(version=2)).next(body)


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x, max_size=3)))
def test_nothing_that_stands_in_a_body_makes_it_stumble(value: object) -> None:
    body: dict[str, object] = dict(body_of(facts(), rule_set()))
    for name in body:
        try:
            facts_from(body | {name: value})
        except RecordUnreadable:
            continue


def test_a_lower_threshold_says_who_would_have_been_referred() -> None:
    rules = rule_set()
    warmer = replace(rules, version=2, temperature=replace(rules.temperature, high_from_c=Celsius(36.0)))
    replay = Replay(warmer)
    done = [replay.next(body_of(facts(), rules)) for _ in range(3)]
    ((pair, count),) = changed(each for each in done if each is not None).items()
    assert (pair[0].reason, pair[1].reason, pair[1].outcome) == (
        Reason.ADMITTED,
        Reason.TEMPERATURE_HIGH,
        Outcome.REFERRED,
    )
    assert count == 3


def test_a_guards_decision_is_replayed_as_the_referral_that_it_answered() -> None:
    found = facts(answered_yes=("fever_or_cough",))
    body = body_of(found, rule_set(), Decision(outcome=Outcome.GRANTED, reason=Reason.GUARD_CONFIRMED, check=None))
    body["referred_for"] = Reason.QUESTION_ANSWERED_YES.value
    replayed = Replay(rule_set()).next(body)
    assert replayed is not None
    assert not replayed.is_changed
    body["referred_for"] = None
    assert Replay(rule_set()).next(body) is None


def test_a_new_quota_is_worked_out_from_what_the_replay_itself_has_granted() -> None:
    old = replace(timed_rules(BERLIN), outings=None, version=1, passback=rule_set().passback)
    new = replace(timed_rules(BERLIN), version=2, passback=rule_set().passback)
    static = verified(credential=resident_pass(community=COMMUNITY), holder_step=None)
    replay = Replay(new)
    replayed = []
    for days in (1, 2, 3):  # two of one period, one of the next
        found = replace(facts(direction=Direction.OUT, code=static), at=NOON + timedelta(days=days))
        replayed.append(replay.next(body_of(found, old)))
    reasons = [each.now.reason for each in replayed if each is not None]
    assert reasons == [Reason.ADMITTED, Reason.QUOTA_USED, Reason.ADMITTED]
    assert all(each is not None and each.is_assumed for each in replayed)


def test_rules_of_another_community_are_tried_as_if_they_were_ones_own() -> None:
    other = replace(rule_set(version=9), community=CommunityId("elsewhere"))
    replayed = Replay(other).next(body_of(facts(), rule_set()))
    assert replayed is not None
    assert not replayed.is_changed
