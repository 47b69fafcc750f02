"""The claims' own way through the receiving process: past the inbox in which a backlog waits, there and back.

Claims are confirmed to the broker at once: one that is lost is unanswered after half a second, and its gate decides.
"""

import logging
import queue
import threading
from multiprocessing.connection import Connection
from typing import Final

from center.outings.arrivals import AnswerGiven, ClaimArrived
from model.identities import CompoundId, DeviceId
from mqtt.errors import MessageInvalid, TopicInvalid
from mqtt.link import Link, Received, Sent
from mqtt.messages import OutingClaim
from mqtt.topics import Address, DeviceTopic, Verb, every, parse_topic

CLAIMS_MAX: Final = 1_000
"""Claims that wait to be handed on; those beyond it would be answered too late."""

log = logging.getLogger(__name__)


class ClaimWire:
    """Hands claims from a link to the centre over a pipe of their own, and its answers back. Two threads."""

    def __init__(self, link: Link, pipe: Connection) -> None:
        """Before the link starts."""
        self.dropped = 0
        self._link = link
        self._pipe = pipe
        self._claims: queue.Queue[ClaimArrived] = queue.Queue(CLAIMS_MAX)
        link.handle(every(Verb.OUTING_CLAIM), self._on_claim)

    def start(self) -> None:
        """Start the threads; they end with the pipe."""
        for name, work in (("claims", self._hand_on), ("answers", self._publish)):
            threading.Thread(target=work, name=name, daemon=True).start()

    def _on_claim(self, received: Received) -> None:
        received.confirm()
        try:
            topic = parse_topic(received.topic)
            claim = OutingClaim.decode(received.payload)
        except (TopicInvalid, MessageInvalid) as error:
            log.warning("outing_claim_invalid why=%s", error)
            return
        if received.is_retained or not isinstance(topic, DeviceTopic):
            log.warning("outing_claim_retained claim=%s", claim.claim)
            return
        try:
            self._claims.put_nowait(ClaimArrived(topic.compound, topic.device, claim))
        except queue.Full:
            self.dropped += 1
            if self.dropped == 1:
                log.error("outing_claims_full size=%d", CLAIMS_MAX)

    def _hand_on(self) -> None:
        while True:
            group = [self._claims.get()]
            while not self._claims.empty():
                group.append(self._claims.get())
            try:
                self._pipe.send(group)
            except OSError:
                return

    def _publish(self) -> None:
        while True:
            try:
                answers: list[AnswerGiven] = self._pipe.recv()
            except (EOFError, OSError):
                return
            for given in answers:
                address = Address(compound=CompoundId(given.compound), device=DeviceId(given.device))
                sent = self._link.publish(address.topic(Verb.OUTING_ANSWER), given.answer.encode())
                if sent is not Sent.SENT:
                    log.warning("outing_answer_unsent device=%s why=%s", given.device, sent.value)
