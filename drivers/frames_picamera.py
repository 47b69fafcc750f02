"""The Pi's camera through picamera2. The only file that imports it; written against its manual and its source.

Control names and units are libcamera's: ExposureTime in microseconds, AnalogueGain as a factor, AeEnable hands both
back to the metering. A control that the camera at hand does not list (`camera_controls`) is never sent: an unknown
one raises.
"""

import logging
from typing import Any, Final

import numpy as np

from drivers.errors import DriverUnavailable
from drivers.exposure import Exposure, ExposureLimits
from drivers.frames import Frame

log = logging.getLogger(__name__)

CAPTURE_WITHIN_S: Final = 2.0
SENSOR_FRAMES_PER_S: Final = 20  # twice what is looked at by default, so that what is asked for arrives soon
LONGEST_US: Final = 50_000
GAIN_MAX: Final = 16.0
# libcamera's enumerations by their numbers, so that its own module need not be imported.
_METER_CENTRE: Final = 0  # AeMeteringModeEnum.CentreWeighted
_EXPOSE_SHORT: Final = 1  # AeExposureModeEnum.Short: gain before time, for things that move
_FOCUS_CONTINUOUS: Final = 2  # AfModeEnum.Continuous
_FOCUS_MACRO: Final = 1  # AfRangeEnum.Macro: codes are held 10 to 40 cm away
_FLICKER_MANUAL: Final = 1  # AeFlickerModeEnum.Manual
_FLICKER_US: Final = 10_000  # mains of 50 Hz: lamps at 100 Hz


class PicameraFrames:
    """The Pi's camera as grey frames. Raises DriverUnavailable when it can't be had."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._asked: Exposure | None = None
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise DriverUnavailable(
                f"camera: {error}; install python3-picamera2 from apt, or use frames:/dir"
            ) from error
        try:
            self._camera: Any = Picamera2()
            self._known: dict[str, Any] = dict(self._camera.camera_controls)
            # YUV420: the first `height` rows are the grey picture, nothing needs to be converted.
            main = {"size": self._size, "format": "YUV420"}
            controls = self._supported(_CONTROLS_AT_START)
            self._camera.configure(self._camera.create_video_configuration(main=main, controls=controls))
            self._camera.start()
        except Exception as error:  # libcamera raises bare RuntimeErrors, an absent camera IndexError
            self.close()
            raise DriverUnavailable(f"camera: {error}; is the ribbon cable in, and the camera free?") from error
        self._limits = self._read_limits()

    @property
    def limits(self) -> ExposureLimits | None:
        return self._limits

    def adjust(self, exposure: Exposure | None) -> None:
        if exposure == self._asked or self._limits is None:
            return
        self._asked = exposure
        controls: dict[str, Any] = {"AeEnable": True}
        if exposure is not None:
            # Both by hand: one alone would leave the other to the metering.
            controls = {"AeEnable": False, "ExposureTime": exposure.time_us, "AnalogueGain": exposure.gain}
        try:
            self._camera.set_controls(self._supported(controls))
        except Exception as error:  # noqa: BLE001 - a camera that goes shows at the next frame
            log.warning("camera_refused_controls %s", error)

    def next_frame(self) -> Frame:
        try:
            job = self._camera.capture_request(wait=False)
            request = job.get_result(timeout=CAPTURE_WITHIN_S)
            try:
                planes, metadata = request.make_array("main"), request.get_metadata()
            finally:
                request.release()  # the camera has few buffers and stops when none comes back
        except Exception as error:  # a camera that hangs or is pulled shows in many ways
            raise DriverUnavailable(f"camera: no frame: {error}") from error
        width, height = self._size
        return Frame(pixels=np.ascontiguousarray(planes[:height, :width]), is_new=True, exposure=_exposure_of(metadata))

    def close(self) -> None:
        camera = getattr(self, "_camera", None)
        if camera is None:
            return
        try:
            camera.close()
        except Exception as error:  # noqa: BLE001 - a camera that was pulled can't be closed in order
            log.warning("camera_close_failed %s", error)

    def _supported(self, controls: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in controls.items() if name in self._known}

    def _read_limits(self) -> ExposureLimits | None:
        """From (least, most, default) of each control; None when the camera leaves no exposure to us."""
        if not {"AeEnable", "ExposureTime", "AnalogueGain"} <= self._known.keys():
            return None
        least_us, most_us = self._known["ExposureTime"][:2]
        most_gain = self._known["AnalogueGain"][1]
        return ExposureLimits(
            time_us_min=max(1, int(least_us)),
            time_us_max=min(int(most_us), LONGEST_US) if most_us else LONGEST_US,
            gain_max=min(float(most_gain), GAIN_MAX),
        )


_CONTROLS_AT_START: Final[dict[str, Any]] = {
    "AeEnable": True,
    "AeMeteringMode": _METER_CENTRE,
    "AeExposureMode": _EXPOSE_SHORT,
    "AeFlickerMode": _FLICKER_MANUAL,
    "AeFlickerPeriod": _FLICKER_US,
    "AfMode": _FOCUS_CONTINUOUS,
    "AfRange": _FOCUS_MACRO,
    "FrameDurationLimits": (1_000_000 // SENSOR_FRAMES_PER_S, 1_000_000 // SENSOR_FRAMES_PER_S),
}


def _exposure_of(metadata: dict[str, Any]) -> Exposure | None:
    time_us, gain = metadata.get("ExposureTime"), metadata.get("AnalogueGain")
    if not time_us or not gain:
        return None
    return Exposure(time_us=int(time_us), gain=float(gain))
