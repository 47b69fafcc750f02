"""Who walks: the check's plan is complete, and a day in the street never keeps a gate waiting for another."""

import itertools
from datetime import UTC, datetime

import pytest

from model.identities import HouseholdId, PassId
from model.temperature import Celsius
from simulator.people import Behaviour, Carrier, Resident, Wallet
from simulator.plans import SEEN_AGAIN_AFTER_S, Crowd, PlanImpossible, check_plan, way_out_plan
from simulator.visit import Scanner


class Clock:
    at = 0.0

    def now(self) -> datetime:
        return datetime(2026, 2, 14, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> bool:
        self.at += seconds
        return False


def person(number: int, carrier: Carrier, behaviour: Behaviour = Behaviour.NORMAL) -> Resident:
    return Resident(
        name="张*",
        household=HouseholdId(number),
        wallet=Wallet(pass_id=PassId(f"{number:016x}"), envelope=b"\x01" * 90, holder=None),
        carrier=carrier,
        core_c=Celsius(36.5),
        behaviour=behaviour,
    )


PEOPLE = [
    *(person(number, Carrier.PHONE) for number in range(1, 12)),
    *(person(number, Carrier.PAPER) for number in range(12, 18)),
    person(18, Carrier.PHONE, Behaviour.REVOKED),
]


def test_the_check_walks_everything_that_it_must_show_each_with_another_person() -> None:
    acts = check_plan(PEOPLE)
    walked = [(act.resident.behaviour, act.scanner) for act in acts]
    assert (Behaviour.NORMAL, Scanner.CAMERA) in walked
    assert (Behaviour.NORMAL, Scanner.SERIAL) in walked
    must = {Behaviour.FEVER, Behaviour.COLD_FOREHEAD, Behaviour.FORGED_PASS, Behaviour.REVOKED}
    assert must <= {act.resident.behaviour for act in acts}
    everybody = [act.resident.wallet.pass_id for act in (*acts, *way_out_plan(PEOPLE))]
    assert len(set(everybody)) == len(everybody)


def test_a_roster_without_the_people_for_it_is_refused() -> None:
    with pytest.raises(PlanImpossible):
        check_plan(PEOPLE[:3])


def test_two_gates_draw_from_the_crowd_side_by_side() -> None:
    crowd = Crowd(PEOPLE, Clock(), seed=1)
    first, second = crowd.acts(), crowd.acts()
    drawn = [next(source) for source in (first, second, first, second)]
    assert len({act.resident.wallet.pass_id for act in drawn}) == 4


def test_nobody_comes_back_before_the_phones_code_is_another_one() -> None:
    clock = Clock()
    crowd = Crowd(PEOPLE * 1, clock, seed=2)
    seen: dict[str, float] = {}
    for act in itertools.islice(crowd.acts(), 200):
        number = act.resident.wallet.pass_id
        assert clock.at - seen.get(number, -1e9) > SEEN_AGAIN_AFTER_S
        seen[number] = clock.at
        clock.at += 30.0
