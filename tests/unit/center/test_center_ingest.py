"""The ingest: contiguous or not stored, stored once, never silently lost."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from center_kit import EPOCH, Device, SilentBus, arrived, decision, eventually, temporary_store
from sqlalchemy import func, select, text

from center.errors import StoreError
from center.ingest import keeper as keeper_module
from center.ingest.arrivals import EventArrived
from center.ingest.chain import Place
from center.ingest.draft import Draft
from center.ingest.gate_book import GateBook
from center.ingest.keeper import RecordKeeper
from center.ingest.worker import IngestWorker
from center.store.database import Store
from center.store.schema import Gap, Quarantined, Record
from journal.envelope import Envelope


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = temporary_store(tmp_path)
    yield opened
    opened.close()


def stored_numbers(store: Store) -> list[int]:
    with store.reading() as connection:
        return list(connection.execute(select(Record.seq).order_by(Record.id)).scalars())


def quarantine(store: Store) -> list[tuple[str, int | None, bool]]:
    with store.reading() as connection:
        rows = connection.execute(
            select(Quarantined.why, Quarantined.seq, Quarantined.is_tamper).order_by(Quarantined.id)
        )
        return [(row.why, row.seq, row.is_tamper) for row in rows]


def test_records_in_order_are_stored_and_marked(store: Store) -> None:
    device = Device()
    kept = RecordKeeper(store).keep(device.decisions(5))
    assert (kept.stored, [mark.seq for mark in kept.marks]) == (5, [5])
    assert kept.marks[0].hash == device.envelopes[-1].hash
    assert stored_numbers(store) == [1, 2, 3, 4, 5]


def test_a_decision_is_searchable_by_its_columns(store: Store) -> None:
    RecordKeeper(store).keep([Device().record(decision(visit=9))])
    with store.reading() as connection:
        row = connection.execute(select(Record)).mappings().one()
    assert (row["kind"], row["visit"], row["direction"], row["outcome"]) == ("decision", 9, "in", "granted")
    assert (row["pass_id"], row["household"], row["compound"]) == ("00112233445566aa", 501, "garden")
    assert row["wall_ms"] == 1581667201000


def test_a_resent_record_is_marked_again_and_stored_once(store: Store) -> None:
    events = Device().decisions(3)
    keeper = RecordKeeper(store)
    keeper.keep(events)
    again = keeper.keep(events)
    assert (again.stored, again.duplicates, again.quarantined) == (0, 3, 0)
    assert [mark.seq for mark in again.marks] == [3]
    assert stored_numbers(store) == [1, 2, 3]


def test_a_record_twice_in_one_batch_is_stored_once(store: Store) -> None:
    events = Device().decisions(2)
    kept = RecordKeeper(store).keep([events[0], events[0], events[1], events[1]])
    assert (kept.stored, kept.duplicates, kept.quarantined) == (2, 2, 0)


def test_a_centre_that_died_between_commit_and_acknowledgement_stores_nothing_twice(store: Store) -> None:
    events = Device().decisions(4)
    RecordKeeper(store).keep(events)  # committed; the process ends before it acknowledges
    kept = RecordKeeper(store).keep(events)
    assert (kept.stored, kept.duplicates, [mark.seq for mark in kept.marks]) == (0, 4, [4])
    assert stored_numbers(store) == [1, 2, 3, 4]


def test_without_the_remembered_heads_a_resend_would_be_stored_twice(store: Store) -> None:
    """The database's own constraint is the second net: it refuses what a keeper without its heads would double."""
    events = Device().decisions(4)
    RecordKeeper(store).keep(events)
    forgetful = RecordKeeper(store)
    forgetful._heads.clear()
    kept = forgetful.keep(events)
    assert kept.stored == 0
    with store.writing() as connection:
        connection.execute(text("CREATE TABLE doubled AS SELECT * FROM records"))
        connection.execute(text("DROP TABLE records"))
        connection.execute(text("ALTER TABLE doubled RENAME TO records"))
        connection.execute(text("DELETE FROM quarantine"))
    bare = RecordKeeper(store)
    bare._heads.clear()
    with_neither = bare.keep([event for event in events if event is events[0]])
    assert with_neither.stored == 1
    assert stored_numbers(store).count(1) == 2


