"""The centre's side of the receiving process: starts it, keeps it alive, speaks with it over two pipes."""

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Final, assert_never

from center.errors import ConfigurationError
from center.ingest.arrivals import Arrival, Mark
from center.ingest.receiver import (
    Arrived,
    FromReceiver,
    LinkChanged,
    PublishDirectory,
    PublishMarks,
    Refused,
    Stop,
    Stored,
    ToReceiver,
    run_receiver,
)
from center.outings.arrivals import AnswerGiven, ClaimArrived
from mqtt.link import LinkSettings

log = logging.getLogger(__name__)

HELLO_WITHIN_S: Final = 15.0
STOP_WITHIN_S: Final = 8.0
RESTART_AFTER_S: Final = 1.0


class RemoteBus:
    """A Bus and ClaimSource whose link lives in a process of its own.

    `take` belongs to the ingest thread, `take_claims` to the one that answers them, the rest to any.
    """

    def __init__(self, settings: LinkSettings, *, on_up: Callable[[], None] = lambda: None) -> None:
        """on_up: told on the ingest thread whenever the broker came back; returns at once."""
        self.restarts = 0
        self._settings = settings
        self._on_up = on_up
        self._context = multiprocessing.get_context("spawn")
        self._process: SpawnProcess | None = None
        self._wire: Connection | None = None
        self._claims: Connection | None = None
        self._sending = threading.Lock()
        self._taken: list[int] = []
        self._is_up = False
        self._ups = 0
        self._is_stopping = False

    @property
    def is_up(self) -> bool:
        """Whether the broker is there."""
        return self._is_up

    def start(self) -> None:
        """Start the process. Raises ConfigurationError when the certificate or key can't be used."""
        self._spawn()
        wire = self._wire
        if wire is None or not wire.poll(HELLO_WITHIN_S):
            raise ConfigurationError(f"the receiving process did not start within {HELLO_WITHIN_S:.0f} s")
        self._heed(self._receive(wire))

    def stop(self) -> None:
        """Say goodbye to the broker and end the process. Idempotent."""
        self._is_stopping = True
        process = self._process
        if process is None:
            return
        self._send(Stop())
        process.join(STOP_WITHIN_S)
        if process.is_alive():
            process.kill()
            process.join(STOP_WITHIN_S)
        self._is_up = False

    def take(self, *, wait_s: float, at_most: int) -> Sequence[Arrival]:
        """Wait up to wait_s for one arrival, then give what has arrived; about at_most, a group is never torn."""
        arrivals: list[Arrival] = []
        wire = self._wire
        while wire is not None and len(arrivals) < at_most and wire.poll(wait_s if not arrivals else 0):
            arrivals += self._heed(self._receive(wire))
            if wire is not self._wire:
                break
        return arrivals

    def confirm_taken(self) -> None:
        """Tell the broker that all that was taken so far is in safe hands."""
        if self._taken:
            groups, self._taken = self._taken, []
            self._send(Stored(groups))

    def publish_marks(self, marks: Sequence[Mark]) -> None:
        """Publish one retained message per mark."""
        if marks:
            self._send(PublishMarks(tuple(marks)))

    def publish_directory(
        self, compounds: Sequence[str], version: int, chunks: Sequence[bytes], *, obsolete: Mapping[int, int]
    ) -> None:
        """Publish a directory's chunks, retained, to each compound; then take the obsolete ones away."""
        self._send(PublishDirectory(tuple(compounds), version, tuple(chunks), dict(obsolete)))

    def take_claims(self, *, wait_s: float) -> Sequence[ClaimArrived]:
        """Wait up to wait_s for claims, then give what has arrived; past everything that waits to be taken."""
        pipe = self._claims
        claims: list[ClaimArrived] = []
        try:
            while pipe is not None and pipe.poll(wait_s if not claims else 0):
                claims += pipe.recv()
        except (EOFError, OSError):
            pipe = None
        if pipe is None and not claims:
            time.sleep(wait_s)  # the process is gone, and `take` starts another
        return claims

    def give_answers(self, answers: Sequence[AnswerGiven]) -> None:
        """Publish each answer to its device; what can't be sent is lost, and that claim unanswered."""
        pipe = self._claims
        if pipe is None or not answers:
            return
        try:
            pipe.send(list(answers))
        except OSError as error:
            log.warning("outing_answers_unsent count=%d why=%s", len(answers), error)

    def _receive(self, wire: Connection) -> FromReceiver | None:
        try:
            message: FromReceiver = wire.recv()
        except (EOFError, OSError):
            return None
        return message

    def _heed(self, message: FromReceiver | None) -> Sequence[Arrival]:
        match message:
            case Arrived():
                self._taken.append(message.group)
                return message.arrivals
            case LinkChanged():
                came = message.ups > self._ups
                self._is_up, self._ups = message.is_up, message.ups
                if came:
                    self._on_up()
            case Refused():
                self._is_stopping = True
                raise ConfigurationError(f"bus: {message.why}")
            case None:
                self._replace_lost()
            case _:
                assert_never(message)
        return ()

    def _replace_lost(self) -> None:
        """The process is gone: start another. What it had not handed over was not confirmed and comes again."""
        self._is_up = False
        if self._is_stopping:
            self._wire = None
            return
        self.restarts += 1
        log.error("receiver_lost restarts=%d", self.restarts)
        if self._process is not None:
            self._process.join(STOP_WITHIN_S)
        time.sleep(RESTART_AFTER_S)
        self._spawn()

    def _spawn(self) -> None:
        ours, theirs = self._context.Pipe()
        our_claims, their_claims = self._context.Pipe()
        process = self._context.Process(
            target=run_receiver, args=(theirs, their_claims, self._settings), name="gatehouse-receiver", daemon=True
        )
        process.start()
        for end in (theirs, their_claims):
            end.close()  # held here too, the process would never see that we are gone
        with self._sending:
            self._claims = our_claims
            self._process, self._wire, self._taken, self._ups = process, ours, [], 0

    def _send(self, order: ToReceiver) -> None:
        with self._sending:
            if self._wire is None:
                return
            try:
                self._wire.send(order)
            except OSError:
                return  # the process is gone; `take` notices and starts another, and all marks are published again
