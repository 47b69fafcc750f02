"""Facts of every kind for properties: all passes, purposes, windows, shifts, outings and clocks under given rules."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

import config
from config.rules import load_rules
from model.clock import Instant
from model.credentials import (
    CheckStage,
    CodeCheck,
    Colour,
    Pass,
    PassKind,
    RefusalDetail,
    RefusedCode,
    VerifiedCode,
    VouchedHousehold,
)
from model.directory import Directory, HouseholdEntry, Isolation, PassStatus
from model.facts import ClaimAnswer, ClaimedOuting, Facts
from model.identities import ClaimId, GateNumber, GuardId, KeyId
from model.outings import Outing, OutingPurpose, OutingQuota, OutingRules, QuotaWindow, may_go_out_from
from model.passback import LastPassage, PassbackMode, PassbackRules
from model.passing import Direction
from model.reasons import Outcome
from model.rule_set import Check, CurfewRules, RuleSet
from model.services import IdentifiedWhy
from model.shifts import EmployerId, Listing, Rota, Schedule, ScheduleId, Shift, Way
from model.temperature import (
    Celsius,
    HandReading,
    HandSite,
    HandThermometer,
    Site,
    TemperatureJudgement,
    judge,
    judge_by_hand,
)
from model.timed_checks import counts_as_outing
from model.windows import Window, WindowKind
from tests.unit.model.builders import (
    COLD_SKIN_C,
    HIGH_SKIN_C,
    HOUSEHOLD,
    STATUS_INDEX,
    burst,
    fault,
    resident_pass,
    rule_set,
    statuses,
)

COMMUNITIES = sorted((Path(config.__file__).parent / "communities").glob("*.toml"))
SHIPPED = [load_rules(file) for file in COMMUNITIES]
BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
SCHEDULE = ScheduleId(4)
# A leap day, both changes of the clock in Europe, New Year, and an ordinary week.
DAYS = [date(2020, 2, 28), date(2020, 3, 28), date(2020, 10, 24), date(2020, 12, 30), date(2020, 2, 10)]


def timed_rules(zone: ZoneInfo = BERLIN) -> RuleSet:
    """Rules with every check that time can change."""
    return replace(
        rule_set(checks=tuple(Check)),
        zone=zone,
        isolation_windows={
            Isolation.HOME: frozenset({WindowKind.CLINIC}),
            Isolation.MEDICAL: frozenset({WindowKind.COME_HOME, WindowKind.CLINIC}),
        },
        curfew=CurfewRules(
            begins=time(23),
            ends=time(5, 30),
            directions=frozenset(Direction),
            exempt_purposes=frozenset({OutingPurpose.MEDICAL}),
            exempt_kinds=frozenset({PassKind.VOLUNTEER}),
        ),
        outings=OutingRules(
            quota=OutingQuota(
                count=1,
                period_days=2,
                window=QuotaWindow.CALENDAR,
                day_starts_at=time(4),
                counted_from=date(2020, 2, 10),
            ),
            people_max=2,
            return_within_min=120,
            return_by=time(20),
            overdue_after_min=15,
            exempt=frozenset({OutingPurpose.MEDICAL}),
            unanswered=Outcome.GRANTED,
        ),
        work_way=Way(before_min=60, after_min=45),
        passback=PassbackRules(mode=PassbackMode.TIMED, within_min=10),
    )


def rolling(rules: RuleSet) -> RuleSet:
    """The same with a rolling quota."""
    assert rules.outings is not None
    assert rules.outings.quota is not None
    quota = replace(rules.outings.quota, window=QuotaWindow.ROLLING, count=2)
    return replace(rules, outings=replace(rules.outings, quota=quota))


# All moments of one example lie within three days of each other, noon the simplest of them.
moments = st.builds(
    lambda day, seconds: datetime(day.year, day.month, day.day, 12, tzinfo=UTC) + timedelta(seconds=seconds),
    st.shared(st.sampled_from(DAYS), key="day"),
    st.one_of(st.integers(-720, 2160).map(lambda minute: 60 * minute), st.integers(-43_200, 3 * 43_200)),
)
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 0, 1, 30, 59]))
schedules = st.builds(
    lambda shifts, weekdays, rota, listing: Schedule(
        schedule=SCHEDULE,
        employer=EmployerId(1),
        listing=listing,
        shifts=tuple(Shift(begins=begins, ends=ends) for begins, ends in shifts),
        weekdays=weekdays,
        rota=rota,
    ),
    st.one_of(st.lists(st.tuples(times, times), min_size=1, max_size=2), st.just([])),
    st.one_of(st.just(frozenset(range(7))), st.frozensets(st.integers(0, 6), min_size=1)),
    st.one_of(
        st.none(),
        st.builds(
            lambda on, off, first: Rota(days_on=on, days_off=off, counted_from=first),
            st.integers(1, 4),
            st.integers(0, 3),
            st.sampled_from(DAYS),
        ),
    ),
    st.sampled_from([Listing.NONE, Listing.NONE, Listing.RED, Listing.BLACK]),
)
windows = st.builds(
    lambda kind, begins, minutes: Window(kind=kind, begins=begins, ends=begins + timedelta(minutes=minutes)),
    st.sampled_from(WindowKind),
    moments,
    st.integers(1, 300),
)
outings = st.builds(
    lambda number, started_at, purpose, is_back: Outing(
        claim=ClaimId(f"{number:016x}"),
        household=HOUSEHOLD,
        started_at=started_at,
        returned_at=started_at + timedelta(hours=1) if is_back else None,
        purpose=purpose,
        people=1,
    ),
    st.integers(1, 2**40),
    moments,
    st.sampled_from([OutingPurpose.ORDINARY, OutingPurpose.ORDINARY, OutingPurpose.MEDICAL]),
    st.booleans(),
)
purposes = st.sampled_from([None, None, None, *OutingPurpose])


def passes_of(rules: RuleSet) -> st.SearchStrategy[Pass]:
    return st.builds(
        lambda kind, schedule, gates: replace(
            resident_pass(community=rules.community, gates=gates), kind=kind, schedule=schedule
        ),
        st.sampled_from([PassKind.RESIDENT, PassKind.HOUSEHOLD, PassKind.WORK, PassKind.WORK, *PassKind]),
        st.sampled_from([SCHEDULE, SCHEDULE, 0]),
        st.sampled_from([None, None, None, 8, 1]),
    )


def codes_of(rules: RuleSet) -> st.SearchStrategy[CodeCheck | None]:
    genuine = st.builds(
        lambda credential, step, needs_guard: VerifiedCode(
            credential=credential, key_id=KeyId("0" * 16), holder_step=step, needs_guard=needs_guard
        ),
        passes_of(rules),
        st.sampled_from([None, None, 59_000_000]),
        st.sampled_from([False, False, False, False, True]),
    )
    vouched = st.builds(
        lambda why: VouchedHousehold(household=HOUSEHOLD, guard=GuardId("li_wei"), why=why),
        st.sampled_from(IdentifiedWhy),
    )
    refused = st.builds(
        lambda detail, household: RefusedCode(stage=CheckStage.CLAIMS, detail=detail, household=household),
        st.sampled_from(RefusalDetail),
        st.sampled_from([None, HOUSEHOLD]),
    )
    return st.one_of(genuine, genuine, genuine, vouched, refused, st.none())


def directories_of(rules: RuleSet) -> st.SearchStrategy[Directory]:
    return st.builds(
        lambda colour, isolation, status, known, schedule, found: Directory(
            community=rules.community,
            version=40,
            issued_at=datetime(2020, 2, 1, tzinfo=UTC),
            statuses=statuses({STATUS_INDEX: status}),
            households={HOUSEHOLD: HouseholdEntry(colour=colour, isolation=isolation)} if known else {},
            windows={HOUSEHOLD: tuple(found)} if found else {},
            schedules={SCHEDULE: schedule} if schedule is not None else {},
        ),
        st.sampled_from(Colour),
        st.sampled_from([Isolation.NONE, *Isolation]),
        st.sampled_from([PassStatus.VALID] * 6 + [*PassStatus]),
        st.sampled_from([True] * 9 + [False]),
        st.one_of(schedules, st.none()),
        st.lists(windows, max_size=3),
    )


def temperatures_of(rules: RuleSet) -> st.SearchStrategy[TemperatureJudgement]:
    burst_of = rules.temperature.burst_size
    found = [
        judge(reading, Site.FOREHEAD, rules.temperature)
        for reading in (burst(33.5, count=burst_of), burst(COLD_SKIN_C), burst(HIGH_SKIN_C), fault())
    ]
    for body_c in (36.6, 38.2):
        reading = HandReading(
            at=Instant(1.0),
            body_c=Celsius(body_c),
            site=HandSite.FOREHEAD,
            thermometer=HandThermometer.INFRARED,
            guard=GuardId("li_wei"),
        )
        found.append(judge_by_hand(reading, rules.temperature))
    return st.sampled_from(found[:1] * 6 + found)


claims = st.builds(
    ClaimedOuting,
    claim=st.just(ClaimId("f" * 16)),
    answer=st.sampled_from(ClaimAnswer),
    outings=st.lists(outings, min_size=1, max_size=3).map(tuple),
    possible_at=st.one_of(st.none(), moments),
)
last_passages = st.builds(LastPassage, direction=st.sampled_from(Direction), at=moments)


def in_order_of(rules: RuleSet) -> st.SearchStrategy[Facts]:
    """Facts in which nothing but the time can be in the way: everybody is known, healthy and allowed."""
    measured = judge(burst(33.5), Site.FOREHEAD, rules.temperature)
    code = st.builds(
        lambda credential: VerifiedCode(credential=credential, key_id=KeyId("0" * 16), holder_step=None),
        passes_of(rules).map(lambda credential: replace(credential, gates=None)),
    )
    known = st.builds(
        lambda isolation, schedule, found: Directory(
            community=rules.community,
            version=40,
            issued_at=datetime(2020, 2, 1, tzinfo=UTC),
            statuses=statuses({STATUS_INDEX: PassStatus.VALID}),
            households={HOUSEHOLD: HouseholdEntry(colour=Colour.GREEN, isolation=isolation)},
            windows={HOUSEHOLD: tuple(found)},
            schedules={SCHEDULE: replace(schedule, listing=Listing.NONE)},
        ),
        st.sampled_from([Isolation.NONE] * 6 + [Isolation.HOME, Isolation.MEDICAL]),
        schedules,
        st.lists(windows, max_size=3),
    )
    return st.builds(
        Facts,
        direction=st.sampled_from([Direction.OUT, Direction.OUT, Direction.IN]),
        gate=st.just(GateNumber(3)),
        code=code,
        directory=known,
        temperature=st.just(measured),
        at=moments,
        outing=claims,
        last_passage=st.one_of(st.none(), last_passages),
    )


def facts_of(rules: RuleSet) -> st.SearchStrategy[Facts]:
    """Facts of every kind, most of them in order, under these rules."""
    return st.builds(
        Facts,
        direction=st.sampled_from(Direction),
        gate=st.sampled_from([GateNumber(3), GateNumber(3), GateNumber(0)]),
        code=codes_of(rules),
        directory=st.one_of(directories_of(rules), directories_of(rules), directories_of(rules), st.none()),
        temperature=st.one_of(temperatures_of(rules), temperatures_of(rules), st.none()),
        code_is_used=st.sampled_from([False] * 9 + [True]),
        answered_yes=st.sampled_from([(), (), (), (), ("fever_or_cough",)]),
        people=st.sampled_from([1, 1, 1, 2, 3]),
        others=st.lists(temperatures_of(rules), max_size=2).map(tuple),
        at=st.one_of(moments, moments, moments, st.none()),
        purpose=purposes,
        outing=st.one_of(st.none(), claims),
        last_passage=st.one_of(st.none(), last_passages),
    )


def asked(facts: Facts, rules: RuleSet) -> Facts:
    """The same facts after the centre was asked at this moment, which answers by the same rules."""
    if facts.at is None or facts.outing is None or rules.outings is None or not counts_as_outing(facts, rules):
        return facts
    allowed_from = may_go_out_from(rules.outings, facts.outing.outings, facts.at, rules.zone)
    is_free = allowed_from <= facts.at
    answer = ClaimAnswer.GRANTED if is_free else ClaimAnswer.REFUSED
    return replace(facts, outing=replace(facts.outing, answer=answer, possible_at=None if is_free else allowed_from))


def at(facts: Facts, moment: datetime, rules: RuleSet) -> Facts:
    """The same person at another moment: the centre is asked anew."""
    return asked(replace(facts, at=moment), rules)
