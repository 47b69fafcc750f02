"""A flood from one device costs the others nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import EPOCH, Device, SilentBus, temporary_store
from sqlalchemy import func, select

from center.desk.gates import GateView
from center.ingest import keeper
from center.ingest.arrivals import EventArrived, StateArrived
from center.ingest.gate_book import JOURNALS_PER_HOUR_MAX, GateBook, newest_of
from center.ingest.keeper import RecordKeeper
from center.ingest.worker import IngestWorker
from center.store.database import Store
from center.store.schema import ChainHead, Quarantined

HOUR_MS = 3_600_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = temporary_store(tmp_path)
    yield opened
    opened.close()


def heads(store: Store) -> int:
    with store.reading() as connection:
        return connection.execute(select(func.count()).select_from(ChainHead)).scalar_one()


def flood(count: int, first: int = 0) -> list[StateArrived]:
    return [Device(epoch=f"{number:016x}").state(0) for number in range(first, first + count)]


def test_of_a_flood_of_states_only_the_newest_are_written() -> None:
    states = flood(500)
    other = Device("gate-2")
    assert newest_of([*states[:250], other.state(), *states[250:]]) == [other.state(), *states[-2:]]


def test_births_and_wills_are_thinned_without_a_change_of_meaning(store: Store) -> None:
    device = Device()
    late = [device.status(session=n, is_online=n % 2 == 0) for n in range(500)]
    birth, will = device.status(session=7), device.status(session=7, is_online=False)
    strangers = [device.status(session=n, is_online=False) for n in range(100, 103)]
    kept = newest_of([*late, birth, *strangers, will])
    assert kept == [birth, *strangers, will]
    book = GateBook(store)
    book.note([*late, birth, *strangers])
    assert GateView(store).all()[0].is_online
    book.note([will])
    assert not GateView(store).all()[0].is_online


def test_a_device_begins_only_so_many_journals_in_an_hour(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    moment = [HOUR_MS]
    bus, book = SilentBus(), GateBook(store, now=lambda: moment[0])
    worker = IngestWorker(RecordKeeper(store), book, bus)
    for state in flood(100):
        worker.handle([state])
    assert heads(store) == JOURNALS_PER_HOUR_MAX
    assert len(bus.marks) == JOURNALS_PER_HOUR_MAX
    assert caplog.text.count("journals_too_many") == 1
    moment[0] += HOUR_MS
    worker.handle(flood(1, first=1_000))
    assert heads(store) == JOURNALS_PER_HOUR_MAX + 1


def test_a_journal_whose_records_are_here_is_noted_beyond_the_limit(store: Store) -> None:
    book, device = GateBook(store), Device(epoch="ff" * 8)
    for state in flood(20):
        book.note([state])
    RecordKeeper(store).keep(device.decisions(3))
    book.note([device.state()])
    with store.reading() as connection:
        own = select(ChainHead.announced_seq).where(ChainHead.epoch == device.epoch)
        assert connection.execute(own).scalar_one() == 3


def test_without_the_limit_every_state_leaves_a_row(store: Store) -> None:
    book = GateBook(store, journals_max=1_000)
    for state in flood(50):
        book.note([state])
    assert heads(store) == 50


def quarantined_bytes(store: Store) -> int:
    with store.reading() as connection:
        return connection.execute(select(func.sum(func.length(Quarantined.raw)))).scalar_one()


def test_nonsense_fills_only_so_many_bytes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "QUARANTINE_MAX_BYTES_PER_DEVICE", 10_000)
    nonsense = [EventArrived("garden", "gate-1", EPOCH, bytes([n]) * 3_000) for n in range(10)]
    for part in (nonsense[:5], nonsense[5:]):
        RecordKeeper(store).keep(part)
    assert quarantined_bytes(store) == 9_000
    monkeypatch.setattr(keeper, "QUARANTINE_MAX_BYTES_PER_DEVICE", 1_000_000)
    RecordKeeper(store).keep(nonsense)
    assert quarantined_bytes(store) == 30_000


def test_nonsense_of_one_device_takes_nobody_elses_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "QUARANTINE_MAX_BYTES_PER_DEVICE", 10_000)
    RecordKeeper(store).keep(
        [EventArrived("garden", f"gate-{n % 2}", EPOCH, bytes([n]) * 3_000) for n in range(10)],
    )
    assert quarantined_bytes(store) == 18_000
