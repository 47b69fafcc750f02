"""How an instruction looks: its face (colour and symbol of the whole screen) and its picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Face(Enum):
    """What the whole screen says at a glance."""

    IDLE = "idle"
    DO = "do"
    WAIT = "wait"
    GO = "go"
    STOP = "stop"
    GUARD = "guard"
    FREE = "free"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """picture: a file of static/pictures."""

    face: Face
    picture: str


LOOKS: Final[Mapping[str, Look]] = {
    "welcome": Look(face=Face.IDLE, picture="code"),
    "answer_question": Look(face=Face.DO, picture="question"),
    "hold_forehead": Look(face=Face.DO, picture="forehead"),
    "rest_and_retry": Look(face=Face.WAIT, picture="rest"),
    "show_card_to_guard": Look(face=Face.DO, picture="card"),
    "show_code": Look(face=Face.DO, picture="code"),
    "wait": Look(face=Face.WAIT, picture="wait"),
    "put_on_mask": Look(face=Face.DO, picture="mask"),
    "go": Look(face=Face.GO, picture="go_in"),
    "refused": Look(face=Face.STOP, picture="stop"),
    "guard_comes": Look(face=Face.GUARD, picture="guard"),
    "too_slow": Look(face=Face.DO, picture="again"),
    "way_out_is_free": Look(face=Face.FREE, picture="free"),
}
UNKNOWN: Final = Look(face=Face.GUARD, picture="guard")
"""An instruction of a newer terminal: a person helps."""
FIRST_PICTURES: Final[Mapping[str, str]] = {"ask": "question", "measure": "forehead", "check": "card", "scan": "code"}
PICTURES: Final = (
    "again",
    "card",
    "code",
    "dead",
    "forehead",
    "free",
    "go_in",
    "go_out",
    "guard",
    "mask",
    "question",
    "rest",
    "stop",
    "wait",
    "wrist",
)


def look_of(instruction: str, *, direction: str, first_step: str, site: str) -> Look:
    """The look of an instruction at this gate."""
    look = LOOKS.get(instruction, UNKNOWN)
    picture = look.picture
    if instruction == "welcome":
        picture = FIRST_PICTURES.get(first_step, picture)
    if instruction == "go" and direction == "out":
        picture = "go_out"
    if picture == "forehead" and site == "wrist":
        picture = "wrist"
    return Look(face=look.face, picture=picture)
