"""The envelope of a record: place in the chain, hash, and the body as an opaque string.

It is parsed apart from its body, so that a body nobody understands can be quarantined without losing its seq.
The hash covers the personal part only through a salted digest, so that a purge leaves the chain whole.
Format page: docs/record.md. The format is final: version 1 is read for ever.
"""

import json
import re
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from journal.body import MAX_BODY_BYTES
from journal.errors import RecordInvalid
from model.identities import DeviceId, Epoch, Seq

ENVELOPE_VERSION: Final = 1
MAX_PERSONAL_BYTES: Final = 8 * 1024
MAX_WIRE_BYTES: Final = 2 * MAX_BODY_BYTES + 6 * MAX_PERSONAL_BYTES + 1024
"""JSON escapes every quote of a body (twice its length) and control characters of free text (six times)."""

MAX_SEQ: Final = 2**40 - 1
SALT_BYTES: Final = 16
ZERO_HASH: Final = "0" * 64
"""`prev` of seq 1, and the personal digest of a record without a personal part."""

_DOMAIN: Final = b"gatehouse record 1\x00"
_DEVICE = re.compile(r"[a-z0-9-]{1,32}")
_EPOCH = re.compile(r"[0-9a-f]{16}")
_HASH = re.compile(r"[0-9a-f]{64}")
_SALT = re.compile(r"[0-9a-f]{32}")
_REQUIRED = frozenset({"v", "device", "epoch", "seq", "prev", "hash", "body", "personal_digest"})
_OPTIONAL = frozenset({"salt", "personal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One record. Hashes and salt in lower-case hex. salt and personal are both present or both absent."""

    device: DeviceId
    epoch: Epoch
    seq: Seq
    prev: str
    hash: str
    body: str
    personal_digest: str = ZERO_HASH
    salt: str | None = None
    personal: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the hash fits the contents, and the personal part (if it is here) fits its digest."""
        expected = chain_hash(self.device, self.epoch, self.seq, self.prev, self.body, self.personal_digest)
        if expected != self.hash:
            return False
        if self.salt is None or self.personal is None:
            return True
        return personal_digest(self.salt, self.personal) == self.personal_digest

    def without_personal(self) -> "Envelope":
        """The same record after a purge; its hash still fits."""
        return replace(self, salt=None, personal=None)

    def to_wire(self) -> bytes:
        """Write the envelope as one JSON object in UTF-8."""
        members: dict[str, object] = {
            "v": ENVELOPE_VERSION,
            "device": self.device,
            "epoch": self.epoch,
            "seq": self.seq,
            "prev": self.prev,
            "hash": self.hash,
            "personal_digest": self.personal_digest,
            "body": self.body,
        }
        if self.salt is not None and self.personal is not None:
            members |= {"salt": self.salt, "personal": self.personal}
        return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def from_wire(cls, payload: bytes) -> "Envelope":
        """Parse an envelope strictly; the body stays a string. Says nothing about the hash: see `is_whole`.

        Raises RecordInvalid naming the first member that does not fit.
        """
        if len(payload) > MAX_WIRE_BYTES:
            raise RecordInvalid(f"envelope of {len(payload)} bytes: at most {MAX_WIRE_BYTES}")
        try:
            members = _DECODER.decode(payload.decode())
        except (ValueError, RecursionError) as error:
            raise RecordInvalid("envelope is not JSON in UTF-8 with unique members") from error
        if not isinstance(members, dict):
            raise RecordInvalid("envelope is not a JSON object")
        return _from_members(members)


def chain_hash(device: str, epoch: str, seq: int, prev: str, body: str, personal_digest_hex: str) -> str:
    """SHA-256 over the fixed-width encoding of docs/record.md.

    `"gatehouse record 1" 00 | length of device (1 byte) | device | epoch (8) | seq (8, big-endian) | prev (32) |
    SHA-256 of the body's UTF-8 (32) | personal digest (32)`.
    """
    name = device.encode()
    return sha256(
        b"".join(
            (
                _DOMAIN,
                len(name).to_bytes(1, "big"),
                name,
                bytes.fromhex(epoch),
                seq.to_bytes(8, "big"),
                bytes.fromhex(prev),
                sha256(body.encode()).digest(),
                bytes.fromhex(personal_digest_hex),
            )
        )
    ).hexdigest()


def personal_digest(salt: str, personal: str) -> str:
    """SHA-256 of salt (16 bytes) and the personal part's UTF-8. The salt keeps a short name from being guessed."""
    return sha256(bytes.fromhex(salt) + personal.encode()).hexdigest()


def seal(
    *, device: DeviceId, epoch: Epoch, seq: Seq, prev: str, body: str, salt: str | None, personal: str | None
) -> Envelope:
    """Make the envelope of a new record. salt: fresh random hex when personal is given, else None."""
    if personal is None or salt is None:
        digest, salt, personal = ZERO_HASH, None, None
    else:
        if len(personal.encode()) > MAX_PERSONAL_BYTES:
            raise RecordInvalid(f"personal part of more than {MAX_PERSONAL_BYTES} bytes: shorten it")
        digest = personal_digest(salt, personal)
    return Envelope(
        device=device,
        epoch=epoch,
        seq=seq,
        prev=prev,
        hash=chain_hash(device, epoch, seq, prev, body, digest),
        body=body,
        personal_digest=digest,
        salt=salt,
        personal=personal,
    )


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("doubled member")
    return members


# One for all: json.loads with a hook builds a decoder for every record.
_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique_members)


def _from_members(members: dict[str, object]) -> Envelope:
    names = members.keys()
    if not names >= _REQUIRED or not names <= _REQUIRED | _OPTIONAL:
        odd = sorted((_REQUIRED - names) | (names - _REQUIRED - _OPTIONAL))
        raise RecordInvalid(f"envelope members missing or unknown: {odd[:8]}")
    if members["v"] != ENVELOPE_VERSION or type(members["v"]) is not int:
        raise RecordInvalid(f"envelope version is not {ENVELOPE_VERSION}")
    seq = members["seq"]
    if type(seq) is not int or not 1 <= seq <= MAX_SEQ:
        raise RecordInvalid("seq is not a whole number from 1 on")
    has_personal = "personal" in names
    if has_personal != ("salt" in names):
        raise RecordInvalid("salt and personal come together or not at all")
    envelope = Envelope(
        device=DeviceId(_text(members, "device", _DEVICE)),
        epoch=Epoch(_text(members, "epoch", _EPOCH)),
        seq=Seq(seq),
        prev=_text(members, "prev", _HASH),
        hash=_text(members, "hash", _HASH),
        body=_limited(members, "body", MAX_BODY_BYTES),
        personal_digest=_text(members, "personal_digest", _HASH),
        salt=_text(members, "salt", _SALT) if has_personal else None,
        personal=_limited(members, "personal", MAX_PERSONAL_BYTES) if has_personal else None,
    )
    if (envelope.seq == 1) != (envelope.prev == ZERO_HASH):
        raise RecordInvalid("prev is zeros exactly at seq 1")
    return envelope


def _text(members: dict[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = members[name]
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise RecordInvalid(f"{name} does not have the form {pattern.pattern}")
    return value


def _limited(members: dict[str, object], name: str, max_bytes: int) -> str:
    value = members[name]
    if not isinstance(value, str):
        raise RecordInvalid(f"{name} is not a string")
    try:
        size = len(value.encode())
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can write and UTF-8 cannot
        raise RecordInvalid(f"{name} is not text") from error
    if size > max_bytes:
        raise RecordInvalid(f"{name} of {size} bytes: at most {max_bytes}")
    return value
