"""Records on their way to the disk: the core's orders in, answers back, and what could not be written kept in order."""

import logging
from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from gate.core.effects import StoreRecord
from gate.core.events import ComponentChanged, Event, RecordRefused, RecordStored
from gate.core.lane import JOURNAL
from gate.shell.sealed_parts import SealedParts
from gate.shell.wall_clock import WallClock
from journal.body import build_body
from journal.commits import Commits, MakeBody
from journal.envelope import Envelope
from journal.errors import AlreadyConsumed, JournalError, RecordInvalid
from journal.late import AnyJournal
from model.clock import Instant, Timestamp
from model.identities import GuardId
from model.records import (
    ConsumedCode,
    DecisionRecord,
    DutyRecord,
    ModeRecord,
    Record,
    VisitorRecord,
    consumed_by,
    fields_of,
)
from model.visitors import VisitorStep

log = logging.getLogger(__name__)

MAX_UNWRITTEN: Final = 1_000
"""Events kept in memory while the journal does not take them. Beyond it the newest is refused and counted."""
SLOW_COMMIT_S: Final = 5.0
PROBE_INTERVAL_S: Final = 10.0
"""Between two attempts to write to a lost journal; one that could not be opened is opened by the same attempt."""
IDLE_PROBE_INTERVAL_S: Final = 5.0
"""Without records for this long, the journal is asked whether it would take one."""
LAST_GOOD_TIME: Final = "last_good_time"
DUTY: Final = "duty"
LAST_VISIT: Final = "last_visit"
NO_ANSWER: Final = 0
"""Token of a record that nobody waits for; the core counts from 1."""

_NO_STATE: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """The guard who has the gate, and since when."""

    guard: GuardId
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unwritten:
    token: int
    body: MakeBody
    number: int  # in the order in which it happened
    state: Mapping[str, str]  # saved with the record, in the same transaction
    personal: str | None = field(default=None, repr=False)  # sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The commit thread's answer on its way through the inbox. ticket: of the order; None: nothing was wrong."""

    ticket: int
    token: int
    outcome: Envelope | JournalError | None
    kept: _Unwritten | None


