"""The checks that time can change: windows, curfew, shifts, outings, anti-passback; each says when it would pass.

None of them is judged by a clock that is not trusted: CLOCK_NOT_TRUSTED, and the rules say what that leads to.
"""

from dataclasses import dataclass
from datetime import datetime

from model.credentials import PassKind, VerifiedCode, household_of
from model.facts import ClaimAnswer, Facts
from model.local_time import is_between, next_at, whole_minute
from model.outings import OutingPurpose, is_free, may_go_out_from
from model.passback import PassbackMode, ends_at, is_passed_back
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.rule_set import RuleSet
from model.shifts import Listing, Schedule, ScheduleId, is_working, next_working
from model.vehicle_check import of_the_household
from model.windows import next_window


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """A check that does not pass now. until: the first instant at which it would; None when at none that is known."""

    reason: Reason
    until: datetime | None = None


def window_check(facts: Facts, rules: RuleSet) -> Reason | Unmet | None:
    """An isolated household that may not go this way: only in a window of a kind that the rules let through."""
    household, number = facts.household, household_of(facts.code)
    if household is None or number is None or facts.directory is None:
        return Reason.HOUSEHOLD_ISOLATED
    kinds = rules.isolation_windows.get(household.isolation, frozenset())
    windows = [each for each in facts.directory.windows.get(number, ()) if each.kind in kinds]
    if not windows:
        return Reason.HOUSEHOLD_ISOLATED
    if facts.at is None:
        return Reason.CLOCK_NOT_TRUSTED
    opens = next_window(windows, facts.direction, facts.at)
    return None if opens == facts.at else Unmet(reason=Reason.HOUSEHOLD_ISOLATED, until=_minute(opens))


def curfew_check(facts: Facts, rules: RuleSet) -> Reason | Unmet | None:
    """Nobody passes in the hours of the curfew, but for its exemptions."""
    curfew = rules.curfew
    if curfew is None or facts.direction not in curfew.directions:
        return None
    if facts.purpose in curfew.exempt_purposes:
        return None
    if facts.credential is not None and facts.credential.kind in curfew.exempt_kinds:
        return None
    if facts.at is None:
        return Reason.CLOCK_NOT_TRUSTED
    if not is_between(facts.at, curfew.begins, curfew.ends, rules.zone):
        return None
    return Unmet(reason=Reason.CURFEW, until=_minute(next_at(facts.at, curfew.ends, rules.zone)))


def work_check(facts: Facts, rules: RuleSet) -> Reason | Unmet | None:
    """A work certificate opens the gate only for a time at which its holder works, and on the way to it and back."""
    credential = facts.credential
    if credential is None or credential.kind is not PassKind.WORK or facts.direction not in rules.work_directions:
        return None
    schedule = _schedule(facts)
    if schedule is None or not schedule.shifts:
        return Reason.SHIFT_UNKNOWN
    if schedule.listing is Listing.BLACK:
        return Reason.EMPLOYER_LISTED
    if facts.at is None:
        return Reason.CLOCK_NOT_TRUSTED
    if is_working(schedule, facts.at, rules.zone, rules.work_way):
        return None
    return Unmet(
        reason=Reason.OUTSIDE_SHIFT, until=_minute(next_working(schedule, facts.at, rules.zone, rules.work_way))
    )


def counts_as_outing(facts: Facts, rules: RuleSet) -> bool:
    """Whether this way out is one that the household's quota counts."""
    if rules.outings is None or facts.direction is not Direction.OUT:
        return False
    if facts.vehicle is not None:
        return any(counts_as_outing(each, rules) for each in of_the_household(facts))
    if facts.credential is not None and facts.credential.kind not in rules.outing_kinds:
        return False
    return household_of(facts.code) is not None and not is_free(rules.outings, facts.purpose or OutingPurpose.ORDINARY)


def outing_check(facts: Facts, rules: RuleSet) -> Reason | Unmet | None:
    """The household's quota, as the centre granted it, or, without its answer, as this gate knows it."""
    if rules.outings is None or not counts_as_outing(facts, rules):
        return None
    people = facts.people if facts.vehicle is None else len(of_the_household(facts))
    if people > rules.outings.people_max:
        return Reason.TOO_MANY_PEOPLE
    if facts.at is None:
        return Reason.CLOCK_NOT_TRUSTED
    if facts.outing is None:
        return Reason.OUTING_UNANSWERED
    match facts.outing.answer:
        case ClaimAnswer.GRANTED:
            return None
        case ClaimAnswer.REFUSED:
            return Unmet(reason=Reason.QUOTA_USED, until=_minute(facts.outing.possible_at))
        case ClaimAnswer.UNANSWERED:
            allowed_from = may_go_out_from(rules.outings, facts.outing.outings, facts.at, rules.zone)
            if allowed_from > facts.at:
                return Unmet(reason=Reason.QUOTA_USED, until=_minute(allowed_from))
            return None if rules.outings.unanswered is Outcome.GRANTED else Reason.OUTING_UNANSWERED


def passback_check(facts: Facts, rules: RuleSet) -> Reason | Unmet | None:
    """A static code that went this way already. A household card brings several home; a holder's code is used once."""
    code = facts.code
    if rules.passback.mode in (PassbackMode.OFF, PassbackMode.SOFT) or not isinstance(code, VerifiedCode):
        return None
    if code.holder_step is not None or facts.last_passage is None:
        return None
    if code.credential.kind is PassKind.HOUSEHOLD and facts.direction is Direction.IN:
        return None
    if facts.at is None:
        return Reason.CLOCK_NOT_TRUSTED
    if not is_passed_back(rules.passback, facts.last_passage, facts.direction, facts.at):
        return None
    is_timed = rules.passback.mode is PassbackMode.TIMED
    until = _minute(ends_at(rules.passback, facts.last_passage)) if is_timed else None
    return Unmet(reason=Reason.SHOWN_TWICE, until=until)


def _schedule(facts: Facts) -> Schedule | None:
    if facts.credential is None or facts.directory is None:
        return None
    return facts.directory.schedules.get(ScheduleId(facts.credential.schedule))


def _minute(at: datetime | None) -> datetime | None:
    return whole_minute(at) if at is not None else None
