"""The picture of the gates: online, mode, faults, lost records; and the proof of the chains."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import EPOCH, MODES_WITH_FAULT, Device, temporary_store
from sqlalchemy import text

from center.desk.chains import ChainView
from center.desk.gates import GateRow, GateView, Mode
from center.desk.passages import PassageFilter, PassageView
from center.ingest.gate_book import GateBook
from center.ingest.keeper import RecordKeeper
from center.store.database import Store
from model.clock import ClockTrust
from model.reasons import Outcome, Reason
from mqtt.messages import Availability
from mqtt.messages import Mode as ModeMessage


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = temporary_store(tmp_path)
    yield opened
    opened.close()


def gate(store: Store) -> GateRow:
    (only,) = GateView(store).all()
    return only


def test_birth_and_will_of_one_session_make_a_gate_online_and_offline(store: Store) -> None:
    book, device = GateBook(store), Device()
    assert book.note([device.status(session=1)]) == {"gate-1"}
    assert gate(store).is_online
    book.note([device.status(is_online=False, session=1)])
    assert (gate(store).is_online, gate(store).mode) == (False, Mode.OFFLINE)


def test_a_late_will_of_an_old_session_is_ignored(store: Store) -> None:
    book, device = GateBook(store), Device()
    book.note([device.status(session=1), device.status(session=2)])
    assert book.note([device.status(is_online=False, session=1)]) == frozenset()
    assert gate(store).is_online


def test_a_birth_is_believed_whatever_its_session(store: Store) -> None:
    """Sessions are random: a device that lost its card may come back with a smaller one."""
    book, device = GateBook(store), Device()
    book.note([device.status(session=9), device.status(is_online=False, session=9), device.status(session=3)])
    assert gate(store).is_online


def test_the_moment_of_going_offline_stands_when_it_is_repeated(store: Store) -> None:
    moments = iter(range(1_000, 9_000, 1_000))
    book, device = GateBook(store, now=lambda: next(moments)), Device()
    book.note([device.status(session=1), device.status(is_online=False, session=1)])
    since = gate(store).since
    book.note([device.status(is_online=False, session=1)])
    assert gate(store).since == since


def test_faults_and_an_untrusted_clock_make_a_gate_degraded(store: Store) -> None:
    book, device = GateBook(store), Device()
    book.note([device.status(), device.state()])
    assert gate(store).mode is Mode.NORMAL
    book.note([device.state(modes=MODES_WITH_FAULT, clock=ClockTrust.UNKNOWN)])
    shown = gate(store)
    assert shown.mode is Mode.DEGRADED
    assert [(fault.component, fault.why) for fault in shown.faults] == [
        ("thermometer", "bus_stuck"),
        ("clock", "unknown"),
    ]


def test_a_standing_alarm_is_more_than_a_fault(store: Store) -> None:
    book, device = GateBook(store), Device()
    raised = {"alarm-fire": ModeMessage(availability=Availability.UNAVAILABLE, why="raised")}
    book.note([device.status(), device.state(modes=MODES_WITH_FAULT | raised)])
    assert gate(store).mode is Mode.ALARM


def test_a_gate_that_cannot_open_its_journal_is_known_and_closes_none(store: Store) -> None:
    device = Device()
    RecordKeeper(store).keep(device.decisions(3))
    book = GateBook(store)
    book.note([device.status(), device.state()])
    about_journal = ("epoch", "head_seq", "head_hash", "acked_seq", "backlog", "journal_used_percent")
    lost = {"journal": ModeMessage(availability=Availability.UNAVAILABLE, why="JournalUnavailable")}
    book.note([device.state(modes=lost, **dict.fromkeys(about_journal))])
    shown = gate(store)
    assert [(fault.component, fault.why) for fault in shown.faults] == [("journal", "JournalUnavailable")]
    assert shown.lost == 0
    assert not ChainView(store).all()[0].is_closed


def test_a_state_before_the_birth_makes_nobody_online(store: Store) -> None:
    GateBook(store).note([Device().state()])
    assert not gate(store).is_online


def test_a_closed_journal_names_its_missing_tail(store: Store) -> None:
    old, new = Device(), Device(epoch="00000000000000e2")
    events = old.decisions(10)
    RecordKeeper(store).keep(events[:6])
    book = GateBook(store)
    book.note([old.status(), old.state()])
    assert gate(store).lost == 0  # still open: they are on their way
    new.decisions(1)
    book.note([new.state()])
    assert gate(store).lost == 4
    tails = {chain.epoch: (chain.is_closed, chain.missing_tail) for chain in ChainView(store).all()}
    assert tails == {old.epoch: (True, 4), new.epoch: (False, 0)}


def test_a_tail_that_arrives_after_all_is_missing_no_more(store: Store) -> None:
    old, new = Device(), Device(epoch="00000000000000e2")
    events = old.decisions(10)
    keeper = RecordKeeper(store)
    keeper.keep(events[:6])
    GateBook(store).note([old.status(), old.state(), new.state()])
    keeper.keep(events[6:])
    assert gate(store).lost == 0


def test_a_device_that_stands_by_another_record_has_a_broken_chain(store: Store) -> None:
    device = Device()
    RecordKeeper(store).keep(device.decisions(3))
    book = GateBook(store)
    book.note([device.status(), device.state()])
    assert gate(store).is_chain_whole
    book.note([device.state(head_hash="ab" * 32)])
    assert not gate(store).is_chain_whole
    assert ChainView(store).all()[0].first_fault_seq == 3


def test_declared_gaps_and_quarantine_stand_at_the_gate(store: Store) -> None:
    device = Device()
    events = device.decisions(5)
    keeper = RecordKeeper(store)
    keeper.keep([events[0], device.gap(2, 5), device.body("{")])
    GateBook(store).note([device.status()])
    shown = gate(store)
    assert (shown.lost, shown.quarantined, shown.tampered) == (4, 1, 0)


def test_a_whole_chain_is_proved_record_by_record(store: Store) -> None:
    device = Device()
    RecordKeeper(store).keep([*device.decisions(5), device.body("{unreadable"), *device.decisions(2)])
    (chain,) = ChainView(store).all(verify=True)
    assert (chain.is_whole, chain.is_verified, chain.count, chain.head_seq, chain.quarantined) == (True, True, 7, 8, 1)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE records SET body = replace(body, 'granted', 'denied') WHERE seq = 4", 4),
        ("DELETE FROM records WHERE seq = 3", 3),
        ("DELETE FROM records WHERE seq = 6", 6),
        ("UPDATE records SET prev = hash WHERE seq = 2", 2),
    ],
)
def test_a_change_in_the_database_is_found(store: Store, change: str, fault: int) -> None:
    RecordKeeper(store).keep(Device().decisions(6))
    with store.writing() as connection:
        connection.execute(text(change))
    (chain,) = ChainView(store).all(verify=True)
    assert (chain.is_whole, chain.first_fault_seq) == (False, fault)


def test_without_hashing_again_a_quiet_change_would_stay_unseen(store: Store) -> None:
    RecordKeeper(store).keep(Device().decisions(6))
    with store.writing() as connection:
        connection.execute(text("UPDATE records SET body = replace(body, 'granted', 'denied') WHERE seq = 4"))
    (chain,) = ChainView(store).all(verify=False)
    assert (chain.is_whole, chain.is_verified) == (True, False)


def test_what_came_of_a_grant_stands_with_it(store: Store) -> None:
    device = Device()
    RecordKeeper(store).keep([*device.decisions(1), device.passage(1), *device.decisions(1)])
    assert [row.end for row in PassageView(store).page(PassageFilter())] == [None, "taken"]


def test_an_end_belongs_to_its_own_visit_even_when_numbers_start_again(store: Store) -> None:
    device = Device()
    first = device.decisions(1)
    RecordKeeper(store).keep([*first, device.passage(1)])
    again = device.record_decision(visit=1)
    RecordKeeper(store).keep([again])
    assert [row.end for row in PassageView(store).page(PassageFilter())] == [None, "taken"]


def test_passages_are_found_by_what_people_know(store: Store) -> None:
    device = Device()
    RecordKeeper(store).keep(
        [
            device.record_decision(visit=1),
            device.record_decision(visit=2, outcome=Outcome.DENIED, reason=Reason.PASS_REVOKED, household=7),
        ]
    )
    view = PassageView(store)
    found = lambda **wanted: [row.household for row in view.page(PassageFilter(**wanted))]  # noqa: E731
    assert found() == [7, 501]
    assert found(outcome=Outcome.DENIED) == [7]
    assert found(reason=Reason.ADMITTED) == [501]
    assert found(household=7, device="gate-1") == [7]
    assert found(device="gate-2") == []
    assert found(before_id=2) == [501]


def test_a_detail_shows_the_place_in_the_chain_and_judges_the_hash(store: Store) -> None:
    device = Device()
    RecordKeeper(store).keep(device.decisions(2))
    view = PassageView(store)
    detail = view.detail(2)
    assert (detail.epoch, detail.seq, detail.prev, detail.is_hash_right) == (EPOCH, 2, device.envelopes[0].hash, True)
    with store.writing() as connection:
        connection.execute(text("UPDATE records SET body = replace(body, 'granted', 'denied') WHERE seq = 2"))
    assert not view.detail(2).is_hash_right
