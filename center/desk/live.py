"""What has just been committed, for those who watch. Ingest tells that something is new; this reads it and hands on.

`records_stored` and `gates_changed` may come from any thread and return at once; all else runs on the web's loop.
Only committed rows are shown. A watcher who is too slow is let go; its browser resumes from the last id it saw.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from center.desk.gates import GateRow, GateView
from center.desk.passages import PassageRow, PassageView
from center.errors import StoreError

T = TypeVar("T")

log = logging.getLogger(__name__)

WATCHERS_MAX: Final = 400
WATCHERS_OF_ONE_MAX: Final = 8
"""Windows that one session may have open; it must not take everybody's places."""
QUEUE_MAX: Final = 64
ROWS_PER_PUSH_MAX: Final = 100
_RETRY_S: Final = 1.0
_GATHER_S: Final = 0.05  # several commits within this time become one push: nobody reads faster
_SHARE: Final = 4.0  # after a push that took long to read, rest this many times as long: the ingest goes first
TOUCHED_EVERY_S: Final = 1.0
"""A gate that only stored records (its backlog, its last record) is shown anew this often; news of it at once."""


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
        self._watchers: dict[asyncio.Queue[Push | None], str | None] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._mutex = threading.Lock()
        self._changed: set[str] = set()
        self._touched: set[str] = set()
        self._records_are_new = False
        self._last_id = 0
        self._touched_shown_at = 0.0

    def records_stored(self, devices: frozenset[str]) -> None:
        """Records of these devices have been committed."""
        with self._mutex:
            is_news = not self._records_are_new
            self._records_are_new = True
            self._touched |= devices
        if is_news:
            self._tell()

    def gates_changed(self, devices: frozenset[str]) -> None:
        """These devices told something of themselves, and it has been committed."""
        with self._mutex:
            self._changed |= devices
        self._tell()

    async def run(self) -> None:
        """Read back what is new and hand it to the watchers, until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if not self._watchers:
                    self._forget()
                    continue
                await asyncio.sleep(_GATHER_S)
                began_at = self._loop.time()
                await self._push()
                await asyncio.sleep(_SHARE * (self._loop.time() - began_at))
        finally:
            self._loop = None
            for queue in self._watchers:
                _offer(queue, None)

    @asynccontextmanager
    async def watch(self, watcher: str | None = None) -> AsyncIterator["asyncio.Queue[Push | None]"]:
        """A queue of pushes; None in it means that the watch has ended. Raises TooManyWatchers.

        watcher: who watches, for the limit on each; None counts towards the limit on all alone.
        What was committed before is not in it: read that back after entering.
        """
        if not self._watchers:
            # While nobody watched nothing was read: begin here, or the first would get a night's passages.
            self._last_id = await asyncio.to_thread(self._passages.newest_id)
        # Judged where the place is taken, with nothing awaited in between: many may come at once.
        is_one_too_many = watcher is not None and list(self._watchers.values()).count(watcher) >= WATCHERS_OF_ONE_MAX
        if is_one_too_many or len(self._watchers) >= WATCHERS_MAX:
            raise TooManyWatchers
        queue: asyncio.Queue[Push | None] = asyncio.Queue(QUEUE_MAX)
        self._watchers[queue] = watcher
        try:
            yield queue
        finally:
            self._watchers.pop(queue, None)

    def _tell(self) -> None:
        loop = self._loop
        if loop is None:
            return  # nobody can be watching yet
        # The loop closes before the ingest at the very end of a program; nobody is left to be told then.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(self._wake.set)

    def _forget(self) -> None:
        with self._mutex:
            self._records_are_new = False
            self._changed.clear()
            self._touched.clear()

    async def _push(self) -> None:
        loop = asyncio.get_running_loop()
        shows_touched = loop.time() - self._touched_shown_at >= TOUCHED_EVERY_S
        with self._mutex:
            gates, self._changed = self._changed, set()
            if shows_touched:
                gates, self._touched = gates | self._touched, set()
            has_more = bool(self._touched)
            records_are_new, self._records_are_new = self._records_are_new, False
        if shows_touched:
            self._touched_shown_at = loop.time()
        try:
            push = await asyncio.to_thread(self._read, frozenset(gates), records_are_new)
        except StoreError as error:
            log.warning("live_read_failed cause=%s", error)
            with self._mutex:
                self._changed |= gates
                self._records_are_new = self._records_are_new or records_are_new
            loop.call_later(_RETRY_S, self._wake.set)
            return
        if has_more:
            loop.call_later(TOUCHED_EVERY_S, self._wake.set)
        if push != Push():
            for queue in tuple(self._watchers):
                _offer(queue, push)

    def _read(self, changed: frozenset[str], records_are_new: bool) -> Push:
        passages: tuple[PassageRow, ...] = ()
        skipped = 0
        if records_are_new:
            newest = self._passages.newest_id()
            passages, skipped = _unless_spoiled(self._read_passages, (passages, skipped))
            # What was committed between the two readings is shown now and once more: rows replace each other by id.
            self._last_id = newest
        gates: tuple[GateRow, ...] = ()
        if changed:
            gates = _unless_spoiled(lambda: self._gates.some(changed), gates)
        return Push(passages=passages, gates=gates, skipped=max(0, skipped))

    def _read_passages(self) -> tuple[tuple[PassageRow, ...], int]:
        before, skipped = self._last_id, 0
        passages = self._passages.after(before, ROWS_PER_PUSH_MAX)
        if len(passages) == ROWS_PER_PUSH_MAX:
            skipped = self._passages.count_after(before) - len(passages)
        return self._passages.ended_after(before, ROWS_PER_PUSH_MAX) + passages, skipped


def _unless_spoiled(read: Callable[[], T], nothing: T) -> T:
    """What is read. Nothing that a device sends may end everybody's feed: what can't be read is logged, passed over."""
    try:
        return read()
    except StoreError:
        raise  # tried again
    except Exception:
        log.exception("live_push_lost")
        return nothing


def _offer(queue: "asyncio.Queue[Push | None]", push: Push | None) -> None:
    """Hand a push over; a watcher whose queue is full is let go instead of slowing the others."""
    if queue.full():
        while not queue.empty():
            queue.get_nowait()
        push = None
    queue.put_nowait(push)
