"""The picture of the gates: what each last said of itself, and which journal it writes now. One thread at a time.

Rules. A birth is always believed. A will counts only for the session that is online now: a late will of an older
session says nothing about the present one. A state that names a new epoch closes the device's older journals; what it
had announced of them and the centre does not hold is then a missing tail, named by its numbers.
"""

import json
import logging
from collections.abc import Sequence
from typing import Final, TypeVar

from sqlalchemy import Connection, insert, select, update

from center.clock import NowMs, is_plausible, now_ms
from center.ingest import journal_news
from center.ingest.arrivals import MarkFound, StateArrived, StatusArrived
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


JOURNALS_PER_HOUR_MAX: Final = 8
"""A gate begins a journal when its card was lost or restored; one that begins more in an hour is up to something."""
STATES_KEPT: Final = 2
"""Of what a device sent at once: its newest state, and the last word on the journal that it closed before."""
WILLS_KEPT: Final = 8
_HOUR_MS: Final = 3_600_000

K = TypeVar("K")

log = logging.getLogger(__name__)


class GateBook:
    """Writes status and state messages down."""

    def __init__(self, store: Store, now: NowMs = now_ms, journals_max: int = JOURNALS_PER_HOUR_MAX) -> None:
        self._store = store
        self._now = now
        self._journals_max = journals_max
        self._begun: dict[str, list[int]] = {}
        self._told_of: set[str] = set()
        with store.reading() as connection:
            self._journals = {
                (row.device, row.epoch) for row in connection.execute(select(ChainHead.device, ChainHead.epoch))
            }
            self._compounds = frozenset(connection.execute(select(Gate.compound)).scalars())

    @property
    def compounds(self) -> frozenset[str]:
        """Compounds from which any device has been heard."""
        return self._compounds

    def note(self, messages: Sequence[StatusArrived | StateArrived]) -> frozenset[str]:
        """Write messages down in their order, in one transaction; returns the devices whose picture changed.

        Of what one device sent, only what still counts is written: a flood costs no more than a message.
        """
        changed: set[str] = set()
        with self._store.writing() as connection:
            for message in newest_of(messages):
                if isinstance(message, StatusArrived):
                    if self._note_status(connection, message):
                        changed.add(message.device)
                else:
                    self._note_state(connection, message)
                    changed.add(message.device)
        self._compounds |= {message.compound for message in messages}
        return frozenset(changed)

    def note_found(self, marks: Sequence[MarkFound]) -> None:
        """Remember how far the centre once had these journals, in one transaction: what does not come is named by it.

        Marks are the centre's own words, which no device can forge: a journal that only they tell of counts.
        """
        with self._store.writing() as connection:
            for mark in marks:
                self._note_found(connection, mark)
        self._journals |= {(mark.device, mark.epoch) for mark in marks}

    def is_known(self, device: str, epoch: str) -> bool:
        """Whether this journal is taken note of; False for one that was begun beyond the limit."""
        return (device, epoch) in self._journals

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
        epoch = message.state.epoch  # none while the gate can't open its journal
        if epoch is not None and self._may_begin(connection, message.device, epoch, now):
            self._note_journal(connection, message, epoch, now)

    def _note_found(self, connection: Connection, mark: MarkFound) -> None:
        own = (ChainHead.device == mark.device) & (ChainHead.epoch == mark.epoch)
        known = connection.execute(select(ChainHead.announced_seq).where(own)).first()
        announced = {"announced_seq": mark.seq, "announced_hash": mark.hash}
        if known is not None:
            if known.announced_seq is None or known.announced_seq < mark.seq:
                connection.execute(update(ChainHead).where(own).values(**announced))
            return
        told = connection.execute(select(Gate.state).where(Gate.device == mark.device)).scalar_one_or_none()
        is_current = told is None or json.loads(told).get("epoch", mark.epoch) == mark.epoch
        connection.execute(
            insert(ChainHead).values(
                device=mark.device,
                epoch=mark.epoch,
                seq=0,
                hash=ZERO_HASH,
                compound=mark.compound,
                closed_at_ms=None if is_current else self._now(),
                **announced,
            )
        )

    def _may_begin(self, connection: Connection, device: str, epoch: str, now: int) -> bool:
        if (device, epoch) in self._journals:
            return True
        recent = [moment for moment in self._begun.get(device, ()) if moment > now - _HOUR_MS]
        if len(recent) < self._journals_max:
            self._begun[device] = [*recent, now]
            self._told_of.discard(device)
        else:
            own = (ChainHead.device == device) & (ChainHead.epoch == epoch)
            if connection.execute(select(ChainHead.epoch).where(own)).first() is None:
                if device not in self._told_of:
                    self._told_of.add(device)
                    log.error("journals_too_many device=%s hourly_max=%d", device, self._journals_max)
                return False
        self._journals.add((device, epoch))
        return True

    def _note_journal(self, connection: Connection, message: StateArrived, epoch: str, now: int) -> None:
        _WRITE_ANNOUNCED(
            connection,
            [
                (
                    message.device,
                    epoch,
                    0,
                    ZERO_HASH,
                    message.compound,
                    message.state.head_seq,
                    message.state.head_hash,
                )
            ],
        )
        own = (ChainHead.device == message.device) & (ChainHead.epoch == epoch)
        others = (ChainHead.device == message.device) & (ChainHead.epoch != epoch)
        returned = connection.execute(
            update(ChainHead).where(own, ChainHead.closed_at_ms.is_not(None)).values(closed_at_ms=None)
        ).rowcount
        replaced = connection.execute(
            update(ChainHead).where(others, ChainHead.closed_at_ms.is_(None)).values(closed_at_ms=now)
        ).rowcount
        if returned or replaced:
            action = journal_news.RETURNED if returned else journal_news.REPLACED
            journal_news.tell(connection, action, message.device, epoch, now)


def newest_of(messages: Sequence[StatusArrived | StateArrived]) -> list[StatusArrived | StateArrived]:
    """The messages that still count, in their order: each device's newest of each kind."""
    states: dict[str, dict[str | None, int]] = {}
    births: dict[str, int] = {}
    wills: dict[str, dict[int, int]] = {}
    for place, message in enumerate(messages):
        if isinstance(message, StateArrived):
            _keep_newest(states.setdefault(message.device, {}), message.state.epoch, place, STATES_KEPT)
        elif message.is_online:
            births[message.device] = place
            wills.pop(message.device, None)
        else:
            _keep_newest(wills.setdefault(message.device, {}), message.session, place, WILLS_KEPT)
    places = set(births.values())
    for of_device in states.values():
        places.update(of_device.values())
    for of_will in wills.values():
        places.update(of_will.values())
    return [messages[place] for place in sorted(places)]


def _keep_newest(kept: dict[K, int], key: K, place: int, at_most: int) -> None:
    kept.pop(key, None)
    kept[key] = place
    if len(kept) > at_most:
        del kept[next(iter(kept))]


def _told(state: State) -> State:
    """A state without a moment that nobody can have meant: there is no age to show of it."""
    issued_at = state.directory_issued_at
    if issued_at is None or is_plausible(issued_at):
        return state
    return state.model_copy(update={"directory_issued_at": None})
