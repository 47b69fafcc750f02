"""What a screen needs and the lane does not remember: since when, the last passages, what was told last."""

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from gate.core import effects as out
from gate.core import events as ev
from gate.core.lane import Lane
from gate.core.visit_states import Closing, Idle, VisitState
from gate.screens import SHOWN_PASSAGES, AlarmShown, LostShown, PassageShown
from gate.shell.screen_state import WELCOME
from model.credentials import household_of
from model.identities import HouseholdId
from model.records import DecisionRecord
from passes.sealed import GuardEntry

MAX_UNDECIDED: Final = 50
"""Decisions whose record is not on disk yet; beyond it the oldest is not shown among the passages."""
WHY_MAX: Final = 200


class ScreenMemory:
    """Follows the lane; in memory only. Its methods belong to the inbox's thread and cost little."""

    def __init__(self, lane: Lane, now: datetime) -> None:
        self.lane = lane
        self.told = WELCOME
        self.hint: str | None = None  # of the lane; comes and goes
        self.camera_hint: str | None = None
        self.ended: VisitState | None = None
        self.bell_since: datetime | None = None
        self.view: Mapping[HouseholdId, GuardEntry] = {}
        self.passages: tuple[PassageShown, ...] = ()
        self.lost: tuple[LostShown, ...] = ()
        self.alarms: tuple[AlarmShown, ...] = ()
        self._undecided: deque[tuple[int, PassageShown]] = deque(maxlen=MAX_UNDECIDED)
        self._note_lost({}, lane.lost, now)

    def follow(self, event: ev.Event, lane: Lane, effects: tuple[out.Effect, ...], now: datetime) -> bool:
        """Take over a step of the lane; returns whether the resident is told something new."""
        before, self.lane = self.lane, lane
        if lane.lost is not before.lost:
            self._note_lost(before.lost, lane.lost, now)
        if isinstance(lane.visit, Closing):
            if not isinstance(before.visit, (Closing, Idle)):
                self.ended = before.visit
        else:
            self.ended = None
        match event:
            case ev.RecordStored():
                self._decided(event.token, is_stored=True)
            case ev.RecordRefused():
                self._decided(event.token, is_stored=False)
            case ev.CredentialPresented():
                self.hint = self.camera_hint = None
        told = self.told
        for effect in effects:
            self._note_effect(effect, now)
        return self.told != told

    def _note_effect(self, effect: out.Effect, now: datetime) -> None:
        match effect:
            case out.ShowHint():
                self.hint = effect.hint.value  # beside the instruction, which stays
            case out.ShowInstruction():
                self.told = effect
            case out.RaiseAlarm(kind=out.AlarmKind.BELL):
                self.bell_since = now
            case out.ClearAlarm(kind=out.AlarmKind.BELL):
                self.bell_since = None
            case out.RaiseAlarm():
                if all(alarm.kind != effect.kind.value for alarm in self.alarms):
                    self.alarms = (*self.alarms, AlarmShown(kind=effect.kind.value, since=now))
            case out.ClearAlarm():
                self.alarms = tuple(alarm for alarm in self.alarms if alarm.kind != effect.kind.value)
            case out.StoreRecord(record=DecisionRecord() as record):
                self._undecided.append((effect.token, self._passage(record, now)))

    def _passage(self, record: DecisionRecord, now: datetime) -> PassageShown:
        household = household_of(record.facts.code)
        entry = self.view.get(household) if household is not None else None
        return PassageShown(
            at=now,
            number=record.visit,
            outcome=record.decision.outcome.value,
            reason=record.decision.reason.value,
            people=record.facts.people,
            guard=record.guard,
            room=entry.room if entry is not None else None,
        )

    def _decided(self, token: int, *, is_stored: bool) -> None:
        for each in self._undecided:
            if each[0] == token:
                self._undecided.remove(each)
                if is_stored:
                    self.passages = (each[1], *self.passages[: SHOWN_PASSAGES - 1])
                return

    def _note_lost(self, before: Mapping[str, str], lost: Mapping[str, str], now: datetime) -> None:
        since = {shown.component: shown.since for shown in self.lost if shown.component in before}
        self.lost = tuple(
            LostShown(component=name, why=why[:WHY_MAX], since=since.get(name, now))
            for name, why in sorted(lost.items())
        )
