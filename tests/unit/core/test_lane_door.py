"""The door: released, taken, held open, forced, obstructed; and who may press the exit button."""

import pytest

from gate.core.effects import (
    AlarmKind,
    ClearAlarm,
    RaiseAlarm,
    ReleaseBarrier,
    SecureBarrier,
    StoreRecord,
)
from gate.core.events import DoorContactChanged, ExitRequested, TamperChanged
from gate.core.lane import deadline
from gate.core.visit_states import Visiting
from model.clock import Instant
from model.records import BarrierEvent, BarrierRecord, PassageEnd, PassageRecord
from tests.unit.core.lane_dsl import UNMEASURED, Scene, granted_scene, lane, run, scan_only, scene


def barrier_events(visit: Scene) -> list[BarrierEvent]:
    return [record.event for record in visit.records(BarrierRecord)]


def presses_exit(visit: Scene) -> Scene:
    return visit.send(ExitRequested(at=visit.at))


def exit_lane() -> Scene:
    return scene(scan_only(rex_is_allowed=True), rules=UNMEASURED)


class TestForcedAndHeld:
    def test_door_opened_without_release_is_forced_open(self) -> None:
        forced = run(lane(), DoorContactChanged(at=Instant(10.0), is_open=True))
        assert forced.effects == (
            RaiseAlarm(kind=AlarmKind.DOOR_FORCED_OPEN),
            StoreRecord(token=1, record=BarrierRecord(event=BarrierEvent.FORCED_OPEN)),
        )

    def test_forced_door_that_closes_again_clears_the_alarm_and_is_recorded(self) -> None:
        door = scene().door_opens().door_closes()
        assert door.alarms == set()
        assert barrier_events(door) == [BarrierEvent.FORCED_OPEN, BarrierEvent.CLOSED]

    def test_door_that_is_open_at_the_start_is_not_forced_but_may_not_stay_open(self) -> None:
        door = scene().door_opens(is_initial=True)
        assert door.last == ()
        door.waits(14.9)
        assert not door.alarms
        assert door.waits(0.1).alarms == {AlarmKind.DOOR_HELD_OPEN}

    def test_door_that_is_shut_at_the_start_is_nothing_new(self) -> None:
        shut = DoorContactChanged(at=Instant(1.0), is_open=False, is_initial=True)
        assert run(lane(), shut).effects == ()

    def test_door_opened_after_the_release_has_run_out_is_forced(self) -> None:
        door = granted_scene().waits(10.0).door_opens()
        assert door.alarms == {AlarmKind.DOOR_FORCED_OPEN}

    def test_door_pulled_in_the_last_moment_of_the_release_is_taken_though_its_contact_is_debounced(self) -> None:
        """A contact reports up to its debounce time after the door has moved; the barrier is secured by then."""
        door = granted_scene().waits(5.0)
        assert door.of(SecureBarrier)
        door.now += 0.2
        door.door_opens()
        assert door.alarms == set()
        assert [passage.end for passage in door.records(PassageRecord)] == [PassageEnd.TAKEN]

    def test_door_that_rebounds_when_it_shuts_is_not_forced(self) -> None:
        door = granted_scene().door_opens().door_closes()
        door.now += 0.2
        assert door.door_opens().alarms == set()
        door.door_closes().waits(60.0)
        assert door.alarms == set()
        assert len(door.records(PassageRecord)) == 1

    def test_door_that_stays_open_after_a_passage_is_held_open(self) -> None:
        door = granted_scene().door_opens().leaves().waits(19.9)
        assert not door.alarms
        door.waits(0.1)
        assert door.alarms == {AlarmKind.DOOR_HELD_OPEN}
        assert door.door_closes().alarms == set()
        assert barrier_events(door) == [BarrierEvent.HELD_OPEN, BarrierEvent.CLOSED]

    def test_door_held_open_is_reported_once(self) -> None:
        door = granted_scene().door_opens().leaves().waits(600.0)
        assert barrier_events(door) == [BarrierEvent.HELD_OPEN]
        assert deadline(door.lane) is None

    def test_each_grant_to_a_stream_of_people_lengthens_the_time_that_the_door_may_be_open(self) -> None:
        door = granted_scene().door_opens()
        for _ in range(5):
            door.waits(10.0).shows().stored()
        assert not door.alarms
        assert len(door.releases) == 6

    def test_second_grant_through_a_door_that_never_shut_claims_nothing_about_the_passage(self) -> None:
        door = granted_scene().door_opens().waits(3.0).shows().stored().waits(10.0)
        assert [passage.end for passage in door.records(PassageRecord)] == [
            PassageEnd.TAKEN,
            PassageEnd.NOT_OBSERVED,
        ]

    def test_door_that_shuts_behind_the_first_ends_nothing_for_the_second(self) -> None:
        door = granted_scene().door_opens().waits(3.0).shows().stored().waits(1.0).door_closes().waits(3.0)
        assert [passage.end for passage in door.records(PassageRecord)] == [PassageEnd.TAKEN]
        door.door_opens()
        assert [passage.end for passage in door.records(PassageRecord)] == [PassageEnd.TAKEN, PassageEnd.TAKEN]
        assert not door.alarms


