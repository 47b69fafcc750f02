"""Records that repeat what is stored already: a gate whose card was restored from an image sends them a second time.

A copy stands in its chain like every record. It is kept out of what is searched and counted when the centre holds its
original with the same body; one whose original is another record, or is not here, tells something and counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select, tuple_

from center.ingest.extract import origin_in
from center.store.schema import Record
from journal.body import parse_body
from journal.errors import RecordInvalid

KIND_COPY: Final = "copy"
_LOOKUP_MAX: Final = 300

Numbered = tuple[object, object, object]
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Copied:
    """A drafted record that says to be a copy. place: its row in the draft."""

    place: int
    original: tuple[str, str, int]
    body: Body


def copied(place: int, device: str, body: Body) -> Copied | None:
    """What a body says of its original; None for a record that is none."""
    origin = origin_in(body)
    if origin is None:
        return None
    return Copied(place, (device, *origin), {name: part for name, part in body.items() if name != "copy_of"})


def doubled(connection: Connection, copies: Sequence[Copied], drafted: Mapping[Numbered, object]) -> Iterator[int]:
    """Places of the copies whose original has the same body. drafted: bodies of this very batch, not stored yet."""
    bodies = dict(drafted)
    wanted = list({copy.original for copy in copies} - bodies.keys())
    for start in range(0, len(wanted), _LOOKUP_MAX):
        number = tuple_(Record.device, Record.epoch, Record.seq)
        part = wanted[start : start + _LOOKUP_MAX]
        rows = connection.execute(select(Record.device, Record.epoch, Record.seq, Record.body).where(number.in_(part)))
        for device, epoch, seq, text in rows:
            bodies[device, epoch, seq] = text
    for copy in copies:
        held = bodies.get(copy.original)
        if isinstance(held, str) and _is_same(held, copy.body):
            yield copy.place


def _is_same(text: str, body: Body) -> bool:
    try:
        return parse_body(text) == body
    except RecordInvalid:
        return False
