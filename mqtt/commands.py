"""Commands from the centre: each at most once, never a stored one, never a late one.

The access list lets only the centre write here. Refused, in this order: retained (somebody stored it), not a command,
without a trusted clock (its end cannot be judged), too long a life, expired, from before this program's start (a
restart forgets the nonces), a nonce that was seen. What is refused and can be read is answered, so that a duty officer
is not left waiting.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from model.clock import Timestamp
from mqtt.errors import MessageInvalid
from mqtt.link import Link, Received
from mqtt.messages import Command, Reply, ReplyOutcome
from mqtt.topics import Verb

log = logging.getLogger(__name__)

MAX_LIFE: Final = timedelta(minutes=5)
CLOCKS_APART: Final = timedelta(seconds=5)
"""Device and centre may differ by so much."""

MAX_NONCES: Final = 1_000


class CommandRefusal(Enum):
    """Why a command was not carried out; stands in the reply."""

    RETAINED = "retained"
    UNREADABLE = "unreadable"
    CLOCK_NOT_TRUSTED = "clock_not_trusted"
    TOO_LONG_A_LIFE = "too_long_a_life"
    NOT_YET_ISSUED = "not_yet_issued"
    EXPIRED = "expired"
    BEFORE_START = "before_start"
    REPLAYED = "replayed"
    TOO_MANY = "too_many"


class CommandReceiver:
    """Hands each valid command to the handler once."""

    def __init__(self, link: Link, *, clock: Callable[[], Timestamp], handler: Callable[[Command], None]) -> None:
        """handler: runs on the network thread and must not block; answer with `reply`. Before `Link.start`."""
        self.refused: dict[CommandRefusal, int] = dict.fromkeys(CommandRefusal, 0)
        self._link = link
        self._clock = clock
        self._handler = handler
        self._started_at = clock().wall
        self._seen: dict[str, datetime] = {}
        self._mutex = threading.Lock()
        link.handle(link.address.topic(Verb.COMMAND), self._on_command)

    def reply(self, nonce: str, outcome: ReplyOutcome, why: str | None = None) -> None:
        """Answer a command; lost when the link is down, as a reply is worth nothing later."""
        reply = Reply(nonce=nonce, outcome=outcome, why=why, at=self._clock().wall)
        self._link.publish(self._link.address.topic(Verb.REPLY), reply.encode())

    def _on_command(self, received: Received) -> None:
        received.confirm()
        if received.is_retained:
            self._count(CommandRefusal.RETAINED)
            return
        try:
            command = Command.decode(received.payload)
        except MessageInvalid:
            self._count(CommandRefusal.UNREADABLE)
            return
        refusal = self._judge(command)
        if refusal is None:
            self._handler(command)
            return
        self._count(refusal)
        if refusal is not CommandRefusal.REPLAYED:  # that nonce's answer belongs to its first coming
            self.reply(command.nonce, ReplyOutcome.REFUSED, refusal.value)

    def _judge(self, command: Command) -> CommandRefusal | None:
        now = self._clock()
        if not now.trust.is_trusted:
            return CommandRefusal.CLOCK_NOT_TRUSTED
        if command.expires_at - command.issued_at > MAX_LIFE:
            return CommandRefusal.TOO_LONG_A_LIFE
        if command.issued_at > now.wall + CLOCKS_APART:
            return CommandRefusal.NOT_YET_ISSUED
        if command.expires_at <= now.wall:
            return CommandRefusal.EXPIRED
        if command.issued_at < self._started_at:
            return CommandRefusal.BEFORE_START
        with self._mutex:
            self._seen = {nonce: until for nonce, until in self._seen.items() if until > now.wall}
            if command.nonce in self._seen:
                return CommandRefusal.REPLAYED
            if len(self._seen) >= MAX_NONCES:
                return CommandRefusal.TOO_MANY
            # A wall clock that is set back must not make an expired nonce usable again within a command's life.
            self._seen[command.nonce] = command.expires_at + MAX_LIFE
        return None

    def _count(self, refusal: CommandRefusal) -> None:
        self.refused[refusal] += 1
        log.warning("command_refused why=%s", refusal.value)
