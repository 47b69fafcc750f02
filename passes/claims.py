"""The claims of a pass: a CBOR Web Token (RFC 8392). One pass has exactly one encoding.

Unknown claims and unknown flags are refused, not ignored: each could be a restriction that an older gate would not
keep.
"""

import re
from datetime import UTC, datetime

from model.credentials import Colour, Pass, PassFlags, PassKind
from model.identities import CommunityId, HouseholdId, PassId
from passes import cbor
from passes.errors import EncodingInvalid

CLAIM_EXPIRES, CLAIM_NOT_BEFORE, CLAIM_PASS_ID, CLAIM_CONFIRMATION = 4, 5, 7, 8
CLAIM_GATEHOUSE = -65537
"""First number of the private range (RFC 8392, 9.1.1)."""
PASS_ID_LENGTH = 8
MASKED_NAME_LIMIT = 24
"""Bytes of UTF-8; see model.credentials.Pass."""
HOLDER_KEY_LENGTH = 33

_COMMUNITY, _HOUSEHOLD, _COLOUR, _KIND, _GATES, _SCHEDULE, _STATUS_INDEX, _FLAGS, _MASKED_NAME = range(9)
_COSE_KEY, _KEY_TYPE, _CURVE, _X, _SIGN = 1, 1, -1, -2, -3
_EC2, _P256 = 2, 1  # RFC 9053, 7.1
_SECOND_LIMIT = 2**32 - 1
_HOUSEHOLD_LIMIT = 2**31 - 1
_GATES_LIMIT = 2**64 - 1
_SCHEDULE_LIMIT = 2**16 - 1
STATUS_INDEX_LIMIT = 2**20 - 1
"""A bitmap of two bits each then has 256 KiB."""
_KNOWN_FLAGS = int(PassFlags.HOLDER_CODE_NEEDED | PassFlags.PRINTED)
_COLOURS = {int(colour): colour for colour in Colour}
_COLOUR_RANGE = min(_COLOURS), max(_COLOURS)
_KINDS = {int(kind): kind for kind in PassKind}
_KIND_RANGE = min(_KINDS), max(_KINDS)
_COMMUNITY_PATTERN = re.compile(r"[a-z0-9-]{1,16}")


def encode_claims(credential: Pass) -> bytes:
    """The payload of a pass. Fractions of a second are cut off. Raises EncodingInvalid on a claim out of range."""
    payload = cbor.encode(to_claims(credential))
    decode_claims(payload)
    return payload


def to_claims(credential: Pass) -> dict[int, object]:
    """The claims as a map; what has its default (all gates, schedule 0, no flags, no name) is left out.

    Every map is in canonical order, which the strict reading relies on.
    """
    inner: dict[int, object] = {
        _COMMUNITY: credential.community,
        _HOUSEHOLD: credential.household,
        _COLOUR: int(credential.colour),
        _KIND: int(credential.kind),
    }
    if credential.gates is not None:
        inner[_GATES] = credential.gates
    if credential.schedule:
        inner[_SCHEDULE] = credential.schedule
    inner[_STATUS_INDEX] = credential.status_index
    if credential.flags:
        inner[_FLAGS] = int(credential.flags)
    if credential.masked_name is not None:
        inner[_MASKED_NAME] = credential.masked_name
    claims: dict[int, object] = {
        CLAIM_EXPIRES: int(credential.valid_until.timestamp()),
        CLAIM_NOT_BEFORE: int(credential.valid_from.timestamp()),
        CLAIM_PASS_ID: bytes.fromhex(credential.pass_id),
    }
    if credential.holder_key is not None:
        claims[CLAIM_CONFIRMATION] = {_COSE_KEY: _to_cose_key(credential.holder_key)}
    claims[CLAIM_GATEHOUSE] = inner
    return claims


