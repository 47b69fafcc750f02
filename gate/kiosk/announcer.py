"""What the gate says aloud: each instruction, what endangers people, and the community's notices at their times.

Rules:
- An instruction is said when it becomes another one. The same one is not said again within AGAIN_AFTER_S.
- The answer (go, refused, the guard comes) cuts off what led to it.
- Reasons that are personal stay on the screen; those in [spoken_reasons] are said.
- In the quiet hours nothing is said but what frees the way or warns of danger. A danger is repeated while it lasts.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final, Protocol

from gate.kiosk.board import Board
from gate.kiosk.notices import SPOKEN_WITHIN, Notice, NoticeBoard
from gate.kiosk.words import Words
from gate.screens import ResidentScreen, ScreenState

log = logging.getLogger(__name__)

AGAIN_AFTER_S: Final = 8.0
DANGER_AGAIN_AFTER_S: Final = 20.0
LOOK_INTERVAL_S: Final = 10.0
SAFETY: Final = ("fire", "break_glass", "emergency_release")
"""Alarms that concern everybody who hears them."""
SILENT: Final = frozenset({"welcome", "wait"})
ANSWERS: Final = frozenset({"go", "refused", "guard_comes", "way_out_is_free"})
WAY_OUT: Final = "way_out_is_free"
_MISSED_AFTER: Final = timedelta(minutes=10)

Key = tuple[str, ...]


class Voice(Protocol):
    """What can be told to speak; returns at once."""

    def say(self, sentences: Sequence[tuple[str, str]], *, urgent: bool = False) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From one time of day to another, over midnight too."""

    begin: time
    end: time

    def holds(self, at: time) -> bool:
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """sentences: (language, words), said one after the other."""

    sentences: tuple[tuple[str, str], ...]
    is_urgent: bool = False


class Announcer:
    """Remembers what was said. words: of the voice's languages, in their order."""

    def __init__(
        self,
        words: Sequence[Words],
        *,
        notices: NoticeBoard,
        quiet: QuietHours | None = None,
        site: str = "forehead",
    ) -> None:
        self._words = words
        self._notices = notices
        self._quiet = quiet
        self._site = site
        self._told: Key = ()
        self._hinted: str | None = None
        self._said_at: dict[Key, float] = {}
        self._looked_at: datetime | None = None
        self._due: list[tuple[Notice, datetime]] = []

    def follow(self, screen: ScreenState | None, at_s: float, now: datetime) -> Announcement | None:
        """What is to be said now. at_s: monotonic; now: aware, in local time."""
        is_quiet = self._quiet is not None and self._quiet.holds(now.timetz().replace(tzinfo=None))
        self._note_due(now)
        if screen is None:
            self._told = ()
            return None
        shown = screen.resident
        is_new, self._told = _key(shown) != self._told, _key(shown)
        is_hinted, self._hinted = shown.hint is not None and shown.hint != self._hinted, shown.hint
        danger = self._danger(screen, at_s)
        if danger is not None:
            return danger
        if is_new and shown.instruction == WAY_OUT:
            return self._once(_key(shown), at_s, self._instruction(shown), is_urgent=True)
        if is_quiet:
            return None
        if is_new and shown.instruction not in SILENT:
            is_answer = shown.instruction in ANSWERS
            return self._once(_key(shown), at_s, self._instruction(shown), is_urgent=is_answer)
        if is_hinted and shown.hint is not None:
            hint = shown.hint
            return self._once(("hint", hint), at_s, self._each(lambda words: words.code("hints", hint)))
        return self._notice() if shown.instruction == "welcome" else None

    def _danger(self, screen: ScreenState, at_s: float) -> Announcement | None:
        present = [alarm.kind for alarm in screen.alarms if alarm.kind in SAFETY]
        if not present:
            return None
        kind = min(present, key=SAFETY.index)
        return self._once(
            ("danger", kind),
            at_s,
            self._each(lambda words: words(f"resident.spoken.{kind}")),
            is_urgent=True,
            again_after_s=DANGER_AGAIN_AFTER_S,
        )

    def _once(
        self,
        key: Key,
        at_s: float,
        sentences: tuple[tuple[str, str], ...],
        *,
        is_urgent: bool = False,
        again_after_s: float = AGAIN_AFTER_S,
    ) -> Announcement | None:
        said_at = self._said_at.get(key)
        if said_at is not None and at_s - said_at < again_after_s:
            return None
        self._said_at = {old: then for old, then in self._said_at.items() if at_s - then < DANGER_AGAIN_AFTER_S}
        self._said_at[key] = at_s
        return Announcement(sentences=sentences, is_urgent=is_urgent)

    def _instruction(self, shown: ResidentScreen) -> tuple[tuple[str, str], ...]:
        return self._each(lambda words: " ".join(_parts(words, shown, self._site)))

    def _each(self, text: Callable[[Words], str]) -> tuple[tuple[str, str], ...]:
        return tuple((words.language, text(words)) for words in self._words)

    def _note_due(self, now: datetime) -> None:
        """Notices whose time has come wait for a moment in which nobody is served."""
        before, self._looked_at = self._looked_at, now
        if before is not None and before < now < before + _MISSED_AFTER:
            self._due += [(notice, now) for notice in self._notices.due(before, now)]
        self._due = [(notice, since) for notice, since in self._due if now - since < SPOKEN_WITHIN]

    def _notice(self) -> Announcement | None:
        if not self._due:
            return None
        notice, _ = self._due.pop(0)
        return Announcement(sentences=self._each(lambda words: notice.in_language(words.language)))


async def announce(board: Board, announcer: Announcer, voice: Voice, now: Callable[[], datetime]) -> None:
    """Say what the board brings, until cancelled. now: aware, in local time."""
    loop = asyncio.get_running_loop()
    shown = -1
    while not board.is_closed:
        await board.another(shown, LOOK_INTERVAL_S)
        shown = board.number
        announcement = announcer.follow(board.screen, loop.time(), now())
        if announcement is not None:
            voice.say(announcement.sentences, urgent=announcement.is_urgent)


def _key(shown: ResidentScreen) -> Key:
    return (shown.instruction, shown.reason or "", shown.question or "", str(shown.person))


def _parts(words: Words, shown: ResidentScreen, site: str) -> list[str]:
    """The sentences of an instruction in one language; every one of them ends, so that the voice pauses."""
    stop = "。" if words.language == "zh" else "."
    parts = []
    if shown.people > 1 and shown.instruction == "hold_forehead":
        parts.append(words("resident.spoken.person", person=shown.person))
    if shown.question is not None and shown.instruction == "answer_question":
        parts.append(words.code("questions", shown.question))
    name = "hold_wrist" if shown.instruction == "hold_forehead" and site == "wrist" else shown.instruction
    parts.append(words.find("resident.spoken", name) or words.code("instructions", name))
    reason = words.find("resident.spoken_reasons", shown.reason) if shown.reason is not None else None
    if reason is not None and shown.instruction in {"refused", "guard_comes"}:
        parts.append(reason)
    return [part if part.endswith(("。", ".", "？", "?", "！", "!")) else part + stop for part in parts]
