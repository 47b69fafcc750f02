"""Missing records at the desk: named, in words, not normal until somebody takes note; and the old card put back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import Device, temporary_store
from center_office import Office

from center.desk.gates import GateRow, GateView, Mode
from center.desk.losses import LossBook, LossKind
from center.desk.notices import journal_news
from center.errors import NotFound, ReasonMissing
from center.ingest.gate_book import GateBook
from center.ingest.keeper import RecordKeeper
from center.store.database import Store

OLD, NEW = "00000000000000e1", "00000000000000e2"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = temporary_store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


class Swap:
    """A gate whose card was swapped when 6 of its 10 records had arrived."""

    def __init__(self, store: Store, name: str = "gate-9") -> None:
        self.store = store
        self.old, self.new = Device(name, OLD), Device(name, NEW)
        self.events = self.old.decisions(10)
        self.keeper, self.book = RecordKeeper(store), GateBook(store)
        self.keeper.keep(self.events[:6])
        self.book.note([self.old.status(), self.old.state()])
        self.keeper.keep(self.new.decisions(2))
        self.book.note([self.new.state()])

    def gate(self) -> GateRow:
        (gate,) = GateView(self.store).some([self.old.name])
        return gate


def test_the_missing_tail_of_a_swapped_card_is_named_and_the_gate_is_not_normal(store: Store) -> None:
    swap = Swap(store)
    gate = swap.gate()
    (loss,) = gate.losses
    assert (loss.kind, loss.epoch, loss.from_seq, loss.to_seq, loss.count) == (LossKind.REPLACED, OLD, 7, 10, 4)
    assert gate.mode is Mode.DEGRADED
    assert [(fault.component, fault.why) for fault in gate.faults] == [("records", "missing")]
    (news,) = journal_news(store, now=lambda: 0)
    assert (news.device, news.is_return, news.missing) == ("gate-9", False, 4)


def test_a_card_swapped_with_everything_delivered_loses_nothing_and_is_told(store: Store) -> None:
    swap = Swap(store)
    swap.keeper.keep(swap.events[6:])
    assert (swap.gate().losses, swap.gate().mode) == ((), Mode.NORMAL)
    (news,) = journal_news(store, now=lambda: 0)
    assert (news.is_return, news.missing) == (False, 0)


def test_an_old_card_put_back_fills_its_tail_and_is_told(store: Store) -> None:
    swap = Swap(store)
    swap.book.note([swap.old.status(session=2), swap.old.state()])
    (news,) = journal_news(store, now=lambda: 0)
    assert (news.is_return, news.missing) == (True, 4)
    swap.keeper.keep(swap.events[6:])
    (news,) = journal_news(store, now=lambda: 0)
    assert (news.is_return, news.missing) == (True, 0)
    assert (swap.gate().losses, swap.gate().mode) == ((), Mode.NORMAL)


def test_the_newer_card_s_own_tail_is_named_when_the_old_one_comes_back(store: Store) -> None:
    swap = Swap(store)
    swap.new.decisions(3)
    swap.book.note([swap.new.state(), swap.old.state()])
    (loss,) = swap.gate().losses
    assert (loss.epoch, loss.from_seq, loss.to_seq) == (NEW, 3, 5)


def test_a_declared_gap_is_named_with_its_reason(store: Store) -> None:
    device = Device()
    first = device.decisions(5)[0]
    RecordKeeper(store).keep([first, device.gap(2, 5)])
    GateBook(store).note([device.status()])
    (gate,) = GateView(store).all()
    (loss,) = gate.losses
    assert (loss.kind, loss.from_seq, loss.to_seq, loss.why) == (LossKind.DECLARED, 2, 5, "card lost")
    assert gate.mode is Mode.DEGRADED


def test_what_a_gate_that_is_away_has_not_delivered_is_awaited_and_not_lost(store: Store) -> None:
    device = Device()
    RecordKeeper(store).keep(device.decisions(10)[:6])
    book = GateBook(store)
    book.note([device.status(), device.state()])
    assert GateView(store).all()[0].losses == ()
    book.note([device.status(is_online=False)])
    (gate,) = GateView(store).all()
    (loss,) = gate.losses
    assert (loss.kind, loss.from_seq, loss.to_seq, loss.is_open, gate.lost) == (LossKind.AWAITED, 7, 10, False, 0)


def test_a_loss_is_normal_only_after_somebody_took_note_of_exactly_this_one(store: Store) -> None:
    swap = Swap(store)
    book = LossBook(store)
    (loss,) = book.of("gate-9")
    with pytest.raises(ReasonMissing):
        book.note("gate-9", loss.subject, by="wang", remark="ok")
    with pytest.raises(NotFound):
        book.note("gate-9", f"{OLD}/7-11", by="wang", remark="card broke in the rain")
    book.note("gate-9", loss.subject, by="wang", remark="card broke  in the rain")
    (noted,) = book.of("gate-9")
    assert (noted.noted_by, noted.remark, swap.gate().mode) == ("wang", "card broke in the rain", Mode.NORMAL)
    assert swap.gate().lost == 4
    swap.keeper.keep(swap.events[6:8])  # the old card was tried and gave two: what is still missing is another loss
    assert swap.gate().mode is Mode.DEGRADED


def test_a_gate_that_swaps_journals_for_ever_does_not_fill_the_audit(store: Store) -> None:
    swap = Swap(store)
    for _ in range(30):
        swap.book.note([swap.old.state()])
        swap.book.note([swap.new.state()])
    with store.reading() as connection:
        count = connection.exec_driver_sql("SELECT COUNT(*) FROM audit WHERE subject='gate-9'").scalar_one()
    assert count == 16


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", "第 7 至 10 条记录没有送达，共 4 条"),
        ("en", "records 7 to 10 of the old journal"),
    ],
)
def test_the_live_page_says_it_in_words(office: Office, language: str, words: str) -> None:
    Swap(office.store)
    page = office.client("duty").get("/", headers={"accept-language": language}).text
    assert words in page
    assert ("换了存储卡或日志" if language == "zh" else "goes on with a new card or journal") in page


def test_an_officer_takes_note_on_the_gates_page(office: Office) -> None:
    Swap(office.store)
    client = office.client("duty")
    page = client.get("/gates/gate-9").text
    assert "records 7 to 10 of the old journal" in page
    token = page.split('name="csrf" value="')[1].split('"')[0]
    form = {"csrf": token, "loss": f"{OLD}/7-10", "remark": "card broke in the rain"}
    assert (
        client.post("/gates/gate-9/losses", data=form | {"remark": ""}).headers["location"].endswith("problem=reason")
    )
    assert client.post("/gates/gate-9/losses", data=form).status_code == 303
    page = client.get("/gates/gate-9").text
    assert "Noted by duty: card broke in the rain" in page.replace("\n", " ")
    assert client.post("/gates/gate-9/losses", data=form).status_code == 404
    assert client.post("/gates/gate-9/losses", data=form | {"csrf": "x"}).status_code == 403


def test_a_gate_that_nobody_heard_of_has_no_page(office: Office) -> None:
    assert office.client("duty").get("/gates/gate-77").status_code == 404
    assert office.client("duty").get("/gates/Ga%20te").status_code == 404
    assert office.client().get("/gates/gate-1").status_code == 303