class RecordWriter:
    """Hands records to the commit thread. Its methods belong to the inbox's thread; answers enter through `post`."""

    def __init__(
        self,
        *,
        commits: Commits,
        clock: WallClock,
        post: Callable[[Answered], None],
        tell: Callable[[Event], None],
        sealed: SealedParts | None = None,
    ) -> None:
        """post: enters the inbox from any thread. tell: hands the core an event at once, on the inbox's thread."""
        self._sealed = sealed if sealed is not None else SealedParts()
        self._commits = commits
        self._clock = clock
        self._post = post
        self._tell = tell
        self._number = 0
        self._ticket = 0
        self._waiting: dict[int, Instant] = {}  # by ticket: many records have the same token
        self._unwritten: list[_Unwritten] = []  # by number
        self._is_lost = False
        self._probed_at = clock.instant()
        self.dropped = 0

    def store(self, order: StoreRecord, saved: Mapping[str, str] = _NO_STATE) -> None:
        """Order one commit; never blocks. The body states the moment at which the core decided.

        saved: state that goes to the disk in the same transaction.
        """
        at = self._clock.timestamp()
        judged_at = None if self._clock.trust.is_trusted else self._clock.now()
        body, state = _body_of(order.record, at, judged_at), {**_state_of(order.record, at), **saved}
        consume = consumed_by(order.record)
        self._number += 1
        personal = self._sealed.take(order.record.number) if isinstance(order.record, VisitorRecord) else None
        happened = _Unwritten(token=order.token, body=body, number=self._number, state=state, personal=personal)
        if self._unwritten and not isinstance(order.record, DecisionRecord):
            self._keep(happened)  # behind those that came first
            return
        # A decision that is not on disk in time decides nothing, so it is not written later: the guard has taken over.
        kept = None if isinstance(order.record, DecisionRecord) else happened
        self._submit(order.token, body, consume, kept, state, personal)

    def look(self, now: Instant) -> None:
        """Called about once a second: a commit that hangs is a lost journal; a lost journal is tried again.

        An idle one is asked whether it would still take a record, so that nobody's visit has to find out.
        """
        oldest = min(self._waiting.values(), default=None)
        if oldest is not None and now - oldest > SLOW_COMMIT_S:
            self._lost("slow")
        if self._waiting:
            return
        since_s = now - self._probed_at
        if not self._is_lost and since_s >= IDLE_PROBE_INTERVAL_S:
            self._probed_at = now
            self._commits.probe(self._answer_to(self._take_ticket(), NO_ANSWER, None))
        elif self._is_lost and since_s >= PROBE_INTERVAL_S:
            self._probed_at = now
            if self._unwritten:
                first = self._unwritten.pop(0)
                self._submit(first.token, first.body, (), first, first.state, first.personal)
            else:
                probe = ModeRecord(component=JOURNAL, is_available=False, why="unavailable")
                self._submit(NO_ANSWER, _body_of(probe, self._clock.timestamp()), (), None)

    def answered(self, answer: Answered) -> None:
        """The commit thread's answer, on the inbox's thread."""
        token, outcome, kept = answer.token, answer.outcome, answer.kept
        self._waiting.pop(answer.ticket, None)
        at = self._clock.instant()
        if outcome is None:
            return
        if isinstance(outcome, Envelope):
            self._probed_at = at
            if token != NO_ANSWER:
                self._tell(RecordStored(at=at, token=token))
            if self._is_lost:
                self._is_lost = False
                self._tell(ComponentChanged(at=at, component=JOURNAL, is_available=True))
            if self._unwritten:
                following = self._unwritten.pop(0)
                self._submit(following.token, following.body, (), following, following.state, following.personal)
            return
        if kept is not None and not isinstance(outcome, RecordInvalid):
            self._keep(kept)
        if token != NO_ANSWER:
            was_used = isinstance(outcome, AlreadyConsumed)
            self._tell(RecordRefused(at=at, token=token, code_was_used=was_used))
            if was_used:
                return
        self._lost(type(outcome).__name__)

    def _submit(
        self,
        token: int,
        body: MakeBody,
        consume: tuple[ConsumedCode, ...],
        kept: _Unwritten | None,
        state: Mapping[str, str] = _NO_STATE,
        personal: str | None = None,
    ) -> None:
        if self._clock.trust.is_trusted:
            state = {**state, LAST_GOOD_TIME: self._clock.now().isoformat()}

        self._commits.submit(body, personal, consume, self._answer_to(self._take_ticket(), token, kept), state)

    def _take_ticket(self) -> int:
        self._ticket += 1
        self._waiting[self._ticket] = self._clock.instant()
        return self._ticket

    def _answer_to(
        self, ticket: int, token: int, kept: _Unwritten | None
    ) -> Callable[[Envelope | JournalError | None], None]:
        return lambda outcome: self._post(Answered(ticket=ticket, token=token, outcome=outcome, kept=kept))

    def _keep(self, unwritten: _Unwritten) -> None:
        if len(self._unwritten) >= MAX_UNWRITTEN:
            self.dropped += 1
            log.error("record_dropped dropped=%d", self.dropped)
            return
        insort(self._unwritten, unwritten, key=lambda each: each.number)

    def _lost(self, why: str) -> None:
        if not self._is_lost:
            self._is_lost = True
            self._probed_at = self._clock.instant()
            self._tell(ComponentChanged(at=self._clock.instant(), component=JOURNAL, is_available=False, why=why))


def read_duty(journal: AnyJournal) -> Duty | None:
    """Who had the gate when the terminal ended; None for nobody, and for a state that can't be read."""
    saved = journal.get_state(DUTY)
    if not saved:
        return None
    guard, _, since = saved.partition(" ")
    try:
        return Duty(guard=GuardId(guard), since=datetime.fromisoformat(since).astimezone(UTC))
    except ValueError:
        return None


def _state_of(record: Record, at: Timestamp) -> Mapping[str, str]:
    if isinstance(record, VisitorRecord) and record.step is VisitorStep.REGISTERED:
        return {LAST_VISIT: record.number}
    if not isinstance(record, DutyRecord):
        return _NO_STATE
    return {DUTY: f"{record.guard} {at.wall.isoformat()}" if record.guard is not None else ""}


def _body_of(record: Record, at: Timestamp, judged_at: datetime | None = None) -> MakeBody:
    """The body is written out on the commit thread; the moment is that of the decision.

    judged_at: the last good time by which a code was judged, because the wall clock could not be trusted.
    """

    def make() -> Mapping[str, object]:
        kind, fields = fields_of(record)
        if isinstance(record, DecisionRecord) and judged_at is not None:
            fields["judged_at"] = judged_at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        return build_body(kind, at, fields)

    return make
