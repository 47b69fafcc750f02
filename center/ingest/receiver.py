"""The receiving process: holds the link, hands arrivals on, confirms and publishes what it is told to.

A process of its own, because paho's thread and the ingest would share one interpreter lock: each alone keeps up with a
broker, together they came to a third of it. Nothing is decided and nothing is kept here; when it dies it is started
again, and what it had not handed on comes again, because nothing of that was confirmed.
"""

import gc
import os
import signal
import threading
from collections.abc import Sequence
from itertools import count
from multiprocessing.connection import Connection
from typing import Final, NamedTuple, assert_never

from center.ingest.arrivals import Arrival, Mark
from center.ingest.bus import CenterBus, Confirm
from center.outings.claim_wire import ClaimWire
from mqtt.errors import IdentityInvalid
from mqtt.link import Link, LinkSettings
from mqtt.topics import CENTER

TAKE_WAIT_S: Final = 0.1
FLUSH_EVERY_S: Final = 0.1
"""How long what the link refused as too much waits for the next attempt."""
AT_ONCE_MAX: Final = 100
"""As many average records as the pipe holds: a longer group would pass through it in turns with the centre's work."""
GARBAGE_EVERY: Final = 50_000
"""Objects more than were given back, between two searches for circles."""
_PARENT_LOST: Final = 1


class Arrived(NamedTuple):
    """A group of arrivals; its confirmations stay behind under the group's number."""

    group: int
    arrivals: Sequence[Arrival]


class LinkChanged(NamedTuple):
    """The link came or went. ups: how often it has come; a short absence shows in it alone."""

    is_up: bool
    ups: int


class Refused(NamedTuple):
    """The link can't even be tried; the process ends."""

    why: str


FromReceiver = Arrived | LinkChanged | Refused


class Stored(NamedTuple):
    """These groups are in safe hands."""

    groups: Sequence[int]


class PublishMarks(NamedTuple):
    marks: Sequence[Mark]


class PublishDirectory(NamedTuple):
    compounds: Sequence[str]
    version: int
    chunks: Sequence[bytes]
    obsolete: dict[int, int]


class Stop(NamedTuple):
    """Say goodbye to the broker and end."""


ToReceiver = Stored | PublishMarks | PublishDirectory | Stop


def run_receiver(wire: Connection, claims: Connection, settings: LinkSettings) -> None:
    """The process's life: until Stop, or until the other end of the wire is gone. claims: the pipe of claims alone."""
    # Ctrl-C reaches the whole group: the centre decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    receiver = Receiver(wire, claims, settings)
    # Thousands of messages wait here at a time, none of them in a circle: searching all modules again and again for
    # circles is time that stores nothing.
    gc.freeze()
    gc.set_threshold(GARBAGE_EVERY)
    receiver.run()


class Receiver:
    """Two threads, one hands arrivals on, one obeys, and those of the claims."""

    def __init__(self, wire: Connection, claims: Connection, settings: LinkSettings) -> None:
        self._wire = wire
        self._link = Link(settings, CENTER)
        self._bus = CenterBus(self._link)
        self._claim_wire = ClaimWire(self._link, claims)
        self._groups = count(1)
        self._unconfirmed: dict[int, list[Confirm]] = {}
        self._ups = 0
        self._stopping = threading.Event()
        self._link.on_change(self._on_change)

    def run(self) -> None:
        """Hand on until told to stop."""
        try:
            self._link.start()
        except IdentityInvalid as error:
            self._wire.send(Refused(str(error)))
            return
        self._claim_wire.start()
        threading.Thread(target=self._obey, name="obey", daemon=True).start()
        told: LinkChanged | None = None
        while not self._stopping.is_set():
            now = LinkChanged(self._bus.is_up, self._ups)
            try:
                if now != told:
                    self._wire.send(now)
                    told = now
                arrivals, confirms = self._bus.take(wait_s=TAKE_WAIT_S, at_most=AT_ONCE_MAX)
                if arrivals:
                    group = next(self._groups)
                    self._unconfirmed[group] = confirms
                    # A full pipe makes this wait, the inbox fill, and TCP slow the broker: that is the intention.
                    self._wire.send(Arrived(group, arrivals))
            except OSError:
                os._exit(_PARENT_LOST)
        self._link.stop()

    def _obey(self) -> None:
        while not self._stopping.is_set():
            try:
                order: ToReceiver | None = self._wire.recv() if self._wire.poll(FLUSH_EVERY_S) else None
            except (EOFError, OSError):
                # The centre died: end as it did, so that the broker publishes our will.
                os._exit(_PARENT_LOST)
            match order:
                case Stored():
                    for group in order.groups:
                        for confirm in self._unconfirmed.pop(group, ()):
                            confirm()
                case PublishMarks():
                    self._bus.publish_marks(order.marks)
                case PublishDirectory():
                    self._bus.publish_directory(order.compounds, order.version, order.chunks, obsolete=order.obsolete)
                case Stop():
                    self._stopping.set()
                case None:
                    pass
                case _:
                    assert_never(order)
            self._bus.flush()

    def _on_change(self, is_up: bool) -> None:
        if is_up:
            self._ups += 1