class TestSecuring:
    def test_barrier_is_secured_when_the_door_has_closed_behind_the_person(self) -> None:
        door = granted_scene().door_opens()
        assert SecureBarrier() not in door.effects
        assert SecureBarrier() in door.door_closes().last

    def test_barrier_is_secured_when_the_release_runs_out(self) -> None:
        door = granted_scene().waits(4.9)
        assert not door.of(SecureBarrier)
        assert door.waits(0.1).of(SecureBarrier)

    def test_obstruction_renews_the_release_until_it_is_gone(self) -> None:
        door = granted_scene().door_opens().obstruction(True).waits(14.0)
        assert not door.of(SecureBarrier)
        assert [release.release_time_s for release in door.releases] == [5.0, 5.0, 5.0]
        door.obstruction(False).waits(10.0)
        assert len(door.of(SecureBarrier)) == 1
        assert barrier_events(door)[:2] == [BarrierEvent.OBSTRUCTED, BarrierEvent.CLEARED]

    def test_door_that_closes_on_an_obstruction_is_not_secured(self) -> None:
        door = granted_scene().door_opens().obstruction(True).door_closes()
        assert not door.of(SecureBarrier)

    def test_obstruction_sensor_that_is_stuck_does_not_keep_the_lane_from_the_next_person(self) -> None:
        door = granted_scene(scan_only(has_door_contact=False)).obstruction(True).waits(60.0)
        assert [passage.end for passage in door.records(PassageRecord)] == [PassageEnd.NOT_OBSERVED]
        assert len(door.shows().stored().decisions) == 2

    def test_slow_person_in_the_way_of_an_obstruction_sensor_still_counts_as_taken(self) -> None:
        door = granted_scene().obstruction(True).waits(7.0).door_opens()
        assert [passage.end for passage in door.records(PassageRecord)] == [PassageEnd.TAKEN]


class TestTamper:
    def test_opened_enclosure_raises_an_alarm_until_it_is_shut(self) -> None:
        box = scene()
        box.send(TamperChanged(at=box.at, is_tampered=True))
        assert box.alarms == {AlarmKind.TAMPER}
        box.send(TamperChanged(at=box.at, is_tampered=True))
        assert box.last == ()
        box.send(TamperChanged(at=box.at, is_tampered=False))
        assert box.alarms == set()
        assert barrier_events(box) == [BarrierEvent.TAMPER, BarrierEvent.TAMPER_ENDED]
        assert ClearAlarm(kind=AlarmKind.TAMPER) in box.last


class TestRequestToExit:
    def test_is_ignored_where_the_lane_has_exit_rules(self) -> None:
        assert presses_exit(scene()).effects == []

    def test_is_recorded_before_it_releases(self) -> None:
        door = presses_exit(exit_lane())
        assert barrier_events(door) == [BarrierEvent.REQUEST_TO_EXIT]
        assert not door.releases
        assert door.stored().releases == [ReleaseBarrier(release_time_s=5.0, visit=None)]
        assert not door.door_opens().alarms
        assert door.door_closes().of(SecureBarrier)

    def test_without_the_journal_opens_all_the_same_because_nobody_is_kept_in(self) -> None:
        door = presses_exit(exit_lane()).refused()
        assert door.releases == [ReleaseBarrier(release_time_s=5.0, visit=None)]

    def test_with_a_disk_that_hangs_opens_within_the_time_of_a_record(self) -> None:
        door = presses_exit(exit_lane())
        assert not door.waits(4.9).releases
        assert len(door.waits(0.2).releases) == 1
        door.stored()
        assert len(door.releases) == 1

    def test_pressed_many_times_is_one_request(self) -> None:
        door = exit_lane()
        for _ in range(20):
            presses_exit(door)
        assert barrier_events(door) == [BarrierEvent.REQUEST_TO_EXIT]
        assert len(door.stored().releases) == 1

    def test_leaves_the_visit_of_somebody_else_alone(self) -> None:
        door = exit_lane().comes()
        presses_exit(door).stored()
        assert isinstance(door.lane.visit, Visiting)

    @pytest.mark.parametrize("is_present", [True, False])
    def test_during_a_release_is_not_needed(self, is_present: bool) -> None:
        door = granted_scene(scan_only(rex_is_allowed=True))
        assert not (door if is_present else door.leaves()).stored().last
        assert presses_exit(door).last == ()
