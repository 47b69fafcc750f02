"""model.records: the body of each kind of record, byte for byte; nothing personal in it.

The golden bodies are the promise to every journal that was ever written: a change here is a new
field, never another name.
"""

import json
import math
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from model.clock import ClockTrust, Instant
from model.credentials import (
    CheckStage,
    PassFlags,
    PassKind,
    RefusalDetail,
    RefusedCode,
    RegisteredVisitor,
    Scanner,
    VouchedHousehold,
)
from model.facts import ClaimAnswer, ClaimedOuting, Facts, Occupant, VehicleFacts
from model.identities import ClaimId, Epoch, GuardId, PassId, Seq, VisitId, VisitNumber
from model.outings import Outing, OutingPurpose
from model.passback import LastPassage
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import (
    AbandonedRecord,
    BarrierEvent,
    BarrierRecord,
    ClockRecord,
    ConflictRecord,
    ConsumedCode,
    DecisionRecord,
    Delivery,
    DeliveryRecord,
    DutyRecord,
    JournalReplacedRecord,
    LookupRecord,
    ModeRecord,
    PassageEnd,
    PassageRecord,
    Record,
    StartedRecord,
    StepDone,
    VisitorRecord,
    VisitStep,
    consumed_by,
    fields_of,
)
from model.rule_set import Check
from model.rules import Decision, decide
from model.services import IdentifiedWhy, ServiceReason
from model.temperature import Celsius, HandReading, HandSite, HandThermometer, judge_by_hand
from model.vehicles import Plate
from model.visitors import DeliveryKind, DeliveryStep, VisitorStep, VisitPurpose
from tests.unit.model.builders import (
    HIGH,
    HOLDER_STEP,
    HOUSEHOLD,
    NOON,
    PASS_ID,
    burst,
    directory,
    facts,
    fault,
    judged,
    resident_pass,
    rule_set,
    temperature_rules,
    verified,
)

GOLDEN = Path(__file__).parent / "golden"
STEPS = (
    StepDone(step=VisitStep.ASK, result="no", after_s=1.23456),
    StepDone(step=VisitStep.MEASURE, result="normal", after_s=2.5),
    StepDone(step=VisitStep.CHECK, result="by_rules", after_s=2.5),
    StepDone(step=VisitStep.SCAN, result="verified", after_s=3.0),
)


def decision_record(found: Facts, *, decision: Decision | None = None) -> DecisionRecord:
    rules = rule_set(version=12)
    return DecisionRecord(
        visit=VisitId(8),
        facts=found,
        rules=rules,
        decision=decision or decide(found, rules),
        steps=STEPS,
        scanner=Scanner.CAMERA,
        first_temperature=None,
        other_codes=0,
    )


