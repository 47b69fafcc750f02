"""The centre's end of the bus: arrivals in through the link, marks and directories out.

Everything the centre publishes is retained and replaces what stood there, so what can't be sent now waits by its topic,
the newest alone. A lost connection empties both directions: the broker sends its retained messages again, devices send
what has no mark, and the centre publishes every mark and the directory again. What the broker retains of our own marks
is read back at every connection: a centre restored from a backup learns from it how far it once was.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from center.ingest.arrivals import Arrival, EventArrived, Mark, MarkFound, StateArrived, StatusArrived
from model.identities import CompoundId, DeviceId, Epoch
from mqtt.errors import MessageInvalid, TopicInvalid
from mqtt.link import Link, Received, Sent
from mqtt.messages import Ack, State, Status
from mqtt.topics import CENTER_STATUS, Address, DeviceTopic, DirectoryTopic, Topic, Verb, every, parse_topic

log = logging.getLogger(__name__)

HEARD: Final = (Verb.STATUS, Verb.STATE, Verb.EVENT, Verb.ACK)
INBOX_MAX: Final = 2_000
FULL_WAIT_S: Final = 5.0
"""A full inbox holds the network thread this long, and TCP the broker. Longer, and the broker would miss our pings."""
WAITING_MAX: Final = 50_000
"""Topics that wait to be published: a mark per journal, a directory's chunks per compound."""
_TOPICS_KNOWN: Final = 4_096

Confirm = Callable[[], None]


class CenterBus:
    """Wires itself to a link before that starts. One thread takes; one thread, the same or another, flushes."""

    def __init__(self, link: Link) -> None:
        self.malformed = 0
        self.dropped = 0
        self._link = link
        self._inbox: deque[tuple[Arrival, Confirm]] = deque()
        self._news = threading.Condition()
        self._waiting: dict[str, bytes] = {}
        self._mutex = threading.Lock()
        for verb in HEARD:
            link.handle(every(verb), self._on_received)
        link.on_change(self._on_change)

    @property
    def is_up(self) -> bool:
        """Whether the broker is there."""
        return self._link.is_up

    def take(self, *, wait_s: float, at_most: int) -> tuple[list[Arrival], list[Confirm]]:
        """Arrivals in their order, and how each is confirmed."""
        with self._news:
            if not self._inbox:
                self._news.wait(wait_s)
            taken = [self._inbox.popleft() for _ in range(min(len(self._inbox), at_most))]
            self._news.notify_all()
        return [arrival for arrival, _ in taken], [confirm for _, confirm in taken]

    def publish_marks(self, marks: Sequence[Mark]) -> None:
        """Have one retained message per mark published by the next `flush`."""
        for mark in marks:
            ack = Ack(epoch=mark.epoch, seq=mark.seq, hash=mark.hash if mark.seq else None)
            self._put(_mark_topic(mark.compound, mark.device, mark.epoch), ack.encode())

    def publish_directory(
        self, compounds: Sequence[str], version: int, chunks: Sequence[bytes], *, obsolete: Mapping[int, int]
    ) -> None:
        """Have a directory's chunks published, retained, to each compound, by the next `flush`.

        obsolete: chunk counts of older versions; they are taken away afterwards, so that a gate never finds none.
        """
        for compound in map(CompoundId, compounds):
            for number, chunk in enumerate(chunks):
                self._put(str(DirectoryTopic(compound=compound, version=version, chunk=number)), chunk)
            for old_version, count in obsolete.items():
                for number in range(count):
                    self._put(str(DirectoryTopic(compound=compound, version=old_version, chunk=number)), b"")

    def flush(self) -> None:
        """Send what waits, as far as the link takes it. From one thread alone: an old mark could follow a new one."""
        # Never under our lock: paho confirms while holding its own, and waits for whoever holds ours.
        with self._mutex:
            waiting = list(self._waiting.items())
        for topic, payload in waiting:
            if self._link.publish(topic, payload, is_retained=True) is not Sent.SENT:
                return
            with self._mutex:
                if self._waiting.get(topic) is payload:
                    del self._waiting[topic]

    def _put(self, topic: str, payload: bytes) -> None:
        with self._mutex:
            if topic in self._waiting or len(self._waiting) < WAITING_MAX:
                self._waiting[topic] = payload
            else:
                log.error("outgoing_full topic=%s", topic)

    # below: the link's threads

    def _on_received(self, received: Received) -> None:
        arrival = self._read(received)
        if arrival is None:
            received.confirm()
            return
        with self._news:
            if len(self._inbox) >= INBOX_MAX and not self._news.wait_for(self._has_room, FULL_WAIT_S):
                self.dropped += 1
                if self.dropped == 1:
                    log.error("inbox_full size=%d", INBOX_MAX)
                is_dropped = True
            else:
                self._inbox.append((arrival, received.confirm))
                is_dropped = False
                if len(self._inbox) == 1:
                    self._news.notify_all()
        if is_dropped:
            # Left unconfirmed it would take up the broker's window until the next connection. It is sent again anyway.
            received.confirm()

    def _has_room(self) -> bool:
        return len(self._inbox) < INBOX_MAX

    def _read(self, received: Received) -> Arrival | None:
        topic = _known_topic(received.topic)
        if not isinstance(topic, DeviceTopic) or received.topic == CENTER_STATUS:
            return None
        if topic.verb is Verb.EVENT and topic.epoch is not None:
            return EventArrived(topic.compound, topic.device, topic.epoch, received.payload)
        if topic.verb is Verb.ACK and not received.is_retained:
            return None  # the echo of a mark that we published just now
        try:
            if topic.verb is Verb.ACK and topic.epoch is not None and received.payload:
                mark = Ack.decode(received.payload)
                return MarkFound(
                    compound=topic.compound, device=topic.device, epoch=topic.epoch, seq=mark.seq, hash=mark.hash
                )
            if topic.verb is Verb.STATUS:
                status = Status.decode(received.payload)
                return StatusArrived(
                    compound=topic.compound,
                    device=topic.device,
                    session=status.session,
                    is_online=status.online,
                )
            if topic.verb is Verb.STATE:
                state = State.decode(received.payload)
                return StateArrived(compound=topic.compound, device=topic.device, state=state)
        except MessageInvalid as error:
            self.malformed += 1
            log.warning("message_invalid device=%s verb=%s why=%s", topic.device, topic.verb.value, error)
        return None

    def _on_change(self, is_up: bool) -> None:
        if is_up:
            return
        with self._mutex:
            self._waiting.clear()
        with self._news:
            self._inbox.clear()
            self._news.notify_all()


@lru_cache(_TOPICS_KNOWN)
def _known_topic(text: str) -> Topic | None:
    """A topic; None for one that this system does not use."""
    try:
        return parse_topic(text)
    except TopicInvalid as error:
        log.warning("topic_unknown why=%s", error)
        return None


@lru_cache(_TOPICS_KNOWN)
def _mark_topic(compound: str, device: str, epoch: str) -> str:
    return Address(compound=CompoundId(compound), device=DeviceId(device)).ack(Epoch(epoch))
