"""model.temperature.judge: thresholds, doubts, and that a fault never becomes a number."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.clock import Instant
from model.temperature import (
    BurstReading,
    Celsius,
    IndeterminateWhy,
    SensorFault,
    Site,
    TemperatureOutcome,
    TemperatureRules,
    ThermometerReading,
    ThermometerUnavailable,
    judge,
)
from tests.unit.model.builders import burst, fault, temperature_rules

RULES = temperature_rules()


def reading_of(*samples_c: float) -> BurstReading:
    return BurstReading(
        at=Instant(0.0), samples_c=tuple(Celsius(sample) for sample in samples_c), can_c=Celsius(20.0), supply_v=None
    )


@pytest.mark.parametrize(
    ("skin_c", "body_c", "outcome"),
    [
        (35.28, 37.28, TemperatureOutcome.NORMAL),
        (35.29, 37.29, TemperatureOutcome.NORMAL),
        (35.30, 37.30, TemperatureOutcome.HIGH),
        (35.31, 37.31, TemperatureOutcome.HIGH),
    ],
)
def test_body_of_37_30_and_above_is_high(skin_c: float, body_c: float, outcome: TemperatureOutcome) -> None:
    judgement = judge(burst(skin_c), Site.FOREHEAD, RULES)
    assert judgement.outcome is outcome
    assert judgement.body_c == body_c
    assert judgement.why is None


def test_threshold_of_the_rules_decides_not_one_in_the_code() -> None:
    warm = burst(35.4)
    assert judge(warm, Site.FOREHEAD, temperature_rules()).outcome is TemperatureOutcome.HIGH
    lenient = temperature_rules(high_from_c=38.0)
    assert judge(warm, Site.FOREHEAD, lenient).outcome is TemperatureOutcome.NORMAL


@pytest.mark.parametrize(
    ("spread_c", "is_stable"), [(0.0, True), (0.29, True), (0.30, True), (0.31, False), (2.0, False)]
)
@pytest.mark.parametrize("skin_c", [34.0, 34.2, 34.3, 34.57])  # 34.6 - 34.3 is not 0.3 in binary
def test_burst_is_stable_up_to_a_spread_of_0_30(spread_c: float, is_stable: bool, skin_c: float) -> None:
    judgement = judge(burst(skin_c, spread_c=spread_c), Site.FOREHEAD, RULES)
    assert (judgement.why is not IndeterminateWhy.UNSTABLE) is is_stable
    assert (judgement.body_c is not None) is is_stable


@pytest.mark.parametrize(
    ("reading", "why"),
    [
        (burst(29.99), IndeterminateWhy.BELOW_VALID_RANGE),
        (burst(42.01), IndeterminateWhy.ABOVE_VALID_RANGE),
        (burst(34.5, count=4), IndeterminateWhy.TOO_FEW_SAMPLES),
        (burst(34.5, count=0), IndeterminateWhy.TOO_FEW_SAMPLES),
        (burst(34.5, spread_c=0.31), IndeterminateWhy.UNSTABLE),
        (fault(), IndeterminateWhy.SENSOR_FAULT),
    ],
)
def test_doubt_is_indeterminate_says_why_and_gives_no_number(
    reading: ThermometerReading, why: IndeterminateWhy
) -> None:
    judgement = judge(reading, Site.FOREHEAD, RULES)
    assert judgement.outcome is TemperatureOutcome.INDETERMINATE
    assert judgement.why is why
    assert judgement.body_c is None
    assert judgement.reading is reading


def test_edges_of_the_valid_range_are_valid() -> None:
    assert judge(burst(30.0), Site.FOREHEAD, RULES).outcome is TemperatureOutcome.NORMAL
    assert judge(burst(42.0), Site.FOREHEAD, RULES).outcome is TemperatureOutcome.HIGH


def test_each_site_has_its_own_range_and_offset() -> None:
    cold = burst(29.0)
    assert judge(cold, Site.FOREHEAD, RULES).outcome is TemperatureOutcome.INDETERMINATE
    assert judge(cold, Site.WRIST, RULES).body_c == 32.0


def test_site_without_a_rule_is_indeterminate() -> None:
    only_wrist = TemperatureRules(
        high_from_c=Celsius(37.3),
        spread_max_c=0.3,
        burst_size=5,
        model="offset/1",
        sites={Site.WRIST: RULES.sites[Site.WRIST]},
    )
    assert judge(burst(35.0), Site.FOREHEAD, only_wrist).outcome is TemperatureOutcome.INDETERMINATE


@pytest.mark.parametrize("stuck_c", [1037.55, -273.15])
def test_number_of_a_stuck_bus_is_indeterminate(stuck_c: float) -> None:
    judgement = judge(burst(stuck_c), Site.FOREHEAD, RULES)
    assert judgement.outcome is TemperatureOutcome.INDETERMINATE
    assert judgement.body_c is None


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", range(5))
def test_sample_that_is_no_number_is_a_fault(nonsense: float, place: int) -> None:
    samples = [34.5] * 5
    samples[place] = nonsense
    judgement = judge(reading_of(*samples), Site.FOREHEAD, RULES)
    assert judgement.outcome is TemperatureOutcome.INDETERMINATE
    assert judgement.why is IndeterminateWhy.SENSOR_FAULT


def test_empty_burst_is_indeterminate_even_when_the_rules_ask_for_none() -> None:
    no_burst = TemperatureRules(
        high_from_c=Celsius(37.3), spread_max_c=0.3, burst_size=0, model="offset/1", sites=RULES.sites
    )
    judgement = judge(burst(34.5, count=0), Site.FOREHEAD, no_burst)
    assert judgement.why is IndeterminateWhy.TOO_FEW_SAMPLES


finite_c = st.floats(min_value=-300, max_value=1100, allow_nan=False)
bursts = st.lists(st.floats() | st.floats(min_value=29, max_value=43), max_size=9).map(
    lambda samples: reading_of(*samples)
)
faults = st.sampled_from(SensorFault).map(lambda why: ThermometerUnavailable(since=Instant(0.0), why=why))


@given(reading=bursts | faults, site=st.sampled_from(Site))
def test_judge_never_raises_and_gives_a_number_exactly_when_determinate(
    reading: ThermometerReading, site: Site
) -> None:
    judgement = judge(reading, site, RULES)
    is_determinate = judgement.outcome is not TemperatureOutcome.INDETERMINATE
    assert (judgement.body_c is not None) is is_determinate
    assert (judgement.why is None) is is_determinate
    if judgement.body_c is not None:
        assert math.isfinite(judgement.body_c)
        assert (judgement.outcome is TemperatureOutcome.HIGH) is (judgement.body_c >= RULES.high_from_c)


@given(why=st.sampled_from(SensorFault), site=st.sampled_from(Site))
def test_fault_never_yields_a_number(why: SensorFault, site: Site) -> None:
    judgement = judge(fault(why), site, RULES)
    assert judgement.outcome is TemperatureOutcome.INDETERMINATE
    assert judgement.body_c is None


@given(
    base_c=st.floats(min_value=31, max_value=40),
    wobbles=st.lists(st.floats(min_value=0, max_value=0.29), min_size=5, max_size=5),
    raised=st.lists(st.floats(min_value=0, max_value=1.5), min_size=5, max_size=5),
)
def test_warmer_samples_never_give_a_cooler_body(base_c: float, wobbles: list[float], raised: list[float]) -> None:
    cool = [base_c + wobble for wobble in wobbles]
    warm = [sample + more for sample, more in zip(cool, raised, strict=True)]
    cooler = judge(reading_of(*cool), Site.FOREHEAD, RULES)
    warmer = judge(reading_of(*warm), Site.FOREHEAD, RULES)
    if cooler.body_c is not None and warmer.body_c is not None:
        assert warmer.body_c >= cooler.body_c
        assert not (cooler.outcome is TemperatureOutcome.HIGH and warmer.outcome is TemperatureOutcome.NORMAL)


@given(skin_c=st.floats(min_value=30, max_value=42), more_c=st.floats(min_value=0, max_value=2))
def test_a_difference_at_the_skin_is_the_same_difference_of_the_body(skin_c: float, more_c: float) -> None:
    """The model pulls nothing towards 37."""
    low = judge(burst(skin_c), Site.FOREHEAD, RULES)
    high = judge(burst(skin_c + more_c), Site.FOREHEAD, RULES)
    if low.body_c is not None and high.body_c is not None:
        assert high.body_c - low.body_c == pytest.approx(more_c, abs=0.0101)
