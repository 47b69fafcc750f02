"""A gate's claims: called back exactly once, with or without an answer; late, stored and foreign ones do nothing."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from model.identities import CompoundId, DeviceId
from model.outings import OutingPurpose
from mqtt.link import Handler, Received, Sent
from mqtt.messages import OutingAnswer, OutingClaim, OutingOutcome
from mqtt.outing_claims import MAX_LATE, MAX_WAITING, Answered, OutingClaims, Unanswered, new_claim_id
from mqtt.topics import Address

AT = datetime(2020, 2, 3, 8, 0, tzinfo=UTC)
FIRST = "00112233445566aa"


class RecordingLink:
    """Stands where a link stands; keeps what is published."""

    def __init__(self) -> None:
        self.address = Address(compound=CompoundId("garden"), device=DeviceId("gate-1"))
        self.handlers: dict[str, Handler] = {}
        self.claims: list[OutingClaim] = []
        self.sends = Sent.SENT
        self.on_publish: Callable[[], None] = lambda: None

    def handle(self, topic_filter: str, handler: Handler) -> None:
        self.handlers[topic_filter] = handler

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> Sent:
        assert topic == "gh/1/garden/gate-1/outing/claim"
        assert not is_retained
        if self.sends is Sent.SENT:
            self.claims.append(OutingClaim.decode(payload))
        self.on_publish()
        return self.sends


class Gate:
    """Claims with time that passes when it is told to."""

    def __init__(self) -> None:
        self.link = RecordingLink()
        self.done: list[Answered] = []
        self.late: list[OutingAnswer] = []
        self.timers: dict[int, tuple[float, Callable[[], object]]] = {}
        self.claims = OutingClaims(self.link, on_late=self.late.append, later=self.after)  # type: ignore[arg-type]

    def after(self, seconds: float, function: Callable[[], object]) -> Callable[[], None]:
        number = len(self.timers)
        self.timers[number] = (seconds, function)
        return lambda: self.timers.update({number: (seconds, lambda: None)})

    def ask(self, claim: str = FIRST) -> None:
        asked = OutingClaim(claim=claim, household=501, purpose=OutingPurpose.ORDINARY, at=AT, people=1)
        self.claims.claim(asked, self.done.append)

    def time_is_over(self) -> None:
        for _, function in list(self.timers.values()):
            function()

    def hear(self, answer: OutingAnswer | bytes, *, is_retained: bool = False) -> None:
        payload = answer if isinstance(answer, bytes) else answer.encode()
        received = Received(topic="t", payload=payload, is_retained=is_retained, confirm=lambda: None)
        self.link.handlers["gh/1/garden/gate-1/outing/answer"](received)


def granted(claim: str = FIRST) -> OutingAnswer:
    return OutingAnswer(claim=claim, outcome=OutingOutcome.GRANTED)


@pytest.fixture
def gate() -> Gate:
    return Gate()


def test_an_answer_is_told_once_however_often_it_comes(gate: Gate) -> None:
    gate.ask()
    assert [claim.claim for claim in gate.link.claims] == [FIRST]
    gate.hear(granted())
    gate.hear(granted())
    gate.time_is_over()
    assert gate.done == [granted()]
    assert gate.late == []


def test_no_answer_in_time_is_unanswered_and_what_comes_later_is_dropped_and_told(gate: Gate) -> None:
    gate.ask()
    assert [seconds for seconds, _ in gate.timers.values()] == [0.5]
    gate.time_is_over()
    gate.hear(granted())
    gate.hear(granted())
    assert gate.done == [Unanswered.TIMED_OUT]
    assert gate.late == [granted()]


@pytest.mark.parametrize(("sent", "why"), [(Sent.DOWN, Unanswered.LINK_DOWN), (Sent.BUSY, Unanswered.BUSY)])
def test_what_cannot_be_sent_is_unanswered_at_once_and_once(gate: Gate, sent: Sent, why: Unanswered) -> None:
    gate.link.sends = sent
    gate.ask()
    assert gate.done == [why]
    gate.time_is_over()
    assert gate.done == [why]


def test_an_answer_that_is_faster_than_the_publish_is_not_missed(gate: Gate) -> None:
    gate.link.on_publish = lambda: gate.hear(granted())
    gate.ask()
    assert gate.done == [granted()]


def test_a_link_that_fails_after_the_answer_calls_back_no_second_time(gate: Gate) -> None:
    gate.link.on_publish = lambda: gate.hear(granted())
    gate.link.sends = Sent.DOWN
    gate.ask()
    assert gate.done == [granted()]


def test_stored_unreadable_and_foreign_answers_are_ignored(gate: Gate) -> None:
    gate.ask()
    gate.hear(granted(), is_retained=True)
    gate.hear(b"{}")
    gate.hear(granted("ffffffffffffffff"))
    assert gate.done == []
    assert gate.late == []
    gate.hear(granted())
    assert gate.done == [granted()]


def test_a_claim_is_not_sent_again_while_it_waits(gate: Gate) -> None:
    gate.ask()
    gate.ask()
    assert gate.done == [Unanswered.BUSY]
    assert len(gate.link.claims) == 1
    gate.hear(granted())
    assert gate.done == [Unanswered.BUSY, granted()]


def test_a_claim_may_be_asked_again_after_its_time(gate: Gate) -> None:
    gate.ask()
    gate.time_is_over()
    gate.ask()
    gate.hear(granted())
    assert gate.done == [Unanswered.TIMED_OUT, granted()]
    assert gate.late == []


def test_so_many_wait_at_a_time_and_no_more(gate: Gate) -> None:
    for number in range(MAX_WAITING + 1):
        gate.ask(f"{number:016x}")
    assert gate.done == [Unanswered.BUSY]
    assert len(gate.link.claims) == MAX_WAITING


def test_claims_that_are_long_over_are_forgotten(gate: Gate) -> None:
    for number in range(MAX_LATE + 1):
        gate.ask(f"{number:016x}")
        gate.timers[number][1]()
    gate.hear(granted(f"{0:016x}"))
    assert gate.late == []
    gate.hear(granted(f"{1:016x}"))
    assert gate.late == [granted(f"{1:016x}")]


def test_every_claim_has_a_number_of_its_own() -> None:
    assert len({new_claim_id() for _ in range(100)}) == 100
