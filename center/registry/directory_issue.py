"""The signed directory, made from the register and the published rules: a new version only when there is news."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from sqlalchemy import Connection, delete, func, insert, select

from center.accounts import audit
from center.clock import NowMs, from_ms, now_ms
from center.errors import RegisterEmpty
from center.registry.rule_lists import RuleLists, read_rule_lists, read_vehicles
from center.registry.rules_book import texts_for_gates
from center.store.database import Store
from center.store.schema import DirectoryChunk, DirectoryVersion, Gate, Household, IssuedPass, Person, Place
from model.credentials import Colour
from model.directory import Directory, HouseholdEntry, Isolation, PassStatus
from model.identities import CommunityId, DeviceId, HouseholdId
from passes.directory import pack_statuses, sign_directory
from passes.directory_chunks import split_directory
from passes.errors import DocumentFault
from passes.keys import SigningKey
from passes.sealed import GuardEntry, seal_guard_view

VERSIONS_KEPT: Final = 5
VERSIONS_LOST_MAX: Final = 10_000
"""Versions that a restored centre can have forgotten. A gate that tells of more is not believed: numbers would end."""
REFRESH_AFTER: Final = timedelta(hours=12)
"""A directory is issued again after this time even unchanged: gates take its moment as a sign that they hear us, and as
the floor of an untrusted clock."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedDirectory:
    """One version as it goes out. obsolete: chunk counts of older versions that may still stand on the broker."""

    version: int
    chunks: tuple[bytes, ...]
    compounds: tuple[str, ...]
    obsolete: Mapping[int, int]


class DirectoryIssue:
    """Makes, keeps and hands out directories. Any thread; one at a time by the database's write lock."""

    def __init__(
        self,
        store: Store,
        key: SigningKey,
        community: CommunityId,
        *,
        gate_keys: Mapping[DeviceId, EllipticCurvePublicKey] | None = None,
        now: NowMs = now_ms,
    ) -> None:
        """gate_keys: public keys of the gates' certificates, for whose guards masked names and rooms are sealed."""
        self._store = store
        self._key = key
        self._community = community
        self._gate_keys = dict(gate_keys or {})
        self._now = now

    def publish(self, *, by: str = "center", even_if_same: bool = False) -> IssuedDirectory:
        """The newest directory; made anew when the register changed, the last one grew old, or even_if_same.

        Also when gates hold a newer one: a centre restored from a backup has forgotten numbers that it gave, and gates
        take nothing that is not newer than what they hold.

        Raises RegisterEmpty instead of signing a first directory on which nobody stands: every gate would refuse all.
        """
        with self._store.writing() as connection:
            last = connection.execute(
                select(DirectoryVersion.version, DirectoryVersion.content_hash, DirectoryVersion.issued_at_ms)
                .order_by(DirectoryVersion.version.desc())
                .limit(1)
            ).first()
            statuses, households, view = _register(connection)
            if last is None and not households:
                raise RegisterEmpty("no directory: the register is empty; import it, or check the database URL")
            now = self._now()
            lists = read_rule_lists(connection, now_ms=now)
            rules_texts = texts_for_gates(connection, from_ms(now))
            content_hash = _content_hash(
                self._community, statuses, households, view, sorted(self._gate_keys), lists, rules_texts
            )
            is_old = last is None or from_ms(now) - from_ms(last.issued_at_ms) >= REFRESH_AFTER
            newest = last.version if last is not None else 0
            held = _held_by_gates(connection, at_most=newest + VERSIONS_LOST_MAX)
            is_forgotten = held > newest or _is_number_reused(connection, newest)
            if is_forgotten:
                log.warning("directory_version_forgotten ours=%d held_by_gates=%d", newest, held)
            if last is None or last.content_hash != content_hash or is_old or even_if_same or is_forgotten:
                version = max(newest, held) + 1
                self._issue(connection, version, now, content_hash, statuses, households, view, lists, rules_texts)
                audit.note(
                    connection,
                    at_ms=now,
                    user_name=by,
                    action=audit.Action.DIRECTORY_PUBLISHED,
                    subject=f"version {version}",
                    reason="register changed" if last is None or last.content_hash != content_hash else "refresh",
                )
            return _newest(connection)

    def changes(self) -> int:
        """A number that differs once anybody, another process too, has changed what a directory tells. Cheap."""
        with self._store.reading() as connection:
            return audit.last_number(connection)

    def current(self) -> IssuedDirectory | None:
        """The newest directory as it was issued, None before the first."""
        with self._store.reading() as connection:
            if connection.execute(select(func.max(DirectoryVersion.version))).scalar_one() is None:
                return None
            return _newest(connection)

    def _issue(
        self,
        connection: Connection,
        version: int,
        now: int,
        content_hash: str,
        statuses: bytes,
        households: Mapping[HouseholdId, HouseholdEntry],
        view: Mapping[HouseholdId, GuardEntry],
        lists: RuleLists,
        rules_texts: Sequence[bytes],
    ) -> None:
        directory = Directory(
            community=self._community,
            version=version,
            issued_at=from_ms(now),
            statuses=statuses,
            households=households,
            windows=lists.windows,
            schedules=lists.schedules,
        )
        sealed = None
        if self._gate_keys:
            sealed = seal_guard_view(view, self._gate_keys, community=self._community, version=version)
        encoded = sign_directory(directory, self._key, sealed, rules_texts)
        chunks = split_directory(encoded, community=self._community, version=version, key=self._key)
        connection.execute(
            insert(DirectoryVersion).values(version=version, issued_at_ms=now, content_hash=content_hash)
        )
        connection.execute(
            insert(DirectoryChunk),
            [{"version": version, "chunk": number, "payload": chunk} for number, chunk in enumerate(chunks)],
        )
        # Older chunks are of no use to anybody, but their numbers are: the broker still holds them.
        connection.execute(delete(DirectoryChunk).where(DirectoryChunk.version <= version - VERSIONS_KEPT))


