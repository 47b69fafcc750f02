"""A card restored from an image sends records again under a new epoch: they are kept, and counted once."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import Device, temporary_store
from sqlalchemy import select

from center.desk.chains import ChainView
from center.desk.passages import PassageFilter, PassageView
from center.ingest import keeper
from center.ingest.keeper import RecordKeeper
from center.store.database import Store
from center.store.schema import Record
from journal.body import copy_text


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = temporary_store(tmp_path)
    yield opened
    opened.close()


def shown(store: Store) -> int:
    view = PassageView(store)
    assert view.count_after(0) == len(view.page(PassageFilter()))
    return view.count_after(0)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_copy_of_what_is_here_is_kept_and_not_seen_twice(store: Store, at_once: bool) -> None:
    old, new = Device(), Device(epoch="00000000000000e2")
    originals = [*old.decisions(3), old.passage(3)]
    copies = [new.body(copy_text(one.body, old.epoch, one.seq)) for one in old.envelopes]
    book = RecordKeeper(store)
    for part in [[*originals, *copies]] if at_once else [originals, copies]:
        book.keep(part)
    assert shown(store) == 3
    chains = ChainView(store).all(verify=True)
    assert [(chain.count, chain.is_whole) for chain in chains] == [(4, True), (4, True)]
    with store.reading() as connection:
        kinds = connection.execute(select(Record.kind).where(Record.epoch == new.epoch)).scalars().all()
    assert kinds == ["copy"] * 4


def test_a_copy_of_another_history_or_of_nothing_known_counts(store: Store) -> None:
    here, restored, new = Device(), Device(), Device(epoch="00000000000000e2")
    book = RecordKeeper(store)
    book.keep(here.decisions(1))
    restored.record_decision(visit=77)
    restored.record_decision(visit=78)
    book.keep([new.body(copy_text(one.body, restored.epoch, one.seq)) for one in restored.envelopes])
    assert shown(store) == 3


def test_a_copy_of_another_device_s_record_counts(store: Store) -> None:
    other, new = Device("gate-2"), Device(epoch="00000000000000e2")
    book = RecordKeeper(store)
    book.keep(other.decisions(1))
    book.keep([new.body(copy_text(other.envelopes[0].body, other.epoch, 1))])
    assert shown(store) == 2


def test_without_setting_copies_apart_a_passage_is_seen_twice(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "_set_copies_apart", lambda connection, draft: frozenset())
    old, new = Device(), Device(epoch="00000000000000e2")
    originals = old.decisions(2)
    RecordKeeper(store).keep([*originals, *(new.body(copy_text(e.body, old.epoch, e.seq)) for e in old.envelopes)])
    assert shown(store) == 4
