"""The tables of a terminal's settings file; hardware is named as the drivers name it."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.toml_files import Section, resolve_path
from model.identities import CommunityId, CompoundId, DeviceId, GateNumber
from model.passing import Direction
from model.records import VisitStep
from model.temperature import Site

ConfigPath = Annotated[Path, AfterValidator(resolve_path)]
Pin = Annotated[int, Field(ge=0, le=27)]
_PIN = "BCM number of the pin, 0 to 27 (not the number on the header)"


class InputRole(Enum):
    """What an input means; the words are the drivers'."""

    DOOR = "door"
    PRESENCE = "presence"
    OBSTRUCTION = "obstruction"
    FIRE = "fire"
    BREAK_GLASS = "break_glass"
    REX = "rex"
    TAMPER = "tamper"
    ANSWER_YES = "answer_yes"
    ANSWER_NO = "answer_no"
    GUARD_CONFIRM = "guard_confirm"
    GUARD_REFUSE = "guard_refuse"
    GUARD_EMERGENCY = "guard_emergency"
    GUARD_BELL = "guard_bell"


class Identity(Section):
    """Who this terminal is."""

    community: CommunityId = Field(
        pattern=r"^[a-z0-9-]{1,16}$", description="the issuer of passes: 1 to 16 of a-z, 0-9 and hyphen"
    )
    compound: CompoundId = Field(pattern=r"^[a-z0-9-]{1,32}$", description="1 to 32 of a-z, 0-9 and hyphen")
    device: DeviceId = Field(
        pattern=r"^[a-z0-9-]{1,32}$", description="name in the certificate: 1 to 32 of a-z, 0-9 and hyphen"
    )
    gate_number: GateNumber = Field(ge=0, le=63, description="number of the access point in its community, 0 to 63")
    direction: Direction = Field(description='"in" or "out": a lane is one direction; two lanes are two terminals')


class Bus(Section):
    """The broker. A terminal without it decides and records alone."""

    enabled: bool = Field(default=True, description="false: nothing is sent, and the gate shows it")
    host: str = Field(default="", max_length=253, description="name or address of the broker, as in its certificate")
    port: int = Field(default=8883, ge=1, le=65535, description="1 to 65535; MQTT over TLS is 8883")
    ca_path: ConfigPath | None = Field(default=None, description="file of the authority that signed the broker's")
    certificate_path: ConfigPath | None = Field(default=None, description="this device's certificate, PEM")
    key_path: ConfigPath | None = Field(default=None, description="this device's key, PEM, readable by it alone")


class Keys(Section):
    """What passes and directories are verified with."""

    root_key_path: ConfigPath = Field(description="public root key pinned at provisioning; it signs the key list")
    key_list_path: ConfigPath = Field(description="signed list of the keys that may sign passes and directories")


class Clock(Section):
    """Where the time comes from, and so what it is worth."""

    source: str = Field(
        pattern=r"^(ntp|rtc|declared|twin:/.+)$",
        description='"ntp", "rtc", "declared" where the host keeps the time; twin:/absolute/file only in a simulation',
    )
    ntp_server: str | None = Field(
        default=None,
        max_length=253,
        pattern=r"^[A-Za-z0-9.:-]+$",
        description="name or address of the compound's own time server; doctor checks that the system asks it",
    )


class Gpio(Section):
    pin_factory: str = Field(
        pattern=r"^(lgpio(:\d+)?|wire:/.+)$",
        description="lgpio, lgpio:N for gpiochipN, or wire:/absolute/path of a socket",
    )


class Thermometer(Section):
    bus: Annotated[int, Field(ge=0, le=255)] | Annotated[str, Field(pattern=r"^(/dev/i2c-\d+|unix:/.+)$")] = Field(
        description="number of the I2C bus, /dev/i2c-N, or unix:/absolute/path of a twin"
    )
    variant: Literal["AAA", "ACC", "ACF", "BAA", "BCC", "BCF", "BCI", "DAA", "DCC", "DCI"] = Field(
        description="letters after MLX90614 on the order: supply, zones, lens (for a forehead: DCI, BCI or BCF)"
    )
    address: int = Field(default=0x5A, ge=0x03, le=0x77, description="0x5A unless somebody rewrote the sensor's EEPROM")
    site: Site = Field(default=Site.FOREHEAD, description='"forehead" or "wrist": where this sensor looks')
    burst_size: int = Field(default=5, ge=1, le=50, description="samples of one measurement, 1 to 50")
    sample_interval_s: float = Field(default=0.1, gt=0, le=2, description="between samples, up to 2 s")
    settling_time_s: float | None = Field(
        default=None, ge=0, le=10, description="0 to 10 s; leave it out to take the variant's own"
    )
    poll_interval_s: float = Field(
        default=2.0, ge=0.2, le=60, description="between looks at an idle sensor, 0.2 to 60 s"
    )
    supply_v: float | None = Field(
        default=None, ge=2.4, le=5.5, description="volts at the sensor's pins; leave it out when not measured"
    )