def _held_by_gates(connection: Connection, *, at_most: int) -> int:
    """The newest version that a gate tells to hold, as far as it can be believed."""
    versions = (state.get("directory_version") for state in _states(connection))
    return max((version for version in versions if type(version) is int and version <= at_most), default=0)


def _is_number_reused(connection: Connection, newest: int) -> bool:
    """Whether a gate tells that it holds another document under the newest version: we have given that number twice."""
    return any(
        state.get("directory_version") == newest
        and state.get("modes", {}).get("directory-refused", {}).get("why") == DocumentFault.VERSION_REUSED.value
        for state in _states(connection)
    )


def _states(connection: Connection) -> Iterator[dict[str, Any]]:
    for text in connection.execute(select(Gate.state)).scalars():
        state = json.loads(text) if text is not None else None
        if isinstance(state, dict):
            yield state


def _register(
    connection: Connection,
) -> tuple[bytes, dict[HouseholdId, HouseholdEntry], dict[HouseholdId, GuardEntry]]:
    statuses = {
        row.status_index: PassStatus(row.status)
        for row in connection.execute(select(IssuedPass.status_index, IssuedPass.status))
    }
    households: dict[HouseholdId, HouseholdEntry] = {}
    view: dict[HouseholdId, GuardEntry] = {}
    vehicles = read_vehicles(connection)
    first_names: dict[int, str] = {}
    for household_id, name in connection.execute(
        select(Person.household_id, Person.masked_name).order_by(Person.id.desc())
    ):
        first_names[household_id] = name
    for row in connection.execute(
        select(Household.id, Household.colour, Household.isolation, Place.label)
        .join(Place, Place.id == Household.place_id)
        .order_by(Household.id)
    ):
        number = HouseholdId(row.id)
        households[number] = HouseholdEntry(colour=Colour(row.colour), isolation=Isolation(row.isolation))
        view[number] = GuardEntry(
            masked_name=first_names.get(row.id, ""), room=row.label[:20], plates=vehicles.get(number, ())
        )
    return pack_statuses(statuses), households, view


def _newest(connection: Connection) -> IssuedDirectory:
    version = connection.execute(select(func.max(DirectoryVersion.version))).scalar_one()
    chunks = connection.execute(
        select(DirectoryChunk.payload).where(DirectoryChunk.version == version).order_by(DirectoryChunk.chunk)
    ).scalars()
    obsolete = connection.execute(
        select(DirectoryChunk.version, func.count())
        .where(DirectoryChunk.version < version)
        .group_by(DirectoryChunk.version)
    )
    compounds = set(connection.execute(select(Place.path).where(Place.parent_id.is_(None))).scalars())
    compounds |= set(connection.execute(select(Gate.compound)).scalars())
    return IssuedDirectory(
        version=version,
        chunks=tuple(chunks),
        compounds=tuple(sorted(compounds)),
        obsolete={old: int(count) for old, count in obsolete},
    )


def _content_hash(
    community: str,
    statuses: bytes,
    households: Mapping[HouseholdId, HouseholdEntry],
    view: Mapping[HouseholdId, GuardEntry],
    recipients: list[DeviceId],
    lists: RuleLists,
    rules_texts: Sequence[bytes],
) -> str:
    digest = sha256(repr((community, statuses, recipients)).encode())
    if lists.windows or lists.schedules:
        digest.update(repr((lists.windows, sorted(lists.schedules.items(), key=lambda each: each[0]))).encode())
    for number, entry in households.items():
        shown = view[number] if recipients else None
        digest.update(repr((number, entry.colour.value, entry.isolation.value, shown)).encode())
        if shown is not None and shown.plates:
            # A plate keeps its letters out of its repr.
            digest.update(repr([plate.text for plate in shown.plates]).encode())
    for text in rules_texts:
        digest.update(sha256(text).digest())
    return digest.hexdigest()
