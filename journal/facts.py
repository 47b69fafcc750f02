"""What a journal says about itself, and what it is told."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from model.identities import Epoch, Seq

WARNING_FRACTION: Final = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """End of the current epoch. seq 0 with zeros while it is empty."""

    epoch: Epoch
    seq: Seq
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochState:
    """One epoch of the file. first_seq: oldest row still here (head_seq + 1 when none is)."""

    epoch: Epoch
    first_seq: Seq
    head_seq: Seq
    acked_seq: Seq
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How full the journal is. used_fraction: of its own limit or of its disk, whichever is nearer to full."""

    used_bytes: int
    max_bytes: int
    disk_free_bytes: int
    used_fraction: float

    @property
    def is_short(self) -> bool:
        """Whether the warning is due."""
        return self.used_fraction >= WARNING_FRACTION


class AckOutcome(Enum):
    """What an acknowledgement meant."""

    ADVANCED = "advanced"
    UNCHANGED = "unchanged"
    STEPPED_BACK = "stepped_back"  # a centre restored from a backup: send again from there
    AHEAD = "ahead"  # the centre holds records that this journal does not: it was itself restored; begin a new epoch
    CONFLICT = "conflict"  # same seq, another hash: two journals under one identity
    UNKNOWN_EPOCH = "unknown_epoch"
