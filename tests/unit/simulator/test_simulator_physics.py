"""Foreheads in winter: what the simulated sensor may and may not show."""

import random

import pytest

from model.temperature import Celsius
from simulator.physics import NOISE_K, SensorScene, Weather, skin_after, skin_at_rest, view_share, winter_weather

HEALTHY = Celsius(36.6)
SEEDS = range(20)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_hour_in_the_cold_takes_a_healthy_forehead_out_of_the_valid_range(seed: int) -> None:
    weather = winter_weather(14.0, random.Random(seed))  # the mildest hour
    assert skin_after(HEALTHY, weather, 3600.0) < 30.0


@pytest.mark.parametrize("seed", SEEDS)
def test_two_minutes_of_way_leave_a_healthy_forehead_within_it(seed: int) -> None:
    weather = winter_weather(2.0, random.Random(seed))  # the coldest hour
    assert skin_after(HEALTHY, weather, 120.0) > 30.3


def test_skin_cools_steadily_and_never_below_its_rest() -> None:
    weather = winter_weather(8.0, random.Random(1))
    skins = [skin_after(HEALTHY, weather, float(seconds)) for seconds in range(0, 7200, 60)]
    assert skins == sorted(skins, reverse=True)
    assert skins[-1] >= skin_at_rest(HEALTHY, weather.air_c, weather.wind_m_s)


def test_a_fever_shows_as_much_warmer_skin() -> None:
    indoors = Celsius(21.0)
    assert skin_at_rest(Celsius(39.4), indoors, 0.0) - skin_at_rest(HEALTHY, indoors, 0.0) == pytest.approx(2.8)


def test_without_a_forehead_the_sensor_sees_the_wall() -> None:
    weather = Weather(air_c=Celsius(-12.0), wind_m_s=1.0, hood_c=Celsius(17.0))
    scene = SensorScene(weather, random.Random(3))
    views = [scene.look(skin_c=None, distance_cm=100.0, passed_s=0.05).object_c for _ in range(200)]
    assert max(abs(view - 17.0) for view in views) < 0.3


def test_noise_within_a_burst_stays_below_the_spread_that_makes_it_unstable() -> None:
    weather = Weather(air_c=Celsius(-12.0), wind_m_s=1.0, hood_c=Celsius(17.0))
    scene = SensorScene(weather, random.Random(4))
    views = [scene.look(skin_c=Celsius(33.5), distance_cm=5.0, passed_s=0.1).object_c for _ in range(500)]
    bursts = [views[start : start + 5] for start in range(0, 500, 5)]
    assert max(max(burst) - min(burst) for burst in bursts) <= 0.3
    assert len({round(view, 3) for view in views}) > 100  # there is noise at all
    assert max(abs(view - 33.5) for view in views) < 4 * NOISE_K


def test_the_same_seed_gives_the_same_readings() -> None:
    weather = Weather(air_c=Celsius(-12.0), wind_m_s=1.0, hood_c=Celsius(17.0))
    first, second = (SensorScene(weather, random.Random(5)) for _ in range(2))
    for _ in range(50):
        look = {"skin_c": Celsius(33.0), "distance_cm": 6.0, "passed_s": 0.05}
        assert first.look(**look) == second.look(**look)  # type: ignore[arg-type]


def test_a_forehead_that_steps_back_leaves_the_view() -> None:
    assert view_share(5.0) == 1.0
    assert 0.0 < view_share(20.0) < 1.0
    assert view_share(40.0) == 0.0
