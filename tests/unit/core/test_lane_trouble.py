"""What the breaker of a lane tries: an output that ends early, an obstruction sensor that sticks."""

import pytest

from gate.core.effects import AlarmKind, ClearAlarm, ReleaseBarrier
from gate.core.events import ReleaseCut
from gate.core.visit_states import Passing
from model.credentials import VerifiedCode
from model.records import BarrierEvent, BarrierRecord
from tests.unit.core.lane_dsl import Scene, granted_scene, scan_only, scene
from tests.unit.model.builders import OTHER_PASS_ID, resident_pass, verified


def barrier_events(visit: Scene) -> list[BarrierEvent]:
    return [record.event for record in visit.records(BarrierRecord)]


class TestOutputsOwnMaximum:
    """The output may end a release early; what was ordered for longer is ordered anew at that very moment."""

    def cut(self, door: Scene) -> Scene:
        return door.send(ReleaseCut(at=door.at))

    def test_emergency_pressed_again_lasts_its_whole_time(self) -> None:
        door = scene().guard_frees_everybody().waits(9.5).guard_frees_everybody()
        self.cut(door.waits(5.5))
        [order] = [effect for effect in door.last if isinstance(effect, ReleaseBarrier)]
        assert order.release_time_s == pytest.approx(4.5, abs=0.01)

    def test_fire_during_a_release_stays_free(self) -> None:
        door = scene().guard_frees_everybody().waits(9.0).fire(True)
        self.cut(door.waits(0.5))
        assert [type(effect) for effect in door.last] == [ReleaseBarrier]

    def test_secured_barrier_is_not_released_by_a_late_word_of_the_output(self) -> None:
        assert self.cut(scene()).last == ()


class TestStuckObstruction:
    def stuck(self) -> Scene:
        return granted_scene(scan_only()).obstruction(True).waits(40.0)

    def test_is_an_alarm_and_a_record_and_gives_the_passage_up(self) -> None:
        door = self.stuck()
        assert AlarmKind.OBSTRUCTION_STUCK in door.alarms
        assert barrier_events(door).count(BarrierEvent.OBSTRUCTION_STUCK) == 1
        assert not isinstance(door.lane.visit, Passing)

    def test_ends_when_the_sensor_clears(self) -> None:
        door = self.stuck().obstruction(False)
        assert ClearAlarm(kind=AlarmKind.OBSTRUCTION_STUCK) in door.last
        assert door.waits(10.0).lane.barrier.release_until is None

    def test_door_that_opens_meanwhile_is_recorded(self) -> None:
        door = self.stuck().door_opens()
        assert BarrierEvent.OPENED_FREELY in barrier_events(door)

    def test_does_not_keep_an_emergency_release_going(self) -> None:
        door = scene().obstruction(True).guard_frees_everybody().waits(10.5)
        assert not door.lane.barrier.is_free


class TestCodeShownWhileSomebodyPasses:
    def neighbour(self) -> VerifiedCode:
        return verified(credential=resident_pass(pass_id=OTHER_PASS_ID), holder_step=None)

    def test_is_the_next_visits(self) -> None:
        door = granted_scene(scan_only()).shows(self.neighbour()).door_opens().door_closes().waits(2.5).stored()
        assert [decision.facts.code for decision in door.decisions][1:] == [self.neighbour()]
        assert len([release for release in door.releases if release.visit is not None]) == 2

    def test_of_the_same_pass_is_nothing_new(self) -> None:
        door = granted_scene(scan_only()).shows().door_opens().door_closes().waits(10.0).stored()
        assert len(door.decisions) == 1
