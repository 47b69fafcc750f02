"""The outbox: publishes the journal until the centre says that it has stored it.

Rules. The broker's confirmation is not delivery. The centre's retained mark, the highest seq stored without a gap,
moves the cursor. Beyond it at most WINDOW records are under way. Without progress everything beyond the mark is sent
again after 2 s, doubling and jittered, for ever. A mark that comes again without progress says that the centre is alive
and misses something: sent again at once. A mark that steps back (a centre restored from a backup) is followed. What the
centre asks for and nobody has is journalled as a gap, and that record is sent ahead of its turn. Old epochs go first,
but one without progress lets the next have its turn: a centre that refuses an old record must not silence the gate.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from journal.envelope import Envelope
from journal.errors import JournalError
from journal.facts import AckOutcome, EpochState
from journal.late import AnyJournal
from model.clock import Timestamp
from model.identities import Epoch
from mqtt.errors import MessageInvalid
from mqtt.link import Link, Received, Sent
from mqtt.messages import Ack

log = logging.getLogger(__name__)

WINDOW: Final = 100
RESEND_FIRST_S: Final = 2.0
RESEND_MAX_S: Final = 45.0
RESEND_SOONEST_S: Final = 0.25
"""A mark that came again may start a resend at most this often."""

_READ_BATCH: Final = 50
_CHECK_S: Final = 1.0
MAX_MARKS_WAITING: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherSettings:
    """Times of resending in seconds; shorter in tests."""

    window: int = WINDOW
    resend_first_s: float = RESEND_FIRST_S
    resend_max_s: float = RESEND_MAX_S
    resend_soonest_s: float = RESEND_SOONEST_S


class Publisher:
    """The thread that empties the outbox. `wake` after an append."""

    def __init__(
        self,
        journal: AnyJournal,
        link: Link,
        *,
        clock: Callable[[], Timestamp],
        settings: PublisherSettings | None = None,
        on_trouble: Callable[[AckOutcome, Epoch], None] = lambda outcome, epoch: None,
    ) -> None:
        """clock: stamps gap records. on_trouble: hears of CONFLICT and AHEAD, on the publisher's thread."""
        self.journal = journal
        self.link = link
        self.resends = 0
        self.failures = 0
        self._clock = clock
        self._settings = settings or PublisherSettings()
        self._on_trouble = on_trouble
        self._condition = threading.Condition()
        self._is_woken = False
        self._is_stopping = False
        self._marks: dict[Epoch, Ack] = {}
        self._epoch: Epoch | None = None
        self._turn = 0
        self._next_seq = 1
        self._gaps: dict[tuple[Epoch, int], Envelope] = {}
        self._is_blocked = False
        self._is_new_connection = False
        self._resend_s = self._settings.resend_first_s
        self._resend_at = 0.0
        self._resent_at = 0.0
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        link.handle(link.address.acks(), self._on_ack)
        link.on_change(self._on_link_changed)
        link.on_confirmed(self._on_confirmed)

    def start(self) -> None:
        """Start the thread. Before `Link.start`, so that no mark is missed."""
        self._thread.start()

    def stop(self, *, join_within_s: float = 5.0) -> None:
        """End the thread; what was not acknowledged is sent by the next run."""
        with self._condition:
            self._is_stopping = True
            self._condition.notify()
        self._thread.join(join_within_s)

    def wake(self) -> None:
        """There may be something to do; from any thread."""
        with self._condition:
            self._is_woken = True
            self._condition.notify()

    # below: the link's thread

    def _on_link_changed(self, is_up: bool) -> None:
        if is_up:
            with self._condition:
                self._is_new_connection = True
        self.wake()

    def _on_confirmed(self) -> None:
        if self._is_blocked:
            self.wake()

    def _on_ack(self, received: Received) -> None:
        received.confirm()
        try:
            mark = Ack.decode(received.payload)
        except MessageInvalid as error:
            log.error("mark_invalid why=%s", error)
            return
        if not received.topic.endswith(f"/{mark.epoch}"):
            log.error("mark_in_wrong_topic epoch=%s", mark.epoch)
            return
        with self._condition:
            if len(self._marks) < MAX_MARKS_WAITING:
                self._marks[Epoch(mark.epoch)] = mark
        self.wake()

    # below: the publisher's thread

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._is_woken or self._is_stopping, self._wait_s())
                if self._is_stopping:
                    return
                self._is_woken = False
                if self._is_new_connection:
                    self._is_new_connection = False
                    self._epoch = None  # what the old connection carried may be lost: begin again behind the mark
                marks, self._marks = self._marks, {}
            try:
                for mark in marks.values():
                    self._follow(mark)
                if self.link.is_up:
                    self._send_what_is_due()
            except (JournalError, MessageInvalid) as error:
                log.error("outbox_stuck why=%s", error)
                self._resend_at = time.monotonic() + self._settings.resend_first_s
            except Exception:  # this thread is the only way out for records: it must not end unseen
                self.failures += 1
                log.exception("outbox_failed")
                self._epoch = None

    def _wait_s(self) -> float:
        if self._epoch is None or not self.link.is_up:
            return _CHECK_S
        return min(max(self._resend_at - time.monotonic(), 0.0), _CHECK_S)

    def _follow(self, mark: Ack) -> None:
        epoch = Epoch(mark.epoch)
        outcome = self.journal.acknowledge(epoch, mark.seq, mark.hash)
        match outcome:
            case AckOutcome.ADVANCED:
                self._turn = 0
                self._resend_s = self._settings.resend_first_s
                self._resend_at = time.monotonic() + self._resend_s
                self._next_seq = max(self._next_seq, mark.seq + 1) if epoch == self._epoch else self._next_seq
                self._gaps = {key: gap for key, gap in self._gaps.items() if key[0] != epoch or key[1] > mark.seq}
            case AckOutcome.STEPPED_BACK:
                log.warning("mark_stepped_back epoch=%s seq=%d", epoch, mark.seq)
                self._epoch = None
                self._offer_again(epoch)
            case AckOutcome.UNCHANGED:
                if time.monotonic() - self._resent_at >= self._settings.resend_soonest_s:
                    self._resend_at = 0.0
            case AckOutcome.AHEAD | AckOutcome.CONFLICT:
                # This card was restored from an image, or two cards run under one identity. Nothing is lost: what the
                # centre did not take goes out under a new epoch.
                log.error("mark_does_not_fit outcome=%s epoch=%s seq=%d", outcome.value, epoch, mark.seq)
                self.journal.carry_forward(epoch)
                self._epoch = None
                self._on_trouble(outcome, epoch)
            case AckOutcome.UNKNOWN_EPOCH:
                log.warning("mark_of_unknown_epoch epoch=%s", epoch)

    def _offer_again(self, stepped_back: Epoch) -> None:
        """A centre restored from a backup may not know journals that began and ended since: show it one record of each.

        It answers with its mark, and what lies behind that is sent again. A journal of which it holds another history
        is left alone: its records went out as copies.
        """
        for state in self.journal.epochs():
            is_done = 0 < state.head_seq == state.acked_seq and state.epoch != stepped_back
            if is_done and self.journal.get_state(f"forked/{state.epoch}") is None:
                for envelope in self.journal.read(state.head_seq, 1, state.epoch):
                    self._publish(envelope)

    def _send_what_is_due(self) -> None:
        waiting = [state for state in self.journal.epochs() if state.acked_seq < state.head_seq]
        if not waiting:
            self._epoch = None
            self._gaps.clear()
            return
        now = time.monotonic()
        state = waiting[self._turn % len(waiting)]
        if state.epoch == self._epoch and now >= self._resend_at:
            if self._next_seq > state.acked_seq + 1:
                self.resends += 1
                self._turn += 1
                self._resend_s = min(self._resend_s * 2, self._settings.resend_max_s)
                state = waiting[self._turn % len(waiting)]
            self._rewind(state, now)
        elif state.epoch != self._epoch:
            self._rewind(state, now)
        self._fill_window(state)

    def _rewind(self, state: EpochState, now: float) -> None:
        self._epoch = state.epoch
        self._next_seq = state.acked_seq + 1
        self._resent_at = now
        self._resend_at = now + self._resend_s * random.uniform(0.75, 1.25)
        for gap in self._gaps.values():
            self._publish(gap)

    def _fill_window(self, state: EpochState) -> None:
        last = min(state.head_seq, state.acked_seq + self._settings.window)
        while self._next_seq <= last:
            batch = self.journal.read(self._next_seq, min(_READ_BATCH, last - self._next_seq + 1), state.epoch)
            if not batch:
                self._answer_gap(state.epoch, state.head_seq)
                return
            for envelope in batch:
                if envelope.seq > self._next_seq:
                    self._answer_gap(state.epoch, envelope.seq - 1)
                if envelope.seq > last or not self._publish(envelope):
                    return
                self._next_seq = envelope.seq + 1

    def _answer_gap(self, epoch: Epoch, to_seq: int) -> None:
        log.error("records_gone epoch=%s from=%d to=%d", epoch, self._next_seq, to_seq)
        gap = self.journal.range_gone(epoch, self._next_seq, to_seq, "not_in_journal", self._clock())
        self._gaps[epoch, to_seq] = gap
        self._publish(gap)
        self._next_seq = to_seq + 1

    def _publish(self, envelope: Envelope) -> bool:
        sent = self.link.publish(self.link.address.event(envelope.epoch), envelope.to_wire())
        # Busy: the broker's next confirmation wakes this thread. Down: the next connection does.
        self._is_blocked = sent is Sent.BUSY
        return sent is Sent.SENT
