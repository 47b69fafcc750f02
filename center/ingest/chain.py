"""Where a record belongs in the chain of its journal; pure.

Rules. A journal is one (device, epoch); its records are numbered 1, 2, 3 … and each names the hash of the one before.
- The next number that fits is appended.
- A number that is already there is a duplicate when its hash is the stored one, else a contradiction (tampering).
- A number beyond the next one is not stored: the mark tells the device where to resend from.
- A record at the next number that names another predecessor belongs to another history (a card restored from an image):
  kept apart, and the mark stays, with its hash, by which the device sees it and goes on under a new epoch.
- A record at the next number whose contents do not fit its own hash was altered where it lay: kept apart, the chain is
  broken there, and the mark advances, because its successors name it and refusing it would stop them all.
- A declared gap advances the mark to its end. What came before the next record is then unknown, so its prev is taken.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from journal.envelope import ZERO_HASH, Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Highest contiguous record of a journal. hash: None right after a declared gap."""

    seq: int
    hash: str | None
    broken_at_seq: int | None = None


EMPTY: Final = Head(seq=0, hash=ZERO_HASH)


class Place(Enum):
    """Where an envelope belongs, seen from its head."""

    NEXT = "next"
    KNOWN = "known"  # at or before the head: a duplicate, unless its hash says otherwise
    AHEAD = "ahead"
    ALTERED = "altered"
    FORKED = "forked"


def place_of(envelope: Envelope, head: Head) -> Place:
    """Judge one envelope against its journal's head."""
    if envelope.seq > head.seq + 1:
        return Place.AHEAD
    if envelope.seq == head.seq + 1 and head.hash not in (None, envelope.prev):
        return Place.FORKED
    if not envelope.is_whole:
        # An altered copy of a stored record is tampering too, and no duplicate, whatever hash it claims.
        return Place.ALTERED
    return Place.KNOWN if envelope.seq <= head.seq else Place.NEXT


def appended(head: Head, envelope: Envelope) -> Head:
    """The head after a record at the next number."""
    return Head(seq=envelope.seq, hash=envelope.hash, broken_at_seq=head.broken_at_seq)


def broken(head: Head, envelope: Envelope) -> Head:
    """The head after a record at the next number that does not fit its own hash."""
    first = head.broken_at_seq if head.broken_at_seq is not None else envelope.seq
    return Head(seq=envelope.seq, hash=envelope.hash, broken_at_seq=first)


def skipped(head: Head, to_seq: int) -> Head:
    """The head after a declared gap up to to_seq."""
    return Head(seq=to_seq, hash=None, broken_at_seq=head.broken_at_seq)
