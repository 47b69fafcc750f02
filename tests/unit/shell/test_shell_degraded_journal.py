"""A journal that is lost: noticed by an idle gate, refused while it can't be opened, opened again without a restart."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shell_world import VirtualTime

from gate.core.effects import StoreRecord
from gate.core.events import ComponentChanged, Event
from gate.shell import records
from gate.shell.records import IDLE_PROBE_INTERVAL_S, NO_ANSWER, PROBE_INTERVAL_S, SLOW_COMMIT_S, Answered, RecordWriter
from gate.shell.wall_clock import WallClock
from journal.commits import Commits
from journal.envelope import Envelope
from journal.errors import JournalBusy, JournalError, JournalUnavailable
from journal.late import LateJournal
from journal.store import Journal
from model.clock import ClockTrust
from model.identities import DeviceId, PassId
from model.records import BarrierEvent, BarrierRecord, ConsumedCode

DEVICE = DeviceId("gate-2")


class StepwiseCommits:
    """The real journal's answers, given when the test says so."""

    def __init__(self, journal: Journal | LateJournal) -> None:
        self.journal = journal
        self.waiting: list[Callable[[], None]] = []

    def submit(self, body, personal, consume, on_done, state=None) -> None:  # type: ignore[no-untyped-def]
        def commit() -> None:
            outcome: Envelope | JournalError
            try:
                outcome = self.journal.append(body(), personal, consume, state)
            except JournalError as error:
                outcome = error
            on_done(outcome)

        self.waiting.append(commit)

    def probe(self, on_done: Callable[[JournalError | None], None]) -> None:
        def look() -> None:
            try:
                self.journal.probe()
            except JournalError as error:
                on_done(error)
            else:
                on_done(None)

        self.waiting.append(look)

    def work(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


class Scene:
    def __init__(self, journal: Journal | LateJournal) -> None:
        self.time = VirtualTime()
        clock = WallClock(ClockTrust.DECLARED, self.time.wall, self.time.sources())
        self.commits = StepwiseCommits(journal)
        self.told: list[Event] = []
        self.clock = clock
        self.writer = RecordWriter(
            commits=self.commits,  # type: ignore[arg-type]
            clock=clock,
            post=self._answered,
            tell=self.told.append,
        )

    def _answered(self, answer: Answered) -> None:
        self.writer.answered(answer)

    def happens(self, event: BarrierEvent = BarrierEvent.FIRE) -> None:
        self.writer.store(StoreRecord(token=NO_ANSWER, record=BarrierRecord(event=event)))

    def later(self, seconds: float) -> None:
        self.time.pass_s(seconds)
        self.writer.look(self.clock.instant())

    def journal_news(self) -> list[tuple[bool, str]]:
        return [(event.is_available, event.why) for event in self.told if isinstance(event, ComponentChanged)]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", DEVICE)
    yield journal
    journal.close()


def test_an_idle_gate_notices_that_its_journal_is_gone_and_goes_on_in_a_new_one(journal: Journal) -> None:
    scene = Scene(journal)
    scene.happens()
    scene.commits.work()
    journal.path.unlink()
    scene.later(IDLE_PROBE_INTERVAL_S)
    scene.commits.work()
    assert scene.journal_news() == [(False, "JournalLost")]
    scene.later(PROBE_INTERVAL_S)
    scene.commits.work()
    assert [is_available for is_available, _ in scene.journal_news()] == [False, True]
    assert journal.path.exists()


def test_without_the_probe_an_idle_gate_would_not_know(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ablation."""
    monkeypatch.setattr(records, "IDLE_PROBE_INTERVAL_S", float("inf"))
    scene = Scene(journal)
    journal.path.unlink()
    scene.later(3_600.0)
    scene.commits.work()
    assert scene.journal_news() == []


def test_a_probe_of_a_sound_journal_is_no_news_and_writes_nothing(journal: Journal) -> None:
    scene = Scene(journal)
    before = journal.head()
    for _ in range(10):
        scene.later(IDLE_PROBE_INTERVAL_S)
        scene.commits.work()
    assert scene.journal_news() == []
    assert journal.head() == before


def test_a_disk_that_hangs_under_a_probe_is_a_lost_journal(journal: Journal) -> None:
    scene = Scene(journal)
    scene.later(IDLE_PROBE_INTERVAL_S)
    scene.later(SLOW_COMMIT_S + 0.1)
    assert scene.journal_news() == [(False, "slow")]


def test_of_two_records_that_hang_the_second_is_watched_when_the_first_is_answered(journal: Journal) -> None:
    scene = Scene(journal)
    scene.happens(BarrierEvent.FIRE)
    scene.happens(BarrierEvent.FIRE_ENDED)
    scene.commits.waiting.pop(0)()
    scene.later(SLOW_COMMIT_S + 0.1)
    assert scene.journal_news() == [(False, "slow")]


class Card:
    """A card that is put in later."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.is_in = False
        self.tries = 0

    def open(self) -> Journal:
        self.tries += 1
        if not self.is_in:
            raise JournalUnavailable("no card")
        return Journal.open(self.path, DEVICE)


def test_a_journal_that_cannot_be_opened_is_lost_and_tried_every_ten_seconds(tmp_path: Path) -> None:
    card = Card(tmp_path / "journal.db")
    late = LateJournal(card.open)
    late.open_first()
    scene = Scene(late)
    scene.happens(BarrierEvent.FIRE)
    scene.commits.work()
    assert scene.journal_news() == [(False, "JournalUnavailable")]
    assert late.head() is None
    scene.happens(BarrierEvent.FIRE_ENDED)  # kept behind the first, without another try
    tries = card.tries
    scene.later(PROBE_INTERVAL_S - 1)
    scene.commits.work()
    assert card.tries == tries
    card.is_in = True
    opened: list[Journal] = []
    late.on_opened = opened.append
    scene.later(1.0)
    scene.commits.work()
    assert [is_available for is_available, _ in scene.journal_news()] == [False, True]
    assert opened == [late.opened]
    kept = [BarrierEvent.FIRE.value, BarrierEvent.FIRE_ENDED.value]
    assert [word in body for word, body in zip(kept, (each.body for each in late.read(1, 10)), strict=True)] == [
        True
    ] * 2
    late.close()


def test_what_other_gates_consumed_before_the_journal_opened_is_known_after(tmp_path: Path) -> None:
    card = Card(tmp_path / "journal.db")
    late = LateJournal(card.open)
    late.open_first()
    code = ConsumedCode(pass_id=PassId("ab" * 8), step=7)
    assert late.note_used(code) is False
    assert late.is_consumed(code.pass_id, code.step)
    card.is_in = True
    scene = Scene(late)
    scene.happens()
    scene.commits.work()
    assert late.opened is not None
    assert late.is_consumed(code.pass_id, code.step)
    late.close()


def test_a_disk_that_hangs_while_the_journal_is_opened_holds_no_start_up(tmp_path: Path) -> None:
    hangs, is_open = threading.Event(), threading.Event()

    def slowly() -> Journal:
        hangs.wait(10.0)
        return Journal.open(tmp_path / "journal.db", DEVICE)

    late = LateJournal(slowly)
    late.on_opened = lambda journal: is_open.set()
    late.open_first(within_s=0.01)
    assert late.head() is None
    hangs.set()
    assert is_open.wait(10.0)
    assert late.head() is not None
    late.close()


def test_a_journal_of_another_process_ends_the_start(journal: Journal) -> None:
    late = LateJournal(lambda: Journal.open(journal.path, DEVICE))
    with pytest.raises(JournalBusy):
        late.open_first()


def test_stepwise_commits_take_what_the_real_ones_take() -> None:
    import inspect

    for name in ("submit", "probe"):
        real = inspect.signature(getattr(Commits, name)).parameters
        assert list(real) == list(inspect.signature(getattr(StepwiseCommits, name)).parameters)
