"""A journal that may be impossible to open at first: everything is refused until it opens, and then goes on in it.

A terminal starts all the same: the way out must not wait for a card. Each append tries to open the journal, on the
thread that appends; whoever appends decides how often that is. What must not wait for a disk answers at once here too.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from journal.envelope import Envelope
from journal.errors import JournalBusy, JournalError, JournalUnavailable
from journal.facts import AckOutcome, EpochState, Head, Room
from journal.store import Journal
from model.clock import Timestamp
from model.identities import Epoch, PassId, Seq
from model.records import ConsumedCode

log = logging.getLogger(__name__)

HEARD_KEPT: Final = 10_000
"""Codes that other gates consumed while there was no journal; beyond it the oldest are forgotten."""
FIRST_OPEN_WITHIN_S: Final = 10.0
"""A start waits for so long for a disk that hangs or a journal that is salvaged; then it goes on without."""
CLOSE_WITHIN_S: Final = 1.0


class LateJournal:
    """A `Journal` as its users see it, open or not. Threads as there."""

    def __init__(self, open_journal: Callable[[], Journal]) -> None:
        """open_journal: raises JournalError while it can't."""
        self.on_opened: Callable[[Journal], None] = lambda journal: None  # on the thread whose append opened it late
        self._open = open_journal
        self._opening = threading.Lock()
        self._journal: Journal | None = None
        self._heard: deque[ConsumedCode] = deque(maxlen=HEARD_KEPT)

    @property
    def opened(self) -> Journal | None:
        """The journal once it is open."""
        return self._journal

    def open_first(self, *, within_s: float = FIRST_OPEN_WITHIN_S) -> None:
        """Try for the first time, and go on after within_s whatever the disk does.

        Raises JournalBusy: another process has this lane; any other trouble only waits.
        """
        failed: list[Exception] = []
        has_gone_on = threading.Event()

        def first() -> None:
            with self._opening:
                try:
                    self._journal = self._open()
                except JournalBusy as error:
                    failed.append(error)
                except JournalError as error:
                    log.error("journal_not_opened why=%s", error)
                except Exception as error:  # noqa: BLE001 - raised where somebody waits for it
                    failed.append(error)
            if self._journal is not None and has_gone_on.is_set():
                log.warning("journal_opened_late")
                self.on_opened(self._journal)

        thread = threading.Thread(target=first, name="journal-opening", daemon=True)
        thread.start()
        thread.join(within_s)
        has_gone_on.set()
        if failed:
            raise failed[0]
        if thread.is_alive():
            log.error("journal_not_opened why=slow")

    def append(
        self,
        body: Mapping[str, object],
        personal: str | None = None,
        consume: Sequence[ConsumedCode] = (),
        state: Mapping[str, str] | None = None,
    ) -> Envelope:
        """As `Journal.append`; opens it first where that can be done now. Raises JournalError."""
        return self._now_open().append(body, personal, consume, state)

    def is_consumed(self, pass_id: PassId, step: int) -> bool:
        """As `Journal.is_consumed`, from what was heard meanwhile. At once, any thread."""
        if self._journal is not None:
            return self._journal.is_consumed(pass_id, step)
        return ConsumedCode(pass_id=pass_id, step=step) in self._heard

    def note_used(self, code: ConsumedCode) -> bool:
        """As `Journal.note_used`; nothing was granted here meanwhile. At once, any thread."""
        if self._journal is not None:
            return self._journal.note_used(code)
        self._heard.append(code)
        return False

    def head(self) -> Head | None:
        """End of the current epoch; None while nobody knows. At once, any thread."""
        return self._journal.head() if self._journal is not None else None

    def acked_seq(self, epoch: Epoch | None = None) -> Seq:
        """As `Journal.acked_seq`; 0 while nobody knows."""
        return self._journal.acked_seq(epoch) if self._journal is not None else Seq(0)

    def epochs(self) -> tuple[EpochState, ...]:
        """As `Journal.epochs`; none can be read before it is open."""
        return self._journal.epochs() if self._journal is not None else ()

    def acknowledge(self, epoch: Epoch, seq: int, hash_at_seq: str | None = None) -> AckOutcome:
        """As `Journal.acknowledge`; a mark that comes too early comes again."""
        return self._journal.acknowledge(epoch, seq, hash_at_seq) if self._journal else AckOutcome.UNKNOWN_EPOCH

    def keep_high_water(self) -> None:
        """As `Journal.keep_high_water`."""
        if self._journal is not None:
            self._journal.keep_high_water()

    def read(self, from_seq: int, limit: int, epoch: Epoch | None = None) -> list[Envelope]:
        """As `Journal.read`."""
        return self._needed().read(from_seq, limit, epoch)

    def backlog(self) -> int:
        """As `Journal.backlog`."""
        return self._needed().backlog()

    def range_gone(self, epoch: Epoch, from_seq: int, to_seq: int, why: str, at: Timestamp) -> Envelope:
        """As `Journal.range_gone`."""
        return self._needed().range_gone(epoch, from_seq, to_seq, why, at)

    def carry_forward(self, epoch: Epoch) -> int:
        """As `Journal.carry_forward`."""
        return self._needed().carry_forward(epoch)

    def get_state(self, key: str) -> str | None:
        """As `Journal.get_state`."""
        return self._needed().get_state(key)

    def get_states(self, prefix: str) -> dict[str, str]:
        """As `Journal.get_states`."""
        return self._needed().get_states(prefix)

    def room(self) -> Room:
        """As `Journal.room`."""
        return self._needed().room()

    def trim(self, before: datetime) -> int:
        """As `Journal.trim`."""
        return self._needed().trim(before)

    def wal_bytes(self) -> int:
        """As `Journal.wal_bytes`."""
        return self._journal.wal_bytes() if self._journal is not None else 0

    def maintain(self) -> None:
        """As `Journal.maintain`."""
        self._needed().maintain()

    def probe(self) -> None:
        """As `Journal.probe`."""
        self._needed().probe()

    def close(self) -> None:
        """As `Journal.close`."""
        if not self._opening.acquire(timeout=CLOSE_WITHIN_S):
            return  # it hangs in its opening: nothing was written
        try:
            if self._journal is not None:
                self._journal.close()
        finally:
            self._opening.release()

    def _needed(self) -> Journal:
        if self._journal is None:
            raise JournalUnavailable("the journal could not be opened yet: check the card and its mount")
        return self._journal

    def _now_open(self) -> Journal:
        with self._opening:
            if self._journal is not None:
                return self._journal
            journal = self._journal = self._open()
            while self._heard:
                journal.note_used(self._heard.popleft())
        log.warning("journal_opened_late")
        self.on_opened(journal)
        return journal


AnyJournal = Journal | LateJournal
