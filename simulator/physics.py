"""What a thermometer at a gate sees on a northern winter's day: skin, air, drift, noise. Pure; seeded.

The skin of a forehead follows the air around it. Indoors it lies about 3 K below the core; a quarter of an hour in the
wind at -15 °C takes it below 30 °C, where no forehead thermometer is valid (that is why INDETERMINATE is the normal
outcome of a northern February, and not a fault).
"""

import math
import random
from dataclasses import dataclass

from model.temperature import Celsius

# Skin at the forehead against the air around it: 33.7 °C at 20 °C indoors, near 27 °C at -15 °C in a light wind.
_GAP_AT_28_C_K = 1.8
_GAP_PER_K = 0.16
_WIND_PER_M_S = 0.05
_SKIN_TIME_CONSTANT_S = 480.0
_CHILL_MAX_K = 20.0
# An MLX90614's figures: noise of the readings 0.05 K, can follows the air in minutes (datasheet 3901090614).
NOISE_K = 0.05
_CAN_ABOVE_AIR_K = 1.5
_CAN_TIME_CONSTANT_S = 300.0
_DRIFT_MAX_K = 0.08
_DRIFT_STEP_K = 0.004
# A forehead fills the sensor's view within 8 cm; beyond 30 cm the wall behind decides.
_FULL_VIEW_WITHIN_CM = 8.0
_NO_VIEW_BEYOND_CM = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The air at a gate. hood_c: air in the heated hood around the sensor; equal to air_c where there is none."""

    air_c: Celsius
    wind_m_s: float
    hood_c: Celsius


def winter_weather(hour: float, random_source: random.Random) -> Weather:
    """A February day in the north-east: coldest at two, mildest at fourteen. hour: 0 to 24."""
    swing = math.cos((hour - 14.0) / 24.0 * 2 * math.pi)
    air_c = -15.0 + 5.0 * swing + random_source.gauss(0.0, 0.7)
    wind_m_s = abs(random_source.gauss(1.5, 1.0))
    return Weather(air_c=Celsius(air_c), wind_m_s=wind_m_s, hood_c=Celsius(19.0 + 0.1 * air_c))


def skin_at_rest(core_c: Celsius, air_c: Celsius, wind_m_s: float) -> Celsius:
    """Forehead skin after a long stay in this air."""
    chill_k = _GAP_PER_K * max(0.0, 28.0 - air_c) * (1.0 + _WIND_PER_M_S * wind_m_s)
    return Celsius(core_c - min(_CHILL_MAX_K, _GAP_AT_28_C_K + chill_k))


def skin_after(core_c: Celsius, weather: Weather, outdoors_s: float) -> Celsius:
    """Forehead skin of somebody who left a room of 21 °C outdoors_s ago."""
    indoors = skin_at_rest(core_c, Celsius(21.0), 0.0)
    outdoors = skin_at_rest(core_c, weather.air_c, weather.wind_m_s)
    return Celsius(outdoors + (indoors - outdoors) * math.exp(-max(0.0, outdoors_s) / _SKIN_TIME_CONSTANT_S))


def view_share(distance_cm: float) -> float:
    """Share of the sensor's view that a forehead at this distance fills, 0 to 1."""
    if distance_cm <= _FULL_VIEW_WITHIN_CM:
        return 1.0
    if distance_cm >= _NO_VIEW_BEYOND_CM:
        return 0.0
    return (_NO_VIEW_BEYOND_CM - distance_cm) / (_NO_VIEW_BEYOND_CM - _FULL_VIEW_WITHIN_CM)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorView:
    """What the sensor's two registers show. object_c without a forehead is the wall's temperature."""

    object_c: Celsius
    can_c: Celsius


class SensorScene:
    """One sensor over time: drifts slowly, is noisy, its can follows the hood's air. One thread."""

    def __init__(self, weather: Weather, random_source: random.Random) -> None:
        self.weather = weather
        self._random = random_source
        self._can_c = weather.hood_c + _CAN_ABOVE_AIR_K
        self._drift_k = 0.0

    def look(self, *, skin_c: Celsius | None, distance_cm: float, passed_s: float) -> SensorView:
        """What the sensor sees passed_s after the last look. skin_c: None when nobody is there."""
        self._drift_k += self._random.uniform(-_DRIFT_STEP_K, _DRIFT_STEP_K)
        self._drift_k = max(-_DRIFT_MAX_K, min(_DRIFT_MAX_K, self._drift_k))
        settled = 1.0 - math.exp(-max(0.0, passed_s) / _CAN_TIME_CONSTANT_S)
        self._can_c += (self.weather.hood_c + _CAN_ABOVE_AIR_K - self._can_c) * settled
        wall_c = self.weather.hood_c
        share = 0.0 if skin_c is None else view_share(distance_cm)
        seen_c = wall_c + share * ((wall_c if skin_c is None else skin_c) - wall_c)
        noise_k = max(-2.5 * NOISE_K, min(2.5 * NOISE_K, self._random.gauss(0.0, NOISE_K)))
        return SensorView(object_c=Celsius(seen_c + self._drift_k + noise_k), can_c=Celsius(self._can_c))
