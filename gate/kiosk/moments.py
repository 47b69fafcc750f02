"""Moments as people say them: today 14:30, tomorrow 6:00, 3 March."""

from datetime import datetime, timedelta
from typing import Final

from gate.kiosk.words import Words

_FAR: Final = timedelta(days=200)
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def said(words: Words, table: str, moment: datetime, now: datetime) -> str:
    """A sentence of this table of resident texts about a moment.

    Both aware, in the zone that is shown; never earlier than it is.
    """
    minute = moment.replace(second=0, microsecond=0)
    if minute < moment:
        minute += timedelta(minutes=1)
    days = (minute.date() - now.date()).days
    key = {0: "today", 1: "tomorrow"}.get(days, "later" if minute - now < _FAR else "far")
    return words(
        f"resident.{table}.{key}",
        time=f"{minute:%H:%M}",
        day=minute.day,
        month=minute.month,
        month_name=_MONTHS[minute.month - 1],
        year=minute.year,
    )
