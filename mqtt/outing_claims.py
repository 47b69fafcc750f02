"""A gate's claims of outings: each goes to the centre once and is called back exactly once, with or without an answer.

Rules. A claim waits for its answer, and not for long: people stand at the gate. Whatever comes first ends it: the
answer, the end of its time, or a link that is down or full, at once. What comes afterwards is dropped and told, because
the gate has decided without it. An answer that was retained or is nobody's is ignored.
"""

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Final

from model.identities import ClaimId
from mqtt.errors import MessageInvalid
from mqtt.link import Link, Received, Sent
from mqtt.messages import OutingAnswer, OutingClaim
from mqtt.topics import Verb

log = logging.getLogger(__name__)

ANSWER_WITHIN_S: Final = 0.5
MAX_WAITING: Final = 64
"""Claims of one gate at a time; people pass one after another, so more is a fault."""
MAX_LATE: Final = 256


class Unanswered(Enum):
    """Why a claim has no answer."""

    LINK_DOWN = "link_down"
    BUSY = "busy"  # the link, or this client, holds all that it may
    TIMED_OUT = "timed_out"


Answered = OutingAnswer | Unanswered
OnDone = Callable[[Answered], None]
Cancel = Callable[[], None]
Later = Callable[[float, Callable[[], object]], Cancel]
"""Calls a function after so many seconds on any thread, unless cancelled."""


def new_claim_id() -> ClaimId:
    """A number for a new claim, random: the centre takes two claims of one number for the same."""
    return ClaimId(secrets.token_hex(8))


def _by_timer(seconds: float, function: Callable[[], object]) -> Cancel:
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer.cancel


class OutingClaims:
    """The claims of one gate."""

    def __init__(
        self, link: Link, *, on_late: Callable[[OutingAnswer], None] = lambda answer: None, later: Later = _by_timer
    ) -> None:
        """Before `Link.start`. on_late: hears an answer to a claim whose time was over, on the network thread."""
        self._link = link
        self._on_late = on_late
        self._later = later
        self._mutex = threading.Lock()
        self._waiting: dict[str, tuple[OnDone, Cancel]] = {}
        self._timed_out: OrderedDict[str, None] = OrderedDict()
        link.handle(link.address.topic(Verb.OUTING_ANSWER), self._on_answer)

    def claim(self, claim: OutingClaim, on_done: OnDone, *, within_s: float = ANSWER_WITHIN_S) -> None:
        """Ask the centre; returns at once. From any thread.

        on_done: called exactly once, on the network thread, a timer's, or this one (when the claim can't be sent); must
        not block. A claim that waits already is BUSY.
        """
        with self._mutex:
            if claim.claim in self._waiting or len(self._waiting) >= MAX_WAITING:
                is_free = False
            else:
                is_free = True
                self._timed_out.pop(claim.claim, None)
                cancel = self._later(within_s, lambda: self._end(claim.claim, Unanswered.TIMED_OUT))
                self._waiting[claim.claim] = (on_done, cancel)
        if not is_free:
            on_done(Unanswered.BUSY)
            return
        # Waiting first, publishing then: the answer may be here before `publish` returns.
        sent = self._link.publish(self._link.address.topic(Verb.OUTING_CLAIM), claim.encode())
        if sent is not Sent.SENT:
            self._end(claim.claim, Unanswered.LINK_DOWN if sent is Sent.DOWN else Unanswered.BUSY)

    def _end(self, claim: str, answered: Answered) -> bool:
        """Call back for a claim that still waits; False when none does."""
        with self._mutex:
            waiting = self._waiting.pop(claim, None)
            if waiting is None:
                return False
            if answered is Unanswered.TIMED_OUT:
                self._timed_out[claim] = None
                if len(self._timed_out) > MAX_LATE:
                    self._timed_out.popitem(last=False)
        on_done, cancel = waiting
        cancel()
        on_done(answered)
        return True

    def _on_answer(self, received: Received) -> None:
        received.confirm()
        if received.is_retained:
            log.warning("outing_answer_ignored why=retained")
            return
        try:
            answer = OutingAnswer.decode(received.payload)
        except MessageInvalid as error:
            log.warning("outing_answer_ignored why=%s", error)
            return
        if self._end(answer.claim, answer):
            return
        with self._mutex:
            was_timed_out = answer.claim in self._timed_out
            self._timed_out.pop(answer.claim, None)
        if was_timed_out:
            log.info("outing_answer_late claim=%s", answer.claim)
            self._on_late(answer)
