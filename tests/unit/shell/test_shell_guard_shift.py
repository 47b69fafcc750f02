"""What a guard does in a shift, at the screen, against a whole terminal: each order reaches the lane and its record."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from kiosk_world import PINS, ROOM, KioskBench, is_told, play, refused
from shell_world import HOUSEHOLD

from drivers.ports import ContactChanged, ContactRole, Signal
from gate.screens import (
    AdmitService,
    Answer,
    AnswerBell,
    CountPeople,
    IdentifyHousehold,
    MeasureByHand,
    Refusal,
    RingBell,
    SeeMask,
)
from tests.support.kiosk_wire import KioskWire

DONE = Answer(is_done=True)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[KioskBench]:
    made = KioskBench(tmp_path)
    yield made
    made.close()


def sign_in(wire: KioskWire) -> str:
    return wire.sign_in("li_wei", PINS["li_wei"])


def test_forgotten_card_is_looked_up_and_every_rule_is_judged(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = sign_in(wire)
        bench.stand()
        visit = wire.screen(is_told("show_code")).visit
        assert visit is not None
        order = IdentifyHousehold(token=token, visit=visit.number, household=HOUSEHOLD, why="forgotten_card")
        assert wire.order(order) == DONE
        shown = wire.screen(is_told("go"))
        assert shown.visit is not None
        assert (shown.visit.identified_by_guard, shown.visit.room, shown.visit.pass_kind) == (True, ROOM, None)
        assert shown.passages[0].guard in ("li_wei", None)

    play(bench, person)
    (decision,) = bench.recorded("decision")
    assert (decision["outcome"], decision["code"]["household"]) == ("granted", HOUSEHOLD)


def test_family_on_one_card_is_counted_and_each_of_them_wanted(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = sign_in(wire)
        bench.stand()
        visit = wire.screen(is_told("show_code")).visit
        assert visit is not None
        bench.device.skin_c = None  # the next forehead is not there yet
        assert wire.order(CountPeople(token=token, visit=visit.number, people=3)) == DONE
        shown = wire.screen(lambda screen: screen.resident.people == 3)
        assert shown.resident.person == 2
        assert shown.visit is not None
        assert shown.visit.people == 3

    play(bench, person)


def test_temperature_that_was_typed_in_lets_through_and_says_by_whom(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = sign_in(wire)
        bench.ask_guard()
        visit = wire.screen(is_told("guard_comes")).visit
        assert visit is not None
        by_hand = MeasureByHand(token=token, visit=visit.number, body_c=36.6, site="armpit", thermometer="mercury")
        assert wire.order(by_hand) == DONE
        shown = wire.screen(is_told("go")).visit
        assert shown is not None
        assert [(each.site, each.body_c, each.by_hand) for each in shown.temperatures][-1] == ("armpit", 36.6, True)

    play(bench, person)
    assert bench.orders.of("release")


def test_missing_mask_holds_a_visit_until_one_is_put_on(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = sign_in(wire)
        assert wire.order(SeeMask(token=token, is_worn=False)) == DONE
        assert wire.screen(lambda screen: screen.resident.hint).resident.hint == "put_on_mask"
        bench.stand()
        visit = wire.screen(is_told("show_code")).visit
        assert visit is not None
        assert wire.order(SeeMask(token=token, is_worn=False)) == refused(Refusal.STALE)
        assert wire.order(SeeMask(token=token, visit=visit.number, is_worn=False)) == DONE
        bench.show(bench.phone_code())
        held = wire.screen(is_told("put_on_mask")).visit
        assert held is not None
        assert held.mask_missing
        assert not bench.orders.of("release")
        assert wire.order(SeeMask(token=token, visit=visit.number, is_worn=True)) == DONE
        wire.screen(is_told("go"))

    play(bench, person)


def test_ambulance_is_let_through_and_stands_among_the_passages(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = sign_in(wire)
        assert wire.order(AdmitService(token=token, reason="ambulance", people=3)) == DONE
        (passage,) = wire.screen(is_told("go")).passages
        assert (passage.reason, passage.people, passage.guard, passage.room) == (
            "service_admitted",
            3,
            "li_wei",
            None,
        )

    play(bench, person)
    (decision,) = bench.recorded("decision")
    assert (decision["service"], decision["guard"]) == ("ambulance", "li_wei")


def test_bell_rings_until_a_guard_answers_it(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        assert wire.order(RingBell()) == DONE
        assert wire.screen(lambda screen: screen.bell_since).alarms == ()
        assert wire.order(RingBell()) == refused(Refusal.NOT_NOW)
        assert wire.order(AnswerBell(token=sign_in(wire))) == DONE
        wire.screen(lambda screen: screen.bell_since is None)
        bench.terminal.post(ContactChanged(at=bench.clock.instant(), role=ContactRole.GUARD_BELL, is_active=True))
        wire.screen(lambda screen: screen.bell_since)

    play(bench, person)
    assert [order[1] for order in bench.orders.of("signal")].count(Signal.GUARD) == 2


def test_gate_whose_thermometer_is_lost_says_that_a_guard_is_needed(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        bench.device.skin_c = math.nan
        bench.lose("thermometer", "absent")
        shown = wire.screen(lambda screen: screen.lost)
        assert shown.gate.mode == "guard_only"
        assert [(part.component, part.why) for part in shown.lost] == [("thermometer", "absent")]

    play(bench, person)
