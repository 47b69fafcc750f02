"""A gate with guards before a kiosk: a fake terminal that knows PINs and duties, and visits as they come."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fake_terminal import NOON, FakeTerminal, screen

from gate.screens import (
    AlarmShown,
    Answer,
    DutyShown,
    Found,
    GuardShown,
    LostShown,
    Order,
    PassageShown,
    Progress,
    Refusal,
    ScreenState,
    SignIn,
    SignOut,
    TemperatureShown,
    VisitShown,
)

LI, WANG = GuardShown(guard="li_wei", name="李卫"), GuardShown(guard="wang_fang", name="王芳")
PINS = {"li_wei": "2591", "wang_fang": "80461"}
TOKENS = {"li_wei": "a" * 64, "wang_fang": "b" * 64}
FOUND = (
    Found(household=77, room="3-2-1201", masked_name="张*", colour="green", isolation="none"),
    Found(household=78, room="3-2-1202", masked_name="欧阳**", colour="orange", isolation="home"),
)
PASSAGES = (
    PassageShown(at=NOON, number=6, outcome="granted", reason="admitted", room="1-1-302"),
    PassageShown(at=NOON, number=5, outcome="denied", reason="pass_expired", room="2-1-801"),
    PassageShown(at=NOON, number=4, outcome="granted", reason="guard_confirmed", room="3-2-1201", guard="li_wei"),
    PassageShown(at=NOON, number=0, outcome="granted", reason="service_admitted", people=3, guard="li_wei"),
)


def visit(number: int = 7, **changes: Any) -> VisitShown:
    """A resident whom the gate is looking at."""
    usual: dict[str, Any] = {
        "number": number,
        "stage": "visiting",
        "step": "scan",
        "instruction": "show_code",
        "room": "3-2-1201",
        "masked_name": "张*",
        "colour": "green",
        "pass_kind": "resident",
        "isolation": "none",
        "left": Progress(elapsed_s=4.0, lasts_s=30.0),
    }
    return VisitShown(**(usual | changes))


def hot(number: int = 7, **changes: Any) -> VisitShown:
    """The gate asks the guard: measured twice, high both times."""
    usual: dict[str, Any] = {
        "stage": "with_guard",
        "step": None,
        "instruction": "guard_comes",
        "outcome": "referred",
        "reason": "temperature_high",
        "colour": "yellow",
        "temperatures": (
            TemperatureShown(outcome="high", body_c=37.8, site="forehead"),
            TemperatureShown(outcome="high", body_c=37.6, site="forehead"),
        ),
        "left": Progress(elapsed_s=12.0, lasts_s=60.0),
    }
    return visit(number, **(usual | changes))


def asked(number: int = 7, reason: str = "no_code", **changes: Any) -> VisitShown:
    """The gate asks the guard about this."""
    usual: dict[str, Any] = {"stage": "with_guard", "step": None, "instruction": "guard_comes", "outcome": "referred"}
    if reason == "no_code":
        usual |= {"room": None, "masked_name": None, "colour": None, "pass_kind": None, "isolation": None}
    return visit(number, **(usual | {"reason": reason} | changes))


def lost(component: str, why: str = "no_answer") -> LostShown:
    return LostShown(component=component, why=why, since=NOON)


def alarm(kind: str) -> AlarmShown:
    return AlarmShown(kind=kind, since=NOON)


@dataclass(kw_only=True)
class GuardedGate:
    """What the fake terminal shows and answers. answers: by the order's kind, instead of "done"."""

    terminal: FakeTerminal
    shown: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer | None] = field(default_factory=dict)
    duty: DutyShown | None = None
    duties: int = 0

    def start(self) -> None:
        self.terminal.answer = self._answer
        self.show()

    def show(self, **changes: Any) -> ScreenState:
        """Change the screen; what is not named stays as it was."""
        self.shown |= changes
        made = self._screen()
        self.terminal.show(made)
        return made

    def take_over(self, guard: GuardShown | None) -> None:
        """Somebody signs in elsewhere, or the duty ends."""
        self.terminal.show(self._change_duty(guard))

    def orders(self, kind: str) -> list[Order]:
        """What the terminal was told, in order."""
        return [order for order in self.terminal.orders if order.kind == kind]

    def await_order(self, kind: str, count: int = 1) -> Order:
        self.terminal.await_that(lambda: len(self.orders(kind)) >= count)
        return self.orders(kind)[-1]

    def await_answer(self, is_so: Callable[[], bool]) -> None:
        self.terminal.await_that(is_so)

    def _screen(self) -> ScreenState:
        usual: dict[str, Any] = {"guards": (LI, WANG), "duty": self.duty, "passages": PASSAGES}
        return screen(**(usual | self.shown))

    def _change_duty(self, guard: GuardShown | None) -> ScreenState:
        self.duties += 1
        since = NOON - timedelta(hours=1) + timedelta(minutes=self.duties)
        self.duty = DutyShown(guard=guard.guard, name=guard.name, since=since) if guard is not None else None
        made = self._screen()
        self.terminal._screen = made  # the next repetition brings it; called on the terminal's own thread
        return made

    def _answer(self, order: Order) -> Answer | None:
        if order.kind in self.answers:
            return self.answers[order.kind]
        if isinstance(order, SignIn):
            return self._sign_in(order)
        if isinstance(order, SignOut):
            self._tell_duty(None)
        return Answer(is_done=True)

    def _sign_in(self, order: SignIn) -> Answer:
        if PINS.get(order.guard) != order.pin:
            return Answer(is_done=False, why=Refusal.WRONG_PIN)
        guard = LI if order.guard == LI.guard else WANG
        if self.duty is None or self.duty.guard != guard.guard:
            self._tell_duty(guard)
        return Answer(is_done=True, token=TOKENS[order.guard])

    def _tell_duty(self, guard: GuardShown | None) -> None:
        made = self._change_duty(guard)
        assert self.terminal._loop is not None
        self.terminal._loop.create_task(self.terminal._show_all())
        assert made.duty == self.duty


def without_barrier(**changes: Any) -> dict[str, Any]:
    """A tent."""
    return {"gate_changes": {"has_barrier": False, "gate_number": 12, **changes}}
