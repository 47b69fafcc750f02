"""The thread that takes in what the bus brings: commit first, then acknowledge, then publish marks, then show.

Group commit: whatever has arrived is one batch; nothing waits for a timer. While the database refuses, the batch is
kept and offered again; the broker keeps the rest, because nothing of it is acknowledged.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from center.errors import StoreError
from center.ingest.arrivals import Arrival, Bus, EventArrived, MarkFound, StateArrived, StatusArrived
from center.ingest.gate_book import GateBook
from center.ingest.keeper import Kept, RecordKeeper

log = logging.getLogger(__name__)

BATCH_MAX: Final = 500
TAKE_WAIT_S: Final = 0.2
"""How long an idle ingest may take to notice that it shall stop or publish again."""
RETRY_FIRST_S: Final = 0.5
RETRY_MAX_S: Final = 30.0
STOP_WITHIN_S: Final = 10.0


class IngestWorker:
    """Owns the ingest thread."""

    def __init__(
        self,
        keeper: RecordKeeper,
        gates: GateBook,
        bus: Bus,
        *,
        on_records: Callable[[frozenset[str]], None] = lambda devices: None,
        on_gates: Callable[[frozenset[str]], None] = lambda devices: None,
        on_failed: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        """on_records, on_gates: told after the commit, on the ingest thread; they return at once.

        on_failed: the thread ended by an error that nobody foresaw; nothing is acknowledged from then on.
        """
        self.refused_batches = 0
        self._keeper = keeper
        self._gates = gates
        self._bus = bus
        self._on_records = on_records
        self._on_gates = on_gates
        self._on_failed = on_failed
        self._is_refused = False
        self._republish = threading.Event()
        self._stopping = threading.Event()
        self._introduced: set[tuple[str, str]] = set()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)

    @property
    def is_well(self) -> bool:
        """Whether the thread runs and the database takes what comes."""
        return self._thread.is_alive() and not self._is_refused

    def broker_returned(self) -> None:
        """The broker may have lost what it retained: publish every mark again. Any thread; returns at once."""
        self._republish.set()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch at hand and end the thread; what is left unacknowledged comes again. Idempotent."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_WITHIN_S)

    def handle(self, batch: Sequence[Arrival]) -> Kept:
        """Take in one batch on the calling thread. Raises StoreError when the database refused."""
        events = [arrival for arrival in batch if isinstance(arrival, EventArrived)]
        messages = [arrival for arrival in batch if isinstance(arrival, StatusArrived | StateArrived)]
        found = [arrival for arrival in batch if isinstance(arrival, MarkFound)]
        kept = Kept()
        if events:
            kept = self._keeper.keep(events)
            self._bus.publish_marks(kept.marks)
            self._on_records(frozenset(mark.device for mark in kept.marks))
        if messages:
            changed = self._gates.note(messages)
            self._introduce(messages)
            if changed:
                self._on_gates(changed)
        if found:
            self._step_back(found)
        self._bus.confirm_taken()
        return kept

    def _step_back(self, found: Sequence[MarkFound]) -> None:
        """The broker tells that the centre once had more than it has: it was restored, or its database is new.

        The device sees the mark that counts now and sends again from there; what it has no more stays known as missing.
        """
        higher = [mark for mark in found if mark.seq > self._keeper.head(mark.device, mark.epoch).seq]
        if not higher:
            return
        self._gates.note_found(higher)
        log.warning("marks_step_back journals=%d", len(higher))
        self._bus.publish_marks([self._keeper.mark(mark.compound, mark.device, mark.epoch) for mark in higher])
        self._on_gates(frozenset(mark.device for mark in higher))

    def _introduce(self, messages: Sequence[StatusArrived | StateArrived]) -> None:
        """Answer a journal's first state with its mark: what the broker retains may stem from another database."""
        new = {
            (message.device, epoch): message.compound
            for message in messages
            if isinstance(message, StateArrived)
            and (epoch := message.state.epoch) is not None
            and (message.device, epoch) not in self._introduced
            and self._gates.is_known(message.device, epoch)
        }
        if new:
            self._introduced |= new.keys()
            self._bus.publish_marks([self._keeper.mark(compound, *journal) for journal, compound in new.items()])

    def _run(self) -> None:
        try:
            self._take_and_handle()
        except Exception as error:
            log.exception("ingest_failed")
            self._on_failed(error)

    def _take_and_handle(self) -> None:
        retry_s = RETRY_FIRST_S
        while not self._stopping.is_set():
            if self._republish.is_set():
                self._republish.clear()
                self._introduced.clear()
                self._bus.publish_marks(self._keeper.marks())
            batch = self._bus.take(wait_s=TAKE_WAIT_S, at_most=BATCH_MAX)
            while batch:
                try:
                    self.handle(batch)
                    retry_s, self._is_refused = RETRY_FIRST_S, False
                    break
                except StoreError as error:
                    self.refused_batches += 1
                    self._is_refused = True
                    log.error("ingest_waits retry_s=%.1f cause=%s", retry_s, error)
                if self._stopping.wait(retry_s):
                    return
                retry_s = min(retry_s * 2, RETRY_MAX_S)
