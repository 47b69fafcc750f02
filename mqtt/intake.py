"""Intake for the centre: everything from the devices in one bounded queue, confirmed to the broker by the receiver.

With automatic confirmation a centre that dies between receiving and storing loses what lay between. `receive_max` does
not bound what arrives: Mosquitto 2.0.11 keeps to it only until the first confirmation (measured: 20 allowed, 5
confirmed, 100 under way). A full queue therefore holds the network thread, so that TCP slows the broker; after
FULL_WAIT_S, before the broker would think the centre dead, the message is confirmed and dropped. That loses no record:
the device sends again what no mark covers.
"""

import logging
import queue
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mqtt.errors import TopicInvalid
from mqtt.link import Link, Received
from mqtt.topics import CENTER_STATUS, Topic, Verb, every, parse_topic

log = logging.getLogger(__name__)

CENTER_RECEIVE_MAX: Final = 1_000
QUEUE_SIZE: Final = 2_000
FULL_WAIT_S: Final = 5.0

CENTER_HEARS: Final = (Verb.STATUS, Verb.STATE, Verb.EVENT, Verb.OUTING_CLAIM, Verb.REPLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message for the centre. Call `received.confirm()` when it is stored or needs no storing."""

    topic: Topic
    received: Received


class Intake:
    """Fills `deliveries` from a link with `manual_ack=True` and `receive_max=CENTER_RECEIVE_MAX`.

    The thread that takes must not wait for the link: it would wait for itself.
    """

    def __init__(self, link: Link, *, verbs: Iterable[Verb] = CENTER_HEARS, size: int = QUEUE_SIZE) -> None:
        """Subscribe; before the link starts."""
        self.deliveries: queue.Queue[Delivery] = queue.Queue(size)
        self.dropped = 0
        self.unknown_topics = 0
        for verb in verbs:
            link.handle(every(verb), self._on_received)

    def take(self, *, wait_s: float, at_most: int) -> list[Delivery]:
        """Wait up to wait_s for one message, then take what has arrived, up to at_most: one group for one commit."""
        try:
            group = [self.deliveries.get(timeout=wait_s)]
        except queue.Empty:
            return []
        while len(group) < at_most:
            try:
                group.append(self.deliveries.get_nowait())
            except queue.Empty:
                break
        return group

    def _on_received(self, received: Received) -> None:
        try:
            topic = parse_topic(received.topic)
        except TopicInvalid as error:
            self.unknown_topics += 1
            received.confirm()
            log.warning("topic_unknown why=%s", error)
            return
        if received.topic == CENTER_STATUS:
            return
        try:
            self.deliveries.put(Delivery(topic=topic, received=received), timeout=FULL_WAIT_S)
        except queue.Full:
            # Left unconfirmed it would take up the broker's window until the next connection.
            received.confirm()
            self.dropped += 1
            if self.dropped == 1:
                log.error("intake_full size=%d", self.deliveries.maxsize)
