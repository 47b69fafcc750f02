"""Which browsers are signed in, as far as the kiosk can know: the terminal alone decides whether a token is good.

Rules:
- A session is one token that the terminal issued through this kiosk. It belongs to the duty that the screen shows: with
  another guard, another beginning, or after a restart of the terminal it is over, and its browser is told why.
- Whoever has no session sees no room, no name and no passage.
- Only digests of tokens are kept. At most MAX_SESSIONS; beyond it the one that signed in first is forgotten.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

from gate.screens import ScreenState

MAX_SESSIONS: Final = 16


class EndedWhy(Enum):
    HANDED_OVER = "handed_over"
    SIGNED_OUT = "signed_out"
    SIGN_IN_AGAIN = "sign_in_again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Why a browser is not signed in any more. name: who has the gate now."""

    why: EndedWhy
    name: str | None = None


@dataclass(slots=True, kw_only=True)
class _Session:
    guard: str
    since: datetime | None = None  # of the duty; known with the first screen that shows it
    ended: Ended | None = None


class GuardSessions:
    """On the loop's thread."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._revision = 0

    def begin(self, token: str, guard: str) -> None:
        """The terminal has issued this token."""
        self._sessions[_digest(token)] = _Session(guard=guard)
        while len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)

    def end(self, token: str, why: EndedWhy) -> None:
        """Signed out, or the terminal knows this token no more."""
        session = self._sessions.get(_digest(token))
        if session is not None and session.ended is None:
            session.ended = Ended(why=why)

    def is_signed_in(self, token: str | None, screen: ScreenState | None) -> bool:
        """Whether this browser may see what is the guard's."""
        self._follow(screen)
        session = self._sessions.get(_digest(token)) if token is not None else None
        if session is None or session.ended is not None or screen is None or screen.duty is None:
            return False
        return screen.duty.guard == session.guard and screen.duty.since == session.since

    def ended(self, token: str | None) -> Ended | None:
        """Why this browser's session is over; None for one that never had any, or still has it."""
        session = self._sessions.get(_digest(token)) if token is not None else None
        return session.ended if session is not None else None

    def _follow(self, screen: ScreenState | None) -> None:
        if screen is None:
            return
        has_restarted = screen.revision < self._revision
        self._revision = screen.revision
        for session in self._sessions.values():
            if session.ended is not None:
                continue
            if has_restarted:
                session.ended = Ended(why=EndedWhy.SIGN_IN_AGAIN)
            elif session.since is None:
                # The screen that shows the new duty comes right after the answer that brought the token.
                if screen.duty is not None and screen.duty.guard == session.guard:
                    session.since = screen.duty.since
            elif screen.duty is None:
                session.ended = Ended(why=EndedWhy.SIGNED_OUT)
            elif screen.duty.guard != session.guard:
                session.ended = Ended(why=EndedWhy.HANDED_OVER, name=screen.duty.name)
            elif screen.duty.since != session.since:
                session.ended = Ended(why=EndedWhy.SIGN_IN_AGAIN)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
