"""Outings of a household: its quota, its time of return, and from when it may go out again; pure.

Rules. A quota is so many outings of one household in a period. CALENDAR: periods of whole days of the community,
counted from a date, each beginning at `day_starts_at`. ROLLING: an outing counts for period_days * 24 h, rounded up to
the whole minute, so that a time that people are told is never earlier than what holds.
- An outing counts from its claim on, whether or not anybody is back.
- One that is later than the moment asked about counts as well: clocks of two gates are never quite alike.
- Exempt purposes and emergencies cost nothing and have no time of return.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import Enum
from typing import Final

from model.identities import ClaimId, HouseholdId
from model.local_time import MINUTE, day_of, next_at, start_of, whole_minute
from model.reasons import Outcome

PEOPLE_MAX: Final = 99
"""More do not stand before a gate on one card; a bound for what comes from outside."""


class OutingPurpose(Enum):
    """What a household goes out for. Values stand in records and messages and are never renamed."""

    ORDINARY = "ordinary"
    WORK = "work"
    MEDICAL = "medical"
    DUTY = "duty"
    FETCH = "fetch"  # a delivery, at the gate
    EMERGENCY = "emergency"  # fire, birth, illness: no quota ever stops it


class QuotaWindow(Enum):
    """How a period is laid out."""

    CALENDAR = "calendar"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutingQuota:
    """count outings of one household per period_days. day_starts_at and counted_from: of CALENDAR periods.

    Raises ValueError when count or period_days is not positive.
    """

    count: int
    period_days: int
    window: QuotaWindow
    day_starts_at: time
    counted_from: date

    def __post_init__(self) -> None:
        """A quota of nothing would never end: who may not go out at all is said by colour or isolation."""
        if self.count < 1 or self.period_days < 1:
            raise ValueError(f"a quota of {self.count} per {self.period_days} days: both must be 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutingRules:
    """How a community's households go out. quota None: as often as they like.

    people_max: how many go out together. return_within_min, return_by: the earlier one holds; None: no such limit.
    overdue_after_min: grace after the time of return. unanswered: what a gate does without the centre's answer where
    its own knowledge would allow the outing.
    """

    quota: OutingQuota | None
    people_max: int
    return_within_min: int | None
    return_by: time | None
    overdue_after_min: int
    exempt: frozenset[OutingPurpose]
    unanswered: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Outing:
    """One outing of a household. started_at: when it was granted; returned_at: None while anybody is out."""

    claim: ClaimId
    household: HouseholdId
    started_at: datetime
    returned_at: datetime | None
    purpose: OutingPurpose
    people: int


class OutingInvalid(ValueError):
    """A stated outing that cannot be read; names the field."""


def is_free(rules: OutingRules, purpose: OutingPurpose) -> bool:
    """Whether outings for this purpose cost nothing and have no time of return."""
    return purpose is OutingPurpose.EMERGENCY or purpose in rules.exempt


def counts(rules: OutingRules, outing: Outing) -> bool:
    """Whether this outing is one of those that a quota counts."""
    return not is_free(rules, outing.purpose)


def still_counts(rules: OutingRules, outing: Outing, at: datetime, zone: tzinfo) -> bool:
    """Whether it takes up the household's quota at this instant or later."""
    quota = rules.quota
    if quota is None or not counts(rules, outing):
        return False
    if quota.window is QuotaWindow.ROLLING:
        return _counts_until(quota, outing) > at
    return _period_of(quota, outing.started_at, zone) >= _period_of(quota, at, zone)


def may_go_out_from(rules: OutingRules, outings: Iterable[Outing], at: datetime, zone: tzinfo) -> datetime:
    """When a household with these outings may go out: `at` when now, else the first whole minute that allows it.

    outings: of this household alone, in any order, without the one that is asked for.
    """
    quota = rules.quota
    counting = [outing for outing in outings if counts(rules, outing)]
    if quota is None or len(counting) < quota.count:
        return at
    if quota.window is QuotaWindow.ROLLING:
        # Free as soon as fewer than `count` still count: when the count-th last of them stops counting.
        return max(at, sorted(_counts_until(quota, outing) for outing in counting)[-quota.count])
    taken = [_period_of(quota, outing.started_at, zone) for outing in counting]
    earliest, period = at, _period_of(quota, at, zone)
    while taken.count(period) >= quota.count:
        first_day = quota.counted_from + timedelta(days=(period + 1) * quota.period_days)
        earliest = whole_minute(start_of(first_day, zone, quota.day_starts_at))
        period = _period_of(quota, earliest, zone)
    return earliest


