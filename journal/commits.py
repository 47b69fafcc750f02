"""Commits in a thread of their own: the caller's loop never waits for a disk."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from journal.envelope import Envelope
from journal.errors import JournalBusy, JournalError, RecordInvalid
from journal.late import AnyJournal
from model.records import ConsumedCode

log = logging.getLogger(__name__)

MAX_WAITING: Final = 1_000
"""Appends that may wait for the disk; the next one is answered with JournalBusy at once."""

WAL_LIMIT_BYTES: Final = 4 * 1024 * 1024
MAINTENANCE_INTERVAL_S: Final = 60.0
_FOREVER = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)

MakeBody = Callable[[], Mapping[str, object]]
OnDone = Callable[[Envelope | JournalError], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Append:
    body: Mapping[str, object] | MakeBody
    personal: str | None
    consume: Sequence[ConsumedCode]
    state: Mapping[str, str]
    on_done: OnDone


@dataclass(frozen=True, slots=True, kw_only=True)
class _Probe:
    on_done: Callable[[JournalError | None], None]


class Commits:
    """The one thread that appends. First in, first out; maintenance runs while nothing waits."""

    def __init__(
        self,
        journal: AnyJournal,
        *,
        on_appended: Callable[[], None] = lambda: None,
        maintenance_interval_s: float = MAINTENANCE_INTERVAL_S,
    ) -> None:
        """on_appended: called on the commit thread after each record (the publisher's `wake`)."""
        self._journal = journal
        self._on_appended = on_appended
        self._interval_s = maintenance_interval_s
        self._waiting: queue.Queue[_Append | _Probe | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="journal-commits", daemon=True)
        self._maintained_at = time.monotonic()
        self._was_short = False
        self._trouble: JournalError | None = None  # of the maintenance

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, *, join_within_s: float = 10.0) -> None:
        """Commit what waits, then end the thread; a disk that hangs is not waited for. The journal stays open."""
        ends_at = time.monotonic() + join_within_s
        try:
            self._waiting.put(None, timeout=join_within_s)
        except queue.Full:
            log.error("journal_hangs waiting=%d", self._waiting.qsize())
            return
        self._thread.join(max(ends_at - time.monotonic(), 0.0))

    def submit(
        self,
        body: Mapping[str, object] | MakeBody,
        personal: str | None,
        consume: Sequence[ConsumedCode],
        on_done: OnDone,
        state: Mapping[str, str] | None = None,
    ) -> None:
        """Order one append; never blocks, from any thread. body: or a function that makes it, on the commit thread.

        on_done runs on the commit thread with the record (it is on the disk) or with the error (nothing was written);
        with JournalBusy it runs here and now, because MAX_WAITING appends wait already.
        """
        append = _Append(body=body, personal=personal, consume=consume, state=state or {}, on_done=on_done)
        try:
            self._waiting.put_nowait(append)
        except queue.Full:
            on_done(JournalBusy(f"{MAX_WAITING} records wait for the disk: check the card"))

    def probe(self, on_done: Callable[[JournalError | None], None]) -> None:
        """Ask, in its turn, whether the journal still takes records; nothing is written. Never blocks, any thread.

        on_done runs on the commit thread, with what is wrong or None; with JournalBusy here and now.
        """
        try:
            self._waiting.put_nowait(_Probe(on_done=on_done))
        except queue.Full:
            on_done(JournalBusy(f"{MAX_WAITING} records wait for the disk: check the card"))

    def _run(self) -> None:
        while True:
            try:
                wanted = self._waiting.get(timeout=self._interval_s)
            except queue.Empty:
                self._maintain_if_due()
                continue
            if wanted is None:
                return
            if isinstance(wanted, _Probe):
                self._probe(wanted)
            else:
                self._commit(wanted)
            if self._waiting.empty() or self._journal.wal_bytes() > 4 * WAL_LIMIT_BYTES:
                self._maintain_if_due()

    def _commit(self, append: _Append) -> None:
        outcome: Envelope | JournalError
        try:
            outcome = self._journal.append(_made(append), append.personal, append.consume, append.state)
        except JournalError as error:
            outcome = error
        try:
            append.on_done(outcome)
            if isinstance(outcome, Envelope):
                self._trouble = None
                self._journal.keep_high_water()
                self._on_appended()
        except Exception:  # the thread that owns the disk survives any caller
            log.exception("journal_callback_failed")

    def _probe(self, probe: _Probe) -> None:
        trouble = self._trouble
        try:
            self._journal.probe()
        except JournalError as error:
            trouble = error
        try:
            probe.on_done(trouble)
        except Exception:
            log.exception("journal_callback_failed")

    def _maintain_if_due(self) -> None:
        is_due = time.monotonic() - self._maintained_at >= self._interval_s
        if not is_due and self._journal.wal_bytes() <= WAL_LIMIT_BYTES:
            return
        self._maintained_at = time.monotonic()
        try:
            is_short = self._journal.room().is_short
            if is_short != self._was_short:
                self._was_short = is_short
                log.warning("journal_room is_short=%s", is_short)
            if is_short:
                # The oldest acknowledged records go before their time: a new record is worth more. What goes by age is
                # not decided here: this thread has no clock that it could trust.
                self._journal.trim(_FOREVER)
            self._journal.maintain()
        except JournalError as error:
            if self._trouble is None:
                log.warning("journal_maintenance_failed why=%s", error)
            self._trouble = error
        else:
            self._trouble = None


def _made(append: _Append) -> Mapping[str, object]:
    """The body. Raises RecordInvalid when it can't be made: the thread that owns the disk survives any caller."""
    try:
        return append.body() if callable(append.body) else append.body
    except JournalError:
        raise
    except Exception as error:
        log.error("journal_body_failed error=%s", type(error).__name__)  # its words may hold what was to be recorded
        raise RecordInvalid(f"the body could not be made ({type(error).__name__}): a fault of the program") from error