def decode_claims(payload: bytes, *, is_strict: bool = True, name_limit: int | None = MASKED_NAME_LIMIT) -> Pass:
    """The claims of a payload. Strict: each in its range, no other beside them, in their one encoding.

    is_strict=False (whatever still makes a Pass) and name_limit=None are the careless readers of the ablations.
    Raises EncodingInvalid.
    """
    # Canonical or not is seen at the end, when the claims are written again: once is enough.
    claims = cbor.as_map(cbor.decode(payload, is_strict=False))
    inner = cbor.as_map(claims.get(CLAIM_GATEHOUSE))
    credential = Pass(
        pass_id=PassId(cbor.as_bytes(claims.get(CLAIM_PASS_ID), PASS_ID_LENGTH).hex()),
        community=CommunityId(cbor.as_text(inner.get(_COMMUNITY))),
        household=HouseholdId(cbor.as_int(inner.get(_HOUSEHOLD), 1 if is_strict else 0, _HOUSEHOLD_LIMIT)),
        colour=_COLOURS[cbor.as_int(inner.get(_COLOUR), *_COLOUR_RANGE)],
        kind=_KINDS[cbor.as_int(inner.get(_KIND), *_KIND_RANGE)],
        gates=cbor.as_int(inner[_GATES], 1 if is_strict else 0, _GATES_LIMIT) if _GATES in inner else None,
        schedule=cbor.as_int(inner.get(_SCHEDULE, 0), 0, _SCHEDULE_LIMIT),
        status_index=cbor.as_int(inner.get(_STATUS_INDEX), 0, STATUS_INDEX_LIMIT),
        flags=PassFlags(cbor.as_int(inner.get(_FLAGS, 0), 0, _KNOWN_FLAGS if is_strict else 2**31)),
        valid_from=_moment(claims.get(CLAIM_NOT_BEFORE)),
        valid_until=_moment(claims.get(CLAIM_EXPIRES)),
        masked_name=_name(inner[_MASKED_NAME], name_limit) if _MASKED_NAME in inner else None,
        holder_key=_from_cose_key(claims[CLAIM_CONFIRMATION]) if CLAIM_CONFIRMATION in claims else None,
    )
    if is_strict:
        _require_sound(credential, payload)
    return credential


def _require_sound(credential: Pass, payload: bytes) -> None:
    if not _COMMUNITY_PATTERN.fullmatch(credential.community):
        raise EncodingInvalid("expected a community of 1 to 16 characters a-z, 0-9, hyphen")
    if credential.valid_from >= credential.valid_until:
        raise EncodingInvalid("expected a pass that begins before it ends")
    if cbor.encode_in_order(to_claims(credential)) != payload:
        raise EncodingInvalid("a claim that is unknown, not canonical, or written out although it has its default")


def _moment(value: object) -> datetime:
    return datetime.fromtimestamp(cbor.as_int(value, 0, _SECOND_LIMIT), UTC)


def _name(value: object, limit: int | None) -> str:
    name = cbor.as_text(value)
    if not name.isprintable() or not name or (limit is not None and len(name.encode()) > limit):
        raise EncodingInvalid(f"expected a masked name of 1 to {limit} printable bytes of UTF-8")
    return name


def _to_cose_key(point: bytes) -> dict[int, object]:
    if len(point) != HOLDER_KEY_LENGTH or point[0] not in (2, 3):
        raise EncodingInvalid(f"expected a holder's key as a compressed point of {HOLDER_KEY_LENGTH} bytes")
    return {_KEY_TYPE: _EC2, _CURVE: _P256, _X: point[1:], _SIGN: point[0] == 3}


def _from_cose_key(confirmation: object) -> bytes:
    key = cbor.as_map(cbor.as_map(confirmation).get(_COSE_KEY))
    if (key.get(_KEY_TYPE), key.get(_CURVE)) != (_EC2, _P256):
        raise EncodingInvalid("expected a holder's key on P-256")
    return bytes([3 if cbor.as_bool(key.get(_SIGN)) else 2]) + cbor.as_bytes(key.get(_X), HOLDER_KEY_LENGTH - 1)
