"""What the person in front of the gate is shown now, as one JSON object; a function of the board's state alone.

Nothing of the guard's part of a screen is read here, so nothing of it can leave. Every text is a list: one for each
language, in the order of the screen.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from gate.kiosk.event_stream import Content
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.moments import said
from gate.kiosk.resident_faces import LOOKS, Face, look_of
from gate.kiosk.words import Words
from gate.screens import Progress, ResidentScreen, ScreenState

MAX_BANNERS: Final = 3
_FIRST_LOST: Final = ("journal", "thermometer", "serial_scanner", "camera_scanner", "barrier", "clock", "directory")
"""What changes what a person has to do stands before the rest."""
_TRUSTED_CLOCKS: Final = frozenset({"ntp", "rtc", "declared"})
_FORGETTING: Final = frozenset({Face.IDLE, Face.GO, Face.FREE, Face.WAIT})

Texts = list[str]


def resident_content(kiosk: Kiosk) -> Content:
    """The newest; without a terminal only that this gate is out of order."""
    screen = kiosk.board.screen
    if screen is None:
        return {"is_alive": False, "face": Face.DEAD.value}
    shown, gate = screen.resident, screen.gate
    first_step = gate.steps[0] if gate.steps else "scan"
    look = look_of(shown.instruction, direction=gate.direction, first_step=first_step, site=kiosk.site)
    now = gate.now.astimezone(kiosk.zone)
    each = _Each(kiosk.words)
    return {
        "is_alive": True,
        "face": look.face.value,
        "picture": look.picture,
        "gate": each.say(f"resident.page.gate_{gate.direction}", number=gate.gate_number),
        "instruction": shown.instruction,
        "title": each.say("resident.page.nobody_on_duty_title")
        if _is_nobody_there(screen, look.face)
        else _title(each, shown, first_step, kiosk.site),
        "place": _place(each, shown, look.face),
        "reason": each.code("reasons", shown.reason) if look.face is not Face.GO else None,
        "what_now": _what_now(each, screen, look.face),
        "possible": _moment(each, "possible", shown.possible_at, now) or _moment(each, "back", shown.due_back, now),
        "question": _question(each, shown),
        "hint": each.code("hints", shown.hint),
        "progress": _progress(shown.progress, kiosk.board.age_s),
        "person": each.say("resident.page.person", person=shown.person, people=shown.people)
        if shown.people > 1
        else None,
        "temperature": each.say("resident.page.degrees", body_c=f"{shown.body_c:.1f}")
        if shown.body_c is not None
        else None,
        "steps": [{"step": step.step, "state": step.state.value} for step in shown.steps],
        "banners": _banners(each, screen, kiosk),
        "is_bell_rung": screen.bell_since is not None,
        "notices": [
            [notice.in_language(words.language) for words in kiosk.words] for notice in kiosk.notices.current(now)
        ],
        "clock": now.isoformat(timespec="seconds"),
    }


def _is_nobody_there(screen: ScreenState, face: Face) -> bool:
    """Whether the guard was called and none has signed in, where guards do sign in: then nobody comes by themselves."""
    return face is Face.GUARD and bool(screen.guards) and screen.duty is None


class _Each:
    """Texts in every language."""

    def __init__(self, words: Sequence[Words]) -> None:
        self._words = words

    def say(self, key: str, **values: object) -> Texts:
        return [words(key, **values) for words in self._words]

    def code(self, table: str, code: str | None) -> Texts | None:
        """The words of a code; None when there is no code, or no words for it."""
        if code is None:
            return None
        found = [words.find(table, code) for words in self._words]
        return [text for text in found if text is not None] if all(found) else None

    def by(self, text: Callable[[Words], str]) -> Texts:
        return [text(words) for words in self._words]


def _title(each: _Each, shown: ResidentScreen, first_step: str, site: str) -> Texts:
    if shown.instruction == "answer_question" and shown.question is not None:
        question = each.code("questions", shown.question)
        if question is not None:
            return question
    if shown.instruction == "welcome":
        first = each.code("resident.first", first_step)
        if first is not None:
            return first
    if shown.instruction == "hold_forehead" and site == "wrist":
        return each.say("resident.places.hold_wrist")
    known = shown.instruction if shown.instruction in LOOKS else "guard_comes"
    return each.say(f"instructions.{known}")


def _what_now(each: "_Each", screen: ScreenState, face: Face) -> Texts | None:
    if _is_nobody_there(screen, face):
        return each.say("resident.page.nobody_on_duty")
    return each.code("resident.what_now", screen.resident.reason) if face not in _FORGETTING else None


def _place(each: _Each, shown: ResidentScreen, face: Face) -> Texts | None:
    if face in (Face.GUARD, Face.STOP) and shown.reason is not None:
        return None  # what to do now says it better
    return each.code("resident.places", shown.instruction)


def _question(each: _Each, shown: ResidentScreen) -> dict[str, object] | None:
    if shown.instruction != "answer_question" or shown.question is None:
        return None
    return {"code": shown.question, "words": each.code("questions", shown.question) or [shown.question]}


def _moment(each: _Each, table: str, moment: datetime | None, now: datetime) -> Texts | None:
    if moment is None or moment <= now:
        return None
    local = moment.astimezone(now.tzinfo)
    return each.by(lambda words: said(words, table, local, now))


def _progress(progress: Progress | None, age_s: float) -> dict[str, float] | None:
    """Counted on from when the screen came, for a page that opens later."""
    if progress is None or progress.lasts_s <= 0:
        return None
    elapsed_s = min(max(progress.elapsed_s + age_s, 0.0), progress.lasts_s)
    return {"elapsed_s": round(elapsed_s, 2), "lasts_s": round(progress.lasts_s, 2)}


def _banners(each: _Each, screen: ScreenState, kiosk: Kiosk) -> list[Texts]:
    """What does not work, in plain words; at most MAX_BANNERS."""
    lost = {part.component for part in kiosk.board.lost}
    if "link" in lost:
        lost.discard("centre")  # one sentence is enough
    if screen.gate.clock not in _TRUSTED_CLOCKS:
        lost.add("clock")
    ordered = sorted(lost, key=lambda name: (_rank(name), name))
    banners: list[Texts] = []
    if screen.gate.mode == "guard_only" and not lost & {"journal", "thermometer"}:
        banners.append(each.say("resident.modes.guard_only"))
    for name in ordered:
        banner = each.code("resident.lost", name) or each.say("resident.lost.other")
        if banner not in banners:
            banners.append(banner)
    return banners[:MAX_BANNERS]


def _rank(name: str) -> int:
    return _FIRST_LOST.index(name) if name in _FIRST_LOST else len(_FIRST_LOST)
