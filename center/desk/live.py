"""What has just been committed, for those who watch. Ingest tells that something is new; this reads it and hands on.

`records_stored` and `gates_changed` may come from any thread and return at once; all else runs on the web's loop.
Only committed rows are shown. A watcher who is too slow is let go; its browser resumes from the last id it saw.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from center.desk.gates import GateRow, GateView
from center.desk.passages import PassageRow, PassageView
from center.errors import StoreError

log = logging.getLogger(__name__)

WATCHERS_MAX: Final = 400
QUEUE_MAX: Final = 64
ROWS_PER_PUSH_MAX: Final = 100
_RETRY_S: Final = 1.0
_GATHER_S: Final = 0.05  # several commits within this time become one push: nobody reads faster


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What changed since the last push. skipped: rows that were too many to show one by one."""

    passages: tuple[PassageRow, ...] = ()
    gates: tuple[GateRow, ...] = ()
    skipped: int = 0


class TooManyWatchers(Exception):
    """All places to watch are taken."""


class LiveFeed:
    """Fans pushes out to watchers."""

    def __init__(self, passages: PassageView, gates: GateView) -> None:
        self._passages = passages
        self._gates = gates
        self._watchers: set[asyncio.Queue[Push | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._changed: set[str] = set()
        self._records_are_new = False
        self._last_id = 0

    def records_stored(self) -> None:
        """Records have been committed."""
        self._tell(self._note_records)

    def gates_changed(self, devices: frozenset[str]) -> None:
        """These devices' pictures have been committed."""
        self._tell(lambda: self._changed.update(devices))

    async def run(self) -> None:
        """Read back what is new and hand it to the watchers, until cancelled."""
        self._loop, self._wake = asyncio.get_running_loop(), asyncio.Event()
        self._last_id = await asyncio.to_thread(self._passages.newest_id)
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(_GATHER_S)
                self._wake.clear()
                await self._push()
        finally:
            self._loop = None
            for queue in self._watchers:
                _offer(queue, None)

    @asynccontextmanager
    async def watch(self) -> AsyncIterator["asyncio.Queue[Push | None]"]:
        """A queue of pushes; None in it means that the watch has ended. Raises TooManyWatchers."""
        if len(self._watchers) >= WATCHERS_MAX:
            raise TooManyWatchers
        queue: asyncio.Queue[Push | None] = asyncio.Queue(QUEUE_MAX)
        self._watchers.add(queue)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    def _tell(self, note: Callable[[], None]) -> None:
        loop, wake = self._loop, self._wake
        if loop is None or wake is None:
            return  # nobody can be watching yet

        def on_loop() -> None:
            note()
            wake.set()

        # The loop closes before the ingest at the very end of a program; nobody is left to be told then.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(on_loop)

    def _note_records(self) -> None:
        self._records_are_new = True

    async def _push(self) -> None:
        changed, self._changed = self._changed, set()
        records_are_new, self._records_are_new = self._records_are_new, False
        try:
            push = await asyncio.to_thread(self._read, frozenset(changed), records_are_new)
        except StoreError as error:
            log.warning("live_read_failed cause=%s", error)
            self._changed |= changed
            self._records_are_new = self._records_are_new or records_are_new
            await asyncio.sleep(_RETRY_S)
            if self._wake is not None:
                self._wake.set()
            return
        for queue in tuple(self._watchers):
            _offer(queue, push)

    def _read(self, changed: frozenset[str], records_are_new: bool) -> Push:
        passages: tuple[PassageRow, ...] = ()
        skipped = 0
        if records_are_new:
            before, newest = self._last_id, self._passages.newest_id()
            passages = self._passages.after(before, ROWS_PER_PUSH_MAX)
            if len(passages) == ROWS_PER_PUSH_MAX:
                skipped = self._passages.count_after(before) - len(passages)
            passages = self._passages.ended_after(before, ROWS_PER_PUSH_MAX) + passages
            # What was committed between the two readings is shown now and once more: rows replace each other by id.
            self._last_id = newest
        gates = self._gates.some(changed) if changed else ()
        return Push(passages=passages, gates=gates, skipped=max(0, skipped))


def _offer(queue: "asyncio.Queue[Push | None]", push: Push | None) -> None:
    """Hand a push over; a watcher whose queue is full is let go instead of slowing the others."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        push = None
    queue.put_nowait(push)
