"""Visitors at the centre: who is in, who has overstayed; masked for everybody, in clear only with a reason."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from center_kit import START, Device, at, decision
from center_office import Office

from center.accounts.audit import newest
from center.accounts.users import Account, Role
from center.clock import to_ms
from center.errors import NotAllowed, NotFound, ReasonMissing
from center.ingest.arrivals import EventArrived
from center.registry.visitors import VisitorBook
from journal.body import build_body, canonical_json
from model.credentials import RegisteredVisitor
from model.identities import CommunityId, DeviceId, GuardId, HouseholdId, VisitNumber
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import Record, VisitorRecord, fields_of
from model.visitors import VisitorRegistration, VisitorStep, VisitPurpose
from passes.visitor_sealed import seal_registration

HERE, GATE, GUARD, HOST = CommunityId("garden"), "gate-1", GuardId("zhao"), HouseholdId(501)
SLIP, OTHER_SLIP = VisitNumber("3-14-001-1"), VisitNumber("3-14-002-8")
WANG = VisitorRegistration(name="王小明", id_number="11010519491231002X", phone="13800138000")
OFFICE = Account(id=1, name="wang", role=Role.OFFICE)
DUTY = Account(id=2, name="duty", role=Role.OFFICER)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    made.visitors_now = lambda: to_ms(START + timedelta(hours=2))
    yield made
    made.store.close()


def arrived(device: Device, record: Record, personal: str | None = None, minutes: float = 0.0) -> EventArrived:
    kind, fields = fields_of(record)
    return device.body(canonical_json(build_body(kind, at(60 * minutes), fields)), personal)


def registered(office: Office, number: VisitNumber = SLIP, *, limit_min: int = 180) -> EventArrived:
    record = VisitorRecord(
        number=number,
        step=VisitorStep.REGISTERED,
        guard=GUARD,
        host=HOST,
        purpose=VisitPurpose.FAMILY,
        limit_min=limit_min,
    )
    sealed = seal_registration(
        WANG, office.visitors_key.public_key(), community=HERE, device=DeviceId(GATE), number=number
    )
    return arrived(office.device, record, sealed)


def passed(
    office: Office, number: VisitNumber = SLIP, *, outcome: Outcome = Outcome.GRANTED, out: bool = False
) -> EventArrived:
    made = decision(outcome=outcome, reason=Reason.VISITOR_ADMITTED, direction=Direction.OUT if out else Direction.IN)
    code = RegisteredVisitor(number=number, guard=GUARD, host=None if out else HOST)
    return arrived(office.device, replace(made, facts=replace(made.facts, code=code)), minutes=60 if out else 1)


def left(office: Office, number: VisitNumber = SLIP) -> EventArrived:
    return arrived(office.device, VisitorRecord(number=number, step=VisitorStep.LEFT, guard=GUARD), minutes=60)


def numbers(office: Office) -> list[str]:
    return [row.number for row in office.visitors.who_are_in()]


class TestWhoIsIn:
    def test_visitor_who_was_let_in_stands_there_masked_with_the_host(self, office: Office) -> None:
        office.keeper.keep([registered(office), passed(office)])
        (row,) = office.visitors.who_are_in()
        assert (row.number, row.host, row.purpose, row.guard) == (SLIP, HOST, "family", GUARD)
        assert (row.masked_name, row.masked_phone) == ("王*", "138******00")
        assert row.masked_id_number == "110***********002X"
        assert row.place is not None
        assert not row.is_overdue

    def test_whoever_was_registered_and_refused_is_not_in(self, office: Office) -> None:
        office.keeper.keep([registered(office), passed(office, outcome=Outcome.DENIED)])
        assert numbers(office) == []

    @pytest.mark.parametrize("goes", [left, lambda office: passed(office, out=True)])
    def test_whoever_left_is_not_in_any_more(self, office: Office, goes: Callable[[Office], EventArrived]) -> None:
        office.keeper.keep([registered(office), passed(office), registered(office, OTHER_SLIP)])
        office.keeper.keep([passed(office, OTHER_SLIP), goes(office)])
        assert numbers(office) == [OTHER_SLIP]

    @pytest.mark.parametrize(("minute", "is_overdue"), [(179, False), (180, True)])
    def test_overstay_is_told_to_the_minute(self, office: Office, minute: int, is_overdue: bool) -> None:
        office.keeper.keep([registered(office, limit_min=180), passed(office)])
        office.visitors_now = lambda: to_ms(START + timedelta(minutes=minute))
        (row,) = office.visitors.who_are_in()
        assert row.is_overdue is is_overdue
        assert row.due_at == START + timedelta(minutes=180)
        assert office.visitors.overdue() == int(is_overdue)
        assert ("Visitors who stayed longer than they may: 1" in office.client("duty").get("/").text) is is_overdue

    def test_centre_without_the_key_shows_numbers_alone(self, office: Office) -> None:
        office.keeper.keep([registered(office), passed(office)])
        (row,) = VisitorBook(office.store, None, HERE, now=office.visitors_now).who_are_in()
        assert (row.number, row.masked_name) == (SLIP, None)


class TestInClear:
    def test_it_is_shown_with_a_reason_that_is_kept(self, office: Office) -> None:
        office.keeper.keep([registered(office), passed(office)])
        (row,) = office.visitors.who_are_in()
        assert office.visitors.reveal(row.record, account=OFFICE, reason="a fever was reported").registration == WANG
        with office.store.reading() as connection:
            (line,) = [each for each in newest(connection, 10) if each.action == "visitor_revealed"]
        assert (line.user_name, line.subject, line.reason) == ("wang", f"record {row.record}", "a fever was reported")
        assert "王" not in repr(line)

    def test_nobody_looks_without_the_right_or_a_reason(self, office: Office) -> None:
        office.keeper.keep([registered(office), passed(office)])
        (row,) = office.visitors.who_are_in()
        with pytest.raises(NotAllowed):
            office.visitors.reveal(row.record, account=DUTY, reason="a fever was reported")
        with pytest.raises(ReasonMissing):
            office.visitors.reveal(row.record, account=OFFICE, reason="  ")
        with office.store.reading() as connection:
            assert not [each for each in newest(connection, 10) if each.action == "visitor_revealed"]

    def test_record_of_another_kind_opens_nothing(self, office: Office) -> None:
        with pytest.raises(NotFound):
            office.visitors.reveal(1, account=OFFICE, reason="a fever was reported")


def test_purge_takes_who_it_was_and_leaves_the_chain_whole(office: Office) -> None:
    office.keeper.keep([registered(office), passed(office)])
    (row,) = office.visitors.who_are_in()
    assert office.visitors.purge(START - timedelta(days=1)) == 0
    assert office.visitors.purge(START + timedelta(days=1)) == 1
    (purged,) = office.visitors.who_are_in()
    assert (purged.number, purged.masked_name) == (SLIP, None)
    assert office.passages.detail(row.record).is_hash_right
    with pytest.raises(NotFound):
        office.visitors.reveal(row.record, account=OFFICE, reason="a fever was reported")


class TestPage:
    def test_everybody_sees_masked_names_and_the_office_asks_for_more(self, office: Office) -> None:
        office.keeper.keep([registered(office, limit_min=60), passed(office)])
        page = office.client("duty").get("/visitors").text
        assert "王*" in page
        assert "Stayed longer than they may: 1" in page
        assert "Show in full" not in page
        client = office.client("office")
        page = client.get("/visitors").text
        token = page.split('name="csrf" value="')[1].split('"')[0]
        record = page.split("/visitors/")[1].split("/reveal")[0]
        shown = client.post(f"/visitors/{record}/reveal", data={"csrf": token, "reason": "a fever was reported"}).text
        assert WANG.id_number in shown
        assert WANG.id_number not in client.get("/visitors").text

    def test_form_of_another_page_shows_nothing(self, office: Office) -> None:
        office.keeper.keep([registered(office), passed(office)])
        (row,) = office.visitors.who_are_in()
        answer = office.client("office").post(f"/visitors/{row.record}/reveal", data={"csrf": "x", "reason": "because"})
        assert answer.status_code == 403
        assert WANG.id_number not in answer.text

    def test_nobody_is_shown_to_whoever_is_not_signed_in(self, office: Office) -> None:
        assert office.client().get("/visitors").status_code in (303, 401)

    def test_what_a_guard_noted_stands_in_the_list_in_words(self, office: Office) -> None:
        office.keeper.keep([registered(office), left(office)])
        page = office.client("duty").get("/").text
        assert "visitor 3-14-001-1 registered" in page
        assert "visitor 3-14-001-1 leaves" in page
