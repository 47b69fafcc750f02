"""Fire, break-glass and the guard's emergency release: the way out waits for nothing and stays free."""

from collections.abc import Callable

import pytest

from gate.core.barrier import BarrierState
from gate.core.effects import AlarmKind, Instruction, ReleaseBarrier, SecureBarrier
from gate.core.events import BreakGlassChanged, EmergencyReleaseOrdered, Event, FireChanged
from gate.core.lane import Lane, step
from gate.core.visit_states import Closing, Idle, Passing, Recording, Visiting, WithGuard
from model.clock import Instant
from model.credentials import RefusalDetail
from model.records import AbandonedRecord, BarrierEvent, BarrierRecord, PassageEnd, PassageRecord, VisitStep
from tests.unit.core.lane_dsl import (
    UNMEASURED,
    Scene,
    granted_scene,
    scan_only,
    scene,
    settings,
    with_guard_scene,
)
from tests.unit.model.builders import burst, refused


def resting() -> Scene:
    return scene(settings(steps=(VisitStep.MEASURE, VisitStep.SCAN))).comes().measures(burst(36.0))


STATES: dict[str, Callable[[], Scene]] = {
    "idle": scene,
    "visiting": lambda: scene().comes(),
    "resting": resting,
    "recording_grant": lambda: scene(scan_only(), rules=UNMEASURED).comes().shows(),
    "recording_denial": lambda: scene().comes().shows(refused(RefusalDetail.REVOKED)),
    "with_guard": with_guard_scene,
    "passing": granted_scene,
    "passing_through_the_door": lambda: granted_scene().door_opens(),
    "after_refusal": lambda: scene().comes().shows(refused(RefusalDetail.FORGED)).stored(),
    "forced": lambda: scene().door_opens(),
    "held": lambda: granted_scene().door_opens().leaves().waits(30.0),
    "obstructed": lambda: scene().obstruction(True),
}
CAUSES: dict[str, Callable[[Instant], Event]] = {
    "fire": lambda at: FireChanged(at=at, is_alarm=True),
    "break_glass": lambda at: BreakGlassChanged(at=at, is_broken=True),
    "emergency": lambda at: EmergencyReleaseOrdered(at=at),
}
ENDS: dict[str, Callable[[Instant], Event]] = {
    "fire": lambda at: FireChanged(at=at, is_alarm=False),
    "break_glass": lambda at: BreakGlassChanged(at=at, is_broken=False),
}
ALARMS = {
    "fire": AlarmKind.FIRE,
    "break_glass": AlarmKind.BREAK_GLASS,
    "emergency": AlarmKind.EMERGENCY_RELEASE,
}


def is_released_first(lane: Lane, event: Event) -> bool:
    """The promise: before anything is recorded, shown or raised, the barrier is free."""
    return isinstance(step(lane, event).effects[0], ReleaseBarrier)


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("state", STATES)
class TestInEveryState:
    def test_release_comes_before_everything_else(self, state: str, cause: str) -> None:
        before = STATES[state]()
        assert is_released_first(before.lane, CAUSES[cause](before.at))

    def test_ends_the_visit_and_tells_that_the_way_is_free(self, state: str, cause: str) -> None:
        visit = STATES[state]()
        visit.send(CAUSES[cause](visit.at))
        assert isinstance(visit.lane.visit, Idle)
        assert visit.told() is Instruction.WAY_OUT_IS_FREE

    def test_alarm_is_raised_and_no_alarm_of_the_visit_is_left_behind(self, state: str, cause: str) -> None:
        visit = STATES[state]()
        visit.send(CAUSES[cause](visit.at))
        assert ALARMS[cause] in visit.alarms
        assert not visit.alarms & {AlarmKind.FEVER, AlarmKind.FORGED_CODE}

    def test_what_was_going_on_is_recorded(self, state: str, cause: str) -> None:
        visit = STATES[state]()
        visit.send(CAUSES[cause](visit.at))
        expected = {
            Visiting: (1, 0),
            WithGuard: (1, 0),
            Recording: (0, 1),
            Passing: (0, 1),
            Idle: (0, 0),
            Closing: (0, 0),
        }
        before = STATES[state]()
        abandoned, passages = expected[type(before.lane.visit)]
        if state == "recording_denial":
            passages = 0
        assert len(visit.records(AbandonedRecord)) - len(before.records(AbandonedRecord)) == abandoned
        assert len(visit.records(PassageRecord)) - len(before.records(PassageRecord)) == passages
        assert visit.records(BarrierRecord)

    def test_late_answer_of_the_journal_releases_nobody_by_name(self, state: str, cause: str) -> None:
        visit = STATES[state]()
        visit.send(CAUSES[cause](visit.at))
        named = [release for release in visit.releases if release.visit is not None]
        visit.stored().waits(30.0)
        assert [release for release in visit.releases if release.visit is not None] == named

    def test_lane_comes_back_to_rest_when_it_is_over(self, state: str, cause: str) -> None:
        visit = STATES[state]()
        visit.send(CAUSES[cause](visit.at))
        visit.waits(7.0)
        if cause in ENDS:
            visit.send(ENDS[cause](visit.at))
        visit.obstruction(False).door_closes().leaves().waits(60.0)
        assert visit.alarms == set()
        assert visit.lane.visit == Idle()
        assert visit.lane.barrier == BarrierState(was_shut=visit.lane.barrier.was_shut)
        assert isinstance(
            [e for e in visit.effects if isinstance(e, (ReleaseBarrier, SecureBarrier))][-1], SecureBarrier
        )
        assert visit.told() is Instruction.WELCOME


