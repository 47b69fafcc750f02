"""What time changes: "possible at" is true to the minute, isolated households stay in, colours grow stricter."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.rule_words import FROM_MILD_TO_STRICT
from model.credentials import RefusedCode
from model.directory import Isolation
from model.facts import ClaimAnswer, ClaimedOuting, Facts
from model.identities import ClaimId
from model.local_time import MINUTE
from model.outings import Outing, OutingPurpose
from model.passback import LastPassage
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import RuleSet
from model.rules import decide, is_emergency_exit, wants_claim
from model.temperature import Site, judge
from model.windows import DIRECTIONS_OF, Window, WindowKind
from tests.unit.model.builders import HOUSEHOLD, burst, directory, facts, resident_pass, verified
from tests.unit.model.worlds import (
    BERLIN,
    COMMUNITIES,
    SHANGHAI,
    SHIPPED,
    asked,
    at,
    facts_of,
    in_order_of,
    rolling,
    timed_rules,
)

TIMED = [timed_rules(BERLIN), timed_rules(SHANGHAI), rolling(timed_rules(BERLIN))]
NAMES = ["berlin", "shanghai", "rolling", *(file.stem for file in COMMUNITIES)]
IN_ORDER = [(rules, in_order_of(rules)) for rules in (*TIMED, *SHIPPED)]
ANY = [(rules, facts_of(rules)) for rules in (*TIMED, *SHIPPED)]
Known = tuple[RuleSet, st.SearchStrategy[Facts]]
in_order = pytest.mark.parametrize("known", IN_ORDER, ids=NAMES)
any_at_all = pytest.mark.parametrize("known", ANY, ids=NAMES)
widely = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


@in_order
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_told_to_be_possible_at_a_time_is_possible_then_and_not_a_minute_earlier(
    known: Known, data: st.DataObject
) -> None:
    rules, found = known
    facts = asked(data.draw(found), rules)
    decision = decide(facts, rules)
    possible_at = decision.possible_at
    if possible_at is None:
        return
    assert facts.at is not None
    assert decision.outcome is not Outcome.GRANTED
    assert possible_at > facts.at
    assert (possible_at.second, possible_at.microsecond) == (0, 0)
    assert decide(at(facts, possible_at, rules), rules).outcome is Outcome.GRANTED
    sooner = [facts.at + part * (possible_at - facts.at) / 7 for part in range(7)]
    for moment in (*sooner, possible_at - MINUTE):
        if facts.at <= moment <= possible_at - MINUTE:
            assert decide(at(facts, moment, rules), rules).outcome is not Outcome.GRANTED


@any_at_all
@widely
@given(data=st.data())
def test_what_else_is_in_the_way_makes_no_time_possible(known: Known, data: st.DataObject) -> None:
    rules, found = known
    facts = asked(data.draw(found), rules)
    possible_at = decide(facts, rules).possible_at
    if possible_at is not None:
        assert decide(at(facts, possible_at, rules), rules).outcome is Outcome.GRANTED


@pytest.mark.parametrize("known", [*IN_ORDER, *ANY], ids=[*NAMES, *NAMES])
@widely
@given(data=st.data(), isolation=st.sampled_from([Isolation.HOME, Isolation.MEDICAL]))
def test_an_isolated_household_never_gets_out_without_a_window_or_an_emergency(
    known: Known, data: st.DataObject, isolation: Isolation
) -> None:
    rules, found = known
    out = replace(data.draw(found), direction=Direction.OUT)
    if out.directory is not None:
        households = {each: replace(entry, isolation=isolation) for each, entry in out.directory.households.items()}
        out = replace(out, directory=replace(out.directory, households=households))
    if decide(out, rules).outcome is not Outcome.GRANTED or is_emergency_exit(out):
        return
    assert out.at is not None
    assert out.directory is not None
    kinds = rules.isolation_windows[isolation]
    assert any(
        window.kind in kinds and Direction.OUT in DIRECTIONS_OF[window.kind] and window.begins <= out.at < window.ends
        for windows in out.directory.windows.values()
        for window in windows
    )


@pytest.mark.parametrize("known", [*IN_ORDER[3:], *ANY[3:]], ids=[*NAMES[3:], *NAMES[3:]])
@widely
@given(data=st.data())
def test_a_stricter_colour_never_admits_more(known: Known, data: st.DataObject) -> None:
    rules, found = known
    facts = data.draw(found)
    if facts.directory is None:
        return
    admitted = []
    for colour in FROM_MILD_TO_STRICT:
        households = {number: replace(entry, colour=colour) for number, entry in facts.directory.households.items()}
        coloured = replace(facts, directory=replace(facts.directory, households=households))
        admitted.append(decide(coloured, rules).outcome is Outcome.GRANTED)
    assert all(milder or not stricter for milder, stricter in pairwise(admitted))


@any_at_all
@widely
@given(data=st.data())
def test_no_rule_stops_an_emergency_but_a_code_that_is_no_pass(known: Known, data: st.DataObject) -> None:
    rules, found = known
    facts = replace(data.draw(found), direction=Direction.OUT, purpose=OutingPurpose.EMERGENCY)
    if facts.code is None or isinstance(facts.code, RefusedCode) or facts.code_is_used:
        assert decide(facts, rules).outcome is not Outcome.GRANTED
        return
    decision = decide(facts, rules)
    assert (decision.outcome, decision.reason) == (Outcome.GRANTED, Reason.EMERGENCY_EXIT)
    assert not wants_claim(facts, rules)


@in_order
@widely
@given(data=st.data())
def test_the_centre_is_asked_only_where_its_yes_would_open(known: Known, data: st.DataObject) -> None:
    rules, found = known
    facts = replace(data.draw(found), outing=None)
    claimed = replace(facts, outing=ClaimedOuting(claim=ClaimId("a" * 16), answer=ClaimAnswer.GRANTED))
    is_free = decide(facts, rules).outcome is Outcome.GRANTED
    assert wants_claim(facts, rules) == (not is_free and decide(claimed, rules).outcome is Outcome.GRANTED)


@in_order
@widely
@given(data=st.data())
def test_whoever_goes_out_has_a_time_of_return_after_now(known: Known, data: st.DataObject) -> None:
    rules, found = known
    facts = data.draw(found)
    due_back = decide(facts, rules).due_back
    if due_back is not None:
        assert facts.at is not None
        assert facts.at < due_back <= facts.at + timedelta(days=1, hours=1)


def test_what_the_centre_grants_now_is_not_promised_for_a_later_period() -> None:
    """A gate whose clock is ahead has noted an outing of tomorrow; the clinic's window opens tomorrow as well."""
    rules = next(each for each in SHIPPED if each.outings is not None and each.outings.unanswered is Outcome.GRANTED)
    noon = datetime(2020, 2, 14, 4, tzinfo=UTC)  # the community's noon
    assert rules.outings is not None
    assert rules.outings.quota is not None
    opens = noon + timedelta(days=3)
    ahead = Outing(
        claim=ClaimId("b" * 16),
        household=HOUSEHOLD,
        started_at=opens,
        returned_at=None,
        purpose=OutingPurpose.ORDINARY,
        people=1,
    )
    known = replace(
        directory(isolation=Isolation.HOME),
        community=rules.community,
        windows={HOUSEHOLD: (Window(kind=WindowKind.CLINIC, begins=opens, ends=opens + timedelta(hours=1)),)},
    )
    code = verified(credential=resident_pass(community=rules.community), holder_step=None)
    measured = judge(burst(33.5), Site.FOREHEAD, rules.temperature)
    found = replace(
        facts(direction=Direction.OUT, code=code, known=known, temperature=measured),
        at=noon,
        outing=ClaimedOuting(claim=ClaimId("a" * 16), answer=ClaimAnswer.GRANTED, outings=(ahead,)),
    )
    decision = decide(found, rules)
    assert (decision.reason, decision.possible_at) == (Reason.HOUSEHOLD_ISOLATED, None)
    without = replace(found, outing=ClaimedOuting(claim=ClaimId("a" * 16), answer=ClaimAnswer.GRANTED))
    assert decide(without, rules).possible_at == opens


def test_a_time_that_is_told_is_the_first_whole_minute_that_is_not_too_early() -> None:
    rules = timed_rules(SHANGHAI)
    shown = datetime(2020, 2, 14, 4, 0, 1, tzinfo=UTC)
    measured = judge(burst(33.5), Site.FOREHEAD, rules.temperature)
    code = verified(credential=resident_pass(community=rules.community), holder_step=None)
    found = replace(
        facts(code=code, temperature=measured),
        at=shown + timedelta(minutes=3),
        last_passage=LastPassage(direction=Direction.IN, at=shown),
    )
    decision = decide(found, rules)
    told = datetime(2020, 2, 14, 4, 11, tzinfo=UTC)
    assert (decision.reason, decision.possible_at) == (Reason.SHOWN_TWICE, told)
    assert decide(replace(found, at=told), rules).outcome is Outcome.GRANTED
    assert decide(replace(found, at=told - MINUTE), rules).outcome is not Outcome.GRANTED
