"""model.rules.decide: every check, every reason; rules are data; nothing unknown ever passes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.credentials import CheckStage, CodeCheck, Colour, RefusalDetail, RefusedCode, VerifiedCode
from model.directory import Directory, Isolation, PassStatus
from model.facts import Facts
from model.identities import CommunityId, GateNumber, HouseholdId
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import Check, ColourRule, RuleSet
from model.rules import ALWAYS_DENIED, decide, outcome_of
from model.temperature import TemperatureJudgement, TemperatureOutcome
from tests.unit.model.builders import (
    HIGH,
    INDETERMINATE,
    NORMAL,
    directory,
    facts,
    fault,
    judged,
    refused,
    resident_pass,
    rule_set,
    verified,
)

RULES = rule_set()


def test_healthy_resident_of_the_directory_is_admitted() -> None:
    decision = decide(facts(), RULES)
    assert decision.outcome is Outcome.GRANTED
    assert decision.reason is Reason.ADMITTED
    assert decision.check is None
    assert not decision.is_watched


def test_watched_colour_is_admitted_and_the_centre_is_told() -> None:
    decision = decide(facts(known=directory(colour=Colour.YELLOW)), RULES)
    assert (decision.outcome, decision.reason) == (Outcome.GRANTED, Reason.ADMITTED_WATCHED)
    assert decision.is_watched


@pytest.mark.parametrize(
    ("changed", "check", "reason", "outcome"),
    [
        (facts(code=None), Check.PASS, Reason.NO_CODE, Outcome.DENIED),
        (
            facts(code=verified(credential=resident_pass(community=CommunityId("baiyin")))),
            Check.PASS,
            Reason.OTHER_COMMUNITY,
            Outcome.DENIED,
        ),
        (facts(code=verified(needs_guard=True)), Check.PASS, Reason.CLOCK_NOT_TRUSTED, Outcome.REFERRED),
        (facts(known=None), Check.DIRECTORY, Reason.NO_DIRECTORY, Outcome.DENIED),
        (
            facts(known=directory(household=HouseholdId(1))),
            Check.DIRECTORY,
            Reason.HOUSEHOLD_NOT_ON_DIRECTORY,
            Outcome.DENIED,
        ),
        (facts(code=verified(credential=resident_pass(gates=0b0111))), Check.GATE, Reason.WRONG_GATE, Outcome.DENIED),
        (facts(code_is_used=True), Check.FRESH, Reason.CODE_USED, Outcome.DENIED),
        (
            facts(known=directory(isolation=Isolation.MEDICAL)),
            Check.ISOLATION,
            Reason.HOUSEHOLD_ISOLATED,
            Outcome.DENIED,
        ),
        (
            facts(known=directory(isolation=Isolation.HOME), direction=Direction.OUT),
            Check.ISOLATION,
            Reason.HOUSEHOLD_ISOLATED,
            Outcome.DENIED,
        ),
        (
            facts(known=directory(colour=Colour.ORANGE), direction=Direction.OUT),
            Check.COLOUR,
            Reason.COLOUR_NOT_ALLOWED,
            Outcome.DENIED,
        ),
        (
            facts(known=directory(colour=Colour.UNCOLOURED)),
            Check.COLOUR,
            Reason.COLOUR_NOT_ALLOWED,
            Outcome.DENIED,
        ),
        (facts(answered_yes=("cough",)), Check.QUESTIONS, Reason.QUESTION_ANSWERED_YES, Outcome.REFERRED),
        (facts(temperature=HIGH), Check.TEMPERATURE, Reason.TEMPERATURE_HIGH, Outcome.REFERRED),
        (facts(temperature=INDETERMINATE), Check.TEMPERATURE, Reason.TEMPERATURE_INDETERMINATE, Outcome.REFERRED),
        (facts(temperature=judged(fault())), Check.TEMPERATURE, Reason.TEMPERATURE_INDETERMINATE, Outcome.REFERRED),
        (facts(temperature=None), Check.TEMPERATURE, Reason.TEMPERATURE_INDETERMINATE, Outcome.REFERRED),
    ],
)
def test_check_that_fails_gives_its_reason_and_the_outcome_of_the_rules(
    changed: Facts, check: Check, reason: Reason, outcome: Outcome
) -> None:
    decision = decide(changed, RULES)
    assert (decision.check, decision.reason, decision.outcome) == (check, reason, outcome)


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        (RefusalDetail.NOT_A_PASS, Reason.NOT_A_PASS),
        (RefusalDetail.DAMAGED, Reason.CODE_DAMAGED),
        (RefusalDetail.FORGED, Reason.CODE_FORGED),
        (RefusalDetail.OTHER_COMMUNITY, Reason.OTHER_COMMUNITY),
        (RefusalDetail.EXPIRED, Reason.PASS_EXPIRED),
        (RefusalDetail.NOT_YET_VALID, Reason.PASS_NOT_YET_VALID),
        (RefusalDetail.NOT_ON_DIRECTORY, Reason.PASS_NOT_ON_DIRECTORY),
        (RefusalDetail.REVOKED, Reason.PASS_REVOKED),
        (RefusalDetail.SUSPENDED, Reason.PASS_SUSPENDED),
        (RefusalDetail.HOLDER_CODE_MISSING, Reason.HOLDER_CODE_MISSING),
        (RefusalDetail.HOLDER_CODE_STALE, Reason.HOLDER_CODE_STALE),
        (RefusalDetail.HOLDER_CODE_FORGED, Reason.CODE_FORGED),
        (RefusalDetail.SEVERAL_CODES, Reason.SEVERAL_CODES),
    ],
)
def test_refused_code_is_denied_and_says_why(detail: RefusalDetail, reason: Reason) -> None:
    decision = decide(facts(code=refused(detail)), RULES)
    assert (decision.outcome, decision.reason, decision.check) == (Outcome.DENIED, reason, Check.PASS)


def test_every_detail_of_a_refusal_has_a_reason() -> None:
    for detail in RefusalDetail:
        assert decide(facts(code=refused(detail)), RULES).outcome is Outcome.DENIED


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (PassStatus.REVOKED, Reason.PASS_REVOKED),
        (PassStatus.SUSPENDED, Reason.PASS_SUSPENDED),
        (PassStatus.UNKNOWN, Reason.PASS_NOT_ON_DIRECTORY),
    ],
)
def test_pass_revoked_between_scan_and_decision_is_denied(status: PassStatus, reason: Reason) -> None:
    """The code was verified against an older directory; the one that is recorded with the decision counts."""
    decision = decide(facts(known=directory(status=status)), RULES)
    assert (decision.outcome, decision.reason, decision.check) == (Outcome.DENIED, reason, Check.PASS)


@pytest.mark.parametrize("isolation", [Isolation.NONE, Isolation.HOME])
def test_isolated_household_enters_where_the_rules_allow_it(isolation: Isolation) -> None:
    assert decide(facts(known=directory(isolation=isolation)), RULES).outcome is Outcome.GRANTED


def test_nobody_is_measured_in_a_direction_that_the_rules_do_not_name() -> None:
    only_in = rule_set(measured=[Direction.IN])
    assert decide(facts(temperature=None, direction=Direction.OUT), only_in).outcome is Outcome.GRANTED
    assert decide(facts(temperature=None, direction=Direction.IN), only_in).outcome is Outcome.REFERRED


def test_first_check_of_the_rules_that_fails_decides() -> None:
    both = facts(temperature=HIGH, answered_yes=("cough",))
    questions_first = rule_set(checks=tuple(Check))
    temperature_first = rule_set(checks=tuple(reversed(Check)))
    assert decide(both, questions_first).reason is Reason.QUESTION_ANSWERED_YES
    assert decide(both, temperature_first).reason is Reason.TEMPERATURE_HIGH


class TestRulesAreData:
    def test_colour_that_one_community_lets_out_another_keeps_in(self) -> None:
        orange_out = facts(known=directory(colour=Colour.ORANGE), direction=Direction.OUT)
        lenient = rule_set(version=2, colours={Colour.ORANGE: ColourRule(may_enter=True, may_leave=True)})
        assert decide(orange_out, RULES).outcome is Outcome.DENIED
        assert decide(orange_out, lenient).outcome is Outcome.GRANTED

    def test_failure_that_one_community_denies_another_refers(self) -> None:
        isolated = facts(known=directory(isolation=Isolation.MEDICAL))
        referring = rule_set(version=2, on_failure={Reason.HOUSEHOLD_ISOLATED: Outcome.REFERRED})
        assert decide(isolated, RULES).outcome is Outcome.DENIED
        assert decide(isolated, referring).outcome is Outcome.REFERRED

    def test_failure_that_the_rules_do_not_name_is_denied(self) -> None:
        silent = rule_set(on_failure={})
        for reason in Reason:
            assert outcome_of(reason, silent) is Outcome.DENIED

    def test_rules_that_name_a_failure_granted_only_refer(self) -> None:
        careless = rule_set(on_failure=dict.fromkeys(Reason, Outcome.GRANTED))
        for reason in Reason:
            assert outcome_of(reason, careless) is not Outcome.GRANTED
        assert decide(facts(temperature=HIGH), careless).outcome is Outcome.REFERRED


class TestNeverSoftened:
    SOFT = dict.fromkeys(Reason, Outcome.REFERRED)
    FORGED = facts(code=refused(RefusalDetail.FORGED), temperature=None)
    WEB_ADDRESS = facts(code=refused(RefusalDetail.NOT_A_PASS, CheckStage.PREFIX), temperature=None)
    USED = facts(code_is_used=True, temperature=INDETERMINATE)

    @pytest.mark.parametrize("reason", [reason for reason in Reason if reason in ALWAYS_DENIED])
    def test_by_outcomes_in_the_rules(self, reason: Reason) -> None:
        assert outcome_of(reason, rule_set(on_failure=self.SOFT)) is Outcome.DENIED

    @pytest.mark.parametrize("found", [FORGED, WEB_ADDRESS, USED])
    def test_by_the_order_of_checks(self, found: Facts) -> None:
        """Otherwise "never measured" would come first, and a guard would be asked about a forged code."""
        backwards = rule_set(checks=tuple(reversed(Check)), on_failure=self.SOFT)
        decision = decide(found, backwards)
        assert decision.outcome is Outcome.DENIED
        assert decision.reason in ALWAYS_DENIED

    @pytest.mark.parametrize("found", [FORGED, WEB_ADDRESS, USED])
    def test_by_leaving_checks_out(self, found: Facts) -> None:
        decision = decide(found, rule_set(checks=(), on_failure=self.SOFT))
        assert decision.outcome is Outcome.DENIED
        assert decision.reason in ALWAYS_DENIED


def test_rules_without_any_check_still_grant_nothing_without_pass_directory_and_trusted_clock() -> None:
    bare = rule_set(checks=())
    assert decide(facts(temperature=None), bare).outcome is Outcome.GRANTED
    for changed, reason in [
        (facts(code=None), Reason.NO_CODE),
        (facts(code=refused(RefusalDetail.EXPIRED)), Reason.PASS_EXPIRED),
        (facts(code=verified(needs_guard=True)), Reason.CLOCK_NOT_TRUSTED),
        (facts(known=None), Reason.NO_DIRECTORY),
        (facts(known=directory(household=HouseholdId(1))), Reason.HOUSEHOLD_NOT_ON_DIRECTORY),
        (facts(known=directory(status=PassStatus.REVOKED)), Reason.PASS_REVOKED),
    ]:
        decision = decide(changed, bare)
        assert decision.outcome is not Outcome.GRANTED
        assert decision.reason is reason


codes: st.SearchStrategy[CodeCheck | None] = st.one_of(
    st.none(),
    st.builds(
        lambda stage, detail: RefusedCode(stage=stage, detail=detail),
        st.sampled_from(CheckStage),
        st.sampled_from(RefusalDetail),
    ),
    st.builds(
        lambda gates, community, household, index, needs_guard: verified(
            credential=resident_pass(
                gates=gates,
                community=CommunityId(community),
                household=HouseholdId(household),
                status_index=index,
            ),
            needs_guard=needs_guard,
        ),
        st.one_of(st.none(), st.integers(min_value=0, max_value=2**64 - 1)),
        st.sampled_from(["longcheng", "longcheng", "longcheng", "baiyin"]),
        st.sampled_from([501, 501, 501, 1]),
        st.sampled_from([7, 7, 7, 8, 0, -1, 10**6]),
        st.sampled_from([False, False, True]),
    ),
)
directories: st.SearchStrategy[Directory | None] = st.one_of(
    st.none(),
    st.builds(
        lambda colour, isolation, status: directory(colour=colour, isolation=isolation, status=status),
        st.sampled_from(Colour),
        st.sampled_from(Isolation),
        st.sampled_from([PassStatus.VALID, PassStatus.VALID, *PassStatus]),
    ),
)
temperatures: st.SearchStrategy[TemperatureJudgement | None] = st.sampled_from(
    [None, NORMAL, NORMAL, NORMAL, HIGH, INDETERMINATE, judged(fault())]
)
any_facts = st.builds(
    lambda direction, gate, code, known, temperature, code_is_used, answered_yes: Facts(
        direction=direction,
        gate=GateNumber(gate),
        code=code,
        directory=known,
        temperature=temperature,
        code_is_used=code_is_used,
        answered_yes=answered_yes,
    ),
    st.sampled_from(Direction),
    st.integers(min_value=0, max_value=63),
    codes,
    directories,
    temperatures,
    st.sampled_from([False, False, True]),
    st.sampled_from([(), (), ("cough",)]),
)
colour_rules = st.builds(
    lambda may_enter, may_leave, is_watched: ColourRule(
        may_enter=may_enter, may_leave=may_leave, is_watched=is_watched
    ),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
any_rules = st.builds(
    lambda checks, colours, enter, leave, measured, on_failure: replace(
        rule_set(checks=tuple(checks), measured=measured, on_failure=on_failure),
        colours=colours,
        isolation_may_enter=enter,
        isolation_may_leave=leave,
    ),
    st.one_of(st.permutations(list(Check)), st.lists(st.sampled_from(Check), max_size=10)),
    st.dictionaries(st.sampled_from(Colour), colour_rules),
    st.dictionaries(st.sampled_from(Isolation), st.booleans()),
    st.dictionaries(st.sampled_from(Isolation), st.booleans()),
    st.frozensets(st.sampled_from(Direction)),
    st.dictionaries(st.sampled_from(Reason), st.sampled_from(Outcome)),
)


@given(found=any_facts, rules=any_rules)
def test_decide_never_raises_and_grants_only_a_genuine_fresh_pass_of_a_household_on_the_directory(
    found: Facts, rules: RuleSet
) -> None:
    decision = decide(found, rules)
    if decision.outcome is not Outcome.GRANTED:
        assert decision.reason not in {Reason.ADMITTED, Reason.ADMITTED_WATCHED}
        return
    assert decision.check is None
    assert isinstance(found.code, VerifiedCode)
    assert not found.code.needs_guard
    assert not found.code_is_used
    credential = found.code.credential
    assert credential.community == rules.community
    assert found.directory is not None
    assert credential.household in found.directory.households
    assert found.directory.status_of(credential.status_index) is PassStatus.VALID


@given(found=any_facts, rules=any_rules)
def test_each_check_that_the_rules_name_holds_for_whoever_is_granted(found: Facts, rules: RuleSet) -> None:
    if decide(found, rules).outcome is not Outcome.GRANTED:
        return
    assert isinstance(found.code, VerifiedCode)
    assert found.directory is not None
    household = found.directory.households[found.code.credential.household]
    is_in = found.direction is Direction.IN
    if Check.GATE in rules.checks:
        assert found.code.credential.opens(found.gate)
    if Check.COLOUR in rules.checks:
        colour = rules.colours[household.colour]
        assert colour.may_enter if is_in else colour.may_leave
    if Check.ISOLATION in rules.checks and household.isolation is not Isolation.NONE:
        assert (rules.isolation_may_enter if is_in else rules.isolation_may_leave)[household.isolation]
    if Check.QUESTIONS in rules.checks:
        assert not found.answered_yes
    if Check.TEMPERATURE in rules.checks and found.direction in rules.measured_directions:
        assert found.temperature is not None
        assert found.temperature.outcome is TemperatureOutcome.NORMAL


@given(found=any_facts, rules=any_rules, temperature=st.sampled_from([None, HIGH, INDETERMINATE, judged(fault())]))
def test_temperature_that_is_not_known_to_be_normal_never_passes_where_it_is_checked(
    found: Facts, rules: RuleSet, temperature: TemperatureJudgement | None
) -> None:
    checked = replace(
        rules, checks=(*rules.checks, Check.TEMPERATURE), measured_directions=frozenset({found.direction})
    )
    assert decide(replace(found, temperature=temperature), checked).outcome is not Outcome.GRANTED


@given(found=any_facts, rules=any_rules)
def test_refused_or_used_code_is_never_granted_and_a_forged_one_never_referred(found: Facts, rules: RuleSet) -> None:
    decision = decide(found, rules)
    if decision.reason in ALWAYS_DENIED:
        assert decision.outcome is Outcome.DENIED
    if isinstance(found.code, RefusedCode) and found.code.detail in {
        RefusalDetail.FORGED,
        RefusalDetail.HOLDER_CODE_FORGED,
        RefusalDetail.NOT_A_PASS,
    }:
        assert decision.outcome is Outcome.DENIED


def test_same_facts_and_rules_give_the_same_decision() -> None:
    assert decide(facts(), RULES) == decide(facts(), rule_set())