def test_a_record_ahead_is_not_stored_and_the_mark_tells_where_to_resend_from(store: Store) -> None:
    events = Device().decisions(5)
    keeper = RecordKeeper(store)
    kept = keeper.keep([events[0], events[1], events[4]])
    assert (kept.stored, kept.ahead, [mark.seq for mark in kept.marks]) == (2, 1, [2])
    assert keeper.keep(events[2:]).stored == 3
    assert stored_numbers(store) == [1, 2, 3, 4, 5]


def test_if_numbers_were_not_checked_a_hole_would_go_unseen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    events = Device().decisions(3)
    monkeypatch.setattr("center.ingest.draft.place_of", lambda envelope, head: Place.NEXT)
    kept = RecordKeeper(store).keep([events[0], events[2]])
    assert [mark.seq for mark in kept.marks] == [3]


def test_another_record_under_a_stored_number_is_tampering(store: Store) -> None:
    keeper = RecordKeeper(store)
    keeper.keep(Device().decisions(3))
    other = Device()
    other.decisions(1)
    forged = other.record(decision(visit=77, outcome=decision().decision.outcome))
    kept = keeper.keep([forged])
    assert (kept.stored, kept.tampered, [mark.seq for mark in kept.marks]) == (0, 1, [3])
    assert quarantine(store) == [("contradiction", 2, True)]


def test_a_contradiction_that_is_resent_is_kept_once(store: Store) -> None:
    keeper = RecordKeeper(store)
    keeper.keep(Device().decisions(2))
    other = Device()
    other.decisions(1)
    forged = other.record(decision(visit=77))
    keeper.keep([forged, forged])
    keeper.keep([forged])
    assert len(quarantine(store)) == 1


def altered(envelope: Envelope) -> EventArrived:
    return arrived(replace(envelope, body=envelope.body.replace("granted", "denied")))


def test_an_altered_body_is_set_aside_and_breaks_the_chain(store: Store) -> None:
    device = Device()
    events = device.decisions(3)
    keeper = RecordKeeper(store)
    kept = keeper.keep([events[0], altered(device.envelopes[1]), events[2]])
    assert (kept.stored, kept.tampered) == (2, 1)
    assert keeper.head("gate-1", EPOCH).broken_at_seq == 2
    assert quarantine(store) == [("altered", 2, True)]