class SerialScanner(Section):
    device: str = Field(pattern=r"^/.+$", description="such as /dev/ttyACM0, better /dev/serial/by-id/…")
    baud: Literal[1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600] = Field(
        default=115_200, description="as the scanner is set; 115,200 for most on USB"
    )
    prefix: str = Field(default="", max_length=16, description="what the scanner sends before a code; often nothing")
    suffix: str = Field(default="", max_length=16, description="what it sends before the line's end; often nothing")
    repeat_window_s: float = Field(
        default=2.0, ge=0, le=30, description="the same code within this time is one reading, 0 to 30 s"
    )


class CameraScanner(Section):
    source: str = Field(
        pattern=r"^(picamera2|frames:/.+)$", description="picamera2, or frames:/absolute/folder of pictures"
    )
    width: int = Field(default=640, ge=160, le=1920, description="pixels, 160 to 1920")
    height: int = Field(default=480, ge=120, le=1080, description="pixels, 120 to 1080")
    frames_per_s: float = Field(default=10.0, ge=1, le=30, description="frames looked at in a second, 1 to 30")


class Barrier(Section):
    """The release relay. A tent has none: leave the table out."""

    pin: Pin = Field(description=_PIN)
    active_high: bool = Field(default=True, description="false: the relay board switches on at low level")
    max_on_time_s: float = Field(default=15.0, gt=0, le=600, description="the relay never stays on longer, up to 600 s")
    feedback_pin: Pin | None = Field(default=None, description=f"contact that the barrier moved: {_PIN}")
    feedback_within_s: float = Field(
        default=3.0, ge=0.05, le=30, description="the barrier must have moved by then, 0.05 to 30 s"
    )


class Alarm(Section):
    """Lamps and buzzer; each may be left out."""

    green_pin: Pin | None = Field(default=None, description=_PIN)
    red_pin: Pin | None = Field(default=None, description=_PIN)
    buzzer_pin: Pin | None = Field(default=None, description=_PIN)
    active_high: bool = Field(default=True, description="false: lamps light at low level")
    max_on_time_s: float = Field(default=60.0, gt=0, le=599, description="of one signal, up to 599 s")


class Contact(Section):
    """One input."""

    role: InputRole = Field(description="one of " + ", ".join(role.value for role in InputRole))
    pin: Pin = Field(description=_PIN)
    pull_up: bool = Field(default=True, description="true: to 3.3 V inside the Pi, contact to ground")
    active_low: bool = Field(default=True, description="true: low level means that the role's fact is so")
    debounce_s: float = Field(
        default=0.075, gt=0.05, le=0.15, description="over 0.05, up to 0.15 s: 50 ms pass unseen, 200 ms never do"
    )


class StepLimits(Section):
    """Seconds after which a step ends the visit."""

    ask: float = Field(default=30.0, gt=0, le=600, description="up to 600 s")
    measure: float = Field(default=30.0, gt=0, le=600, description="up to 600 s")
    check: float = Field(default=60.0, gt=0, le=600, description="up to 600 s")
    scan: float = Field(default=30.0, gt=0, le=600, description="up to 600 s")

    def by_step(self) -> Mapping[VisitStep, float]:
        """The same as the lane wants it."""
        return {step: float(getattr(self, step.value)) for step in VisitStep}


class Visit(Section):
    """一问、二测、三查、四扫, in the order of this gate."""

    steps: tuple[VisitStep, ...] = Field(
        default=(VisitStep.SCAN, VisitStep.MEASURE),
        min_length=1,
        max_length=4,
        description='a selection of "ask", "measure", "check", "scan" in the order of this gate; "scan" is needed',
    )
    step_limit_s: StepLimits = StepLimits()
    questions: tuple[str, ...] = Field(
        default=(), max_length=8, description="names of questions that the text files have, up to 8"
    )
    check_by_guard: bool = Field(default=False, description="true: a person looks at the card and confirms")
    approach_s: float = Field(
        default=6.0, ge=0, le=30, description="a sensor that sees no forehead yet is asked again for so long, 0 to 30 s"
    )
    retest_after_s: float = Field(default=5.0, ge=1, le=600, description="rest before a second measurement, 1 to 600 s")
    walk_away_after_s: float = Field(default=3.0, ge=0.5, le=60, description="an empty lane ends a visit, 0.5 to 60 s")
    guard_limit_s: float = Field(default=120.0, ge=5, le=3600, description="wait for the guard, 5 s to an hour")
    result_shown_s: float = Field(default=4.0, ge=0.5, le=60, description="0.5 to 60 s")
    record_limit_s: float = Field(default=5.0, ge=0.5, le=30, description="wait for the disk, 0.5 to 30 s")
    rex_is_allowed: bool = Field(default=False, description="request-to-exit button; only in lanes without exit rules")


class Release(Section):
    release_time_s: float = Field(default=5.0, gt=0, le=60, description="how long a grant frees the lane, up to 60 s")
    each_person_s: float = Field(
        default=3.0, ge=0, le=30, description="longer for each further person of a family or crew, 0 to 30 s"
    )
    held_open_after_s: float = Field(default=15.0, gt=0, le=3600, description="an open door alarms then, up to an hour")
    emergency_release_s: float = Field(
        default=10.0, gt=0, le=600, description="the guard's emergency button, up to 600 s"
    )


class Journal(Section):
    kept_days: int = Field(default=30, ge=1, le=365, description="days for which records are kept, 1 to 365")
    records_per_day: int = Field(
        default=20_000, ge=100, le=500_000, description="of this lane on its fullest day, 100 to 500,000"
    )
