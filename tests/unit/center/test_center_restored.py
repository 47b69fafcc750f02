"""A centre that was restored: its marks step back, what it once had is asked for, what does not come is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import COMPOUND, Device, SilentBus, temporary_store

from center.desk.chains import ChainView
from center.desk.gates import GateView
from center.ingest.arrivals import MarkFound
from center.ingest.gate_book import GateBook
from center.ingest.keeper import RecordKeeper
from center.ingest.worker import IngestWorker
from center.store.database import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = temporary_store(tmp_path)
    yield opened
    opened.close()


class Restored:
    """An ingest over what a backup brought back."""

    def __init__(self, store: Store) -> None:
        self.bus = SilentBus()
        self.keeper = RecordKeeper(store)
        self.worker = IngestWorker(self.keeper, GateBook(store), self.bus)

    def marks(self) -> list[tuple[str, int]]:
        marks = [(mark.epoch, mark.seq) for mark in self.bus.marks]
        self.bus.marks.clear()
        return marks


def found(device: Device, seq: int) -> MarkFound:
    own_hash = device.envelopes[seq - 1].hash if seq <= len(device.envelopes) else None
    return MarkFound(compound=COMPOUND, device=device.name, epoch=device.epoch, seq=seq, hash=own_hash)


def test_a_mark_above_what_is_stored_is_answered_with_the_one_that_counts(store: Store) -> None:
    restored, device = Restored(store), Device()
    events = device.decisions(10)
    restored.worker.handle(events[:4])
    restored.marks()
    restored.worker.handle([found(device, 9)])
    assert restored.marks() == [(device.epoch, 4)]
    restored.worker.handle(events[4:9])
    restored.marks()
    restored.worker.handle([found(device, 9)])
    assert restored.marks() == []


def test_a_journal_that_began_and_ended_since_the_backup_is_asked_for(store: Store) -> None:
    """Nothing but the retained mark tells of it: no state names it any more."""
    restored, between, now = Restored(store), Device(epoch="00000000000000e2"), Device(epoch="00000000000000e3")
    between.decisions(5)
    restored.worker.handle([now.status(), now.state()])
    restored.marks()
    restored.worker.handle([found(between, 5)])
    assert restored.marks() == [(between.epoch, 0)]
    (gate,) = GateView(store).all()
    assert gate.lost == 5


def test_a_tail_whose_card_is_gone_is_named_by_the_mark_that_was_given_for_it(store: Store) -> None:
    """The centre had 1 to 9, the backup 1 to 4, and the card was swapped since: 5 to 9 are gone, and not unnoticed."""
    restored, old, new = Restored(store), Device(), Device(epoch="00000000000000e2")
    restored.worker.handle([*old.decisions(4), old.status(), old.state(), new.state()])
    assert GateView(store).all()[0].lost == 0
    old.decisions(5)
    restored.worker.handle([found(old, 9)])
    assert GateView(store).all()[0].lost == 5
    tails = {chain.epoch: chain.missing_tail for chain in ChainView(store).all()}
    assert tails == {old.epoch: 5, new.epoch: 0}


def test_without_looking_at_the_marks_that_stand_the_loss_would_stay_unnamed(store: Store) -> None:
    restored, old, new = Restored(store), Device(), Device(epoch="00000000000000e2")
    restored.worker.handle([*old.decisions(4), old.status(), old.state(), new.state()])
    old.decisions(5)
    assert GateView(store).all()[0].lost == 0


def test_what_stands_as_announced_is_never_lowered_by_a_mark(store: Store) -> None:
    restored, device = Restored(store), Device()
    device.decisions(8)
    restored.worker.handle([device.status(), device.state(), found(device, 3)])
    (chain,) = ChainView(store).all()
    assert chain.announced_seq == 8


def test_a_journal_known_by_a_mark_alone_takes_its_records(store: Store) -> None:
    restored, device = Restored(store), Device()
    events = device.decisions(6)
    restored.worker.handle([found(device, 6)])
    assert restored.marks() == [(device.epoch, 0)]
    restored.worker.handle(events)
    (chain,) = ChainView(store).all(verify=True)
    assert (chain.head_seq, chain.is_whole, chain.missing_tail) == (6, True, 0)
