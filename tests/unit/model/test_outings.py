"""A household's outings: quotas over midnight, clock changes and leap days, times of return, what is stored."""

import json
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.identities import ClaimId, HouseholdId
from model.local_time import MINUTE, at_local, day_of
from model.outings import (
    Outing,
    OutingInvalid,
    OutingPurpose,
    OutingQuota,
    OutingRules,
    QuotaWindow,
    due_back,
    exceeds_quota,
    fields_of_outing,
    is_overdue,
    may_go_out_from,
    outing_from,
    still_counts,
)
from model.reasons import Outcome

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")  # its clocks change at 01:00 UTC
APIA = ZoneInfo("Pacific/Apia")  # left out the whole of 2011-12-30
SIX = time(6)


def quota(
    count: int = 1,
    days: int = 1,
    window: QuotaWindow = QuotaWindow.CALENDAR,
    starts_at: time = time(),
    counted_from: date = date(2020, 2, 10),
) -> OutingQuota:
    return OutingQuota(count=count, period_days=days, window=window, day_starts_at=starts_at, counted_from=counted_from)


def rules(
    of: OutingQuota | None = None,
    *,
    within: int | None = None,
    by: time | None = None,
    grace: int = 0,
    exempt: frozenset[OutingPurpose] = frozenset(),
) -> OutingRules:
    return OutingRules(
        quota=of,
        people_max=1,
        return_within_min=within,
        return_by=by,
        overdue_after_min=grace,
        exempt=exempt,
        unanswered=Outcome.REFERRED,
    )


def outing(
    at: datetime, purpose: OutingPurpose = OutingPurpose.ORDINARY, returned_at: datetime | None = None
) -> Outing:
    return Outing(
        claim=ClaimId("00112233445566aa"),
        household=HouseholdId(7),
        started_at=at,
        returned_at=returned_at,
        purpose=purpose,
        people=1,
    )


