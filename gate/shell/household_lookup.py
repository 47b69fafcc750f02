"""Looking a household up: by building, unit and room as people write them, or by a pass that was read here.

Rooms and masked names come with the directory, sealed for this gate; they are opened into memory and kept nowhere else.
"""

import logging
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gate.screens import FOUND_MAX, Found
from model.directory import Directory
from model.identities import DeviceId, HouseholdId, PassId
from passes.directory import DirectoryDocument
from passes.sealed import GuardEntry, SealedPartRefused, open_guard_view

log = logging.getLogger(__name__)

MAX_PASSES_REMEMBERED: Final = 2_000

_ADDRESS_WORDS: Final = re.compile(r"号楼|单元|门牌|[栋幢座楼室房号户]")
_PART: Final = re.compile(r"[0-9]+|[^\W\d_]+")
_BETWEEN: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What this gate may know of the households of one directory. view: empty where it was not sealed for this gate."""

    directory: Directory
    view: Mapping[HouseholdId, GuardEntry] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """The first FOUND_MAX, by room."""

    found: tuple[Found, ...] = ()
    more_found: bool = False


def load_device_key(path: Path) -> EllipticCurvePrivateKey | None:
    """The key of this device's certificate; None, and a line in the log, when it can't be used. The link says more."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        log.warning("device_key_not_read error=%s", type(error).__name__)
        return None
    return key if isinstance(key, EllipticCurvePrivateKey) else None


def open_register(
    document: DirectoryDocument, *, device: DeviceId, private: EllipticCurvePrivateKey | None
) -> Register:
    """The register that came with a directory. Raises SealedPartRefused when its sealed part can't be opened here.

    Takes some 10 µs for each household: not on the loop's thread.
    """
    if document.sealed is None or private is None:
        raise SealedPartRefused("no part of the directory is sealed for this gate")
    view = open_guard_view(document.sealed, directory=document.directory, device=device, private=private)
    return Register(directory=document.directory, view=view)


def find_room(register: Register, *, building: str, unit: str, room: str) -> LookedUp:
    """Households whose address fits what was typed; each of the three may be empty, but not all. Not on the loop."""
    wanted = _Wanted.of(building, unit, room)
    if wanted is None:
        return LookedUp()
    fits = [
        (_sort_key(entry.room), household, entry)
        for household, entry in register.view.items()
        if wanted.fits(address_parts(entry.room))
    ]
    fits.sort(key=lambda each: (each[0], each[1]))
    found = tuple(_found(register.directory, household, entry) for _, household, entry in fits[:FOUND_MAX])
    return LookedUp(found=found, more_found=len(fits) > FOUND_MAX)


def find_household(register: Register, household: HouseholdId | None) -> LookedUp:
    """The one household; nothing when it is not on the register."""
    entry = register.view.get(household) if household is not None else None
    if household is None or entry is None:
        return LookedUp()
    return LookedUp(found=(_found(register.directory, household, entry),))


class PassMemory:
    """Whose pass was read here lately: the directory does not say which household a pass belongs to."""

    def __init__(self) -> None:
        self._households: OrderedDict[PassId, HouseholdId] = OrderedDict()

    def note(self, pass_id: PassId, household: HouseholdId) -> None:
        """A genuine pass was read. Beyond MAX_PASSES_REMEMBERED the one that was read longest ago is forgotten."""
        self._households[pass_id] = household
        self._households.move_to_end(pass_id)
        if len(self._households) > MAX_PASSES_REMEMBERED:
            self._households.popitem(last=False)

    def household_of(self, pass_id: PassId) -> HouseholdId | None:
        """None when this pass was not read here since the start."""
        return self._households.get(pass_id)


def address_parts(text: str) -> tuple[str, ...]:
    """Building, unit and room of an address as people write it: 3-2-1201, ３栋２单元１２０１室, 3号楼 1201."""
    plain = _ADDRESS_WORDS.sub(" ", unicodedata.normalize("NFKC", text).upper())
    words = [word for word in _BETWEEN.split(plain) if word]
    return tuple(_without_zeros(word) for word in words)


def _without_zeros(word: str) -> str:
    return "".join(part.lstrip("0") or "0" if part.isdigit() else part for part in _PART.findall(word)) or word


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    building: str | None
    unit: str | None
    room: str | None

    @staticmethod
    def of(building: str, unit: str, room: str) -> "_Wanted | None":
        parts = address_parts(room)
        if len(parts) > 1:  # the whole address stands in one field
            return _Wanted(building=parts[0], unit=parts[1] if len(parts) > 2 else None, room=parts[-1])
        wanted = _Wanted(building=_one(building), unit=_one(unit), room=parts[0] if parts else None)
        return wanted if wanted != _Wanted(building=None, unit=None, room=None) else None

    def fits(self, parts: Sequence[str]) -> bool:
        """Two parts are building and room; three have the unit between them."""
        if not parts:
            return False
        building = parts[0] if len(parts) > 1 else None
        unit = parts[1] if len(parts) > 2 else None
        return self.building in (None, building) and self.unit in (None, unit) and self.room in (None, parts[-1])


def _one(text: str) -> str | None:
    parts = address_parts(text)
    return parts[0] if parts else None


def _sort_key(room: str) -> tuple[tuple[int, int, str], ...]:
    """2 before 10, and numbers before letters."""
    return tuple(
        (0, int(part), "") if part.isdecimal() and len(part) < 10 else (1, 0, part) for part in address_parts(room)
    )


def _found(directory: Directory, household: HouseholdId, entry: GuardEntry) -> Found:
    listed = directory.households.get(household)
    return Found(
        household=household,
        room=entry.room,
        masked_name=entry.masked_name,
        colour=listed.colour.name.lower() if listed is not None else "uncoloured",
        isolation=listed.isolation.name.lower() if listed is not None else "none",
    )
