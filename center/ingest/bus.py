"""The centre's end of the bus: arrivals from the intake, marks and directories out through the link.

Everything the centre publishes is retained and replaces what stood there, so what can't be sent now waits by its topic,
the newest alone, and is sent from the ingest thread. A lost connection empties both directions: the broker sends its
retained messages again, devices send what has no mark, and the centre publishes every mark and the directory again.
"""

import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Final

from center.ingest.arrivals import Arrival, EventArrived, Mark, StateArrived, StatusArrived
from model.identities import CompoundId, DeviceId, Epoch
from mqtt.errors import MessageInvalid
from mqtt.intake import Delivery, Intake
from mqtt.link import Link, Sent
from mqtt.messages import Ack, State, Status
from mqtt.topics import Address, DeviceTopic, DirectoryTopic, Verb

log = logging.getLogger(__name__)

HEARD: Final = (Verb.STATUS, Verb.STATE, Verb.EVENT)
WAITING_MAX: Final = 50_000
"""Topics that wait to be published: a mark per journal, a directory's chunks per compound."""


class CenterBus:
    """Wires itself to a link before that starts. `take` belongs to the ingest thread, the rest to any."""

    def __init__(self, link: Link) -> None:
        self.malformed = 0
        self._link = link
        self._intake = Intake(link, verbs=HEARD)
        self._waiting: dict[str, bytes] = {}
        self._mutex = threading.Lock()
        link.on_change(self._on_change)

    @property
    def is_up(self) -> bool:
        """Whether the broker is there."""
        return self._link.is_up

    def take(self, *, wait_s: float, at_most: int) -> Sequence[Arrival]:
        """Send what waits, then give arrivals in their order. A status or state that can't be read is passed over."""
        self._send_waiting()
        arrivals = []
        for delivery in self._intake.take(wait_s=wait_s, at_most=at_most):
            arrival = self._read(delivery)
            if arrival is None:
                delivery.received.confirm()
            else:
                arrivals.append(arrival)
        return arrivals

    def publish_marks(self, marks: Sequence[Mark]) -> None:
        """Publish one retained message per mark, before the next `take` waits."""
        for mark in marks:
            topic = Address(compound=CompoundId(mark.compound), device=DeviceId(mark.device)).ack(Epoch(mark.epoch))
            ack = Ack(epoch=mark.epoch, seq=mark.seq, hash=mark.hash if mark.seq else None)
            self._put(topic, ack.encode())

    def publish_directory(
        self, compounds: Sequence[str], version: int, chunks: Sequence[bytes], *, obsolete: Mapping[int, int]
    ) -> None:
        """Publish a directory's chunks, retained, to each compound.

        obsolete: chunk counts of older versions; they are taken away afterwards, so that a gate never finds none.
        """
        for compound in map(CompoundId, compounds):
            for number, chunk in enumerate(chunks):
                self._put(str(DirectoryTopic(compound=compound, version=version, chunk=number)), chunk)
            for old_version, count in obsolete.items():
                for number in range(count):
                    self._put(str(DirectoryTopic(compound=compound, version=old_version, chunk=number)), b"")

    def _read(self, delivery: Delivery) -> Arrival | None:
        topic, received = delivery.topic, delivery.received
        if not isinstance(topic, DeviceTopic):
            return None
        if topic.verb is Verb.EVENT and topic.epoch is not None:
            return EventArrived(topic.compound, topic.device, topic.epoch, received.payload, received.confirm)
        try:
            if topic.verb is Verb.STATUS:
                status = Status.decode(received.payload)
                return StatusArrived(
                    compound=topic.compound,
                    device=topic.device,
                    session=status.session,
                    is_online=status.online,
                    confirm=received.confirm,
                )
            if topic.verb is Verb.STATE:
                state = State.decode(received.payload)
                return StateArrived(compound=topic.compound, device=topic.device, state=state, confirm=received.confirm)
        except MessageInvalid as error:
            self.malformed += 1
            log.warning("message_invalid device=%s verb=%s why=%s", topic.device, topic.verb.value, error)
        return None

    def _put(self, topic: str, payload: bytes) -> None:
        with self._mutex:
            if topic in self._waiting or len(self._waiting) < WAITING_MAX:
                self._waiting[topic] = payload
            else:
                log.error("outgoing_full topic=%s", topic)

    def _send_waiting(self) -> None:
        """Send what waits, as far as the link takes it."""
        # Never under our lock: paho confirms while holding its own, and waits for whoever holds ours.
        with self._mutex:
            waiting = list(self._waiting.items())
        for topic, payload in waiting:
            if self._link.publish(topic, payload, is_retained=True) is not Sent.SENT:
                return
            with self._mutex:
                if self._waiting.get(topic) is payload:
                    del self._waiting[topic]

    def _on_change(self, is_up: bool) -> None:
        if is_up:
            return
        with self._mutex:
            self._waiting.clear()
        while True:
            try:
                self._intake.deliveries.get_nowait()
            except queue.Empty:
                return