GRANTED = decision_record(facts())
REFUSED = decision_record(
    facts(
        code=RefusedCode(stage=CheckStage.TIME, detail=RefusalDetail.EXPIRED, pass_id=PASS_ID, household=HOUSEHOLD),
        temperature=None,
        known=None,
    )
)
BY_GUARD = DecisionRecord(
    visit=VisitId(9),
    facts=facts(temperature=judged(fault()), answered_yes=("fever_or_cough",)),
    rules=rule_set(version=12),
    decision=Decision(outcome=Outcome.GRANTED, reason=Reason.GUARD_CONFIRMED, check=Check.TEMPERATURE),
    steps=(),
    scanner=Scanner.SERIAL,
    first_temperature=HIGH,
    other_codes=2,
    referred_for=Reason.TEMPERATURE_INDETERMINATE,
)
BY_HAND = HandReading(
    at=Instant(9.0),
    body_c=Celsius(36.6),
    site=HandSite.EAR,
    thermometer=HandThermometer.CONTACT,
    guard=GuardId("li_wei"),
)
OUT_WITH_A_CLAIM = DecisionRecord(
    visit=VisitId(11),
    facts=replace(
        facts(direction=Direction.OUT),
        at=NOON,
        purpose=OutingPurpose.MEDICAL,
        outing=ClaimedOuting(
            claim=ClaimId("00112233445566ff"),
            answer=ClaimAnswer.GRANTED,
            outings=(
                Outing(
                    claim=ClaimId("00112233445566aa"),
                    household=HOUSEHOLD,
                    started_at=NOON - timedelta(days=1),
                    returned_at=NOON - timedelta(hours=23),
                    purpose=OutingPurpose.ORDINARY,
                    people=1,
                ),
            ),
            possible_at=None,
        ),
        last_passage=LastPassage(direction=Direction.IN, at=NOON - timedelta(hours=23)),
    ),
    rules=rule_set(version=12),
    decision=Decision(
        outcome=Outcome.GRANTED,
        reason=Reason.ADMITTED,
        check=None,
        due_back=NOON + timedelta(hours=2),
    ),
    steps=(),
    scanner=Scanner.SERIAL,
    first_temperature=None,
    other_codes=0,
)
VOUCHED = replace(
    decision_record(
        replace(
            facts(
                code=VouchedHousehold(household=HOUSEHOLD, guard=GuardId("li_wei"), why=IdentifiedWhy.FORGOTTEN_CARD)
            ),
            people=2,
            others=(judge_by_hand(BY_HAND, temperature_rules()),),
        )
    ),
    scanner=Scanner.GUARD,
    referred_for=Reason.TEMPERATURE_INDETERMINATE,
    superseded=(judged(fault()),),
    mask_was_missing=True,
)
SERVICE = DecisionRecord(
    visit=VisitId(10),
    facts=replace(facts(code=None, temperature=None, known=None), people=3),
    rules=rule_set(version=12),
    decision=Decision(outcome=Outcome.GRANTED, reason=Reason.SERVICE_ADMITTED, check=None),
    steps=(),
    scanner=None,
    first_temperature=None,
    other_codes=0,
    guard=GuardId("li_wei"),
    service=ServiceReason.AMBULANCE,
)
PLATES = (Plate(text="云AD54321"), Plate(text="云A12345"))
VEHICLE_PASS = replace(
    resident_pass(pass_id=PassId("5555555555555555")), kind=PassKind.VEHICLE, flags=PassFlags.PRINTED, holder_key=None
)
VEHICLE = decision_record(
    replace(
        facts(
            code=verified(credential=VEHICLE_PASS, holder_step=None),
            known=replace(directory(), vehicles={HOUSEHOLD: PLATES}),
        ),
        people=2,
        others=(judged(burst(34.6)),),
        vehicle=VehicleFacts(
            plate=PLATES[1],
            declared=2,
            occupants=(
                Occupant(check=verified()),
                Occupant(
                    check=VouchedHousehold(
                        household=HOUSEHOLD, guard=GuardId("li_wei"), why=IdentifiedWhy.FORGOTTEN_CARD
                    )
                ),
            ),
        ),
    )
)
VISITOR = replace(
    decision_record(
        facts(
            code=RegisteredVisitor(
                number=VisitNumber("3-28-014-1"),
                guard=GuardId("li_wei"),
                host=HOUSEHOLD,
                purpose=VisitPurpose.FAMILY,
            )
        )
    ),
    scanner=Scanner.GUARD,
)
RECORDS: dict[str, Record] = {
    "decision_granted": GRANTED,
    "decision_refused": REFUSED,
    "decision_by_guard": BY_GUARD,
    "decision_vouched": VOUCHED,
    "decision_service": SERVICE,
    "decision_outing": OUT_WITH_A_CLAIM,
    "decision_vehicle": VEHICLE,
    "decision_visitor": VISITOR,
    "decision_delivery": replace(
        SERVICE,
        decision=Decision(outcome=Outcome.DENIED, reason=Reason.DELIVERIES_TURNED_BACK, check=None),
        service=None,
        delivery=Delivery(recipient=HOUSEHOLD, kind=DeliveryKind.MEAL),
    ),
    "visitor": VisitorRecord(
        number=VisitNumber("3-28-014-1"),
        step=VisitorStep.REGISTERED,
        guard=GuardId("li_wei"),
        host=HOUSEHOLD,
        purpose=VisitPurpose.FAMILY,
        limit_min=1440,
    ),
    "visitor_left": VisitorRecord(number=VisitNumber("3-28-014-1"), step=VisitorStep.LEFT, guard=GuardId("li_wei")),
    "delivery": DeliveryRecord(
        delivery=Delivery(recipient=HOUSEHOLD, kind=DeliveryKind.PARCEL),
        step=DeliveryStep.LEFT,
        guard=GuardId("li_wei"),
    ),
    "passage": PassageRecord(visit=VisitId(8), end=PassageEnd.TAKEN, household=HOUSEHOLD, pass_id=PASS_ID),
    "abandoned": AbandonedRecord(visit=VisitId(8), at_step=VisitStep.SCAN, steps=STEPS[:1]),
    "barrier": BarrierRecord(event=BarrierEvent.FORCED_OPEN, visit=None),
    "conflict": ConflictRecord(pass_id=PASS_ID, step=HOLDER_STEP),
    "mode": ModeRecord(component="thermometer", is_available=False, why="absent"),
    "clock": ClockRecord(trust=ClockTrust.NTP, jumped_s=-3.00049),
    "started": StartedRecord(program="0.1.0", rules_version=12, directory_version=None),
    "duty": DutyRecord(guard=GuardId("li_wei"), before=None),
    "lookup": LookupRecord(guard=GuardId("li_wei"), households=(HOUSEHOLD,), more_found=False),
    "journal_replaced": JournalReplacedRecord(epoch=Epoch("0123456789abcdef"), seq=Seq(41), hash="ab" * 32, how="gone"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_body_of_each_kind_stays_as_it_was_first_written(name: str) -> None:
    kind, body = fields_of(RECORDS[name])
    golden = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert {"kind": kind} | body == golden
    assert list({"kind": kind} | body) == list(golden)


def test_every_type_of_record_has_a_golden_body() -> None:
    assert {type(record) for record in RECORDS.values()} == set(get_args(Record))


@pytest.mark.parametrize("name", RECORDS)
def test_body_is_plain_json_and_survives_it(name: str) -> None:
    _, body = fields_of(RECORDS[name])
    text = json.dumps(body, allow_nan=False, ensure_ascii=False)
    assert json.loads(text) == body


def test_sample_that_is_no_number_is_null_in_the_body() -> None:
    _, body = fields_of(decision_record(facts(temperature=judged(burst(math.nan)))))
    json.dumps(body, allow_nan=False)
    assert isinstance(body["temperature"], dict)
    assert body["temperature"]["samples_c"] == [None] * 5
    assert body["temperature"]["outcome"] == "indeterminate"


@pytest.mark.parametrize("name", [name for name in RECORDS if name.startswith("decision")])
def test_body_of_a_decision_holds_no_personal_data(name: str) -> None:
    assert resident_pass().masked_name == "张*"
    text = json.dumps(fields_of(RECORDS[name])[1], ensure_ascii=False)
    assert "张" not in text
    assert "name" not in text
    assert "holder_key" not in text
    assert not any(plate.text in text or plate.text[1:] in text for plate in PLATES)


@pytest.mark.parametrize("name", RECORDS)
def test_no_field_of_a_record_is_shadowed_by_the_frame_of_the_body(name: str) -> None:
    assert not {"v", "kind", "at"} & set(fields_of(RECORDS[name])[1])


def test_all_inputs_of_a_decision_stand_in_its_body() -> None:
    """So that it can be replayed: every fact has its field."""
    assert {field.name for field in fields(Facts)} == {
        "direction",
        "gate",
        "code",
        "directory",
        "temperature",
        "code_is_used",
        "answered_yes",
        "people",
        "others",
        "at",
        "purpose",
        "outing",
        "last_passage",
        "vehicle",
    }
    _, body = fields_of(GRANTED)
    assert {
        "direction",
        "gate",
        "code",
        "directory_version",
        "household_entry",
        "pass_status",
        "temperature",
        "code_used",
        "answered_yes",
        "rules",
        "people",
        "other_temperatures",
        "decided_at",
        "purpose",
        "outing",
        "last_passage",
        "windows",
        "schedule",
        "vehicle",
    } <= set(body)


class TestConsumedBy:
    def test_grant_uses_up_the_holders_step(self) -> None:
        assert consumed_by(GRANTED) == (ConsumedCode(pass_id=PASS_ID, step=HOLDER_STEP),)

    def test_guards_grant_uses_it_up_too(self) -> None:
        assert consumed_by(BY_GUARD) == (ConsumedCode(pass_id=PASS_ID, step=HOLDER_STEP),)

    def test_refusal_uses_up_nothing(self) -> None:
        denied = Decision(outcome=Outcome.DENIED, reason=Reason.WRONG_GATE, check=Check.GATE)
        referred = Decision(outcome=Outcome.REFERRED, reason=Reason.TEMPERATURE_HIGH, check=Check.TEMPERATURE)
        assert consumed_by(decision_record(facts(), decision=denied)) == ()
        assert consumed_by(decision_record(facts(), decision=referred)) == ()
        assert consumed_by(REFUSED) == ()

    def test_paper_pass_has_no_step_to_use_up(self) -> None:
        assert consumed_by(decision_record(facts(code=verified(holder_step=None)))) == ()

    @pytest.mark.parametrize("name", ["passage", "abandoned", "barrier", "mode", "clock", "started"])
    def test_only_decisions_use_up_codes(self, name: str) -> None:
        assert consumed_by(RECORDS[name]) == ()

    def test_grant_of_a_vehicle_uses_up_the_code_of_everybody_in_it(self) -> None:
        assert consumed_by(VEHICLE) == (ConsumedCode(pass_id=PASS_ID, step=HOLDER_STEP),)
