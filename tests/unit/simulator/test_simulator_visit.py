"""A walk through a gate, seen from outside, on a clock that only moves when somebody waits."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from model.identities import HouseholdId, PassId
from model.temperature import Celsius
from simulator import visit as visit_module
from simulator.guard import lets_through
from simulator.people import Behaviour, Carrier, Resident, Wallet
from simulator.physics import Weather
from simulator.pictures import Frame
from simulator.senses import GateAnswer
from simulator.visit import PATIENCE_S, Forehead, HomeCalled, Place, Scanner, Visit, VisitSeen
from simulator.wires import OutputChange
from simulator.wiring import Input, Output, Step

STEPS = (Step.ASK, Step.MEASURE, Step.SCAN)


@dataclass
class VirtualClock:
    at: float = 0.0
    ends_at: float = 1e9

    def now(self) -> datetime:
        return datetime(2026, 2, 14, 8, 0, tzinfo=UTC) + timedelta(seconds=self.at)

    def monotonic(self) -> float:
        return self.at

    def wait(self, seconds: float) -> bool:
        self.at += seconds
        return self.at >= self.ends_at


@dataclass
class FakeGate:
    """Notes what is done to it; answers a code by the given lamps and barrier, a second later."""

    clock: VirtualClock
    reply: Callable[[float], list[OutputChange]] = lambda at: []
    inputs: list[tuple[float, Input, bool]] = field(default_factory=list)
    scans: list[float] = field(default_factory=list)
    frames: int = 0
    changes: list[OutputChange] = field(default_factory=list)

    def set_input(self, role: Input, is_active: bool) -> None:
        self.inputs.append((self.clock.at, role, is_active))

    def changes_since(self, at: float) -> tuple[OutputChange, ...]:
        return tuple(change for change in self.changes if at <= change.at <= self.clock.at)

    def is_active(self, output: Output) -> bool:
        return False

    def scan_with_serial(self, text: str) -> None:
        if not self.scans:
            self.changes += self.reply(self.clock.at + 1.0)
        self.scans.append(self.clock.at)

    def show_to_camera(self, frame: Frame) -> None:
        self.frames += 1


def releases(at: float) -> list[OutputChange]:
    return [
        OutputChange(at=at, output=Output.RELEASE, is_active=True),
        OutputChange(at=at, output=Output.GREEN, is_active=True),
    ]


def refuses(at: float) -> list[OutputChange]:
    return [OutputChange(at=at, output=Output.RED, is_active=True)]


def resident(behaviour: Behaviour = Behaviour.NORMAL) -> Resident:
    wallet = Wallet(pass_id=PassId("00" * 8), envelope=b"\x01" * 90, holder=None)
    return Resident(
        name="张*",
        household=HouseholdId(1),
        wallet=wallet,
        carrier=Carrier.PAPER,
        core_c=Celsius(36.5),
        behaviour=behaviour,
    )


def walk(gate: FakeGate, who: Resident | None = None) -> tuple[VisitSeen, Place]:
    weather = Weather(air_c=Celsius(-10.0), wind_m_s=1.0, hood_c=Celsius(17.0))
    place = Place(
        name="gate-1", gate=gate, steps=STEPS, weather=weather, forehead=Forehead(), scanners=(Scanner.SERIAL,)
    )
    walking = Visit(who or resident(), place, gate.clock, scanner=Scanner.SERIAL, random_source=random.Random(1))
    return walking.walk(), place


def moves_of(gate: FakeGate, role: Input) -> list[bool]:
    return [is_active for _, each, is_active in gate.inputs if each is role]


def test_somebody_granted_goes_through_the_door_once_and_leaves_the_lane_empty() -> None:
    gate = FakeGate(VirtualClock(), reply=releases)
    seen, place = walk(gate)
    assert seen.answers == (GateAnswer.OPENED,)
    assert seen.has_passed
    assert moves_of(gate, Input.DOOR) == [True, False]
    assert moves_of(gate, Input.PRESENCE) == [True, False]
    assert place.person is None
    assert place.forehead.skin_c is None


@pytest.mark.parametrize("reply", [refuses, lambda at: []], ids=["refused", "silent"])
def test_nobody_opens_the_door_without_a_release(reply: Callable[[float], list[OutputChange]]) -> None:
    gate = FakeGate(VirtualClock(), reply=reply)
    seen, _ = walk(gate)
    assert not seen.has_passed
    assert moves_of(gate, Input.DOOR) == []


def test_a_code_is_not_shown_again_after_the_answer() -> None:
    gate = FakeGate(VirtualClock(), reply=refuses)
    seen, _ = walk(gate)
    assert seen.answered_after_s is not None
    assert max(gate.scans) <= seen.began_at + seen.answered_after_s


def test_patience_with_a_silent_gate_ends() -> None:
    gate = FakeGate(VirtualClock())
    seen, _ = walk(gate)
    assert seen.answers == (GateAnswer.NOTHING,)
    assert PATIENCE_S <= gate.clock.at < PATIENCE_S + 20.0
    assert len(gate.scans) > 5  # the code was held up again and again


def test_who_walks_away_shows_no_code() -> None:
    gate = FakeGate(VirtualClock(), reply=releases)
    seen, _ = walk(gate, resident(Behaviour.WALKS_AWAY))
    assert gate.scans == []
    assert seen.answers == (GateAnswer.NOTHING,)


def test_the_question_is_answered_by_pressing_and_letting_go() -> None:
    gate = FakeGate(VirtualClock(), reply=releases)
    walk(gate)
    assert moves_of(gate, Input.ANSWER_NO) == [True, False]
    pressed, let_go = (at for at, role, _ in gate.inputs if role is Input.ANSWER_NO)
    assert let_go - pressed >= 0.2  # a debounced input sees 200 ms always


def test_when_the_street_closes_the_lane_is_left_empty() -> None:
    gate = FakeGate(VirtualClock(ends_at=4.0), reply=releases)
    with pytest.raises(HomeCalled):
        walk(gate)
    assert moves_of(gate, Input.PRESENCE)[-1] is False


def test_an_alarm_that_rang_before_is_no_answer_to_the_next_person(monkeypatch: pytest.MonkeyPatch) -> None:
    def ringing() -> FakeGate:
        gate = FakeGate(VirtualClock(at=10.0))
        ticks = range(0, 4000, 5)  # red on for 0.3 s of every 0.5 s
        gate.changes = [
            OutputChange(at=tick / 10 + off, output=Output.RED, is_active=not off)
            for tick in ticks
            for off in (0.0, 0.3)
        ]
        return gate

    assert walk(ringing())[0].answers == (GateAnswer.NOTHING,)
    # The safeguard off: whoever does not look before takes the old alarm for an answer.
    monkeypatch.setattr(visit_module, "_LOOKS_BACK_S", 0.0)
    assert walk(ringing())[0].answers[0] is GateAnswer.ALARM


def test_the_guard_lets_through_who_is_only_cold() -> None:
    assert lets_through(resident(Behaviour.COLD_FOREHEAD))
    assert not lets_through(resident(Behaviour.FEVER))
    assert not lets_through(replace(resident(), behaviour=Behaviour.FORGED_PASS))
    assert not lets_through(None)
