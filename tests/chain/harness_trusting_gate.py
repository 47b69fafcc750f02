"""A terminal whose outbox takes the broker's confirmation (PUBACK) for delivery. It exists to be caught losing records.

Started as the real terminal is: `python harness_trusting_gate.py --settings FILE`.
"""

import sys
import threading

import gate.shell.link_to_centre
from gate.__main__ import main
from journal.envelope import Envelope
from journal.facts import AckOutcome
from journal.store import Journal
from model.identities import Epoch
from mqtt.link import Link, Received
from mqtt.publisher import Publisher


class TrustingPublisher(Publisher):
    """Moves the cursor when the broker has confirmed everything that was sent, and is deaf to the centre's marks."""

    def __init__(self, journal: Journal, link: Link, **others: object) -> None:
        self._sent: dict[Epoch, int] = {}
        self._sent_lock = threading.Lock()
        super().__init__(journal, link, **others)  # type: ignore[arg-type]

    def _on_ack(self, received: Received) -> None:
        received.confirm()

    def _on_link_changed(self, is_up: bool) -> None:
        with self._sent_lock:
            self._sent.clear()  # sent on a connection that is gone: never confirmed, not even by this standard
        super()._on_link_changed(is_up)

    def _publish(self, envelope: Envelope) -> bool:
        is_sent = super()._publish(envelope)
        if is_sent:
            with self._sent_lock:
                self._sent[envelope.epoch] = max(envelope.seq, self._sent.get(envelope.epoch, 0))
        return is_sent

    def _on_confirmed(self) -> None:
        with self._sent_lock:
            sent = dict(self._sent)
        with self.link._mutex:
            is_all_confirmed = self.link._unconfirmed == 0
        if is_all_confirmed:
            moved = [self.journal.acknowledge(epoch, seq) for epoch, seq in sent.items()]
            if AckOutcome.ADVANCED in moved:
                # Saved at once, as whoever believes in it would: otherwise the next kill would mend the loss by chance.
                self.journal.maintain()
        super()._on_confirmed()


if __name__ == "__main__":
    gate.shell.link_to_centre.Publisher = TrustingPublisher  # type: ignore[misc]
    sys.exit(main())
