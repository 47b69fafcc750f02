"""The picture of the gates: what each last said of itself, and which journal it writes now. One thread at a time.

Rules. A birth is always believed. A will counts only for the session that is online now: a late will of an older
session says nothing about the present one. A state that names a new epoch closes the device's older journals; what it
had announced of them and the centre does not hold is then a missing tail, named by its numbers.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, insert, select, update

from center.clock import NowMs, is_plausible, now_ms
from center.ingest.arrivals import StateArrived, StatusArrived
from center.store.bulk import BulkInsert
from center.store.database import Store
from center.store.schema import ChainHead, Gate
from journal.envelope import ZERO_HASH
from mqtt.messages import State

_WRITE_ANNOUNCED: Final = BulkInsert(
    ChainHead,
    ("device", "epoch", "seq", "hash", "compound", "announced_seq", "announced_hash"),
    changing=("compound", "announced_seq", "announced_hash"),
)


class GateBook:
    """Writes status and state messages down."""

    def __init__(self, store: Store, now: NowMs = now_ms) -> None:
        self._store = store
        self._now = now
        with store.reading() as connection:
            self._compounds = frozenset(connection.execute(select(Gate.compound)).scalars())

    @property
    def compounds(self) -> frozenset[str]:
        """Compounds from which any device has been heard."""
        return self._compounds

    def note(self, messages: Sequence[StatusArrived | StateArrived]) -> frozenset[str]:
        """Write messages down in their order, in one transaction; returns the devices whose picture changed."""
        changed: set[str] = set()
        with self._store.writing() as connection:
            for message in messages:
                if isinstance(message, StatusArrived):
                    if self._note_status(connection, message):
                        changed.add(message.device)
                else:
                    self._note_state(connection, message)
                    changed.add(message.device)
        self._compounds |= {message.compound for message in messages}
        return frozenset(changed)

    def _note_status(self, connection: Connection, message: StatusArrived) -> bool:
        known = connection.execute(
            select(Gate.session, Gate.is_online, Gate.compound).where(Gate.device == message.device)
        ).first()
        if known is not None and not message.is_online and known.session != message.session:
            return False
        fields = {"compound": message.compound, "session": message.session, "is_online": message.is_online}
        if known is None:
            connection.execute(insert(Gate).values(device=message.device, changed_at_ms=self._now(), **fields))
            return True
        if known.is_online != message.is_online or known.session != message.session:
            fields["changed_at_ms"] = self._now()
        connection.execute(update(Gate).where(Gate.device == message.device).values(**fields))
        return "changed_at_ms" in fields or known.compound != message.compound

    def _note_state(self, connection: Connection, message: StateArrived) -> None:
        now = self._now()
        known = connection.execute(select(Gate.device).where(Gate.device == message.device)).first()
        fields = {
            "state": _told(message.state).model_dump_json(exclude_none=True),
            "state_at_ms": now,
            "compound": message.compound,
        }
        if known is None:
            # Its birth is still on the way: not yet online, but no longer unknown.
            connection.execute(
                insert(Gate).values(device=message.device, session=0, is_online=False, changed_at_ms=now, **fields)
            )
        else:
            connection.execute(update(Gate).where(Gate.device == message.device).values(**fields))
        self._note_journal(connection, message, now)

    def _note_journal(self, connection: Connection, message: StateArrived, now: int) -> None:
        _WRITE_ANNOUNCED(
            connection,
            [
                (
                    message.device,
                    message.state.epoch,
                    0,
                    ZERO_HASH,
                    message.compound,
                    message.state.head_seq,
                    message.state.head_hash,
                )
            ],
        )
        own = (ChainHead.device == message.device) & (ChainHead.epoch == message.state.epoch)
        others = (ChainHead.device == message.device) & (ChainHead.epoch != message.state.epoch)
        connection.execute(update(ChainHead).where(own).values(closed_at_ms=None))
        connection.execute(update(ChainHead).where(others, ChainHead.closed_at_ms.is_(None)).values(closed_at_ms=now))


def _told(state: State) -> State:
    """A state without a moment that nobody can have meant: there is no age to show of it."""
    issued_at = state.directory_issued_at
    if issued_at is None or is_plausible(issued_at):
        return state
    return state.model_copy(update={"directory_issued_at": None})
