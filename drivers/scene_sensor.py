"""A camera's sensor at its photons: what becomes of a scene at an exposure. Only for frames:/dir with a scene in it.

Light is in cd/m², one value per pixel. Modelled after a Camera Module 3 (f/1.8, 1.4 µm pixels binned two by two):
light modules clip, dark ones fill up with the lens's veil, shot and read noise, a hand's tremor over the exposure
time, the display curve. Its metering is damped as libcamera's is, and what is asked for takes effect DELAY_FRAMES
frames later.
"""

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drivers.exposure import Exposure, ExposureLimits
from drivers.qr import GreyFrame

Radiance = NDArray[np.float32]

LIMITS: Final = ExposureLimits(time_us_min=100, time_us_max=50_000, gain_max=16.0)
DELAY_FRAMES: Final = 2
FULL_AT_CD_S: Final = 3.9  # cd/m² times seconds that fill a pixel at gain 1: 0.78 lx s (ISO 12232, 100) behind f/1.8
FULL_ELECTRONS: Final = 20_000.0
READ_ELECTRONS: Final = 3.0
VEIL: Final = 0.05  # share of the light that a lens spreads around where it belongs
VEIL_PX: Final = 24
TREMOR_PX_PER_S: Final = 60.0  # a hand that holds something up
METERS_FOR: Final = 0.16  # mean of the middle, of full scale
METERING_SPEED: Final = 0.5  # of the distance, in logarithms, per frame at ten frames a second
_GAMMA: Final = 1 / 2.2


class SceneSensor:
    """Takes frames of scenes. Not safe for several threads."""

    limits = LIMITS

    def __init__(self, *, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._metered = 10_000.0  # amount: ten milliseconds without gain
        self._asked: deque[Exposure | None] = deque([None] * DELAY_FRAMES, maxlen=DELAY_FRAMES)
        self._wanted: Exposure | None = None

    def adjust(self, exposure: Exposure | None) -> None:
        """Ask for an exposure; None: meter by yourself."""
        self._wanted = exposure

    def take(self, scene: Radiance) -> tuple[GreyFrame, Exposure]:
        """The next frame of a scene, and how it was exposed."""
        asked = self._asked[0]
        self._asked.append(self._wanted)
        taken = self.limits.exposure(self._metered if asked is None else asked.amount)
        filled = self._filled(scene, taken)
        self._meter(filled, taken)
        return (np.clip(filled, 0, 1) ** _GAMMA * 255).astype(np.uint8), taken

    def _filled(self, scene: Radiance, taken: Exposure) -> Radiance:
        """What the pixels give, 1 is full. It may exceed that: the metering would not know by how much."""
        time_s = taken.time_us / 1e6
        light = Image.fromarray(scene)
        veil = light.resize((scene.shape[1] // VEIL_PX, scene.shape[0] // VEIL_PX), Image.Resampling.BOX)
        spread = veil.resize(light.size, Image.Resampling.BILINEAR)
        seen = (1 - VEIL) * _trembled(scene, round(TREMOR_PX_PER_S * time_s)) + VEIL * np.asarray(spread)
        electrons = seen * np.float32(time_s / FULL_AT_CD_S * FULL_ELECTRONS)
        noise = np.sqrt(electrons + np.float32(READ_ELECTRONS**2))
        electrons = electrons + noise * self._random.standard_normal(scene.shape, dtype=np.float32)
        return np.clip(electrons / np.float32(FULL_ELECTRONS) * np.float32(taken.gain), 0, 1)

    def _meter(self, filled: Radiance, taken: Exposure) -> None:
        height, width = filled.shape
        middle = filled[height // 4 : -height // 4, width // 4 : -width // 4]
        mean = max(0.7 * float(middle.mean()) + 0.3 * float(filled.mean()), 1e-4)
        wanted = taken.amount * METERS_FOR / mean
        self._metered *= (wanted / self._metered) ** METERING_SPEED
        self._metered = min(max(self._metered, float(self.limits.time_us_min)), self.limits.amount_max)


def _trembled(scene: Radiance, length_px: int) -> Radiance:
    """A scene smeared sideways by whole pixels."""
    if length_px < 1:
        return scene
    sums = np.cumsum(np.pad(scene, ((0, 0), (length_px + 1, 0)), mode="edge"), axis=1, dtype=np.float64)
    return ((sums[:, length_px + 1 :] - sums[:, : -length_px - 1]) / (length_px + 1)).astype(np.float32)
