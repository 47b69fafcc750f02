"""A guard's orders on their way from a browser to the terminal: whose they are, once each, and what became of them.

Rules:
- The token stays in the cookie and in here; a browser's script never has it, and never gives one.
- A press that arrives twice is carried out once; both get the one answer.
- An order is carried out to its end when the browser goes meanwhile.
- An emergency release at the gate's own screen needs nobody signed in; a token that has ended does not hinder it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from gate.kiosk.errors import TerminalSilent
from gate.kiosk.guard_sessions import EndedWhy, GuardSessions
from gate.kiosk.kiosk import Kiosk
from gate.screens import (
    AdmitService,
    AnswerBell,
    CountPeople,
    DecideVisit,
    FindHousehold,
    Found,
    IdentifyHousehold,
    LogDelivery,
    MeasureByHand,
    Order,
    Refusal,
    RegisterVisitor,
    ReleaseInEmergency,
    SeeMask,
    SeeOutsider,
    SeeVehicle,
    SeeVisitorLeave,
    SignIn,
    SignOut,
    StatePurpose,
)

MAX_PRESSES: Final = 64

_ORDER: Final[TypeAdapter[Order]] = TypeAdapter(Order)
_OF_GUARDS: Final = (
    SignIn,
    SignOut,
    DecideVisit,
    IdentifyHousehold,
    CountPeople,
    StatePurpose,
    MeasureByHand,
    SeeMask,
    AdmitService,
    ReleaseInEmergency,
    AnswerBell,
    FindHousehold,
    SeeVehicle,
    SeeOutsider,
    RegisterVisitor,
    SeeVisitorLeave,
    LogDelivery,
)
_NO_TOKEN: Final = "0" * 64  # its form is right, and it is nobody's


class Press(BaseModel):
    """What a browser sends. press: a random number of this press. order: an order without its token."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    press: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    order: dict[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a press. why: a Refusal, or no_terminal, no_answer. token: of a sign-in, for the cookie alone."""

    is_done: bool
    why: str | None = None
    wait_s: float | None = None
    found: tuple[Found, ...] = ()
    more_found: bool = False
    slip: str | None = None
    fault: str | None = None
    token: str | None = None
    is_signed_out: bool = False

    def told(self) -> dict[str, object]:
        """What the browser's script gets."""
        return {
            "is_done": self.is_done,
            "why": self.why,
            "wait_s": self.wait_s,
            "found": [found.model_dump() for found in self.found],
            "more_found": self.more_found,
            "slip": self.slip,
            "fault": self.fault,
        }


class GuardDesk:
    """The guards' end of one kiosk. On the loop's thread."""

    def __init__(self, kiosk: Kiosk) -> None:
        self.sessions = GuardSessions()
        self._kiosk = kiosk
        self._presses: OrderedDict[str, asyncio.Task[Outcome]] = OrderedDict()

    def is_signed_in(self, token: str | None) -> bool:
        return self.sessions.is_signed_in(token, self._kiosk.board.screen)

    async def press(self, body: bytes, token: str | None, *, is_own_screen: bool) -> Outcome:
        """Carry a press out, once. token: of the browser's cookie."""
        try:
            press = Press.model_validate_json(body)
        except ValidationError:
            return Outcome(is_done=False, why=Refusal.INVALID.value)
        return await self._once(press.press, lambda: self._carry_out(press.order, token, is_own_screen))

    async def _once(self, press: str, act: Callable[[], Awaitable[Outcome]]) -> Outcome:
        task = self._presses.get(press)
        if task is None:
            task = self._presses[press] = asyncio.ensure_future(act())
            while len(self._presses) > MAX_PRESSES:
                self._presses.popitem(last=False)
        return await asyncio.shield(task)

    async def _carry_out(self, given: Mapping[str, object], token: str | None, is_own_screen: bool) -> Outcome:
        is_signed_in = self.is_signed_in(token)
        order = _order_of(given, token if is_signed_in else None)
        if not isinstance(order, _OF_GUARDS):
            return Outcome(is_done=False, why=Refusal.INVALID.value)
        if isinstance(order, ReleaseInEmergency):
            if not is_signed_in and not is_own_screen:
                return Outcome(is_done=False, why=Refusal.NOT_SIGNED_IN.value)
        elif not isinstance(order, SignIn) and not is_signed_in:
            return Outcome(is_done=False, why=Refusal.NOT_SIGNED_IN.value)
        outcome = await self._ask(order)
        if outcome.why == Refusal.NOT_SIGNED_IN.value and token is not None:
            self._forget(token, EndedWhy.SIGN_IN_AGAIN)
            if isinstance(order, ReleaseInEmergency) and is_own_screen:
                return await self._ask(ReleaseInEmergency())
        if outcome.is_done and isinstance(order, SignIn) and outcome.token is not None:
            self.sessions.begin(outcome.token, order.guard)
        if outcome.is_signed_out and token is not None:
            self._forget(token, EndedWhy.SIGNED_OUT)
        return outcome

    async def _ask(self, order: Order) -> Outcome:
        if not self._kiosk.board.is_alive:
            return Outcome(is_done=False, why="no_terminal")
        try:
            answer = await self._kiosk.terminal.order(order)
        except TerminalSilent:
            return Outcome(is_done=False, why="no_answer")
        return Outcome(
            is_done=answer.is_done,
            why=answer.why.value if answer.why is not None else None,
            wait_s=answer.wait_s,
            found=answer.found,
            more_found=answer.more_found,
            slip=answer.slip,
            fault=answer.fault,
            token=answer.token,
            is_signed_out=answer.is_done and isinstance(order, SignOut),
        )

    def _forget(self, token: str, why: EndedWhy) -> None:
        self.sessions.end(token, why)
        self._kiosk.board.tell_changed()


def _order_of(given: Mapping[str, object], token: str | None) -> Order | None:
    """The order with this browser's token; None when it is none, or when a script brought a token of its own."""
    kind = given.get("kind")
    if "token" in given or not isinstance(kind, str):
        return None
    if kind == "sign_in":
        whole = dict(given)
    else:
        # Without a session the form is still looked at; the emergency release alone may then come without a token.
        whole = {**given, "token": token if token is not None or kind == "emergency" else _NO_TOKEN}
    try:
        return _ORDER.validate_python(whole)
    except ValidationError:
        return None
