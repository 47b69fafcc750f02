"""Bodies: canonical JSON objects that state what happened, when, and by which clock."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from journal.errors import RecordInvalid
from model.clock import Timestamp
from model.identities import Epoch, Seq

BODY_VERSION: Final = 1
MAX_BODY_BYTES: Final = 32 * 1024
"""Named limit of a body in UTF-8. A decision with all its inputs takes 1 to 2 KiB."""

COPY_NOTE_BYTES: Final = 128
"""Kept free below the limit, so that every body can be copied with its `copy_of`."""

KIND_GAP: Final = "gap"
"""The kind that the journal itself writes; the others belong to their devices."""

_KIND = re.compile(r"[a-z][a-z0-9_]{0,47}")
_RESERVED = frozenset({"v", "kind", "at", "copy_of"})


def build_body(kind: str, at: Timestamp, fields: Mapping[str, object] | None = None) -> dict[str, object]:
    """Build a record's body: `{"v": 1, "kind": ..., "at": {...}, **fields}`.

    kind: 1 to 48 of a-z, 0-9, underscore. fields: what JSON can hold, without personal data.
    Raises RecordInvalid on a bad kind, a reserved field name or a naive wall time.
    """
    if _KIND.fullmatch(kind) is None:
        raise RecordInvalid(f"kind {kind!r}: expected 1 to 48 of a-z, 0-9, _")
    extra = dict(fields or {})
    taken = _RESERVED & extra.keys()
    if taken:
        raise RecordInvalid(f"fields {sorted(taken)} are reserved: rename them")
    return {"v": BODY_VERSION, "kind": kind, "at": timestamp_to_json(at), **extra}


def timestamp_to_json(at: Timestamp) -> dict[str, object]:
    """State a moment: `wall` as RFC 3339 in UTC with microseconds, `boot_s`, `boot_id`, `clock` (ClockTrust)."""
    if at.wall.tzinfo is None:
        raise RecordInvalid("wall time without a zone: give an aware UTC datetime")
    wall = at.wall.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"wall": wall, "boot_s": round(at.boot_s, 6), "boot_id": at.boot_id, "clock": at.trust.value}


def canonical_json(body: Mapping[str, object]) -> str:
    """Write a body as canonical JSON: sorted keys, no spaces, UTF-8 as is, no NaN.

    Raises RecordInvalid when JSON cannot hold it or it is longer than MAX_BODY_BYTES less COPY_NOTE_BYTES.
    """
    return _canonical(body, MAX_BODY_BYTES - COPY_NOTE_BYTES)


def copy_text(text: str, epoch: Epoch, seq: Seq) -> str:
    """Body of a record that repeats one of a closed epoch: the same, with `copy_of`."""
    return _canonical({**parse_body(text), "copy_of": {"epoch": epoch, "seq": seq}}, MAX_BODY_BYTES)


def _canonical(body: Mapping[str, object], max_bytes: int) -> str:
    try:
        text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordInvalid(f"body cannot be written as JSON ({type(error).__name__}): give plain values") from error
    if size > max_bytes:
        raise RecordInvalid(f"body of {size} bytes: at most {max_bytes}; leave out raw material")
    return text


def parse_body(text: str) -> dict[str, object]:
    """Read a body back as a JSON object.

    Raises RecordInvalid on anything else: the envelope was parsed before, so its seq is known and the centre can
    put the record into quarantine without losing its place.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordInvalid("body is not JSON") from error
    if not isinstance(value, dict):
        raise RecordInvalid(f"body is a JSON {type(value).__name__}, expected an object")
    if type(value.get("v")) is not int or not isinstance(value.get("kind"), str):
        raise RecordInvalid("body without its version or kind")
    return value


def wall_of(body: Mapping[str, object]) -> datetime:
    """The wall time that a body states. Raises RecordInvalid when it states none."""
    at = body.get("at")
    wall = at.get("wall") if isinstance(at, Mapping) else None
    try:
        moment = datetime.fromisoformat(wall) if isinstance(wall, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise RecordInvalid("body without its time: make it with build_body")
    return moment


def recorded_wall_s(text: str) -> int:
    """Unix time of a recorded body; 0 when it states none."""
    try:
        return int(wall_of(parse_body(text)).timestamp())
    except RecordInvalid:
        return 0
