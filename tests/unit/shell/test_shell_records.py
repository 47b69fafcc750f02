"""What happened while the journal did not work is written in its order when it works again; a grant never is."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from shell_world import VirtualTime

from gate.core.effects import StoreRecord
from gate.core.events import ComponentChanged, Event, RecordRefused, RecordStored
from gate.shell.records import MAX_UNWRITTEN, PROBE_INTERVAL_S, SLOW_COMMIT_S, Answered, RecordWriter
from gate.shell.wall_clock import WallClock
from journal.commits import Commits
from journal.envelope import ZERO_HASH, Envelope
from journal.errors import JournalError, JournalUnavailable
from model.clock import ClockTrust
from model.identities import DeviceId, Epoch, Seq
from model.records import BarrierEvent, BarrierRecord

OnDone = Callable[[Envelope | JournalError], None]


@dataclass
class ScriptedCommits:
    """Takes appends and answers them when the test says so."""

    waiting: list[tuple[dict[str, object], OnDone]] = field(default_factory=list)

    def submit(self, body, personal, consume, on_done, state=None) -> None:  # type: ignore[no-untyped-def]
        self.waiting.append((body(), on_done))

    def answer(self, *, works: bool) -> dict[str, object]:
        body, on_done = self.waiting.pop(0)
        on_done(WRITTEN if works else JournalUnavailable("the card is gone"))
        return body


WRITTEN = Envelope(
    device=DeviceId("gate-2"), epoch=Epoch("0" * 16), seq=Seq(1), prev=ZERO_HASH, hash=ZERO_HASH, body="{}"
)


class Scene:
    def __init__(self) -> None:
        self.time = VirtualTime()
        self.clock = WallClock(ClockTrust.DECLARED, self.time.wall, self.time.sources())
        self.commits = ScriptedCommits()
        self.posted: list[Event] = []
        self.writer = RecordWriter(commits=self.commits, clock=self.clock, post=self.answer, tell=self.posted.append)  # type: ignore[arg-type]

    def answer(self, answered: Answered) -> None:
        self.writer.answered(answered)

    def happens(self, token: int, event: BarrierEvent = BarrierEvent.FIRE) -> None:
        self.writer.store(StoreRecord(token=token, record=BarrierRecord(event=event)))

    def later(self, seconds: float) -> None:
        self.time.pass_s(seconds)
        self.writer.look(self.clock.instant())

    def news(self, kind: type) -> list[Event]:
        return [event for event in self.posted if isinstance(event, kind)]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_stored_record_is_answered_once(scene: Scene) -> None:
    scene.happens(7)
    scene.commits.answer(works=True)
    assert [event.token for event in scene.news(RecordStored)] == [7]  # type: ignore[attr-defined]
    assert not scene.news(ComponentChanged)


def test_what_happened_without_a_journal_is_written_later_in_its_order(scene: Scene) -> None:
    events = [BarrierEvent.FIRE, BarrierEvent.BREAK_GLASS, BarrierEvent.FIRE_ENDED]
    for token, event in enumerate(events, start=1):
        scene.happens(token, event)
        if scene.commits.waiting:
            scene.commits.answer(works=False)
    assert [event.is_available for event in scene.news(ComponentChanged)] == [False]  # type: ignore[attr-defined]
    scene.later(PROBE_INTERVAL_S)
    written = []
    while scene.commits.waiting:
        written.append(scene.commits.answer(works=True)["event"])
    assert written == [event.value for event in events]
    assert [event.is_available for event in scene.news(ComponentChanged)] == [False, True]  # type: ignore[attr-defined]


def test_records_that_failed_together_are_written_in_the_order_in_which_they_happened(scene: Scene) -> None:
    events = [BarrierEvent.FIRE, BarrierEvent.FORCED_OPEN, BarrierEvent.CLOSED]
    for token, event in enumerate(events, start=1):
        scene.happens(token, event)
    for _ in events:
        scene.commits.answer(works=False)
    scene.later(PROBE_INTERVAL_S)
    written = []
    while scene.commits.waiting:
        written.append(scene.commits.answer(works=True)["event"])
    assert written == [event.value for event in events]


def test_refused_record_is_told_to_the_core(scene: Scene) -> None:
    scene.happens(3)
    scene.commits.answer(works=False)
    assert [event.token for event in scene.news(RecordRefused)] == [3]  # type: ignore[attr-defined]


def test_commit_that_hangs_is_a_lost_journal(scene: Scene) -> None:
    scene.happens(3)
    scene.later(SLOW_COMMIT_S - 0.1)
    assert not scene.news(ComponentChanged)
    scene.later(0.2)
    [lost] = scene.news(ComponentChanged)
    assert lost.why == "slow"  # type: ignore[attr-defined]
    scene.commits.answer(works=True)
    assert [event.is_available for event in scene.news(ComponentChanged)] == [False, True]  # type: ignore[attr-defined]


def test_lost_journal_is_tried_again_and_not_in_a_hurry(scene: Scene) -> None:
    scene.happens(1)
    scene.commits.answer(works=False)
    scene.later(PROBE_INTERVAL_S - 1)
    assert not scene.commits.waiting
    scene.later(1)
    assert len(scene.commits.waiting) == 1
    scene.later(PROBE_INTERVAL_S)
    assert len(scene.commits.waiting) == 1


def test_memory_for_unwritten_events_is_bounded_and_the_overflow_counted(scene: Scene) -> None:
    scene.happens(1)
    scene.commits.answer(works=False)
    for token in range(2, MAX_UNWRITTEN + 4):
        scene.happens(token)
    assert scene.writer.dropped == 3


def test_scripted_commits_take_what_the_real_ones_take() -> None:
    import inspect

    real = inspect.signature(Commits.submit).parameters
    assert list(real) == list(inspect.signature(ScriptedCommits.submit).parameters)
