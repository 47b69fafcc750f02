"""Judgement of a forehead's or wrist's temperature: NORMAL, HIGH or INDETERMINATE, and never a guess.

The model adds a site's offset to the median of a burst. It is monotone and pulls nothing towards 37 °C. A burst that is
unstable, outside the site's valid range, or that was never read is INDETERMINATE: the guard's thermometer decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from statistics import median
from typing import NewType

from model.clock import Instant
from model.identities import GuardId

Celsius = NewType("Celsius", float)

HAND_VALID_FROM_C, HAND_VALID_TO_C = 34.0, 43.0
"""Body temperatures that a guard's thermometer can mean; what lies beyond was read or typed wrongly."""


class Site(Enum):
    """Where on the body a temperature was taken."""

    FOREHEAD = "forehead"
    WRIST = "wrist"


class SensorFault(Enum):
    """Why a thermometer gave no number."""

    ABSENT = "absent"  # no answer at its address
    BUS_STUCK = "bus_stuck"  # all ones or all zeros
    CORRUPT = "corrupt"  # PEC mismatch
    ERROR_FLAG = "error_flag"
    OUT_OF_RANGE = "out_of_range"  # beyond what the sensor can measure
    FROZEN = "frozen"  # the same word to the last bit, over and over
    NO_BURST = "no_burst"  # too slow to complete a burst


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstReading:
    """One burst: object temperatures compensated for the supply, in order, the can's temperature, the supply in V."""

    at: Instant
    samples_c: tuple[Celsius, ...]
    can_c: Celsius
    supply_v: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThermometerUnavailable:
    """No reading. since: when the trouble began."""

    since: Instant
    why: SensorFault


ThermometerReading = BurstReading | ThermometerUnavailable


class HandSite(Enum):
    """Where a guard's own thermometer was held."""

    FOREHEAD = "forehead"
    WRIST = "wrist"
    EAR = "ear"
    ARMPIT = "armpit"
    MOUTH = "mouth"


class HandThermometer(Enum):
    """What a guard measured with."""

    INFRARED = "infrared"
    CONTACT = "contact"
    MERCURY = "mercury"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandReading:
    """Measured by a person and typed in. body_c: body temperature as the device says; nothing is added to it."""

    at: Instant
    body_c: Celsius
    site: HandSite
    thermometer: HandThermometer
    guard: GuardId


class Viewer(Enum):
    """Who may see a temperature as a number."""

    RESIDENT = "resident"
    GUARD = "guard"


class TemperatureOutcome(Enum):
    NORMAL = "normal"
    HIGH = "high"
    INDETERMINATE = "indeterminate"


class IndeterminateWhy(Enum):
    SENSOR_FAULT = "sensor_fault"
    UNSTABLE = "unstable"
    TOO_FEW_SAMPLES = "too_few_samples"
    BELOW_VALID_RANGE = "below_valid_range"
    ABOVE_VALID_RANGE = "above_valid_range"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRule:
    """How a site is read. The valid range is of the raw median at the skin; offset_c leads from skin to body."""

    valid_from_c: Celsius
    valid_to_c: Celsius
    offset_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureRules:
    """Thresholds of a community. model: name and version of the correction, recorded with each judgement.

    shown_to: who sees the number; it is recorded either way.
    """

    high_from_c: Celsius
    spread_max_c: float
    burst_size: int
    model: str
    sites: Mapping[Site, SiteRule]
    shown_to: frozenset[Viewer] = frozenset(Viewer)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureJudgement:
    """What a burst, or a guard's own thermometer, means. body_c is None exactly when the outcome is INDETERMINATE."""

    outcome: TemperatureOutcome
    site: Site | HandSite
    body_c: Celsius | None
    why: IndeterminateWhy | None
    reading: ThermometerReading | HandReading

    @property
    def is_fault(self) -> bool:
        """Whether the thermometer failed, rather than the person's skin being unreadable."""
        return self.why is IndeterminateWhy.SENSOR_FAULT


def judge(reading: ThermometerReading, site: Site, rules: TemperatureRules) -> TemperatureJudgement:
    """Judge one burst by the community's rules; total, never raises."""
    why = _doubt(reading, site, rules)
    if why is not None or isinstance(reading, ThermometerUnavailable):
        why = why or IndeterminateWhy.SENSOR_FAULT
        return TemperatureJudgement(
            outcome=TemperatureOutcome.INDETERMINATE, site=site, body_c=None, why=why, reading=reading
        )
    # The sensor resolves 0.02 K; two decimals keep a threshold from hanging on binary fractions.
    body_c = Celsius(round(median(reading.samples_c) + rules.sites[site].offset_c, 2))
    outcome = TemperatureOutcome.HIGH if body_c >= rules.high_from_c else TemperatureOutcome.NORMAL
    return TemperatureJudgement(outcome=outcome, site=site, body_c=body_c, why=None, reading=reading)


def judge_by_hand(reading: HandReading, rules: TemperatureRules) -> TemperatureJudgement:
    """Judge what a guard typed in; total. Outside of what a living body has it is INDETERMINATE: look again."""
    outcome, why, body_c = TemperatureOutcome.NORMAL, None, round(reading.body_c, 2)
    if not body_c >= HAND_VALID_FROM_C:
        outcome, why = TemperatureOutcome.INDETERMINATE, IndeterminateWhy.BELOW_VALID_RANGE
    elif body_c > HAND_VALID_TO_C:
        outcome, why = TemperatureOutcome.INDETERMINATE, IndeterminateWhy.ABOVE_VALID_RANGE
    elif body_c >= rules.high_from_c:
        outcome = TemperatureOutcome.HIGH
    return TemperatureJudgement(
        outcome=outcome,
        site=reading.site,
        body_c=None if why is not None else Celsius(body_c),
        why=why,
        reading=reading,
    )


def _doubt(reading: ThermometerReading, site: Site, rules: TemperatureRules) -> IndeterminateWhy | None:
    if isinstance(reading, ThermometerUnavailable) or site not in rules.sites:
        return IndeterminateWhy.SENSOR_FAULT
    # NaN compares as neither too high nor too low: it would pass every check below.
    if not all(isfinite(sample) for sample in reading.samples_c):
        return IndeterminateWhy.SENSOR_FAULT
    if len(reading.samples_c) < max(rules.burst_size, 1):
        return IndeterminateWhy.TOO_FEW_SAMPLES
    # Compared in hundredths: 36.80 - 36.50 is a hair over 0.3 in binary.
    if round(max(reading.samples_c) - min(reading.samples_c), 2) > rules.spread_max_c:
        return IndeterminateWhy.UNSTABLE
    skin_c = median(reading.samples_c)
    if skin_c < rules.sites[site].valid_from_c:
        return IndeterminateWhy.BELOW_VALID_RANGE
    if skin_c > rules.sites[site].valid_to_c:
        return IndeterminateWhy.ABOVE_VALID_RANGE
    return None
