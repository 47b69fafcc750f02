"""The state message, retained: what a device can do at present and how far its journal is; silence is no claim."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypedDict

from journal.errors import JournalError
from journal.facts import Head
from journal.late import AnyJournal
from model.clock import Timestamp
from mqtt.errors import MessageInvalid
from mqtt.link import Link, Sent
from mqtt.messages import Availability, Mode, State
from mqtt.topics import Verb

log = logging.getLogger(__name__)

STATE_INTERVAL_S: Final = 2.0
"""At most one state in this time, however fast records come; within it a change is known at the centre."""

STATE_REFRESH_S: Final = 60.0


JOURNAL_MODE: Final = "journal"


class _AboutJournal(TypedDict):
    epoch: str
    head_seq: int
    head_hash: str
    acked_seq: int
    backlog: int
    journal_used_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the device's program knows beside the journal."""

    modes: Mapping[str, Mode] = field(default_factory=lambda: MappingProxyType({}))
    rules_version: int | None = None
    directory_version: int | None = None
    directory_issued_at: datetime | None = None


class StateReporter:
    """The thread that publishes the state: at every connection, on change, and every STATE_REFRESH_S."""

    def __init__(
        self,
        journal: AnyJournal,
        link: Link,
        *,
        clock: Callable[[], Timestamp],
        interval_s: float = STATE_INTERVAL_S,
    ) -> None:
        """clock: stamps the state, its trust included. Before `Link.start`."""
        self._journal = journal
        self._link = link
        self._clock = clock
        self._interval_s = interval_s
        self._conditions = Conditions()
        self._condition = threading.Condition()
        self._is_due = True
        self._is_stopping = False
        self._published: tuple[Head | None, int] | None = None
        self._thread = threading.Thread(target=self._run, name="state-reporter", daemon=True)
        link.on_change(self._on_link_changed)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, *, join_within_s: float = 5.0) -> None:
        """End the thread."""
        with self._condition:
            self._is_stopping = True
            self._condition.notify()
        self._thread.join(join_within_s)

    def report(self, conditions: Conditions) -> None:
        """Say what has changed; from any thread."""
        with self._condition:
            if conditions != self._conditions:
                self._conditions = conditions
                self._is_due = True
                self._condition.notify()

    def _on_link_changed(self, is_up: bool) -> None:
        with self._condition:
            self._is_due = self._is_due or is_up
            self._condition.notify()

    def _run(self) -> None:
        refresh_at = 0.0
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._is_due or self._is_stopping, self._interval_s)
                if self._is_stopping:
                    return
                is_due, self._is_due = self._is_due, False
                conditions = self._conditions
            mark = (self._journal.head(), int(self._journal.acked_seq()))
            if is_due or mark != self._published or time.monotonic() >= refresh_at:
                if self._publish(conditions):
                    self._published = mark
                    refresh_at = time.monotonic() + STATE_REFRESH_S
                # Not more often than this, and a publish that failed is tried again after it.
                with self._condition:
                    self._condition.wait_for(lambda: self._is_stopping, self._interval_s)

    def _publish(self, conditions: Conditions) -> bool:
        if not self._link.is_up:
            return False
        try:
            payload = self._state(conditions).encode()
            return self._link.publish(self._link.address.topic(Verb.STATE), payload, is_retained=True) is Sent.SENT
        except (JournalError, MessageInvalid) as error:
            log.error("state_not_published why=%s", error)
            return False
        except Exception:  # a thread that ends here would leave the last state standing as if it were true
            log.exception("state_failed")
            return False

    def _state(self, conditions: Conditions) -> State:
        at = self._clock()
        issued_at = conditions.directory_issued_at
        age_s = None if issued_at is None else max(int((at.wall - issued_at).total_seconds()), 0)
        about_journal = self._about_journal()
        modes = dict(conditions.modes)
        if about_journal is None:
            modes.setdefault(JOURNAL_MODE, Mode(availability=Availability.UNAVAILABLE, why="unreadable"))
        state = State(
            at=at.wall,
            clock=at.trust,
            modes=modes,
            rules_version=conditions.rules_version,
            directory_version=conditions.directory_version,
            directory_issued_at=issued_at,
            directory_age_s=age_s,
        )
        return state if about_journal is None else state.model_copy(update={**about_journal})

    def _about_journal(self) -> _AboutJournal | None:
        """None when nothing can be said: it is not open, or its disk can't be read. The rest is told all the same."""
        head = self._journal.head()
        if head is None:
            return None
        try:
            return _AboutJournal(
                epoch=head.epoch,
                head_seq=head.seq,
                head_hash=head.hash,
                acked_seq=self._journal.acked_seq(head.epoch),
                backlog=self._journal.backlog(),
                journal_used_percent=min(int(self._journal.room().used_fraction * 100), 100),
            )
        except JournalError as error:
            log.warning("journal_not_in_state why=%s", error)
            return None
