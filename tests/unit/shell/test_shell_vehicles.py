"""A vehicle at a whole terminal: pass, guard's orders, codes and foreheads, one record of everybody in it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from kiosk_world import MASKED_NAME, PINS, ROOM, KioskBench, is_told, play, refused
from shell_world import COMMUNITY, HOUSEHOLD, NOON

from gate.screens import Answer, IdentifyHousehold, Refusal, ScreenState, SeeOutsider, SeeVehicle
from model.credentials import Colour, Pass, PassFlags, PassKind
from model.vehicles import Plate
from passes.issue import IssuedPass, issue_pass, new_pass_id
from tests.support.kiosk_wire import KioskWire

DONE = Answer(is_done=True)
OWN = Plate(text="云A12345")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[KioskBench]:
    made = KioskBench(tmp_path, plates=(OWN,))
    yield made
    made.close()


def vehicle_pass(bench: KioskBench) -> IssuedPass:
    credential = Pass(
        pass_id=new_pass_id(),
        community=COMMUNITY,
        household=HOUSEHOLD,
        colour=Colour.GREEN,
        kind=PassKind.VEHICLE,
        gates=None,
        schedule=0,
        status_index=6,
        flags=PassFlags.PRINTED,
        valid_from=NOON - timedelta(days=1),
        valid_until=NOON + timedelta(days=20),
    )
    return issue_pass(credential, bench.pass_key, bench.pass_record)


def drives_up(bench: KioskBench, wire: KioskWire) -> int:
    """The vehicle pass is shown; the guard is called."""
    bench.show(vehicle_pass(bench).text)
    visit = wire.screen(is_told("guard_comes")).visit
    assert visit is not None
    assert (visit.pass_kind, visit.reason) == ("vehicle", "vehicle_waits")
    return visit.number


def is_own_plate(screen: ScreenState) -> bool:
    """The plates came with the register, which is opened in a thread."""
    seen = screen.visit.vehicle if screen.visit is not None else None
    return seen is not None and seen.plate_match == "own"


def test_everybody_in_it_is_checked_and_one_record_names_them(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        visit = drives_up(bench, wire)
        assert wire.order(SeeVehicle(token=token, visit=visit, plate="云a·12345", people=2)) == DONE
        wire.screen(is_told("show_code"))
        shown = wire.screen(is_own_plate).visit
        assert shown is not None
        assert shown.vehicle is not None
        assert (shown.vehicle.plate, shown.vehicle.plate_match, shown.vehicle.declared) == ("云A***45", "own", 2)
        bench.show(bench.phone_code())
        checked = wire.screen(lambda screen: screen.visit and screen.visit.vehicle and screen.visit.vehicle.occupants)
        assert checked.visit is not None
        assert checked.visit.vehicle is not None
        (occupant,) = checked.visit.vehicle.occupants
        assert (occupant.room, occupant.masked_name, occupant.is_refused) == (ROOM, MASKED_NAME, False)
        wire.screen(is_told("show_code"))
        order = IdentifyHousehold(token=token, visit=visit, household=HOUSEHOLD, why="no_phone")
        assert wire.order(order) == DONE
        wire.screen(is_told("go"))

    play(bench, person)
    (decision,) = bench.recorded("decision")
    assert decision["outcome"] == "granted"
    assert (decision["vehicle"]["plate"], decision["vehicle"]["plate_listed"], decision["people"]) == ("own", 1, 2)
    first, second = decision["vehicle"]["occupants"]
    assert (first["pass"], second["vouched_by"]) == (bench.phone_pass.credential.pass_id, "li_wei")
    assert len(decision["other_temperatures"]) == 1
    assert len(bench.orders.of("release")) == 1
    assert "12345" not in json.dumps(decision["vehicle"], ensure_ascii=False)


def test_outsider_turns_it_back_and_only_the_guard_sees_why(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        visit = drives_up(bench, wire)
        assert wire.order(SeeVehicle(token=token, visit=visit, plate="云A12345", people=3)) == DONE
        assert wire.order(SeeOutsider(token=token, visit=visit)) == DONE
        shown = wire.screen(is_told("refused"))
        assert shown.resident.reason == "vehicle_turned_back"
        assert shown.visit is not None
        assert shown.visit.reason == "outsider_inside"

    play(bench, person)
    assert not bench.orders.of("release")


def test_what_is_no_plate_is_not_taken_and_nobody_orders_without_a_sign_in(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        visit = drives_up(bench, wire)
        assert wire.order(SeeVehicle(token=token, visit=visit, plate="云112345", people=2)) == refused(Refusal.INVALID)
        stale = SeeVehicle(token=token, visit=visit + 1, plate="云A12345", people=2)
        assert wire.order(stale) == refused(Refusal.STALE)
        stranger = SeeVehicle(token="0" * 64, visit=visit, plate="云A12345", people=2)
        assert wire.order(stranger) == refused(Refusal.NOT_SIGNED_IN)

    play(bench, person)


def test_guard_who_sees_a_vehicle_without_a_pass_turns_it_back(bench: KioskBench) -> None:
    def person(wire: KioskWire) -> None:
        token = wire.sign_in("li_wei", PINS["li_wei"])
        order = SeeVehicle(token=token, plate="云B99999", people=2, has_pass=False)
        assert wire.order(order) == DONE
        shown = wire.screen(is_told("refused")).visit
        assert shown is not None
        assert shown.reason == "vehicle_unknown"

    play(bench, person)
    (decision,) = bench.recorded("decision")
    assert decision["vehicle"]["outside"] is True
