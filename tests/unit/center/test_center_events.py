"""Events beside the passages: what guards do, what the barrier does, and what a newer gate says, shown in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_kit import Device, at, decision, temporary_store
from center_office import Office

from center.desk.event_body import KINDS, UNKNOWN
from center.desk.passages import PassageFilter, PassageView
from center.ingest.arrivals import EventArrived
from center.ingest.keeper import RecordKeeper
from center.store.database import Store
from center.web.language import Language, texts_of
from journal.body import build_body, canonical_json
from model.clock import ClockTrust, Instant
from model.credentials import Scanner, VouchedHousehold
from model.identities import GuardId, HouseholdId, VisitId
from model.reasons import Outcome, Reason
from model.records import (
    AbandonedRecord,
    BarrierEvent,
    BarrierRecord,
    ClockRecord,
    DecisionRecord,
    DutyRecord,
    LookupRecord,
    ModeRecord,
    Record,
    StartedRecord,
    VisitStep,
    fields_of,
)
from model.services import IdentifiedWhy, ServiceReason
from model.temperature import Celsius, HandReading, HandSite, HandThermometer, judge_by_hand

GUARD, OTHER = GuardId("zhao"), GuardId("qian")
EVENTS: dict[str, Record] = {
    "duty": DutyRecord(guard=GUARD, before=OTHER),
    "lookup": LookupRecord(guard=GUARD, households=(HouseholdId(501), HouseholdId(502)), more_found=True),
    "barrier": BarrierRecord(event=BarrierEvent.EMERGENCY_RELEASE, guard=GUARD),
    "mode": ModeRecord(component="serial_scanner", is_available=False, why="absent"),
    "clock": ClockRecord(trust=ClockTrust.SAVED, jumped_s=-3600.0),
    "started": StartedRecord(program="gatehouse 1", rules_version=3, directory_version=4),
    "abandoned": AbandonedRecord(visit=VisitId(9), at_step=VisitStep.CHECK, steps=(), mask_was_missing=True),
}


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


def told(device: Device, record: Record) -> EventArrived:
    kind, fields = fields_of(record)
    return of_kind(device, kind, fields)


def of_kind(device: Device, kind: str, fields: dict[str, object] | None = None) -> EventArrived:  # type: ignore[type-arg]
    return device.body(canonical_json(build_body(kind, at(), fields or {})))


def shown(store: Store, **wanted: str) -> list[str]:
    return [row.kind for row in PassageView(store).page(PassageFilter(**wanted))]  # type: ignore[arg-type]


def test_what_people_do_stands_in_the_list_and_what_the_machine_says_on_request(store: Store) -> None:
    device = Device()
    RecordKeeper(store).keep(
        [*device.decisions(1), device.passage(1), *(told(device, each) for each in EVENTS.values())]
    )
    assert shown(store) == ["barrier", "lookup", "duty", "decision"]
    for kind in EVENTS:
        assert shown(store, kind=kind) == [kind]
    assert shown(store, kind="decision") == ["decision"]
    assert shown(store, pass_id="00112233445566aa") == ["decision"]


def test_a_kind_of_a_newer_gate_is_shown_as_such_and_never_set_aside(store: Store) -> None:
    device = Device()
    kept = RecordKeeper(store).keep(
        [of_kind(device, "drone_landed", {"battery": 12, "guard": ["x"]}), *device.decisions(1)]
    )
    assert (kept.stored, kept.quarantined) == (2, 0)
    assert shown(store) == ["decision", UNKNOWN]
    assert shown(store, kind=UNKNOWN) == [UNKNOWN]
    assert PassageView(store).page(PassageFilter(kind=UNKNOWN))[0].raw_kind == "drone_landed"


def test_a_decision_with_an_outcome_of_a_newer_gate_is_shown(store: Store, tmp_path: Path) -> None:
    device = Device()
    kept = RecordKeeper(store).keep(
        [of_kind(device, "decision", {"outcome": "postponed", "reason": "eclipse", "visit": 3})]
    )
    assert kept.quarantined == 0
    (row,) = PassageView(store).page(PassageFilter())
    assert (row.kind, row.outcome, row.reason) == ("decision", None, "eclipse")


def test_the_barriers_daily_work_does_not_fill_the_list(store: Store) -> None:
    device = Device()
    daily = (BarrierEvent.CLOSED, BarrierEvent.REQUEST_TO_EXIT, BarrierEvent.FORCED_OPEN)
    RecordKeeper(store).keep([told(device, BarrierRecord(event=event)) for event in daily])
    assert [row.event.code for row in PassageView(store).page(PassageFilter()) if row.event] == ["forced_open"]
    assert shown(store, kind="barrier") == ["barrier"] * 3


@pytest.mark.parametrize("body", [{}, {"households": 3, "guard": 4, "more_found": "x"}, {"event": ["x"], "from": "1"}])
@pytest.mark.parametrize("kind", [*EVENTS, "gap", "conflict", "newer"])
def test_whatever_stands_in_an_event_its_row_and_page_are_shown(
    office: Office, kind: str, body: dict[str, object]
) -> None:
    office.keeper.keep([of_kind(office.device, kind, body)])
    client = office.client("duty")
    wanted = kind if kind in KINDS else UNKNOWN
    page = client.get(f"/?kind={wanted}")
    assert page.status_code == 200
    (row,) = office.passages.page(PassageFilter(kind=wanted))
    assert client.get(f"/passages/{row.id}").status_code == 200


@pytest.mark.parametrize(
    ("kind", "zh", "en"),
    [
        ("duty", "zhao 接岗，qian 交班", "zhao took the gate over from qian"),
        ("lookup", "zhao 查看了 2 户，另有更多结果", "zhao looked at 2 households, there were more"),
        ("barrier", "紧急放行（zhao）", "emergency release (zhao)"),
        ("mode", "串口扫码器：失效，无应答", "Serial scanner: lost, no answer"),
        ("clock", "上次保存，未校准，跳变 -3600 秒", "last known, not set, jumped by -3600 s"),
        ("started", "gatehouse 1", "gatehouse 1"),
        ("abandoned", "止于“查”，未戴口罩", "at the step “Check”, no mask"),
    ],
)
def test_an_event_is_told_in_the_words_of_both_languages(office: Office, kind: str, zh: str, en: str) -> None:
    office.keeper.keep([told(office.device, EVENTS[kind])])
    client = office.client("duty")
    for language, words in (("zh", zh), ("en", en)):
        assert words in client.get(f"/?kind={kind}", headers={"accept-language": language}).text


def guarded(**changes: object) -> DecisionRecord:
    plain = decision()
    parts = {name: getattr(plain, name) for name in DecisionRecord.__dataclass_fields__}
    return DecisionRecord(**(parts | changes))


def test_a_service_admitted_says_whom_and_by_which_guard(office: Office) -> None:
    plain = decision(reason=Reason.SERVICE_ADMITTED)
    record = guarded(decision=plain.decision, service=ServiceReason.AMBULANCE, guard=GUARD)
    office.keeper.keep([told(office.device, record)])
    client = office.client("duty")
    assert "公务放行：救护车" in client.get("/", headers={"accept-language": "zh"}).text
    (row,) = office.passages.page(PassageFilter(reason=Reason.SERVICE_ADMITTED))
    page = client.get(f"/passages/{row.id}").text
    assert "Let in on duty: ambulance" in page
    assert "zhao" in page


def test_a_vouched_family_measured_by_hand_is_shown_with_all_its_inputs(office: Office) -> None:
    plain = decision(reason=Reason.ADMITTED_VOUCHED)
    reading = HandReading(
        at=Instant(8.0),
        site=HandSite.ARMPIT,
        thermometer=HandThermometer.MERCURY,
        body_c=Celsius(36.6),
        guard=GUARD,
    )
    by_hand = judge_by_hand(reading, plain.rules.temperature)
    facts_parts = {name: getattr(plain.facts, name) for name in type(plain.facts).__dataclass_fields__}
    code = VouchedHousehold(household=HouseholdId(501), guard=GUARD, why=IdentifiedWhy.FORGOTTEN_CARD)
    facts = type(plain.facts)(**(facts_parts | {"code": code, "people": 2, "others": (by_hand,)}))
    record = guarded(
        facts=facts,
        decision=plain.decision,
        guard=GUARD,
        mask_was_missing=True,
        superseded=(by_hand,),
        scanner=Scanner.GUARD,
    )
    office.keeper.keep([told(office.device, record)])
    (row,) = office.passages.page(PassageFilter(reason=Reason.ADMITTED_VOUCHED))
    assert (row.household, row.outcome) == (501, Outcome.GRANTED.value)
    client = office.client("duty")
    chinese = client.get(f"/passages/{row.id}", headers={"accept-language": "zh"}).text
    for words in (
        "由值班人员 zhao 核实身份（忘带卡）",
        "同行人数",
        "第 2 人",
        "水银体温计，录入 36.6 °C（zhao）",
        "腋下",
        "到时未戴",
        "此前测量",
    ):
        assert words in chinese, words


def test_every_event_word_is_there_for_every_code() -> None:
    known = texts_of(Language.CHINESE).by_key
    codes = {
        "event": KINDS,
        "barrier_event": [event.value for event in BarrierEvent],
        "service": [reason.value for reason in ServiceReason],
        "vouched_why": [why.value for why in IdentifiedWhy],
        "hand_thermometer": [each.value for each in HandThermometer],
        "site": [site.value for site in HandSite],
    }
    assert [f"{part}.{code}" for part, each in codes.items() for code in each if f"{part}.{code}" not in known] == []
