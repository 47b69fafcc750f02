"""Measuring the people of one visit, one after the other: by the gate's sensor, or by a guard's own thermometer.

- A sensor that does not see a forehead yet is asked again at once, for as long as somebody takes to step up.
- HIGH, or INDETERMINATE for another cause than a fault, is measured once more after a rest.
- A thermometer that does not answer in time counts as a fault. Neither ever becomes a number.
- Where the thermometer is lost, the guard is called at once and has the guard's time to measure by hand.
- What a guard typed in stands for the sensor's judgement of the person concerned; both are kept.
"""

from collections.abc import Sequence
from dataclasses import replace

from gate.core.effects import Effect, Instruction, ShowInstruction, StartMeasurement
from gate.core.visit_states import Surroundings, Visiting, VisitMove
from model.clock import Instant
from model.records import VisitStep
from model.temperature import (
    HandReading,
    IndeterminateWhy,
    SensorFault,
    TemperatureJudgement,
    TemperatureOutcome,
    ThermometerReading,
    ThermometerUnavailable,
    judge,
    judge_by_hand,
)

_NOBODY_THERE_YET = (IndeterminateWhy.BELOW_VALID_RANGE, IndeterminateWhy.UNSTABLE)
_WORST_FIRST = (TemperatureOutcome.HIGH, TemperatureOutcome.INDETERMINATE, TemperatureOutcome.NORMAL)


def wants_measurement(state: Visiting) -> bool:
    """Whether somebody of this visit is still to be measured."""
    return len(state.measured) < state.people


def measuring_began(state: Visiting, at: Instant, around: Surroundings, *, is_again: bool) -> VisitMove:
    """Order a burst. is_again: within the same approach, of which the person is told nothing new."""
    request = around.next_number
    orders: tuple[Effect, ...] = (StartMeasurement(request=request),)
    measuring = replace(state, step=VisitStep.MEASURE, measuring=request)
    if not is_again:
        limit_s = around.settings.step_limit_s[VisitStep.MEASURE]
        approach_until = None if state.is_retest else Instant(at + around.settings.approach_s)
        measuring = replace(measuring, step_until=Instant(at + limit_s), approach_until=approach_until)
        orders = (ShowInstruction(instruction=Instruction.HOLD_FOREHEAD), *orders)
    return VisitMove(state=measuring, effects=orders, next_number=request + 1)


def measured_by_sensor(state: Visiting, at: Instant, reading: ThermometerReading, around: Surroundings) -> Visiting:
    """Take a burst in: somebody is done, or rests for another one, or is not there yet."""
    judgement = judge(reading, around.settings.site, around.rules.temperature)
    if judgement.why in _NOBODY_THERE_YET and state.approach_until is not None and at < state.approach_until:
        return replace(state, measuring=None)
    if not state.is_retest and _wants_retest(judgement):
        retest_at = Instant(at + around.settings.retest_after_s)
        limit_s = around.settings.step_limit_s[VisitStep.MEASURE]
        until = Instant(retest_at + limit_s)
        resting = replace(state, measuring=None, is_retest=True, retest_at=retest_at, step_until=until)
        return _with_earlier(resting, judgement)
    return _person_done(state, judgement)


def sensor_was_silent(state: Visiting, at: Instant, around: Surroundings) -> Visiting:
    """No burst came in time. Where there is no sensor, nobody came to measure whoever is left either."""
    silent = ThermometerUnavailable(since=state.step_until, why=SensorFault.NO_BURST)
    after = measured_by_sensor(state, at, silent, around)
    while not around.has_thermometer and wants_measurement(after):
        after = measured_by_sensor(after, at, silent, around)
    return after


def measured_by_hand(state: Visiting, reading: HandReading, around: Surroundings) -> Visiting:
    """Take a guard's value for whoever is to be measured now; one that no body has changes nothing."""
    judgement = judge_by_hand(reading, around.rules.temperature)
    if judgement.outcome is TemperatureOutcome.INDETERMINATE or not wants_measurement(state):
        return state
    return _person_done(state, judgement)


def worst_of(judgements: Sequence[TemperatureJudgement]) -> TemperatureOutcome:
    """The outcome that decides for all of them."""
    outcomes = {judgement.outcome for judgement in judgements}
    return next(outcome for outcome in _WORST_FIRST if outcome in outcomes)


def _person_done(state: Visiting, judgement: TemperatureJudgement) -> Visiting:
    return replace(state, measured=(*state.measured, judgement), measuring=None, retest_at=None, is_retest=False)


def _with_earlier(state: Visiting, judgement: TemperatureJudgement) -> Visiting:
    if state.first_temperature is None:
        return replace(state, first_temperature=judgement)
    return replace(state, superseded=(*state.superseded, judgement))


def _wants_retest(judgement: TemperatureJudgement) -> bool:
    if judgement.outcome is TemperatureOutcome.INDETERMINATE:
        return not judgement.is_fault
    return judgement.outcome is TemperatureOutcome.HIGH
