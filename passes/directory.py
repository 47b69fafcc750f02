"""The signed directory: what the office knows about passes and households, as one document.

7,000 households and 20,000 passes make 19 kB: two bits for each pass; for each household, in ascending order, the
distance to the one before (one byte mostly) and one byte of state (colour in the low half, isolation in the high half).
With it travels the text of the community's rules, so that both have one version, one signature and one age.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from model.credentials import Colour
from model.directory import Directory, HouseholdEntry, Isolation, PassStatus
from model.identities import CommunityId, HouseholdId
from passes import cbor
from passes.claims import STATUS_INDEX_LIMIT
from passes.documents import DocumentKind, open_document, require_in_force
from passes.errors import DocumentFault, DocumentRefused, EncodingInvalid
from passes.keys import KeyList, KeyRole, SigningKey
from passes.rule_entries import schedules_in, schedules_out, windows_in, windows_out

MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
"""Ten times a directory of 20,000 households with its sealed part."""
MAX_HOUSEHOLDS = 100_000
MAX_STATUS_BYTES = (STATUS_INDEX_LIMIT + 1) // 4
MAX_RULES_TEXTS = 8
"""The rules in force, and those that are to come."""
MAX_RULES_TEXT_BYTES = 64 * 1024

_KIND, _COMMUNITY, _VERSION, _ISSUED_AT, _STATUSES, _DISTANCES, _STATES, _SEALED, _RULES, _WINDOWS, _SCHEDULES = range(
    11
)
_HOUSEHOLD_LIMIT = 2**31 - 1
_NUMBER_LIMIT = 2**32 - 1
_ISOLATION_SHIFT = 4
_COLOUR_MASK = 0x0F


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryDocument:
    """A verified directory with the bytes it came from. sealed: see passes.sealed; None when it has no such part.

    rules_texts: the community's rules as they were published, those in force and those to come; none from a centre that
    has published none.
    """

    directory: Directory
    sealed: bytes | None
    encoded: bytes
    rules_texts: tuple[bytes, ...] = ()


def sign_directory(
    directory: Directory, key: SigningKey, sealed: bytes | None = None, rules_texts: Sequence[bytes] = ()
) -> bytes:
    """The directory as a signed document; the issuing moment loses its fraction of a second.

    Raises EncodingInvalid when it would not be taken, DocumentRefused when it is too large.
    """
    households = sorted(directory.households)
    content: dict[int, object] = {
        _KIND: DocumentKind.DIRECTORY.value,
        _COMMUNITY: directory.community,
        _VERSION: directory.version,
        _ISSUED_AT: int(directory.issued_at.timestamp()),
        _STATUSES: directory.statuses,
        _DISTANCES: [this - before for before, this in zip([0, *households], households, strict=False)],
        _STATES: bytes(_state_of(directory.households[household]) for household in households),
    }
    if sealed is not None:
        content[_SEALED] = sealed
    if directory.windows:
        content[_WINDOWS] = windows_out(directory.windows)
    if directory.schedules:
        content[_SCHEDULES] = schedules_out(directory.schedules.values())
    if rules_texts:
        content[_RULES] = list(rules_texts)
    payload = cbor.encode(content)
    _read(payload)
    encoded = key.sign(payload)
    _require_size(encoded)
    return encoded


def open_directory(encoded: bytes, *, keys: KeyList, community: CommunityId) -> DirectoryDocument:
    """Verify a directory document. Its key must have been in force when it was issued. Raises DocumentRefused."""
    _require_size(encoded)
    payload, record = open_document(encoded, keys=keys, role=KeyRole.DIRECTORY)
    try:
        directory, sealed, rules_texts = _read(payload)
    except EncodingInvalid as error:
        raise DocumentRefused(DocumentFault.MALFORMED, str(error)) from error
    if directory.community != community:
        raise DocumentRefused(DocumentFault.OTHER_COMMUNITY, "a directory of another community")
    require_in_force(record, directory.issued_at)
    return DirectoryDocument(directory=directory, sealed=sealed, encoded=encoded, rules_texts=rules_texts)


def pack_statuses(statuses: Mapping[int, PassStatus]) -> bytes:
    """The bitmap of a Directory from statuses by index; what is not named is UNKNOWN."""
    packed = bytearray(max(statuses, default=-1) // 4 + 1)
    for index, status in statuses.items():
        packed[index // 4] |= status.value << (2 * (index % 4))
    return bytes(packed)


def _read(payload: bytes) -> tuple[Directory, bytes | None, tuple[bytes, ...]]:
    # Entries beyond those known are passed over: an older gate must be able to take a newer centre's directory.
    content = cbor.as_map(cbor.decode(payload))
    cbor.as_int(content.get(_KIND), DocumentKind.DIRECTORY, DocumentKind.DIRECTORY)
    statuses = cbor.as_bytes(content.get(_STATUSES))
    if len(statuses) > MAX_STATUS_BYTES:
        raise EncodingInvalid(f"expected at most {MAX_STATUS_BYTES} bytes of statuses")
    distances = cbor.as_list(content.get(_DISTANCES), MAX_HOUSEHOLDS)
    states = cbor.as_bytes(content.get(_STATES), len(distances))
    directory = Directory(
        community=CommunityId(cbor.as_text(content.get(_COMMUNITY))),
        version=cbor.as_int(content.get(_VERSION), 1, _NUMBER_LIMIT),
        issued_at=datetime.fromtimestamp(cbor.as_int(content.get(_ISSUED_AT), 0, _NUMBER_LIMIT), UTC),
        statuses=statuses,
        households=MappingProxyType(dict(_entries(distances, states))),
        windows=MappingProxyType(windows_in(content.get(_WINDOWS, []))),
        schedules=MappingProxyType(schedules_in(content.get(_SCHEDULES, []))),
    )
    sealed = content.get(_SEALED)
    rules_texts = tuple(_rules_text(each) for each in cbor.as_list(content.get(_RULES, ()), MAX_RULES_TEXTS))
    return directory, None if sealed is None else cbor.as_bytes(sealed), rules_texts


def _rules_text(value: object) -> bytes:
    text = cbor.as_bytes(value)
    if not 0 < len(text) <= MAX_RULES_TEXT_BYTES:
        raise EncodingInvalid(f"expected rules of at most {MAX_RULES_TEXT_BYTES} bytes")
    return text


def _entries(distances: Sequence[object], states: bytes) -> Iterator[tuple[HouseholdId, HouseholdEntry]]:
    household = 0
    for distance, state in zip(distances, states, strict=True):
        household += cbor.as_int(distance, 1, _HOUSEHOLD_LIMIT - household)
        yield HouseholdId(household), _entry_of(state)


def _state_of(entry: HouseholdEntry) -> int:
    return int(entry.colour.value | entry.isolation.value << _ISOLATION_SHIFT)


def _entry_of(state: int) -> HouseholdEntry:
    try:
        return _ENTRIES[state]
    except KeyError as error:
        raise EncodingInvalid("a household's state that this version does not know") from error


def _require_size(encoded: bytes) -> None:
    if len(encoded) > MAX_DIRECTORY_BYTES:
        raise DocumentRefused(DocumentFault.TOO_LARGE, f"{len(encoded)} bytes, at most {MAX_DIRECTORY_BYTES}")


_ENTRIES = {
    _state_of(entry): entry
    for entry in (HouseholdEntry(colour=colour, isolation=isolation) for colour in Colour for isolation in Isolation)
}
