"""Visitors at a terminal: a number to write down, a registration that only the centre reads, nothing left behind."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from kiosk_world import GATE, KioskBench, play
from pydantic import ValidationError
from shell_world import COMMUNITY, HOUSEHOLD

from gate.screens import AdmitService, Answer, LogDelivery, Refusal, RegisterVisitor, SeeVisitorLeave
from gate.shell.rules_on_hand import RulesOnHand
from model.identities import VisitNumber
from model.rule_set import OutsiderRules, VisitPolicy
from model.services import ServiceReason
from model.visit_numbers import parts_of
from model.visitors import VisitorRegistration
from passes.visitor_sealed import open_registration, seal_registration
from tests.support.kiosk_wire import KioskWire

KEY = generate_private_key(SECP256R1())
NAME, ID_NUMBER, PHONE = "王小明", "11010519491231002X", "13800138000"
WANG = VisitorRegistration(name=NAME, id_number=ID_NUMBER, phone=PHONE)
TYPED = {"name": NAME, "id_number": ID_NUMBER, "phone": PHONE}


def seal(registration: VisitorRegistration, number: VisitNumber) -> str:
    return seal_registration(registration, KEY.public_key(), community=COMMUNITY, device=GATE, number=number)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[KioskBench]:
    made = KioskBench(tmp_path, seal=seal)
    yield made
    made.close()


def let_outsiders(bench: KioskBench, rules: OutsiderRules) -> None:
    lane = bench.terminal.lane
    bench.terminal.lane = replace(lane, rules=replace(lane.rules, outsiders=rules))
    bench.terminal._rules = RulesOnHand(bench.terminal.lane.rules)
    bench.desk._memory.lane = bench.terminal.lane


def registers(wire: KioskWire, **other: str) -> Answer:
    typed = TYPED | other
    order = RegisterVisitor(
        token=wire.sign_in("li_wei", "7391"),
        household=HOUSEHOLD,
        purpose="family",
        name=typed["name"],
        id_number=typed["id_number"],
        phone=typed["phone"],
    )
    return wire.order(order)


def personal_parts(bench: KioskBench) -> list[str]:
    return [each.personal for each in bench.journal.read(1, 1000) if each.personal is not None]


def test_visitor_gets_a_number_and_the_centre_alone_reads_who_it_is(bench: KioskBench) -> None:
    answers: list[Answer] = []
    play(bench, lambda wire: answers.append(registers(wire)))
    slip = answers[0].slip
    assert answers[0].is_done
    assert slip is not None
    assert parts_of(slip) is not None
    (record,) = bench.recorded("visitor")
    assert (record["number"], record["step"], record["host"]) == (slip, "registered", HOUSEHOLD)
    (sealed,) = personal_parts(bench)
    opened = open_registration(sealed, KEY, community=COMMUNITY, device=GATE, number=VisitNumber(slip))
    assert opened == WANG


def test_nothing_that_was_typed_is_left_at_the_gate(
    bench: KioskBench, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    screens: list[str] = []

    def person(wire: KioskWire) -> None:
        registers(wire)
        screens.append(wire.screen(lambda screen: screen.visit is not None).model_dump_json())

    play(bench, person)
    bench.commits.stop()
    for typed in (NAME, ID_NUMBER, PHONE):
        assert typed not in caplog.text
        assert typed not in screens[0]
        assert all(typed.encode() not in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        ({"name": ""}, "name"),
        ({"id_number": "110105194912310021"}, "id_check_digit"),
        ({"phone": "123"}, "phone"),
    ],
)
def test_mistake_is_named_and_nobody_registered(bench: KioskBench, typed: dict[str, str], fault: str) -> None:
    answers: list[Answer] = []
    play(bench, lambda wire: answers.append(registers(wire, **typed)))
    assert answers == [Answer(is_done=False, why=Refusal.INVALID, fault=fault)]
    assert not bench.recorded("visitor")


def test_gate_without_the_centres_key_takes_nothing_down(tmp_path: Path) -> None:
    bench = KioskBench(tmp_path)
    answers: list[Answer] = []
    play(bench, lambda wire: answers.append(registers(wire)))
    assert answers == [Answer(is_done=False, why=Refusal.NO_CENTRE_KEY)]
    assert not bench.recorded("visitor")
    bench.close()


@pytest.mark.parametrize("policy", [VisitPolicy.TURNED_BACK, VisitPolicy.AT_THE_GATE])
def test_where_nobody_may_come_in_nothing_personal_is_kept(bench: KioskBench, policy: VisitPolicy) -> None:
    let_outsiders(bench, OutsiderRules(visitors=policy))
    answers: list[Answer] = []
    play(bench, lambda wire: answers.append(registers(wire)))
    assert answers[0].is_done
    assert [body["reason"] for body in bench.recorded("decision")] == [f"visitors_{policy.value}"]
    assert not bench.recorded("visitor")
    assert personal_parts(bench) == []


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    slips: list[str | None] = []
    for _ in range(2):
        bench = KioskBench(tmp_path, seal=seal)
        play(bench, lambda wire: slips.append(registers(wire).slip))
        bench.close()
    running = [parts.running for slip in slips if slip is not None and (parts := parts_of(slip)) is not None]
    assert running == [1, 2]


def test_registration_waits_for_a_journal_that_can_record_it(bench: KioskBench) -> None:
    answers: list[Answer] = []

    def person(wire: KioskWire) -> None:
        bench.lose("journal", "full")
        wire.screen(lambda screen: any(lost.component == "journal" for lost in screen.lost))
        answers.append(registers(wire))

    play(bench, person)
    assert [answer.why for answer in answers] == [Refusal.JOURNAL]
    assert bench.sealed.take(VisitNumber("2-22-001-0")) is None


def test_service_that_the_rules_do_not_name_is_refused_with_words(bench: KioskBench) -> None:
    let_outsiders(bench, OutsiderRules(services=frozenset({ServiceReason.REPAIR})))
    answers: list[Answer] = []

    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", "7391")
        shown = wire.screen(lambda screen: screen.duty is not None).gate
        assert shown.services == ("ambulance", "police", "fire_brigade", "repair")
        answers.append(wire.order(AdmitService(token=token, reason="other")))
        answers.append(wire.order(AdmitService(token=token, reason="repair")))

    play(bench, person)
    assert [(answer.is_done, answer.why) for answer in answers] == [(False, Refusal.RULES), (True, None)]


def test_delivery_and_who_fetched_it_are_recorded(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", "7391")
        for order in (
            LogDelivery(token=token, household=HOUSEHOLD, what="meal", step="left"),
            LogDelivery(token=token, household=HOUSEHOLD, what="meal", step="fetched"),
        ):
            assert wire.order(order).is_done

    play(bench, person)
    assert [(each["recipient"], each["what"], each["step"]) for each in bench.recorded("delivery")] == [
        (HOUSEHOLD, "meal", "left"),
        (HOUSEHOLD, "meal", "fetched"),
    ]


def test_visitor_leaves_by_the_number_on_the_slip_however_it_is_typed(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        assert wire.order(SeeVisitorLeave(token=wire.sign_in("li_wei", "7391"), slip="3 28 014 1")).is_done

    play(bench, person)
    assert [(each["number"], each["step"]) for each in bench.recorded("visitor")] == [("3-28-014-1", "left")]


def test_number_that_was_misread_is_no_order() -> None:
    with pytest.raises(ValidationError, match="as it stands on the slip"):
        SeeVisitorLeave(token="0" * 64, slip="3-28-014-2")
