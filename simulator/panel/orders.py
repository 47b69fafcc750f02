"""What somebody at the panel may ask of one gate; parsed from JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from simulator.cable import CableState
from simulator.errors import PanelRefused
from simulator.visit import Scanner
from simulator.wires import SensorTrouble
from simulator.wiring import Input

TEXT_MAX = 4096
"""More than any code, so that a gate's own limits can be tried."""
CLOCK_OFFSET_MAX_S = 400 * 24 * 3600.0


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stand(_Order):
    """Step up to the gate, or walk away from it."""

    do: Literal["stand"]
    is_there: bool


class HoldForehead(_Order):
    """Hold the forehead before the thermometer; renewed while it is held. stays: until it is taken away."""

    do: Literal["forehead"]
    is_held: bool
    stays: bool = False


class SetBody(_Order):
    """Whose forehead it is: the skin of such a person in today's weather."""

    do: Literal["body"]
    kind: Literal["normal", "fever", "frozen"]


class SetSurroundings(_Order):
    """What the thermometer has around it. Not given: as it is; air and can None: as the weather makes them."""

    do: Literal["surroundings"]
    skin_c: Annotated[float, Field(ge=10.0, le=45.0)] | None = None
    distance_cm: Annotated[float, Field(ge=1.0, le=100.0)] | None = None
    air_c: Annotated[float, Field(ge=-40.0, le=50.0)] | None = None
    can_c: Annotated[float, Field(ge=-40.0, le=60.0)] | None = None


class ShowResident(_Order):
    """Show the code of somebody who lives here. how: as it should be, as ten minutes old picture, or forged."""

    do: Literal["resident"]
    pass_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    scanner: Scanner
    how: Literal["normal", "screenshot", "forged_pass"] = "normal"


class TypeText(_Order):
    """Let the hand scanner send this text."""

    do: Literal["type"]
    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX)]


class TakeAway(_Order):
    """Take the code away from the camera."""

    do: Literal["take_away"]


class Press(_Order):
    """Press a button and let it go."""

    do: Literal["press"]
    role: Input


class Put(_Order):
    """Bring a contact to this position, and leave it there."""

    do: Literal["put"]
    role: Input
    is_active: bool


class WalkThrough(_Order):
    """Go through the open barrier; the door shuts behind."""

    do: Literal["walk_through"]


class LetPeopleWalk(_Order):
    """Whether residents walk through this gate by themselves."""

    do: Literal["people"]
    walk: bool


class PutNetwork(_Order):
    do: Literal["network"]
    state: CableState


class TroubleThermometer(_Order):
    do: Literal["thermometer"]
    trouble: SensorTrouble


class PlugScanner(_Order):
    do: Literal["scanner"]
    is_plugged: bool


class PlugCamera(_Order):
    do: Literal["camera"]
    is_plugged: bool


class SwitchMains(_Order):
    do: Literal["mains"]
    is_on: bool


class FillDisk(_Order):
    do: Literal["disk"]
    is_full: bool


class SetClock(_Order):
    """The wall clock is so far ahead of the truth; its source says so of itself."""

    do: Literal["clock"]
    offset_s: Annotated[float, Field(ge=-CLOCK_OFFSET_MAX_S, le=CLOCK_OFFSET_MAX_S)]
    is_synchronised: bool = True


Order = Annotated[
    Stand
    | HoldForehead
    | SetBody
    | SetSurroundings
    | ShowResident
    | TypeText
    | TakeAway
    | Press
    | Put
    | WalkThrough
    | LetPeopleWalk
    | PutNetwork
    | TroubleThermometer
    | PlugScanner
    | PlugCamera
    | SwitchMains
    | FillDisk
    | SetClock,
    Field(discriminator="do"),
]
_ADAPTER: TypeAdapter[Order] = TypeAdapter(Order)


def read_order(body: bytes) -> Order:
    """One order. Raises PanelRefused for what is none."""
    try:
        return _ADAPTER.validate_json(body)
    except ValidationError as error:
        raise PanelRefused("bad_order") from error
