"""Settings name hardware as the drivers do, and allow what the drivers allow, though neither imports the other."""

from typing import get_args

from annotated_types import Ge, Gt, Le
from serial import Serial

from config.kiosk_sections import Voice
from config.sections import Alarm, CameraScanner, Contact, InputRole, SerialScanner, Thermometer
from config.toml_files import Section
from drivers.alarm import AlarmSettings
from drivers.camera_scanner import CameraScannerSettings
from drivers.contact import ContactSettings
from drivers.mlx90614 import Mlx90614Settings
from drivers.mlx90614_words import Mlx90614Variant
from drivers.ports import ContactRole
from drivers.serial_scanner import SerialScannerSettings
from drivers.speaker import SpeakerSettings


def limits(model: type[Section], name: str) -> list[float]:
    """The least and the greatest value that settings allow; just inside where the limit itself is out."""
    bounds: list[float] = []
    for rule in model.model_fields[name].metadata:
        match rule:
            case Ge(ge=bound) | Le(le=bound):
                bounds.append(bound)  # type: ignore[arg-type]
            case Gt(gt=bound):
                bounds.append(bound + 1e-6)  # type: ignore[operator]
    assert len(bounds) == 2
    return bounds


def test_roles_of_inputs_are_the_drivers_roles() -> None:
    assert {role.value for role in InputRole} == {role.value for role in ContactRole}


def test_variants_of_the_thermometer_are_the_driver_s_variants() -> None:
    variants = get_args(Thermometer.model_fields["variant"].annotation)
    assert set(variants) == {variant.value for variant in Mlx90614Variant}


def test_every_rate_that_settings_allow_is_a_serial_rate() -> None:
    assert set(get_args(SerialScanner.model_fields["baud"].annotation)) <= set(Serial.BAUDRATES)


def test_drivers_accept_the_limits_of_the_settings() -> None:
    for debounce_s in limits(Contact, "debounce_s"):
        ContactSettings(role=ContactRole.DOOR, pin=5, debounce_s=debounce_s)
    for signal_time_s in limits(Alarm, "max_on_time_s"):
        AlarmSettings(signal_time_s=signal_time_s)
    for frames_per_s in limits(CameraScanner, "frames_per_s"):
        CameraScannerSettings(source="picamera2", frames_per_s=frames_per_s)
    for repeat_window_s in limits(SerialScanner, "repeat_window_s"):
        SerialScannerSettings(port="/dev/ttyACM0", repeat_window_s=repeat_window_s)
    for burst_size in limits(Thermometer, "burst_size"):
        Mlx90614Settings(bus=1, variant=Mlx90614Variant.DCI, burst_size=int(burst_size))
    for address in limits(Thermometer, "address"):
        Mlx90614Settings(bus=1, variant=Mlx90614Variant.DCI, address=int(address))
    for volume_percent in limits(Voice, "volume_percent"):
        SpeakerSettings(volume_percent=int(volume_percent))
    for words_per_minute in limits(Voice, "words_per_minute"):
        SpeakerSettings(words_per_minute=int(words_per_minute))