@pytest.mark.parametrize("cause", ["fire", "break_glass"])
class TestWhileItStands:
    def test_release_is_renewed_before_it_runs_out_for_as_long_as_the_cause_stands(self, cause: str) -> None:
        gate = scene()
        gate.send(CAUSES[cause](gate.at)).waits(600.0)
        assert len(gate.releases) == 121
        assert not gate.of(SecureBarrier)
        assert all(release.visit is None for release in gate.releases)

    def test_door_that_opens_closes_and_stays_open_is_neither_forced_nor_held_nor_secured(self, cause: str) -> None:
        gate = scene()
        gate.send(CAUSES[cause](gate.at)).waits(3.0).door_opens().waits(60.0).door_closes().door_opens().waits(60.0)
        assert gate.alarms == {ALARMS[cause]}
        assert not gate.of(SecureBarrier)

    def test_door_left_open_when_it_ends_is_held_open_in_the_end(self, cause: str) -> None:
        gate = scene()
        gate.send(CAUSES[cause](gate.at)).waits(1.0).door_opens().waits(60.0)
        gate.send(ENDS[cause](gate.at)).waits(60.0)
        assert gate.alarms == {AlarmKind.DOOR_HELD_OPEN}

    def test_nobody_is_checked_and_presence_is_still_known_afterwards(self, cause: str) -> None:
        gate = scene(scan_only(), rules=UNMEASURED)
        gate.send(CAUSES[cause](gate.at)).comes().shows().answers()
        assert not gate.decisions
        assert gate.lane.visit == Idle(is_present=True)
        gate.leaves()
        gate.send(ENDS[cause](gate.at))
        assert gate.lane.visit == Idle(is_present=False)
        assert gate.told() is Instruction.WELCOME
        assert gate.comes().told() is Instruction.SHOW_CODE

    def test_reported_twice_is_one_alarm(self, cause: str) -> None:
        gate = scene()
        gate.send(CAUSES[cause](gate.at)).send(CAUSES[cause](gate.at))
        assert gate.last == ()

    def test_tent_without_a_barrier_tells_everybody_and_moves_nothing(self, cause: str) -> None:
        tent = scene(scan_only(has_barrier=False, has_door_contact=False))
        tent.send(CAUSES[cause](tent.at)).waits(20.0)
        assert tent.told() is Instruction.WAY_OUT_IS_FREE
        assert tent.alarms == {ALARMS[cause]}
        assert not tent.releases
        tent.send(ENDS[cause](tent.at)).waits(20.0)
        assert not tent.of(SecureBarrier)
        assert tent.told() is Instruction.WELCOME


def test_way_stays_free_until_the_last_of_two_causes_ends() -> None:
    gate = scene().fire(True)
    gate.send(BreakGlassChanged(at=gate.at, is_broken=True)).waits(7.0).fire(False)
    assert gate.told() is Instruction.WAY_OUT_IS_FREE
    gate.waits(60.0)
    assert not gate.of(SecureBarrier)
    gate.send(BreakGlassChanged(at=gate.at, is_broken=False)).waits(10.0)
    assert gate.of(SecureBarrier)
    assert gate.told() is Instruction.WELCOME


def test_nothing_moves_at_the_moment_at_which_the_fire_alarm_is_reset() -> None:
    gate = scene().fire(True).waits(12.0).fire(False)
    assert not gate.of(SecureBarrier)
    assert gate.waits(5.0).of(SecureBarrier)


def test_emergency_release_ends_by_itself_and_is_not_renewed() -> None:
    gate = scene().guard_frees_everybody()
    assert gate.releases == [ReleaseBarrier(release_time_s=10.0, visit=None)]
    gate.waits(9.9)
    assert not gate.of(SecureBarrier)
    gate.waits(0.1)
    assert gate.of(SecureBarrier)
    assert gate.alarms == set()
    assert gate.told() is Instruction.WELCOME
    assert [record.event for record in gate.records(BarrierRecord)] == [BarrierEvent.EMERGENCY_RELEASE]


def test_emergency_release_lets_several_people_through_and_is_not_secured_behind_the_first() -> None:
    gate = scene().guard_frees_everybody().door_opens().waits(1.0).door_closes().waits(1.0).door_opens()
    assert not gate.of(SecureBarrier)
    assert gate.alarms == {AlarmKind.EMERGENCY_RELEASE}


def test_passage_that_fire_interrupts_is_recorded_once_as_not_observed() -> None:
    gate = granted_scene().fire(True).door_opens().waits(30.0).fire(False).door_closes().waits(30.0)
    assert [passage.end for passage in gate.records(PassageRecord)] == [PassageEnd.NOT_OBSERVED]


def test_order_that_records_first_would_break_the_promise() -> None:
    """Ablation: the check above sees a core that records before it releases."""
    gate = scene()
    moved = step(gate.lane, CAUSES["fire"](gate.at))
    reordered = sorted(moved.effects, key=lambda effect: isinstance(effect, ReleaseBarrier))
    assert not isinstance(reordered[0], ReleaseBarrier)
    assert is_released_first(gate.lane, CAUSES["fire"](gate.at))
