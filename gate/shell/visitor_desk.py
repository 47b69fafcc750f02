"""Registers visitors for the guard's view: what is typed is sealed at once, and the lane hears of a number alone.

Rules:
- Nothing that was typed stays here: it is judged, sealed to the centre's key, and forgotten. Without that key nobody is
  registered: what a gate can't seal, it does not take down.
- Where the community lets no visitors in, nothing about a visitor is kept; that one came is recorded.
- Numbers go on from the last one that is on disk. One that was given for a refusal may be given again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from gate.core import events as ev
from gate.core.lane import Lane
from gate.screens import Answer, Refusal, RegisterVisitor
from gate.shell.guard_orders import Taken, take_event
from gate.shell.records import LAST_VISIT
from gate.shell.sealed_parts import SealedParts
from gate.shell.wall_clock import WallClock
from journal.errors import JournalError
from journal.late import AnyJournal
from model.clock import Instant
from model.identities import GuardId, HouseholdId, VisitNumber
from model.rule_set import RuleSet, VisitPolicy
from model.visit_numbers import VisitNumberParts, next_running, parts_of, visit_number
from model.visitors import RegistrationFault, VisitorRegistration, VisitPurpose, registration_of

Seal = Callable[[VisitorRegistration, VisitNumber], str]
"""Seals to the centre's key; blocks for a moment."""
AskLane = Callable[[Callable[[Lane, Instant], Taken | Refusal]], Awaitable[Answer]]

_NONE_YET: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorSettings:
    """seal: None where this gate has no key to seal to. sealed: read by whoever writes records."""

    seal: Seal | None
    sealed: SealedParts


class VisitorDesk:
    """On the loop's thread."""

    def __init__(self, settings: VisitorSettings, *, clock: WallClock, journal: AnyJournal, ask_lane: AskLane) -> None:
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._ask_lane = ask_lane
        self._running: int | None = None

    async def register(self, order: RegisterVisitor, guard: GuardId, lane: Lane) -> Answer:
        """Register somebody, or record that they came and the rules let nobody in."""
        purpose = VisitPurpose(order.purpose)
        registration: VisitorRegistration | None = None
        if policy_for(purpose, lane.rules) is VisitPolicy.REGISTERED:
            typed = registration_of(order.name, order.id_number, order.phone)
            if isinstance(typed, RegistrationFault):
                return Answer(is_done=False, why=Refusal.INVALID, fault=typed.value)
            if self._settings.seal is None:
                return Answer(is_done=False, why=Refusal.NO_CENTRE_KEY)
            registration = typed
        number = await self._next_number(lane)
        if registration is not None and self._settings.seal is not None:
            self._settings.sealed.put(number, await asyncio.to_thread(self._settings.seal, registration, number))
        registered = partial(
            ev.VisitorRegistered, guard=guard, number=number, host=HouseholdId(order.household), purpose=purpose
        )
        answer = await self._ask_lane(lambda now, at: take_event(registered(at=at), now))
        self._settings.sealed.take(number)  # the lane had no use for it
        return answer.model_copy(update={"slip": number}) if answer.is_done else answer

    async def _next_number(self, lane: Lane) -> VisitNumber:
        if self._running is None:
            last = await asyncio.to_thread(self._last_on_disk)
            self._running = last if self._running is None else self._running
        self._running = next_running(self._running)
        day = self._clock.now().astimezone(lane.rules.zone).day
        return visit_number(VisitNumberParts(gate=lane.settings.gate, day=day, running=self._running))

    def _last_on_disk(self) -> int:
        try:
            saved = self._journal.get_state(LAST_VISIT)
        except JournalError:
            return _NONE_YET
        parts = parts_of(saved) if saved else None
        return parts.running if parts is not None else _NONE_YET


def policy_for(purpose: VisitPurpose, rules: RuleSet) -> VisitPolicy:
    """What becomes of somebody who comes for this."""
    return rules.outsiders.deliveries if purpose is VisitPurpose.DELIVERY else rules.outsiders.visitors
