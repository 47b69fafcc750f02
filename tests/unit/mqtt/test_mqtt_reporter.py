"""A device whose journal can't be opened or read says so, and everything else that it knows."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from journal.errors import JournalUnavailable
from journal.late import AnyJournal, LateJournal
from journal.store import Journal
from model.clock import ClockTrust, Timestamp
from model.identities import CompoundId, DeviceId
from mqtt.errors import MessageInvalid
from mqtt.link import Sent
from mqtt.messages import Availability, Mode, State
from mqtt.reporter import JOURNAL_MODE, Conditions, StateReporter
from mqtt.topics import Address

AT = Timestamp(wall=datetime(2020, 2, 3, 8, 0, tzinfo=UTC), boot_s=1.0, boot_id="boot-1", trust=ClockTrust.NTP)
WITHIN_S = 5.0


class StandingLink:
    """A link that is up and keeps what is published."""

    is_up = True

    def __init__(self) -> None:
        self.address = Address(compound=CompoundId("garden"), device=DeviceId("gate-1"))
        self.states: list[State] = []
        self.has_said = threading.Event()

    def on_change(self, listener: object) -> None:
        """Nothing changes."""

    def publish(self, topic: str, payload: bytes, *, is_retained: bool = False) -> Sent:
        self.states.append(State.decode(payload))
        self.has_said.set()
        return Sent.SENT


def first_state(journal: AnyJournal, modes: dict[str, Mode]) -> State:
    link = StandingLink()
    reporter = StateReporter(journal, link, clock=lambda: AT, interval_s=0.01)  # type: ignore[arg-type]
    reporter.report(Conditions(modes=modes, rules_version=3))
    reporter.start()
    assert link.has_said.wait(WITHIN_S)
    reporter.stop()
    return link.states[0]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal.open(tmp_path / "journal.db", DeviceId("gate-1"))
    yield journal
    journal.close()


def test_without_a_journal_the_state_says_what_is_lost_and_names_no_epoch() -> None:
    def no_card() -> Journal:
        raise JournalUnavailable("no card")

    late = LateJournal(no_card)
    late.open_first()
    lost = {"journal": Mode(availability=Availability.UNAVAILABLE, why="JournalUnavailable")}
    state = first_state(late, lost)
    assert state.modes == lost
    assert (state.epoch, state.head_seq, state.backlog, state.rules_version) == (None, None, None, 3)


def test_a_journal_whose_disk_cannot_be_read_is_named_and_the_rest_is_told(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> int:
        raise JournalUnavailable("disk I/O error")

    monkeypatch.setattr(journal, "backlog", fails)
    state = first_state(journal, {})
    assert state.modes[JOURNAL_MODE] == Mode(availability=Availability.UNAVAILABLE, why="unreadable")
    assert state.epoch is None


def test_with_a_journal_all_of_it_is_told(journal: Journal) -> None:
    state = first_state(journal, {})
    assert (state.epoch, state.head_seq, state.backlog, state.modes) == (journal.head().epoch, 0, 0, {})


def test_a_state_that_tells_of_a_part_of_its_journal_is_refused() -> None:
    with pytest.raises(MessageInvalid, match="journal_in_part"):
        State.decode(b'{"v":1,"at":"2020-02-03T08:00:00Z","clock":"ntp","epoch":"0011223344556677"}')