def test_if_hashes_were_not_checked_an_altered_body_would_be_stored(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device()
    device.decisions(1)
    monkeypatch.setattr(Envelope, "is_whole", True)
    kept = RecordKeeper(store).keep([altered(device.envelopes[0])])
    assert (kept.stored, kept.tampered) == (1, 0)


def test_an_altered_copy_of_a_stored_record_is_no_duplicate(store: Store) -> None:
    device = Device()
    keeper = RecordKeeper(store)
    keeper.keep(device.decisions(2))
    kept = keeper.keep([altered(device.envelopes[1])])
    assert (kept.duplicates, kept.tampered) == (0, 1)


def test_another_history_is_set_aside_and_the_mark_shows_it_to_its_device(store: Store) -> None:
    """A card restored from an image: the device compares the mark's hash with its own and begins a new epoch."""
    device, restored = Device(), Device()
    keeper = RecordKeeper(store)
    keeper.keep(device.decisions(2))
    restored.record(decision(visit=50))
    fork = [restored.record(decision(visit=51)), restored.record(decision(visit=52))]
    kept = keeper.keep(fork)
    assert (kept.stored, kept.tampered) == (0, 2)
    assert [(mark.seq, mark.hash) for mark in kept.marks] == [(2, device.envelopes[1].hash)]
    assert kept.marks[0].hash != restored.envelopes[1].hash
    assert quarantine(store) == [("forked", 3, True), ("contradiction", 2, True)]
    after = keeper.keep(Device(epoch="00000000000000e2").decisions(3))
    assert [mark.seq for mark in after.marks] == [3]


def test_if_predecessors_were_not_compared_a_fork_would_be_joined(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = RecordKeeper(store)
    keeper.keep(Device().decisions(1))
    restored = Device()
    restored.record(decision(visit=50))
    monkeypatch.setattr("center.ingest.draft.place_of", lambda envelope, head: Place.NEXT)
    assert keeper.keep([restored.record(decision(visit=51))]).marks[0].seq == 2


def test_a_body_that_nobody_can_read_keeps_its_number(store: Store) -> None:
    device = Device()
    events = [*device.decisions(1), device.body("{broken"), *device.decisions(1)]
    kept = RecordKeeper(store).keep(events)
    assert (kept.stored, kept.quarantined, kept.tampered) == (2, 1, 0)
    assert [mark.seq for mark in kept.marks] == [3]
    assert quarantine(store) == [("body", 2, False)]


@pytest.mark.parametrize("payload", [b"", b"not json", b"[]", b"{}", b"\xff\xfe", b"[" * 50_000, b"x" * 200_000])
def test_what_is_no_envelope_is_kept_once_and_loses_no_number(store: Store, payload: bytes) -> None:
    keeper = RecordKeeper(store)
    events = Device().decisions(2)
    nonsense = EventArrived("garden", "gate-1", EPOCH, payload)
    kept = keeper.keep([events[0], nonsense, nonsense, events[1]])
    keeper.keep([nonsense])
    assert kept.stored == 2
    assert quarantine(store) == [("envelope", None, False)]


def test_an_envelope_of_a_newer_version_does_not_stop_its_device(store: Store) -> None:
    device = Device()
    events = device.decisions(3)
    newer = events[1].payload.replace(b'{"v":1,', b'{"v":2,')
    kept = RecordKeeper(store).keep([events[0], events[1]._replace(payload=newer), events[2]])
    assert (kept.stored, [mark.seq for mark in kept.marks]) == (2, [3])


def test_a_device_cannot_write_into_anothers_journal(store: Store) -> None:
    keeper = RecordKeeper(store)
    forged = Device("gate-2").decisions(1)[0]
    kept = keeper.keep([forged._replace(device="gate-1")])
    assert (kept.stored, kept.tampered) == (0, 1)
    assert keeper.head("gate-2", EPOCH).seq == 0


def test_a_declared_gap_advances_the_mark_and_is_told(store: Store) -> None:
    device = Device()
    events = device.decisions(6)
    gap = device.gap(3, 6)
    keeper = RecordKeeper(store)
    keeper.keep(events[:2])
    kept = keeper.keep([gap])
    assert [mark.seq for mark in kept.marks] == [7]
    with store.reading() as connection:
        assert connection.execute(select(Gap.from_seq, Gap.to_seq, Gap.why)).all() == [(3, 6, "card lost")]
    assert stored_numbers(store) == [1, 2, 7]


def test_a_gap_may_be_declared_in_a_newer_journal(store: Store) -> None:
    old, new = Device(), Device(epoch="00000000000000e2")
    events = old.decisions(4)
    keeper = RecordKeeper(store)
    keeper.keep(events[:2])
    kept = keeper.keep([new.gap(3, 4, epoch=old.epoch)])
    assert {mark.epoch: mark.seq for mark in kept.marks} == {old.epoch: 4, new.epoch: 1}


def test_a_gap_beyond_what_is_still_to_come_skips_nothing(store: Store) -> None:
    device = Device()
    events = device.decisions(5)
    keeper = RecordKeeper(store)
    kept = keeper.keep([events[0], device.gap(4, 5)])
    assert [mark.seq for mark in kept.marks] == [1]


def test_text_that_no_database_holds_does_not_sink_its_batch(store: Store) -> None:
    device = Device()
    poison = device.body('{"v":1,"kind":"decision","at":{},"outcome":"granted","reason":"\\ud800","visit":1}')
    nul = device.body('{"v":1,"kind":"de\\u0000cision","visit":99999999999999999999}')
    kept = RecordKeeper(store).keep([poison, nul, *device.decisions(1)])
    assert (kept.stored, [mark.seq for mark in kept.marks]) == (3, [3])


def test_a_single_record_that_the_database_refuses_is_set_aside_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Device().decisions(3)
    with store.writing() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER refuse BEFORE INSERT ON records WHEN NEW.seq = 2 "
                "BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
        )
    kept = RecordKeeper(store).keep(events)
    assert (kept.stored, kept.quarantined, max(mark.seq for mark in kept.marks)) == (2, 1, 3)
    assert quarantine(store) == [("not_storable", 2, False)]


def test_quarantine_of_one_device_is_limited(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper_module, "QUARANTINE_MAX_PER_DEVICE", 3)
    keeper = RecordKeeper(store)
    keeper.keep([EventArrived("garden", "gate-1", EPOCH, f"nonsense {n}".encode()) for n in range(5)])
    keeper.keep([EventArrived("garden", "gate-1", EPOCH, b"more nonsense")])
    keeper.keep([EventArrived("garden", "gate-2", EPOCH, b"nonsense of another")])
    with store.reading() as connection:
        counts = connection.execute(select(Quarantined.device, func.count()).group_by(Quarantined.device)).all()
    assert dict(counts) == {"gate-1": 3, "gate-2": 1}


def test_nothing_is_acknowledged_or_marked_before_the_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    events = Device().decisions(2)
    bus = SilentBus()
    keeper = RecordKeeper(store)
    worker = IngestWorker(keeper, GateBook(store), bus)

    def locked(batch: object) -> None:
        raise StoreError("database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(keeper, "keep", locked)
        with pytest.raises(StoreError):
            worker.handle(events)
    assert (bus.confirmations, bus.marks) == (0, [])
    worker.handle(events)
    assert (bus.confirmations, [mark.seq for mark in bus.marks]) == (1, [2])


def test_the_thread_offers_a_refused_batch_again_until_it_is_stored(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("center.ingest.worker.RETRY_FIRST_S", 0.01)
    bus = SilentBus(Device().decisions(3))
    keeper = RecordKeeper(store)
    keep, attempts = keeper.keep, iter([StoreError("locked"), StoreError("locked")])

    def sometimes(batch: list[EventArrived]) -> object:
        error = next(attempts, None)
        if error is not None:
            raise error
        return keep(batch)

    monkeypatch.setattr(keeper, "keep", sometimes)
    worker = IngestWorker(keeper, GateBook(store), bus)
    worker.start()
    try:
        eventually(lambda: bus.marks, "a mark")
        assert (worker.refused_batches, worker.is_well) == (2, True)
    finally:
        worker.stop()
    assert stored_numbers(store) == [1, 2, 3]
    assert not worker.is_well


def test_marks_of_all_journals_are_published_when_the_broker_returns(store: Store) -> None:
    keeper = RecordKeeper(store)
    keeper.keep([*Device("gate-1").decisions(2), *Device("gate-2").decisions(3)])
    bus = SilentBus()
    worker = IngestWorker(RecordKeeper(store), GateBook(store), bus)
    worker.broker_returned()
    worker.start()
    eventually(lambda: len(bus.marks) == 2, "both marks")
    worker.stop()
    assert {mark.device: mark.seq for mark in bus.marks} == {"gate-1": 2, "gate-2": 3}


def test_a_journal_that_introduces_itself_hears_its_mark_even_if_the_centre_knows_nothing(store: Store) -> None:
    """A centre with an empty database must take back what the broker retains from its former one."""
    bus = SilentBus()
    worker = IngestWorker(RecordKeeper(store), GateBook(store), bus)
    device = Device()
    device.decisions(3)
    worker.handle([device.state()])
    worker.handle([device.state()])
    assert [(mark.epoch, mark.seq, mark.hash) for mark in bus.marks] == [(EPOCH, 0, None)]


def test_judging_a_batch_writes_nothing() -> None:
    draft = Draft(lambda key: keeper_module.EMPTY, 1)
    for event in Device().decisions(2):
        draft.take(event)
    assert [row[2] for row in draft.records] == [1, 2]
