"""What the journal's tests share."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, Queue

from journal.body import build_body
from journal.envelope import Envelope
from journal.errors import JournalError
from journal.store import Journal
from model.clock import ClockTrust, Timestamp
from model.identities import DeviceId, PassId
from model.records import ConsumedCode

DEVICE = DeviceId("gate-1")
START = datetime(2020, 2, 3, 8, 0, tzinfo=UTC)


def at(seconds: float = 0.0) -> Timestamp:
    """A moment some seconds after the start."""
    return Timestamp(wall=START + timedelta(seconds=seconds), boot_s=seconds, boot_id="boot-1", trust=ClockTrust.NTP)


def body(number: int) -> dict[str, object]:
    """A body of a record, one second after the one before."""
    return build_body("decision", at(number), {"number": number})


def filled(path: Path, count: int) -> Journal:
    """A journal with some records."""
    journal = Journal.open(path, DEVICE)
    for number in range(1, count + 1):
        journal.append(body(number))
    return journal


def code(step: int, pass_id: str = "0123456789abcdef") -> ConsumedCode:
    """A holder's code."""
    return ConsumedCode(pass_id=PassId(pass_id), step=step)


class Answers:
    """Collects what `on_done` is called with; `take` waits, bounded."""

    def __init__(self) -> None:
        self._queue: Queue[Envelope | JournalError] = Queue()

    def __call__(self, answer: Envelope | JournalError) -> None:
        self._queue.put(answer)

    def take(self) -> Envelope | JournalError:
        try:
            return self._queue.get(timeout=10)
        except Empty:
            raise AssertionError("no answer within 10 s") from None

    def is_empty(self) -> bool:
        return self._queue.empty()


def raises_nothing(action: Callable[[], object]) -> bool:
    """Whether an action ends without a JournalError."""
    try:
        action()
    except JournalError:
        return False
    return True
