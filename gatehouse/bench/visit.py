"""A whole visit, from the first camera frame with the code to the relay, beside what the sensor alone takes.

The floor is the thermometer's: its settling time and the quiet between the samples of one burst. What is above it is
the software's share: waiting for the camera's next frame, decoding, checking, deciding, one commit, the relay.
"""

import statistics
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from drivers.mlx90614_words import CONFIG_FACTORY, Mlx90614Variant, settling_time_s
from gatehouse.bench.community import make_community
from gatehouse.bench.measure import percentile
from gatehouse.bench.result import BenchResult
from gatehouse.bench.visit_lane import BURST_SIZE, SAMPLE_INTERVAL_S, VARIANT, open_lane
from model.identities import DeviceId

DEVICE: Final = DeviceId("gate-1")
VISITS: Final = 12
STEPS: Final = ("scan", "measure")


def run() -> BenchResult:
    """Walk through one lane a few times."""
    with TemporaryDirectory(prefix="gatehouse-bench-") as name:
        folder = Path(name)
        community = make_community(folder / "site", (DEVICE,), now=datetime.now(UTC), passes=1_000, households=500)
        with open_lane(folder / "gate", community, DEVICE, steps=STEPS, with_kiosk=True) as lane:
            passed = [lane.walk_through(community.paper(number).text, number) for number in range(VISITS)]
    floor_s = floor_of_a_visit_s()
    took_s = [each.took_s for each in passed]
    p50_s = statistics.median(took_s)
    return BenchResult(
        name="visit",
        ratio=p50_s / floor_s,
        figures={
            "p50_s": p50_s,
            "p90_s": percentile(took_s, 0.9),
            "max_s": max(took_s),
            "floor_s": floor_s,
            "software_p50_ms": (p50_s - floor_s) * 1000,
        },
        floor="the thermometer's settling time and the quiet between the samples of a burst",
        conditions={
            "visits": VISITS,
            "steps": ", ".join(STEPS),
            "sensor": f"MLX90614 {VARIANT}, {BURST_SIZE} samples every {SAMPLE_INTERVAL_S:g} s",
            "from_to": "the first frame with the code is in the camera's folder; the relay's pin has its level",
            "kiosk": "runs beside",
        },
    )


def floor_of_a_visit_s() -> float:
    """Settling and the quiet times of one burst, as the sensor's configuration asks for them."""
    settling_s = settling_time_s(Mlx90614Variant(VARIANT), CONFIG_FACTORY)
    return settling_s + (BURST_SIZE - 1) * SAMPLE_INTERVAL_S