def exceeds_quota(rules: OutingRules, outing: Outing, others: Iterable[Outing], zone: tzinfo) -> bool:
    """Whether this outing takes itself or a later one of the others beyond the quota, in whatever order they come.

    For what gates granted without knowing of each other: of a set that exceeds the quota at least one says so when it
    is held against those that were known before it, and of a set that keeps it none does.
    """
    if rules.quota is None or not counts(rules, outing):
        return False
    in_order = sorted(others, key=lambda other: other.started_at)
    known = [other for other in in_order if other.started_at <= outing.started_at]
    if may_go_out_from(rules, known, outing.started_at, zone) > outing.started_at:
        return True
    for later in in_order[len(known) :]:
        at = later.started_at
        was_allowed = may_go_out_from(rules, known, at, zone) == at
        if was_allowed and counts(rules, later) and may_go_out_from(rules, [*known, outing], at, zone) > at:
            return True
        known.append(later)
    return False


def due_back(
    rules: OutingRules, started_at: datetime, zone: tzinfo, purpose: OutingPurpose = OutingPurpose.ORDINARY
) -> datetime | None:
    """By when this outing must be back, None when at no time.

    A return_by is the first one after the start: who goes out at 21:00 under "by 20:00" has until tomorrow's 20:00.
    """
    if is_free(rules, purpose):
        return None
    limits = []
    if rules.return_within_min is not None:
        limits.append(whole_minute(started_at + rules.return_within_min * MINUTE))
    if rules.return_by is not None:
        limits.append(next_at(started_at, rules.return_by, zone))
    return min(limits, default=None)


def is_overdue(rules: OutingRules, outing: Outing, at: datetime, zone: tzinfo) -> bool:
    """Whether it should have been back, grace included. Back on the very minute is in time."""
    due = due_back(rules, outing.started_at, zone, outing.purpose)
    return outing.returned_at is None and due is not None and at > due + rules.overdue_after_min * MINUTE


def fields_of_outing(outing: Outing) -> dict[str, str | int | None]:
    """State it as JSON types, for storage and the wire. Field names are never renamed."""
    return {
        "claim": outing.claim,
        "household": outing.household,
        "started_at": _utc(outing.started_at),
        "returned_at": _utc(outing.returned_at) if outing.returned_at is not None else None,
        "purpose": outing.purpose.value,
        "people": outing.people,
    }


def outing_from(fields: Mapping[str, object]) -> Outing:
    """Read what `fields_of_outing` stated; unknown fields are left alone. Raises OutingInvalid naming the field."""
    returned_at = fields.get("returned_at")
    return Outing(
        claim=claim_from(fields.get("claim")),
        household=HouseholdId(_whole(fields, "household", 1, 2**31 - 1)),
        started_at=_moment(fields.get("started_at"), "started_at"),
        returned_at=_moment(returned_at, "returned_at") if returned_at is not None else None,
        purpose=purpose_from(fields.get("purpose")),
        people=_whole(fields, "people", 1, PEOPLE_MAX),
    )


def claim_from(value: object) -> ClaimId:
    """Read a claim's number. Raises OutingInvalid."""
    if not isinstance(value, str) or len(value) != 16 or not set(value) <= set("0123456789abcdef"):
        raise OutingInvalid("claim: expected 16 hexadecimal digits")
    return ClaimId(value)


def purpose_from(value: object) -> OutingPurpose:
    """Read a purpose by its value. Raises OutingInvalid."""
    try:
        return OutingPurpose(value)
    except ValueError:
        raise OutingInvalid(f"purpose: expected one of {', '.join(each.value for each in OutingPurpose)}") from None


def _counts_until(quota: OutingQuota, outing: Outing) -> datetime:
    return whole_minute(outing.started_at + timedelta(hours=24 * quota.period_days))


def _period_of(quota: OutingQuota, at: datetime, zone: tzinfo) -> int:
    return (day_of(at, zone, quota.day_starts_at) - quota.counted_from).days // quota.period_days


def _whole(fields: Mapping[str, object], name: str, least: int, most: int) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise OutingInvalid(f"{name}: expected a whole number from {least} to {most}")
    return value


def _moment(value: object, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise OutingInvalid(f"{name}: expected a time with its offset, such as 2020-02-14T06:00:00Z")
    return moment.astimezone(UTC)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