def on(day: str, clock: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return at_local(date.fromisoformat(day), time.fromisoformat(clock), zone)


ROLLING = QuotaWindow.ROLLING


@pytest.mark.parametrize(
    ("of", "went", "again"),
    [
        (quota(), "2020-02-14 23:59", "2020-02-15 00:00"),
        (quota(starts_at=SIX), "2020-02-14 08:00", "2020-02-15 06:00"),
        (quota(starts_at=SIX), "2020-02-14 05:59", "2020-02-14 06:00"),
        (quota(days=2), "2020-02-12 00:00", "2020-02-14 00:00"),
        (quota(days=2), "2020-02-13 23:59", "2020-02-14 00:00"),
        (quota(days=3), "2020-02-10 09:00", "2020-02-13 00:00"),
        (quota(days=3), "2020-02-09 09:00", "2020-02-10 00:00"),  # before the counting begins, periods go on backwards
        (quota(days=2), "2020-02-28 12:00", "2020-03-01 00:00"),  # 28 and 29 February are one period
        (quota(), "2020-12-31 12:00", "2021-01-01 00:00"),
        (quota(days=3), "2020-12-30 12:00", "2021-01-02 00:00"),
        (quota(days=1, window=ROLLING), "2020-02-14 08:00", "2020-02-15 08:00"),
        (quota(days=1, window=ROLLING), "2020-02-14 08:00:01", "2020-02-15 08:01"),
        (quota(days=2, window=ROLLING), "2020-02-28 08:00", "2020-03-01 08:00"),
        (quota(days=3, window=ROLLING), "2020-12-30 23:30", "2021-01-02 23:30"),
    ],
)
def test_a_household_that_used_its_quota_may_go_out_again_with_the_next_period(
    of: OutingQuota, went: str, again: str
) -> None:
    started, next_time = on(*went.split()), on(*again.split())
    held = rules(of)
    assert may_go_out_from(held, [outing(started)], started, SHANGHAI) == next_time
    assert may_go_out_from(held, [outing(started)], next_time - MINUTE, SHANGHAI) == next_time
    assert may_go_out_from(held, [outing(started)], next_time, SHANGHAI) == next_time


def test_a_calendar_day_follows_the_clock_on_the_wall_and_a_rolling_one_does_not() -> None:
    evening = on("2026-03-28", "20:00", BERLIN)  # the clock leaps forward at 02:00 in the night
    calendar, rolling = rules(quota(starts_at=SIX)), rules(quota(window=ROLLING))
    assert may_go_out_from(calendar, [outing(evening)], evening, BERLIN) == on("2026-03-29", "06:00", BERLIN)
    assert may_go_out_from(rolling, [outing(evening)], evening, BERLIN) == on("2026-03-29", "21:00", BERLIN)


def test_a_day_that_begins_at_a_time_left_out_begins_with_the_leap() -> None:
    evening = on("2026-03-28", "20:00", BERLIN)
    held = rules(quota(starts_at=time(2, 30)))
    assert may_go_out_from(held, [outing(evening)], evening, BERLIN) == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_several_outings_of_a_period_are_counted() -> None:
    held = rules(quota(count=2))
    first, second = outing(on("2020-02-14", "08:00")), outing(on("2020-02-14", "17:00"))
    now = on("2020-02-14", "18:00")
    assert may_go_out_from(held, [first], now, SHANGHAI) == now
    assert may_go_out_from(held, [second, first], now, SHANGHAI) == on("2020-02-15", "00:00")


def test_a_rolling_quota_of_two_is_free_when_the_older_one_stops_counting() -> None:
    held = rules(quota(count=2, window=ROLLING))
    went = [outing(on("2020-02-14", "17:00")), outing(on("2020-02-14", "08:00"))]
    assert may_go_out_from(held, went, on("2020-02-14", "18:00"), SHANGHAI) == on("2020-02-15", "08:00")


def test_without_a_quota_a_household_goes_out_at_any_time() -> None:
    now = on("2020-02-14", "08:00")
    assert may_go_out_from(rules(), [outing(now)] * 9, now, SHANGHAI) == now


@pytest.mark.parametrize("purpose", [OutingPurpose.EMERGENCY, OutingPurpose.MEDICAL])
def test_an_emergency_and_an_exempt_purpose_cost_nothing(purpose: OutingPurpose) -> None:
    held = rules(quota(), within=120, exempt=frozenset({OutingPurpose.MEDICAL}))
    now = on("2020-02-14", "08:00")
    assert may_go_out_from(held, [outing(now, purpose)], now, SHANGHAI) == now
    assert due_back(held, now, SHANGHAI, purpose) is None
    assert not is_overdue(held, outing(now, purpose), now + timedelta(days=3), SHANGHAI)


def test_an_outing_of_a_gate_whose_clock_is_ahead_counts_as_well() -> None:
    now = on("2020-02-14", "08:00")
    ahead = outing(now + timedelta(seconds=3))
    assert may_go_out_from(rules(quota()), [ahead], now, SHANGHAI) > now
    assert may_go_out_from(rules(quota(window=ROLLING)), [ahead], now, SHANGHAI) > now


@pytest.mark.parametrize(("count", "days"), [(0, 1), (1, 0), (-1, 1)])
def test_a_quota_of_nothing_cannot_be_made(count: int, days: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        quota(count=count, days=days)


@pytest.mark.parametrize(
    ("within", "by", "started", "due"),
    [
        (120, None, "2020-02-14 08:00", "2020-02-14 10:00"),
        (120, None, "2020-02-14 08:00:30", "2020-02-14 10:01"),  # never earlier than what holds
        (None, SIX, "2020-02-14 05:59", "2020-02-14 06:00"),
        (None, time(20), "2020-02-14 19:59", "2020-02-14 20:00"),
        (None, time(20), "2020-02-14 20:01", "2020-02-15 20:00"),
        (120, time(20), "2020-02-14 19:00", "2020-02-14 20:00"),
        (120, time(20), "2020-02-14 17:00", "2020-02-14 19:00"),
        (120, time(20), "2020-12-31 23:30", "2021-01-01 01:30"),
        (None, None, "2020-02-14 08:00", None),
    ],
)
def test_the_earlier_time_of_return_holds(within: int | None, by: time | None, started: str, due: str | None) -> None:
    expected = on(*due.split()) if due is not None else None
    assert due_back(rules(within=within, by=by), on(*started.split()), SHANGHAI) == expected


def test_two_hours_are_two_hours_when_the_clock_leaps_and_eight_is_eight_on_the_wall() -> None:
    started = on("2026-03-29", "01:30", BERLIN)
    assert due_back(rules(within=120), started, BERLIN) == on("2026-03-29", "04:30", BERLIN)
    assert due_back(rules(by=time(8)), started, BERLIN) == on("2026-03-29", "08:00", BERLIN)


def test_a_household_is_overdue_after_the_grace_and_not_on_its_last_minute() -> None:
    held = rules(within=120, grace=15)
    went = outing(on("2020-02-14", "08:00"))
    assert not is_overdue(held, went, on("2020-02-14", "10:15"), SHANGHAI)
    assert is_overdue(held, went, on("2020-02-14", "10:16"), SHANGHAI)
    back = outing(went.started_at, returned_at=on("2020-02-14", "12:00"))
    assert not is_overdue(held, back, on("2020-02-14", "13:00"), SHANGHAI)


# below: whatever households do

SPAN_FROM = datetime(2020, 2, 27, tzinfo=UTC)  # over a leap day and, in Berlin, a change of the clock
zones = st.sampled_from([SHANGHAI, BERLIN, ZoneInfo("Australia/Lord_Howe"), UTC])
starts = st.sampled_from([time(), SIX, time(2, 30), time(23, 59, 30)])
quotas = st.builds(
    quota,
    count=st.integers(1, 3),
    days=st.integers(1, 3),
    window=st.sampled_from(QuotaWindow),
    starts_at=starts,
    counted_from=st.dates(date(2019, 12, 25), date(2020, 4, 5)),
)
moments = st.timedeltas(timedelta(0), timedelta(days=40)).map(lambda passed: SPAN_FROM + passed)


def most_in_one_period(of: OutingQuota, went: list[datetime], zone: ZoneInfo) -> int:
    """Counted in another way than the code does: by the days themselves, or by looking back from each outing."""
    if of.window is QuotaWindow.ROLLING:
        length = timedelta(hours=24 * of.period_days)
        return max((sum(at - length < other <= at for other in went) for at in went), default=0)
    days = [day_of(at, zone, of.day_starts_at).toordinal() - of.counted_from.toordinal() for at in went]
    periods = [day // of.period_days for day in days]
    return max(map(periods.count, periods), default=0)


@given(of=quotas, zone=zones, asks=st.lists(moments, max_size=40))
def test_no_sequence_that_asks_first_exceeds_the_quota(of: OutingQuota, zone: ZoneInfo, asks: list[datetime]) -> None:
    held = rules(of)
    went: list[datetime] = []
    for at in sorted(asks):
        if may_go_out_from(held, [outing(each) for each in went], at, zone) == at:
            went.append(at)
    assert most_in_one_period(of, went, zone) <= of.count


@given(of=quotas, zone=zones, asks=st.lists(moments, max_size=20))
def test_who_waits_as_told_gets_out_and_still_keeps_the_quota(
    of: OutingQuota, zone: ZoneInfo, asks: list[datetime]
) -> None:
    held = rules(of)
    went: list[datetime] = []
    for at in sorted(asks):
        # In any order: the waits of one can lie beyond the asking of the next.
        went.append(may_go_out_from(held, [outing(each) for each in went], at, zone))
    assert most_in_one_period(of, went, zone) <= of.count


@given(of=quotas, zone=zones, went=st.lists(moments, max_size=8), at=moments)
def test_possible_from_is_true_at_its_minute_and_false_a_minute_earlier(
    of: OutingQuota, zone: ZoneInfo, went: list[datetime], at: datetime
) -> None:
    held, known = rules(of), [outing(each) for each in went]
    possible = may_go_out_from(held, known, at, zone)
    assert possible >= at
    assert may_go_out_from(held, known, possible, zone) == possible
    if possible > at:
        assert possible == possible.replace(second=0, microsecond=0)
        earlier = max(possible - MINUTE, at)
        assert may_go_out_from(held, known, earlier, zone) == possible


@given(of=quotas, zone=zones, went=st.lists(moments, max_size=8), at=moments)
def test_outings_that_no_longer_count_change_nothing(
    of: OutingQuota, zone: ZoneInfo, went: list[datetime], at: datetime
) -> None:
    held, known = rules(of), [outing(each) for each in went]
    counting = [each for each in known if still_counts(held, each, at, zone)]
    assert may_go_out_from(held, counting, at, zone) == may_go_out_from(held, known, at, zone)


@given(
    of=quotas,
    zone=zones,
    went=st.lists(moments.map(lambda at: at.replace(second=0, microsecond=0)), max_size=8, unique=True),
)
def test_of_outings_granted_apart_one_at_least_says_that_the_quota_was_exceeded(
    of: OutingQuota, zone: ZoneInfo, went: list[datetime]
) -> None:
    held = rules(of)
    # Drawn in any order: gates that were cut off tell late.
    flags = [
        exceeds_quota(held, outing(at), [outing(each) for each in went[:number]], zone)
        for number, at in enumerate(went)
    ]
    assert any(flags) == (most_in_one_period(of, went, zone) > of.count)


def test_an_outing_that_costs_nothing_exceeds_nothing() -> None:
    held = rules(quota())
    now = on("2020-02-14", "08:00")
    assert exceeds_quota(held, outing(now), [outing(now)], SHANGHAI)
    assert not exceeds_quota(held, outing(now, OutingPurpose.EMERGENCY), [outing(now)], SHANGHAI)
    assert not exceeds_quota(held, outing(now), [outing(now, OutingPurpose.EMERGENCY)], SHANGHAI)
    assert not exceeds_quota(rules(), outing(now), [outing(now)], SHANGHAI)


@given(
    zone=zones,
    started=moments,
    within=st.none() | st.integers(1, 2_000),
    by=st.none() | st.sampled_from([SIX, time(20), time(2, 30)]),
)
def test_a_time_of_return_lies_after_the_start(
    zone: ZoneInfo, started: datetime, within: int | None, by: time | None
) -> None:
    due = due_back(rules(within=within, by=by), started, zone)
    assert (due is None) == (within is None and by is None)
    if due is not None:
        assert due > started
        assert within is None or due <= started + timedelta(minutes=within + 1)
        assert by is None or due <= started + timedelta(hours=25)


def test_a_day_that_was_left_out_costs_nobody_an_outing() -> None:
    before = on("2011-12-29", "12:00", APIA)
    assert may_go_out_from(rules(quota()), [outing(before)], before, APIA) == on("2011-12-31", "00:00", APIA)


@given(
    started=moments,
    returned=st.none() | moments,
    purpose=st.sampled_from(OutingPurpose),
    people=st.integers(1, 99),
)
def test_a_stated_outing_is_read_back_as_it_was(
    started: datetime, returned: datetime | None, purpose: OutingPurpose, people: int
) -> None:
    one = Outing(
        claim=ClaimId("00112233445566aa"),
        household=HouseholdId(7),
        started_at=started,
        returned_at=returned,
        purpose=purpose,
        people=people,
    )
    assert outing_from(json.loads(json.dumps(fields_of_outing(one)))) == one


def test_the_statement_of_an_outing_stays_as_it_is() -> None:
    assert fields_of_outing(outing(on("2020-02-14", "08:00"), OutingPurpose.WORK)) == {
        "claim": "00112233445566aa",
        "household": 7,
        "started_at": "2020-02-14T00:00:00Z",
        "returned_at": None,
        "purpose": "work",
        "people": 1,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("claim", "00112233445566AA"),
        ("claim", None),
        ("household", 0),
        ("household", True),
        ("started_at", "2020-02-14T08:00:00"),
        ("started_at", 1581638400),
        ("returned_at", "yesterday"),
        ("purpose", "pleasure"),
        ("people", 0),
        ("people", 100),
    ],
)
def test_a_stated_outing_that_cannot_be_read_names_its_field(name: str, value: object) -> None:
    stated: dict[str, object] = {**fields_of_outing(outing(on("2020-02-14", "08:00"))), name: value}
    with pytest.raises(OutingInvalid, match=name):
        outing_from(stated)
