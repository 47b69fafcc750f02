"""A code that opened two gates is told once, in words, to whoever is on duty."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import PASS_ID, START, Device, at, decision
from center_office import Office
from sqlalchemy import insert

from center.clock import now_ms
from center.desk.notices import granted_twice
from center.ingest import granted_twice as ingest
from center.ingest.arrivals import EventArrived
from center.ingest.keeper import RecordKeeper
from center.outings.overdue import OverdueRow
from center.outings.settle import ACTION as OVER_QUOTA
from center.store.schema import Audit
from journal.body import build_body, canonical_json, parse_body
from model.identities import PassId
from model.records import ConflictRecord, fields_of


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def granted(device: Device, step: int | None, outcome: str = "granted") -> EventArrived:
    kind, fields = fields_of(decision())
    body = parse_body(canonical_json(build_body(kind, at(), fields)))
    code = body["code"]
    assert isinstance(code, dict)
    return device.body(canonical_json({**body, "outcome": outcome, "code": {**code, "holder_step": step}}))


def conflict(device: Device, step: int) -> EventArrived:
    kind, fields = fields_of(ConflictRecord(pass_id=PassId(PASS_ID), step=step))
    return device.body(canonical_json(build_body(kind, at(), fields)))


@pytest.mark.parametrize("at_once", [True, False])
def test_a_code_granted_at_two_gates_is_told_once(office: Office, at_once: bool) -> None:
    one, other = Device("gate-7"), Device("gate-8")
    events = [granted(one, 5), granted(other, 5), conflict(one, 5), conflict(other, 5), granted(other, 5)]
    for part in [events] if at_once else [[event] for event in events]:
        office.keeper.keep(part)
    (row,) = granted_twice(office.store)
    assert (row.pass_id, row.gates) == (PASS_ID, ("gate-7", "gate-8"))


def test_what_a_gate_tells_is_believed_without_the_other_record(office: Office) -> None:
    office.keeper.keep([conflict(Device("gate-7"), 5)])
    assert [row.gates for row in granted_twice(office.store)] == [("gate-7",)]


def test_one_gate_other_steps_and_refusals_are_no_conflict(office: Office) -> None:
    one, other = Device("gate-7"), Device("gate-8")
    office.keeper.keep(
        [granted(one, 5), granted(one, 5), granted(other, 6), granted(other, 5, "denied"), granted(other, None)]
    )
    assert granted_twice(office.store) == ()


def test_without_the_memory_two_batches_tell_nothing_of_each_other(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = RecordKeeper(office.store)
    monkeypatch.setattr(ingest.GrantedTwice, "remember", lambda self, uses: None)
    keeper.keep([granted(Device("gate-7"), 5)])
    keeper.keep([granted(Device("gate-8"), 5)])
    assert granted_twice(office.store) == ()


def test_invented_conflicts_do_not_fill_the_audit(office: Office) -> None:
    device = Device("gate-7")
    office.keeper.keep([conflict(device, step) for step in range(200)])
    with office.store.reading() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM audit WHERE action = 'code_granted_twice'")
        assert count.scalar_one() == ingest.HOURLY_MAX


@pytest.mark.parametrize(
    ("language", "words"), [("en", "One code opened two gates."), ("zh", "同一个码在两个门岗放行。")]
)
def test_the_live_page_tells_it_in_both_languages(office: Office, language: str, words: str) -> None:
    client = office.client("duty")
    client.cookies.set("gatehouse_language", language)
    assert words not in client.get("/").text
    office.keeper.keep([granted(Device("gate-7"), 5), granted(Device("gate-8"), 5)])
    page = client.get("/").text
    assert words in page
    assert f'href="/?pass={PASS_ID}"' in page


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "A household went out more often than its quota."), ("zh", "有住户外出次数超过限额。")],
)
def test_an_outing_too_many_is_told_on_the_live_page_and_to_one_that_is_open(
    office: Office, language: str, words: str
) -> None:
    client = office.client("duty")
    client.cookies.set("gatehouse_language", language)
    assert words not in client.get("/notices").text
    with office.store.writing() as connection:
        connection.execute(
            insert(Audit).values(
                at_ms=now_ms(), user_name="center", action=OVER_QUOTA, subject=f"501/{PASS_ID}", reason="gate-7 gate-8"
            )
        )
    for path in ("/", "/notices"):
        page = client.get(path).text
        assert words in page
        assert "gate-7" in page
        assert 'href="/?household=501"' in page


@pytest.mark.parametrize(("language", "words"), [("en", "Not back in time: 6."), ("zh", "逾期未归：6 起。")])
def test_who_is_overdue_is_told_the_longest_first_and_no_more_than_fits(
    office: Office, language: str, words: str
) -> None:
    client = office.client("duty")
    client.cookies.set("gatehouse_language", language)
    assert words not in client.get("/").text
    office.overdue = tuple(
        OverdueRow(household=number, device="gate-7", started_at=START, due_back=START, people_missing=1)
        for number in range(501, 507)
    )
    page = client.get("/").text
    assert words in page
    assert 'href="/?household=505"' in page
    assert 'href="/?household=506"' not in page


def test_notices_are_for_those_who_have_signed_in(office: Office) -> None:
    assert office.client().get("/notices").status_code == 303
