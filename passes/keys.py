"""Keys: who may sign what, from when until when. The key list is signed by the root key that provisioning pins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from model.credentials import Pass, PassKind
from model.identities import CommunityId, KeyId
from passes import cbor
from passes.envelope import EDDSA, KEY_ID_LENGTH, Envelope, open_envelope, protected_header, seal, to_be_signed
from passes.errors import DocumentFault, DocumentRefused, EncodingInvalid

MAX_KEYS = 64
VISITOR_PASS_LIMIT = timedelta(hours=24)
"""Longest pass that a visitor key may sign: it lies on the online centre, so a theft must not be worth much."""
PUBLIC_KEY_LENGTH = 32

_KEY_LIST = 1  # see passes.documents.DocumentKind
_SECOND_LIMIT = 2**32 - 1
_VERSION_LIMIT = 2**32 - 1
_LOADED_KEYS = 128


class KeyRole(Enum):
    """What a key may sign; exactly one per key. The numbers stand in key lists and never change."""

    PASS = 1  # at the office, offline
    VISITOR = 2  # online centre, short passes
    DIRECTORY = 3  # online: directory, rules, isolations, windows
    RELEASE = 4  # certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """An Ed25519 key that signs. Its repr shows the key id alone."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def key_id(self) -> KeyId:
        """The kid."""
        return key_id_of(self.public)

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"

    def sign(self, payload: bytes) -> bytes:
        """The payload in a signed envelope."""
        protected = protected_header(EDDSA, self.key_id)
        return seal(protected, payload, self.private.sign(to_be_signed(protected, payload)))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """One key of the list. In force: valid_from <= now < valid_until. algorithm: COSE number, pinned here."""

    key_id: KeyId
    role: KeyRole
    algorithm: int
    public: bytes
    valid_from: datetime
    valid_until: datetime

    def is_in_force(self, now: datetime) -> bool:
        """Whether what this key signed is accepted at that moment."""
        return self.valid_from <= now < self.valid_until

    def may_sign(self, credential: Pass) -> bool:
        """Whether a key of this role may sign such a pass."""
        if self.role is KeyRole.PASS:
            return True
        is_short = credential.valid_until - credential.valid_from <= VISITOR_PASS_LIMIT
        return self.role is KeyRole.VISITOR and credential.kind is PassKind.VISITOR and is_short

    def verifies(self, envelope: Envelope) -> bool:
        """Whether this key signed the envelope. Never raises."""
        return _is_signed_by(self.public, envelope)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyList:
    """One version of a community's keys, verified."""

    community: CommunityId
    version: int
    issued_at: datetime
    records: Mapping[KeyId, KeyRecord]

    def find(self, key_id: KeyId) -> KeyRecord | None:
        """The record of a key, None when the list does not name it."""
        return self.records.get(key_id)


def new_signing_key() -> SigningKey:
    """A fresh random key."""
    return SigningKey(private=Ed25519PrivateKey.generate())


def key_id_of(public: bytes) -> KeyId:
    """The kid of a public key: the first 8 bytes of its SHA-256."""
    return KeyId(sha256(public).digest()[:KEY_ID_LENGTH].hex())


def record_of(public: bytes, role: KeyRole, valid_from: datetime, valid_until: datetime) -> KeyRecord:
    """The record for a public key of 32 bytes."""
    return KeyRecord(
        key_id=key_id_of(public),
        role=role,
        algorithm=EDDSA,
        public=public,
        valid_from=valid_from,
        valid_until=valid_until,
    )


def key_list_of(community: CommunityId, version: int, issued_at: datetime, records: Iterable[KeyRecord]) -> KeyList:
    """A key list from its records."""
    by_id = MappingProxyType({record.key_id: record for record in records})
    return KeyList(community=community, version=version, issued_at=issued_at, records=by_id)


def sign_key_list(keys: KeyList, root: SigningKey) -> bytes:
    """The list as a document signed by the root key."""
    rows = [
        [
            record.role.value,
            record.algorithm,
            record.public,
            int(record.valid_from.timestamp()),
            int(record.valid_until.timestamp()),
        ]
        for record in sorted(keys.records.values(), key=lambda record: record.key_id)
    ]
    return root.sign(cbor.encode([_KEY_LIST, keys.community, keys.version, int(keys.issued_at.timestamp()), rows]))


def accept_key_list(
    document: bytes, *, root_public: bytes, community: CommunityId, held: KeyList | None = None
) -> KeyList:
    """Verify a key list against the pinned root key; with a held list, only a newer version is taken.

    Raises DocumentRefused; the held list then stays in force.
    """
    try:
        envelope = open_envelope(document)
        if envelope.key_id != key_id_of(root_public) or envelope.algorithm != EDDSA:
            raise DocumentRefused(DocumentFault.UNKNOWN_KEY, "not signed by the root key this device is pinned to")
        if not _is_signed_by(root_public, envelope):
            raise DocumentRefused(DocumentFault.FORGED, "the root key did not sign this list")
        keys = _read_key_list(envelope.payload)
    except EncodingInvalid as error:
        raise DocumentRefused(DocumentFault.MALFORMED, str(error)) from error
    if keys.community != community:
        raise DocumentRefused(DocumentFault.OTHER_COMMUNITY, "a key list of another community")
    if held is not None and keys.version <= held.version:
        raise DocumentRefused(DocumentFault.NOT_NEWER, f"version {keys.version}, held is {held.version}")
    return keys


def _read_key_list(payload: bytes) -> KeyList:
    kind, community, version, issued_at, rows = cbor.as_array(cbor.decode(payload), 5)
    cbor.as_int(kind, _KEY_LIST, _KEY_LIST)
    records = [_read_record(row) for row in cbor.as_list(rows, MAX_KEYS)]
    if len({record.key_id for record in records}) != len(records):
        raise EncodingInvalid("a key is listed twice; each has one role")
    return key_list_of(
        CommunityId(cbor.as_text(community)),
        cbor.as_int(version, 1, _VERSION_LIMIT),
        _moment(issued_at),
        records,
    )


def _read_record(row: object) -> KeyRecord:
    role, algorithm, public, valid_from, valid_until = cbor.as_array(row, 5)
    cbor.as_int(algorithm, EDDSA, EDDSA)
    return record_of(
        cbor.as_bytes(public, PUBLIC_KEY_LENGTH),
        KeyRole(cbor.as_int(role, 1, len(KeyRole))),
        _moment(valid_from),
        _moment(valid_until),
    )


def _moment(value: object) -> datetime:
    return datetime.fromtimestamp(cbor.as_int(value, 0, _SECOND_LIMIT), UTC)


def _is_signed_by(public: bytes, envelope: Envelope) -> bool:
    try:
        _load(public).verify(envelope.signature, to_be_signed(envelope.protected, envelope.payload))
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=_LOADED_KEYS)
def _load(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)
