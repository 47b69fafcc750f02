"""The directory: what the office knows about passes and households. It beats the claim in a pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum

from model.credentials import Colour
from model.identities import CommunityId, HouseholdId
from model.shifts import Schedule, ScheduleId
from model.vehicles import Plate
from model.windows import Window


class PassStatus(IntEnum):
    """Status of one pass: two bits of the directory's bitmap."""

    UNKNOWN = 0
    VALID = 1
    REVOKED = 2
    SUSPENDED = 3


class Isolation(Enum):
    """Isolation of a household; the two kinds are counted apart."""

    NONE = 0
    HOME = 1  # 居家隔离
    MEDICAL = 2  # 居家医学隔离


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdEntry:
    """What gates must know about a household."""

    colour: Colour
    isolation: Isolation = Isolation.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One version of the directory. statuses: 2 bits per status index, four per byte, lowest bits first.

    windows: of isolated households. schedules: of work certificates, by the schedule claim of a pass. vehicles: plates
    of a household's vehicles.
    """

    community: CommunityId
    version: int
    issued_at: datetime
    statuses: bytes
    households: Mapping[HouseholdId, HouseholdEntry]
    windows: Mapping[HouseholdId, tuple[Window, ...]] = field(default_factory=dict)
    schedules: Mapping[ScheduleId, Schedule] = field(default_factory=dict)
    vehicles: Mapping[HouseholdId, tuple[Plate, ...]] = field(default_factory=dict, repr=False)

    def status_of(self, status_index: int) -> PassStatus:
        """Status of a pass; UNKNOWN beyond the end of the bitmap."""
        byte_index, slot = divmod(status_index, 4)
        if status_index < 0 or byte_index >= len(self.statuses):
            return PassStatus.UNKNOWN
        return PassStatus(self.statuses[byte_index] >> (2 * slot) & 3)
