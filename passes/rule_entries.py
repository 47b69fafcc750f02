"""Windows and schedules as they stand in a signed directory: lists of small numbers, in ascending order."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Final

from model.identities import HouseholdId
from model.shifts import CYCLE_DAYS_MAX, EmployerId, Listing, Rota, Schedule, ScheduleId, Shift
from model.windows import Window, WindowKind
from passes import cbor
from passes.errors import EncodingInvalid

MAX_WINDOWS: Final = 20_000
MAX_SCHEDULES: Final = 2_000
_MAX_SHIFTS: Final = 6
_HOUSEHOLD_LIMIT: Final = 2**31 - 1
_MOMENT_LIMIT: Final = 2**32 - 1
_NUMBER_LIMIT: Final = 65_535
_DAY_LIMIT: Final = date.max.toordinal()
_WINDOW_KINDS: Final = tuple(WindowKind)
"""Their places are numbers on the wire: new kinds are added at the end."""
_LISTINGS: Final = tuple(Listing)


def windows_out(windows: Mapping[HouseholdId, tuple[Window, ...]]) -> list[list[int]]:
    """[household, kind, begins, ends] for each window, moments in seconds since 1970."""
    return [
        [household, _WINDOW_KINDS.index(window.kind), _seconds(window.begins), _seconds(window.ends)]
        for household in sorted(windows)
        for window in windows[household]
    ]


def windows_in(content: object) -> dict[HouseholdId, tuple[Window, ...]]:
    """What `windows_out` wrote. Raises EncodingInvalid."""
    windows: dict[HouseholdId, tuple[Window, ...]] = {}
    for each in cbor.as_list(content, MAX_WINDOWS):
        household, kind, begins, ends = cbor.as_array(each, 4)
        number = HouseholdId(cbor.as_int(household, 1, _HOUSEHOLD_LIMIT))
        window = Window(
            kind=_WINDOW_KINDS[cbor.as_int(kind, 0, len(_WINDOW_KINDS) - 1)],
            begins=_moment(begins),
            ends=_moment(ends),
        )
        windows[number] = (*windows.get(number, ()), window)
    return windows


def schedules_out(schedules: Iterable[Schedule]) -> list[list[object]]:
    """[schedule, employer, listing, [[begins, ends], …], weekdays as bits, [on, off, first day] or []] for each."""
    return [
        [
            each.schedule,
            each.employer,
            _LISTINGS.index(each.listing),
            [[_minute(shift.begins), _minute(shift.ends)] for shift in each.shifts],
            sum(1 << day for day in each.weekdays),
            [] if each.rota is None else [each.rota.days_on, each.rota.days_off, each.rota.counted_from.toordinal()],
        ]
        for each in sorted(schedules, key=lambda each: each.schedule)
    ]


def schedules_in(content: object) -> dict[ScheduleId, Schedule]:
    """What `schedules_out` wrote. Raises EncodingInvalid."""
    schedules = {}
    for each in cbor.as_list(content, MAX_SCHEDULES):
        number, employer, listing, shifts, weekdays, rota = cbor.as_array(each, 6)
        schedule = ScheduleId(cbor.as_int(number, 1, _NUMBER_LIMIT))
        bits = cbor.as_int(weekdays, 0, 127)
        schedules[schedule] = Schedule(
            schedule=schedule,
            employer=EmployerId(cbor.as_int(employer, 1, _NUMBER_LIMIT)),
            listing=_LISTINGS[cbor.as_int(listing, 0, len(_LISTINGS) - 1)],
            shifts=tuple(_shift(shift) for shift in cbor.as_list(shifts, _MAX_SHIFTS)),
            weekdays=frozenset(day for day in range(7) if bits >> day & 1),
            rota=_rota(rota),
        )
    return schedules


def _shift(content: object) -> Shift:
    begins, ends = cbor.as_array(content, 2)
    return Shift(begins=_time(begins), ends=_time(ends))


def _rota(content: object) -> Rota | None:
    if not cbor.as_list(content, 3):
        return None
    days_on, days_off, first = cbor.as_array(content, 3)
    rota = Rota(
        days_on=cbor.as_int(days_on, 1, CYCLE_DAYS_MAX),
        days_off=cbor.as_int(days_off, 0, CYCLE_DAYS_MAX),
        counted_from=date.fromordinal(cbor.as_int(first, 1, _DAY_LIMIT)),
    )
    if rota.days_on + rota.days_off > CYCLE_DAYS_MAX:
        raise EncodingInvalid(f"expected a rota of at most {CYCLE_DAYS_MAX} days")
    return rota


def _time(content: object) -> time:
    hour, minute = divmod(cbor.as_int(content, 0, 24 * 60 - 1), 60)
    return time(hour, minute)


def _minute(of: time) -> int:
    return of.hour * 60 + of.minute


def _moment(content: object) -> datetime:
    return datetime.fromtimestamp(cbor.as_int(content, 0, _MOMENT_LIMIT), UTC)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
