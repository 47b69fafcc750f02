"""The tables of a terminal's settings file that say what people see and hear: kiosk, help, voice."""

from datetime import time
from typing import Annotated, Literal

from pydantic import Field

from config.sections import ConfigPath
from config.toml_files import Section

Phone = Annotated[str, Field(max_length=20, pattern=r"^[0-9+() \-]*$")]


class Kiosk(Section):
    """The screens of a lane: a process of its own that needs no network."""

    enabled: bool = Field(default=True, description="false: this lane has lamps and a buzzer only")
    host: str = Field(
        default="127.0.0.1",
        max_length=64,
        description="127.0.0.1 for the gate's own screen; another address for phones, and then certificate_path too",
    )
    port: int = Field(default=8090, ge=1, le=65535, description="1 to 65535; each lane of one Pi needs its own")
    certificate_path: ConfigPath | None = Field(default=None, description="PEM, where phones reach the guard's view")
    key_path: ConfigPath | None = Field(default=None, description="its key, PEM")
    socket_path: ConfigPath | None = Field(
        default=None, description="socket between terminal and kiosk; leave it out: kiosk.sock in state_dir"
    )
    guards_path: ConfigPath | None = Field(
        default=None, description="file of the guards and their PINs, made by `gatehouse guard add`"
    )
    notices_path: ConfigPath | None = Field(default=None, description="file of the community's notices")
    languages: tuple[Literal["zh", "en"], ...] = Field(
        default=("zh", "en"), min_length=1, max_length=2, description='in this order on the screen: ["zh", "en"]'
    )


class Help(Section):
    """Whom to call. Stands on the screen of whoever was refused."""

    guard_phone: Phone = Field(default="", description="of this gate's guard, up to 20 digits")
    office_phone: Phone = Field(default="", description="of the community's office")
    doctor_phone: Phone = Field(default="", description="of the community's clinic")
    police_phone: Phone = Field(default="110", description="of the police")
    ambulance_phone: Phone = Field(default="120", description="of the ambulance")


class Voice(Section):
    """Spoken instructions, by espeak-ng."""

    enabled: bool = Field(default=True, description="false: nothing is said")
    languages: tuple[Literal["zh", "en"], ...] = Field(
        default=("zh",), min_length=1, max_length=2, description='spoken one after the other: ["zh"] or ["zh", "en"]'
    )
    quiet_from: time | None = Field(default=None, description="begin of the quiet hours, such as 22:00:00")
    quiet_until: time | None = Field(default=None, description="their end, such as 06:30:00")
    volume_percent: int = Field(default=80, ge=0, le=100, description="0 to 100")
    words_per_minute: int = Field(default=170, ge=80, le=300, description="80 to 300")
    output: str = Field(
        default="default",
        pattern=r"^(default|alsa:.+|files:/.+)$",
        description="default, alsa:DEVICE, or files:/absolute/folder into which each sentence is written",
    )
