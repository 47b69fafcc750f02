"""The community's notices: which of them are to be read or spoken at a moment, and the file they come from."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from gate.kiosk.board import Board

log = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 5.0
MAX_SHOWN: Final = 8
"""More nobody reads while waiting; the first of the file come first."""
SPOKEN_WITHIN: Final = timedelta(minutes=5)
"""A notice whose time came while somebody was served is spoken this much later, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """words: by language, at least one. from_at, until_at: aware; None: open. spoken_at: times of day."""

    words: dict[str, str]
    from_at: datetime | None = None
    until_at: datetime | None = None
    spoken_at: tuple[time, ...] = ()

    def is_current(self, at: datetime) -> bool:
        return (self.from_at is None or self.from_at <= at) and (self.until_at is None or at < self.until_at)

    def in_language(self, language: str) -> str:
        """In this language, or in the one that there is."""
        return self.words.get(language) or next(iter(self.words.values()))


class NoticeBoard:
    """The notices of the file as it was last read."""

    def __init__(self, notices: Sequence[Notice] = ()) -> None:
        self.notices: tuple[Notice, ...] = tuple(notices)

    def replace(self, notices: Sequence[Notice]) -> bool:
        """Take over what the file says now; returns whether it says something else."""
        is_new = tuple(notices) != self.notices
        self.notices = tuple(notices)
        return is_new

    def current(self, at: datetime) -> tuple[Notice, ...]:
        """Those to be read at this moment."""
        return tuple(notice for notice in self.notices if notice.is_current(at))[:MAX_SHOWN]

    def due(self, after: datetime, until: datetime) -> tuple[Notice, ...]:
        """Those whose time to be spoken lies after the one moment and not after the other; aware, in local time."""
        return tuple(
            notice for notice in self.current(until) if any(_lies(each, after, until) for each in notice.spoken_at)
        )


def _lies(spoken_at: time, after: datetime, until: datetime) -> bool:
    today = datetime.combine(until.date(), spoken_at, until.tzinfo)
    return any(after < moment <= until for moment in (today, today - timedelta(days=1)))


Read = Callable[[], Sequence[Notice] | None]
"""Reads the file when it has changed; None when it has not, or when it can't be read. Blocks."""


async def keep_notices(board: Board, notices: NoticeBoard, read: Read) -> None:
    """Look at the file now and then, until cancelled; what can't be read leaves what was read before."""
    while True:
        found = await asyncio.to_thread(read)
        if found is not None and notices.replace(found):
            log.info("notices_read notices=%d", len(found))
            board.tell_changed()
        await asyncio.sleep(LOOK_INTERVAL_S)
