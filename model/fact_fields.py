"""The inputs of a decision as they stand in its record: plain JSON types, from which facts can be read again."""

from datetime import UTC, datetime
from math import isfinite

from model.credentials import (
    CodeCheck,
    Pass,
    PassKind,
    RefusedCode,
    RegisteredVisitor,
    VerifiedCode,
    VouchedHousehold,
    household_of,
)
from model.facts import ClaimAnswer, ClaimedOuting, Facts
from model.outings import OutingPurpose, fields_of_outing
from model.shifts import Schedule, ScheduleId
from model.temperature import BurstReading, HandReading, TemperatureJudgement

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]


def timed_fields(facts: Facts) -> dict[str, JsonValue]:
    """What the checks that time can change were judged by."""
    last = facts.last_passage
    return {
        "decided_at": utc_text(facts.at),
        "purpose": facts.purpose.value if facts.purpose is not None else None,
        "outing": _outing(facts.outing, facts.purpose) if facts.outing is not None else None,
        "last_passage": {"direction": last.direction.value, "at": utc_text(last.at)} if last is not None else None,
        "windows": _windows(facts),
        "schedule": _schedule(facts),
    }


def utc_text(moment: datetime | None) -> str | None:
    """ISO 8601 with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment is not None else None


def _outing(claimed: ClaimedOuting, purpose: OutingPurpose | None) -> dict[str, JsonValue]:
    outings: list[JsonValue] = [dict(fields_of_outing(outing)) for outing in claimed.outings]
    return {
        "claim": claimed.claim,
        "purpose": (purpose or OutingPurpose.ORDINARY).value,
        "answered": claimed.answer is not ClaimAnswer.UNANSWERED,
        "answer": claimed.answer.value,
        "outings": outings,
        "possible_at": utc_text(claimed.possible_at),
    }


def _windows(facts: Facts) -> list[JsonValue]:
    household = household_of(facts.code)
    if household is None or facts.directory is None:
        return []
    return [
        {"kind": window.kind.value, "begins": utc_text(window.begins), "ends": utc_text(window.ends)}
        for window in facts.directory.windows.get(household, ())
    ]


def _schedule(facts: Facts) -> dict[str, JsonValue] | None:
    credential = facts.credential
    if credential is None or credential.kind is not PassKind.WORK or facts.directory is None:
        return None
    schedule: Schedule | None = facts.directory.schedules.get(ScheduleId(credential.schedule))
    if schedule is None:
        return None
    rota = schedule.rota
    return {
        "schedule": schedule.schedule,
        "employer": schedule.employer,
        "listing": schedule.listing.value,
        "shifts": [[shift.begins.isoformat(), shift.ends.isoformat()] for shift in schedule.shifts],
        "weekdays": [*sorted(schedule.weekdays)],
        "rota": [rota.days_on, rota.days_off, rota.counted_from.isoformat()] if rota is not None else None,
    }


def code_fields(code: CodeCheck | None) -> dict[str, JsonValue] | None:
    """What was shown, or who vouched."""
    if code is None:
        return None
    if isinstance(code, VouchedHousehold):
        return {
            "verified": False,
            "vouched_by": code.guard,
            "why": code.why.value,
            "pass": None,
            "household": code.household,
        }
    if isinstance(code, RegisteredVisitor):
        return {"verified": False, "registered_by": code.guard, "pass": None, "household": None}
    if isinstance(code, RefusedCode):
        return {
            "verified": False,
            "stage": code.stage.value,
            "detail": code.detail.value,
            "pass": code.pass_id,
            "household": code.household,
        }
    return {
        "verified": True,
        "pass": code.credential.pass_id,
        "household": code.credential.household,
        "key": code.key_id,
        "holder_step": code.holder_step,
        "needs_guard": code.needs_guard,
        "claims": _claims(code.credential),
    }


def visitor_fields(code: CodeCheck | None) -> dict[str, JsonValue] | None:
    """Whom a guard registered, or let out again: by number alone."""
    if not isinstance(code, RegisteredVisitor):
        return None
    return {
        "number": code.number,
        "host": code.host,
        "purpose": code.purpose.value if code.purpose is not None else None,
    }


def _claims(claims: Pass) -> dict[str, JsonValue]:
    return {
        "community": claims.community,
        "colour": claims.colour.name.lower(),
        "kind": claims.kind.name.lower(),
        "gates": claims.gates,
        "schedule": claims.schedule,
        "status_index": claims.status_index,
        "flags": int(claims.flags),
        "valid_from": utc_text(claims.valid_from),
        "valid_until": utc_text(claims.valid_until),
    }


def household_fields(facts: Facts) -> dict[str, JsonValue] | None:
    """What the directory said of the household."""
    entry = facts.household
    if entry is None:
        return None
    return {"colour": entry.colour.name.lower(), "isolation": entry.isolation.name.lower()}


def pass_status(facts: Facts) -> str | None:
    """What the directory said of the pass."""
    if not isinstance(facts.code, VerifiedCode) or facts.directory is None:
        return None
    return facts.directory.status_of(facts.code.credential.status_index).name.lower()


def temperature_fields(judgement: TemperatureJudgement | None) -> dict[str, JsonValue] | None:
    """One judgement with its raw reading."""
    if judgement is None:
        return None
    reading = judgement.reading
    fields: dict[str, JsonValue] = {
        "outcome": judgement.outcome.value,
        "site": judgement.site.value,
        "body_c": judgement.body_c,
        "why": judgement.why.value if judgement.why is not None else None,
    }
    if isinstance(reading, BurstReading):
        return fields | {
            # JSON has no NaN; the judgement beside it says that this was a fault.
            "samples_c": [float(sample) if isfinite(sample) else None for sample in reading.samples_c],
            "can_c": float(reading.can_c),
            "supply_v": reading.supply_v,
        }
    if isinstance(reading, HandReading):
        by_hand: dict[str, JsonValue] = {"thermometer": reading.thermometer.value, "guard": reading.guard}
        # As it was typed, also where it is not believed.
        return fields | {"by_hand": by_hand | {"typed_c": float(reading.body_c)}}
    return fields | {"fault": reading.why.value}
