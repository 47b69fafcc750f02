"""The way of a claim through the centre: past the inbox, in turn with other writers, and lost rather than late."""

import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from center_kit import START, eventually, temporary_store

from center.clock import to_ms
from center.errors import StoreError
from center.outings import claim_wire
from center.outings.arrivals import AnswerGiven, ClaimArrived
from center.outings.claim_wire import ClaimWire
from center.outings.claims import ClaimBook
from center.outings.duty import OutingDuty
from center.store import database
from center.store.database import Store
from center.store.turns import Turns
from model.outings import OutingPurpose, OutingQuota, OutingRules, QuotaWindow
from model.reasons import Outcome
from mqtt.link import Handler, Received, Sent
from mqtt.messages import OutingAnswer, OutingClaim, OutingOutcome

WITHIN_S = 10.0
RULES = OutingRules(
    quota=OutingQuota(
        count=1, period_days=1, window=QuotaWindow.CALENDAR, day_starts_at=time(), counted_from=date(2020, 2, 1)
    ),
    people_max=1,
    return_within_min=None,
    return_by=None,
    overdue_after_min=0,
    exempt=frozenset(),
    unanswered=Outcome.GRANTED,
)


def claim(number: int) -> OutingClaim:
    return OutingClaim(claim=f"{number:016x}", household=501, purpose=OutingPurpose.ORDINARY, at=START, people=1)


# turns


def test_turns_are_given_in_the_order_of_asking() -> None:
    turns = Turns()
    assert turns.take(within_s=0)
    order: list[int] = []

    def wait(number: int) -> None:
        assert turns.take(within_s=WITHIN_S)
        order.append(number)
        turns.give_back()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        eventually(lambda: len(turns._waiting) == len(threads), "it waits")
    turns.give_back()
    for thread in threads:
        thread.join(WITHIN_S)
    assert order == [0, 1, 2, 3, 4]


def test_who_gave_up_waiting_holds_nobody_up() -> None:
    turns = Turns()
    assert turns.take(within_s=0)
    assert not turns.take(within_s=0)
    turns.give_back()
    assert turns.take(within_s=0)


def test_a_writer_that_does_not_end_is_said_and_one_that_fails_gives_its_turn_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "TURN_WITHIN_S", 0.0)
    store = temporary_store(tmp_path)
    with store.writing(), pytest.raises(StoreError, match="does not end"), store.writing():
        pass
    with pytest.raises(RuntimeError), store.writing():
        raise RuntimeError
    with store.writing():
        pass
    store.close()


# the wire


class RecordingLink:
    """Stands where the centre's link stands."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.published: list[tuple[str, OutingAnswer]] = []
        self.confirmed = 0

    def handle(self, topic_filter: str, handler: Handler) -> None:
        self.handlers[topic_filter] = handler

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> Sent:
        assert not is_retained
        self.published.append((topic, OutingAnswer.decode(payload)))
        return Sent.SENT

    def hear(
        self, payload: bytes, *, is_retained: bool = False, topic: str = "gh/1/garden/gate-1/outing/claim"
    ) -> None:
        def confirm() -> None:
            self.confirmed += 1

        received = Received(topic=topic, payload=payload, is_retained=is_retained, confirm=confirm)
        self.handlers["gh/1/+/+/outing/claim"](received)


def test_a_claim_goes_through_and_its_answer_to_the_device_that_asked() -> None:
    link, (ours, theirs) = RecordingLink(), multiprocessing.Pipe()
    wire = ClaimWire(link, theirs)  # type: ignore[arg-type]
    wire.start()
    link.hear(claim(1).encode())
    assert ours.poll(WITHIN_S)
    assert ours.recv() == [ClaimArrived("garden", "gate-1", claim(1))]
    answer = OutingAnswer(claim=claim(1).claim, outcome=OutingOutcome.GRANTED)
    ours.send([AnswerGiven("garden", "gate-1", answer)])
    eventually(lambda: link.published, "the answer is published")
    assert link.published == [("gh/1/garden/gate-1/outing/answer", answer)]
    ours.close()


def test_stored_and_unreadable_claims_go_nowhere_and_are_confirmed() -> None:
    link, (ours, theirs) = RecordingLink(), multiprocessing.Pipe()
    wire = ClaimWire(link, theirs)  # type: ignore[arg-type]
    link.hear(claim(1).encode(), is_retained=True)
    link.hear(b"{}")
    link.hear(claim(1).encode(), topic="gh/1/garden/GATE/outing/claim")
    assert link.confirmed == 3
    link.hear(claim(2).encode())
    wire.start()
    assert ours.poll(WITHIN_S)
    assert ours.recv() == [ClaimArrived("garden", "gate-1", claim(2))]
    ours.close()


def test_claims_that_nobody_takes_are_dropped_and_never_hold_the_network_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claim_wire, "CLAIMS_MAX", 3)
    link, (_, theirs) = RecordingLink(), multiprocessing.Pipe()
    wire = ClaimWire(link, theirs)  # type: ignore[arg-type]
    for number in range(5):
        link.hear(claim(number).encode())
    assert (wire.dropped, link.confirmed) == (2, 5)


# the duty


class Source:
    """Claims that are there, and the answers to them."""

    def __init__(self, *groups: Sequence[OutingClaim]) -> None:
        self.groups = [[ClaimArrived("garden", "gate-1", one) for one in group] for group in groups]
        self.answers: list[AnswerGiven] = []
        self.is_empty = threading.Event()

    def take_claims(self, *, wait_s: float) -> Sequence[ClaimArrived]:
        if self.groups:
            return self.groups.pop(0)
        self.is_empty.set()
        threading.Event().wait(0.005)
        return []

    def give_answers(self, answers: Sequence[AnswerGiven]) -> None:
        self.answers += answers


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = temporary_store(tmp_path)
    yield made
    made.close()


def book_on(store: Store) -> ClaimBook:
    return ClaimBook(store, lambda: (RULES, UTC), lambda: to_ms(datetime(2020, 2, 14, 8, tzinfo=UTC)))


def test_a_database_that_refuses_leaves_claims_unanswered_and_the_next_are_answered(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = book_on(store)
    answer, calls = book.answer, 0

    def refusing_once(arrived: Sequence[ClaimArrived]) -> list[AnswerGiven]:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise StoreError("locked")
        return answer(arrived)

    monkeypatch.setattr(book, "answer", refusing_once)
    source = Source([claim(1)], [claim(2)])
    duty = OutingDuty(book, source)
    duty.start()
    assert source.is_empty.wait(WITHIN_S)
    duty.stop()
    assert [given.answer.claim for given in source.answers] == [claim(2).claim]


def test_what_nobody_foresaw_ends_the_centre(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    book, failures = book_on(store), []
    failed = threading.Event()

    def broken(arrived: object) -> None:
        raise TypeError("unforeseen")

    def note(error: Exception) -> None:
        failures.append(error)
        failed.set()

    monkeypatch.setattr(book, "answer", broken)
    duty = OutingDuty(book, Source([claim(1)]), on_failed=note)
    duty.start()
    assert failed.wait(WITHIN_S)
    duty.stop()
    assert isinstance(failures[0], TypeError)
