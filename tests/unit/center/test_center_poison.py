"""What one stolen device may send: it harms neither the centre nor what others see."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from center_kit import Device, at, decision
from center_office import Office
from sqlalchemy import update

from center.clock import from_ms, is_plausible
from center.desk.gates import GateView
from center.desk.live import LiveFeed, Push
from center.desk.passages import PassageFilter, PassageRow, PassageView
from center.ingest import extract
from center.ingest.gate_book import GateBook
from center.store.schema import Record
from center.web.rendering import Renderer
from journal.body import build_body, canonical_json, parse_body
from model.records import fields_of

ODD_WALLS = (
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00Z",
    "1999-12-31T23:59:59Z",
    "2200-01-01T00:00:00Z",
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def body_with(wall: str, **changes: Any) -> str:
    kind, fields = fields_of(decision())
    body = parse_body(canonical_json(build_body(kind, at(), fields)))
    stamp = body["at"]
    assert isinstance(stamp, dict)
    return canonical_json({**body, **changes, "at": {**stamp, "wall": wall}})


@pytest.mark.parametrize("wall", ODD_WALLS)
def test_a_record_with_an_impossible_time_is_kept_and_shown_without_it(office: Office, wall: str) -> None:
    device = Device("gate-9")
    kept = office.keeper.keep([device.body(body_with(wall)), *device.decisions(1)])
    assert kept.stored == 2
    assert office.client("duty").get("/").status_code == 200
    _, odd = PassageView(office.store).page(PassageFilter(device="gate-9"))
    assert is_plausible(odd.moment)


def test_without_the_bound_on_years_such_a_record_sinks_the_batch(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract, "is_plausible", lambda moment: True)
    columns = extract.columns_of(parse_body(body_with("9999-12-31T23:59:59Z")))
    with pytest.raises(OverflowError):
        datetime.fromtimestamp((columns.wall_ms or 0) / 1000, UTC).astimezone(timezone(timedelta(hours=8)))


@pytest.mark.parametrize("stored_ms", [253_402_300_799_000, -62_135_647_200_000, 2**63 - 1, -(2**63)])
def test_a_row_that_an_older_centre_stored_is_shown(office: Office, stored_ms: int) -> None:
    with office.store.writing() as connection:
        connection.execute(update(Record).values(wall_ms=stored_ms))
    client = office.client("duty")
    assert client.get("/").status_code == 200
    assert client.get("/passages/1").status_code == 200
    assert Renderer(ZoneInfo("Asia/Shanghai")).moment(from_ms(stored_ms))


def test_one_row_that_cannot_be_read_does_not_end_the_live_feed(office: Office) -> None:
    loop: asyncio.AbstractEventLoop

    class Spoiled(PassageView):
        def after(self, record_id: int, size: int) -> tuple[PassageRow, ...]:
            if not lost.is_set():
                loop.call_soon_threadsafe(lost.set)
                raise OverflowError("date value out of range")
            return super().after(record_id, size)

    lost = asyncio.Event()

    async def scene() -> Push | None:
        nonlocal loop
        loop = asyncio.get_running_loop()
        feed = LiveFeed(Spoiled(office.store), GateView(office.store))
        feeding = asyncio.create_task(feed.run())
        async with feed.watch() as pushes:
            office.keeper.keep(office.device.decisions(1))
            feed.records_stored(frozenset({"gate-1"}))
            await asyncio.wait_for(lost.wait(), 5)
            office.keeper.keep(office.device.decisions(1))
            feed.records_stored(frozenset({"gate-1"}))
            push = await asyncio.wait_for(pushes.get(), 5)
            while push is not None and not push.passages:
                push = await asyncio.wait_for(pushes.get(), 5)
            assert not feeding.done()
        feeding.cancel()
        return push

    push = asyncio.run(scene())
    assert push is not None
    assert len(push.passages) == 1


def test_a_state_without_a_journal_is_shown(office: Office) -> None:
    about_journal = ("epoch", "head_seq", "head_hash", "acked_seq", "backlog", "journal_used_percent")
    GateBook(office.store).note([office.device.state(**dict.fromkeys(about_journal))])
    client = office.client("duty")
    page = client.get("/")
    assert page.status_code == 200
    assert "无法读取" in page.text or "can't be read" in page.text or "can&#39;t be read" in page.text
    assert client.get("/api/gates").status_code == 200


@pytest.mark.parametrize("wall", ODD_WALLS)
def test_a_state_with_impossible_moments_shows_no_age(office: Office, wall: str) -> None:
    moment = datetime.fromisoformat(wall)
    GateBook(office.store).note([office.device.state(at=moment, directory_issued_at=moment, directory_version=4)])
    client = office.client("duty")
    assert client.get("/").status_code == 200
    assert client.get("/api/gates").status_code == 200
    (gate,) = GateView(office.store).all()
    assert gate.state is not None
    assert gate.state.directory_issued_at is None
