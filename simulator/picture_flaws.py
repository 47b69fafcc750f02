"""What else spoils a camera's picture: a hand in motion, a lamp on the glass, mist, the beat of a lit display."""

from dataclasses import dataclass

import numpy as np

from simulator.pictures import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaws:
    """What is done to a finished frame, in the order of the fields.

    motion_px: length of a sideways smear. gain: more than 1 burns the light parts out. glare: 0 to 1, how bright a
    lamp's reflection stands near the middle; from 0.6 on its own middle is burnt out. contrast: 1 = as it was, 0.2 =
    through mist. banding: 0 to 1, how deep the dark bars of a display's beat are. noise: standard deviation.
    """

    motion_px: int = 0
    gain: float = 1.0
    glare: float = 0.0
    contrast: float = 1.0
    banding: float = 0.0
    noise: float = 0.0
    seed: int = 0


def spoil(frame: Frame, flaws: Flaws) -> Frame:
    """A frame with these flaws."""
    light = frame.astype(np.float32) * flaws.gain
    height, width = light.shape
    if flaws.motion_px > 1:
        padded = np.pad(light, ((0, 0), (flaws.motion_px, 0)), mode="edge")
        sums = np.cumsum(padded, axis=1)
        light = (sums[:, flaws.motion_px :] - sums[:, : -flaws.motion_px]) / flaws.motion_px
    picks = np.random.default_rng(flaws.seed)
    if flaws.glare > 0:
        x, y = width / 2 + picks.uniform(-90, 90), height / 2 + picks.uniform(-90, 90)
        across, down = np.meshgrid(np.arange(width) - x, np.arange(height) - y)
        light += 420 * flaws.glare * np.exp(-(across**2 + down**2) / (2 * 45.0**2)).astype(np.float32)
    light = 128 + (light - 128) * flaws.contrast
    if flaws.banding > 0:
        bars = 1 - flaws.banding * (0.5 + 0.5 * np.sin(np.arange(height) / 11.0 + picks.uniform(0, 6)))
        light *= bars[:, None].astype(np.float32)
    if flaws.noise > 0:
        light += picks.normal(0, flaws.noise, light.shape).astype(np.float32)
    spoilt: Frame = np.clip(light, 0, 255).astype(np.uint8)
    return spoilt
