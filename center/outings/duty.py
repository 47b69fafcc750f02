"""The thread that answers claims. Apart from the ingest, so that nobody at a gate waits for another gate's backlog."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from center.errors import StoreError
from center.outings.arrivals import AnswerGiven, ClaimArrived
from center.outings.claims import ClaimBook

TAKE_WAIT_S: Final = 0.2
"""How long an idle duty may take to notice that it shall stop."""
FORGET_EVERY_S: Final = 3_600.0
STOP_WITHIN_S: Final = 10.0

log = logging.getLogger(__name__)


class ClaimSource(Protocol):
    """Where claims come from and answers go."""

    def take_claims(self, *, wait_s: float) -> Sequence[ClaimArrived]:
        """Wait up to wait_s for claims, then give what has arrived."""

    def give_answers(self, answers: Sequence[AnswerGiven]) -> None:
        """Have the answers published; returns at once."""


class OutingDuty:
    """Owns the thread."""

    def __init__(
        self, book: ClaimBook, source: ClaimSource, *, on_failed: Callable[[Exception], None] = lambda error: None
    ) -> None:
        """on_failed: the thread ended by an error that nobody foresaw; nothing is answered from then on."""
        self._book = book
        self._source = source
        self._on_failed = on_failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outings", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what is at hand and end the thread. Idempotent."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        try:
            self._answer_all()
        except Exception as error:
            log.exception("outings_failed")
            self._on_failed(error)

    def _answer_all(self) -> None:
        forget_at_s = time.monotonic()
        while not self._stopping.is_set():
            claims = self._source.take_claims(wait_s=TAKE_WAIT_S)
            try:
                if claims:
                    self._source.give_answers(self._book.answer(claims))
                elif time.monotonic() >= forget_at_s:
                    forget_at_s = time.monotonic() + FORGET_EVERY_S
                    self._book.forget_old()
            except StoreError as error:
                # Their gates decide without us, and ask again for the next one who comes.
                log.error("outing_claims_unanswered count=%d cause=%s", len(claims), error)
