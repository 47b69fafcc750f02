"""What the screen shows while the gate waits for a guard: how long, and whether a mask is still missing."""

from datetime import UTC, datetime

from gate.core.effects import ShowInstruction
from gate.core.events import ComponentChanged, MaskSeen
from gate.screens import Progress, ScreenState, VisitShown
from gate.shell.screen_state import ScreenFacts, at_moment, still_of
from model.identities import GuardId
from model.records import VisitStep
from tests.unit.core.lane_dsl import Scene, scene, settings, with_guard_scene

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def shown(gate: Scene) -> ScreenState:
    facts = ScreenFacts(device="gate-1", has_thermometer=True, lane=gate.lane, told=gate.of(ShowInstruction)[-1])
    return at_moment(still_of(facts), revision=1, now=NOON, instant=gate.at)


def visit_shown(gate: Scene) -> VisitShown:
    visit = shown(gate).visit
    assert visit is not None
    return visit


def test_wait_for_a_guard_with_a_thermometer_runs_for_a_guards_time() -> None:
    gate = scene(settings(steps=(VisitStep.MEASURE, VisitStep.SCAN)))
    gate.send(ComponentChanged(at=gate.at, component="thermometer", is_available=False, why="gone")).comes()
    assert shown(gate.waits(30.0)).resident.progress == Progress(elapsed_s=30.0, lasts_s=120.0)


def test_measuring_by_the_sensor_runs_for_the_steps_time() -> None:
    gate = scene(settings(steps=(VisitStep.MEASURE, VisitStep.SCAN))).comes()
    assert shown(gate.waits(3.0)).resident.progress == Progress(elapsed_s=3.0, lasts_s=10.0)


def test_guard_sees_whether_the_mask_is_missing_in_a_referral_too() -> None:
    """Otherwise the one button for both could never say that it was put on."""
    gate = with_guard_scene()
    for is_worn in (False, True):
        gate.send(MaskSeen(at=gate.at, guard=GuardId("li_wei"), is_worn=is_worn))
        assert visit_shown(gate).mask_missing is not is_worn
