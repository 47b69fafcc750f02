"""Plays a scenario: people step up, show codes, are measured, pass or leave, in virtual time; then it is judged."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

from gate.core.lane import Lane
from gate.core.visit_states import Closing, Idle, Passing, Visiting, WithGuard
from model.clock import Instant
from model.records import VisitStep
from tests.scenarios.centre_stand_in import CentreStandIn
from tests.scenarios.guard_at_desk import GuardAtDesk
from tests.scenarios.lane_wires import WALL_C
from tests.scenarios.people import People
from tests.scenarios.scenario_file import STEPS_UP_S, Change, GuardAct, Passage, Written
from tests.scenarios.scenario_verdict import Played, Verdict, judge
from tests.scenarios.virtual_lane import PIN, VirtualLane, build_lane, device_of
from tests.scenarios.virtual_time import VirtualLoop, VirtualTime

OPENS_BEFORE: Final = timedelta(seconds=60)
CHANGE_BEFORE_S: Final = 1.0
"""A household's or a pass's new state reaches the gates so long before the person steps up."""
SETTLES_S: Final = 1.1
"""After a leap, before whatever it leapt to: every part has looked round once."""
DOOR_AFTER_S, DOOR_OPEN_S, LEAVES_AFTER_S = 0.6, 1.5, 1.0
PRESSED_S: Final = 0.3
PATIENCE_S: Final = 400.0
ENDS_AFTER_S: Final = 5.0
_FREES: Final = ("fire", "break_glass", "guard_emergency", "emergency")
"""Inputs and orders that free the way for everybody."""


@dataclass(slots=True)
class Agenda:
    """What people still wait for, so that the clock may leap to the first of it."""

    clock: VirtualTime
    waited_for: list[float] = field(default_factory=list)

    async def until(self, instant_s: float) -> None:
        """Wait for an instant of the virtual clock."""
        left_s = instant_s - self.clock.monotonic()
        if left_s <= 0:
            return
        self.waited_for.append(instant_s)
        try:
            await asyncio.sleep(left_s)
        finally:
            self.waited_for.remove(instant_s)

    async def after(self, seconds: float) -> None:
        """Wait for so long."""
        await self.until(self.clock.monotonic() + seconds)


class Play:
    """One scenario, once."""

    def __init__(self, written: Written, folder: Path, *, blind_to: Sequence[str] = ()) -> None:
        """blind_to: what the clock does not wait for, to show what then goes wrong."""
        self._written = written
        first = min(written.begins(passage) for passage in written.scenario.passages)
        began = first - OPENS_BEFORE
        self.clock = VirtualTime(began, blind_to=blind_to)
        self._agenda = Agenda(self.clock)
        self._people = People(written, folder / "site", began)
        held = self._people.sign_set(began)
        self._centre = CentreStandIn(folder / "centre", lambda: self.clock.wall, held)
        self.lanes = {
            name: build_lane(
                name,
                plan,
                folder=folder / name,
                people=self._people,
                held=held,
                clock=self.clock,
                bus=self._centre.bus_of(name, device_of(name)),
            )
            for name, plan in written.scenario.lanes.items()
        }
        self._guards: dict[str, GuardAtDesk] = {}
        self._played: list[Played] = []
        self.clock.leap_by(self._leap_to)

    def run(self) -> Verdict:
        """Play and judge. Raises StuckError when something never comes to rest."""
        with ExitStack() as ending:
            ending.callback(self._centre.close)
            for lane in self.lanes.values():
                ending.callback(lane.wires.close)
                ending.callback(lane.journal.close)
                ending.callback(lane.commits.stop)
                lane.commits.start()
            ending.callback(self.clock.set_free)
            with asyncio.Runner(loop_factory=lambda: VirtualLoop(self.clock)) as runner:
                runner.run(self._run())
        return judge(self._written, self.clock, self.lanes, self._played)

    async def _run(self) -> None:
        terminals = [
            asyncio.create_task(lane.terminal.run(), name=f"terminal {name}") for name, lane in self.lanes.items()
        ]
        playing = asyncio.create_task(self._play(), name="people")
        # A terminal ends only when it is stopped: one that ends before has failed.
        await asyncio.wait([playing, *terminals], return_when=asyncio.FIRST_COMPLETED)
        self.clock.set_free()
        for guard in self._guards.values():
            await guard.close()
        for lane in self.lanes.values():
            lane.terminal.stop()
        if not playing.done():
            playing.cancel()
        for outcome in await asyncio.gather(playing, *terminals, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, asyncio.CancelledError):
                raise outcome

    async def _play(self) -> None:
        await self._agenda.after(1.0)
        for name, lane in self.lanes.items():
            self._centre.connect(name, lane.terminal.post)
            if lane.plan.guards:
                self._guards[name] = GuardAtDesk()
                await self._guards[name].sit_down(lane.settings.kiosk_socket(), lane.plan.guards[0], PIN)
        scenario = self._written.scenario
        async with asyncio.TaskGroup() as tasks:
            for number, passage in enumerate(scenario.passages, start=1):
                tasks.create_task(self._pass(number, passage), name=f"passage {number}")
            for change in scenario.change:
                tasks.create_task(self._change(change), name="change")
        await self._agenda.after(ENDS_AFTER_S)

    def _leap_to(self) -> float | None:
        """Shortly before the next thing that somebody waits for, while all lanes are at rest."""
        if not self._agenda.waited_for:
            return None
        instants = [lane.rests_until() for lane in self.lanes.values()]
        if any(instant is None for instant in instants):
            return None
        return min(*self._agenda.waited_for, *(instant for instant in instants if instant is not None)) - SETTLES_S

    async def _change(self, change: Change) -> None:
        await self._agenda.until(self.clock.instant_at(self._written.moment(change.at)))
        is_news = change.household is not None and self._people.change_household(change.household)
        if change.rules is not None:
            self._people.publish_rules(self._written.path(change.rules))
        if is_news or change.rules is not None:
            self._centre.send(self._people.sign_set(self.clock.wall))
        if change.centre is not None:
            self._centre.go_away(Instant(self.clock.monotonic()), is_away=change.centre == "away")
        if change.lane is None:
            return
        wires = self.lanes[change.lane].wires
        if change.thermometer is not None:
            wires.fault(change.thermometer)
        for role, is_active in change.inputs.items():
            if role in _FREES:
                self.lanes[change.lane].note_freed(self.clock.monotonic(), is_free=is_active)
            wires.put(role, is_active)

    # below: one person

    async def _pass(self, number: int, passage: Passage) -> None:
        lane = self.lanes[passage.lane]
        begins_s = self.clock.instant_at(self._written.begins(passage))
        await self._agenda.until(begins_s - CHANGE_BEFORE_S)
        if self._people.changes_before(passage):
            self._centre.send(self._people.sign_set(self.clock.wall))
        await self._agenda.until(begins_s)
        played = Played(
            number=number, passage=passage, pass_id=self._people.pass_of(passage), begins_s=begins_s, ends_s=begins_s
        )
        self._played.append(played)
        lane.wires.see(passage.forehead_c)
        lane.wires.put("presence", True)
        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(self._answer(lane, passage), name="answers")
            following = tasks.create_task(self._follow_one_another(lane, passage), name="others")
            tasks.create_task(self._show(lane, passage, begins_s + STEPS_UP_S), name="shows")
            guarding = tasks.create_task(self._guard(lane, played, begins_s + STEPS_UP_S), name="guard")
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._stay(lane, passage, begins_s + STEPS_UP_S)
            except TimeoutError:
                played.troubles.append(f"the visit did not end within {PATIENCE_S:g} s")
            if played.undone:
                played.troubles.append(f"the visit was over before the guard could do: {played.undone}")
            for task in (answering, following, guarding):
                task.cancel()
        lane.wires.put("door", False)
        lane.wires.put("presence", False)
        lane.wires.see(WALL_C)
        await lane.onlooker.until(_is_over, lane.lane)
        played.ends_s = self.clock.monotonic()

    async def _show(self, lane: VirtualLane, passage: Passage, at_s: float) -> None:
        await self._agenda.until(at_s)
        code = self._people.code(passage, self.clock.wall)
        if code is not None:
            lane.wires.type(code)

    async def _follow_one_another(self, lane: VirtualLane, passage: Passage) -> None:
        """Those who come along hold out their foreheads one after the other."""
        for person, skin_c in enumerate(passage.others_c, start=2):
            await lane.onlooker.until(lambda seen, person=person: _wants_person(seen, person), lane.lane)  # type: ignore[misc]
            lane.wires.see(skin_c)

    async def _answer(self, lane: VirtualLane, passage: Passage) -> None:
        for answered, word in enumerate(passage.answers):
            await lane.onlooker.until(lambda seen, answered=answered: _asks(seen, answered), lane.lane)  # type: ignore[misc]
            await self._agenda.after(LEAVES_AFTER_S)
            await self._press(lane, f"answer_{word}")

    async def _stay(self, lane: VirtualLane, passage: Passage, at_s: float) -> None:
        """Until the gate has said what it has to say, and through the door if that was "go"."""
        if passage.leaves_after_s is not None:
            await self._agenda.until(at_s + passage.leaves_after_s)
            return
        await self._agenda.until(at_s)
        await lane.onlooker.until(lambda seen: isinstance(seen.visit, (Passing, Closing)), lane.lane)
        if not isinstance(lane.lane.visit, Passing):
            await self._agenda.after(LEAVES_AFTER_S)
        elif not passage.passes_through:
            await lane.onlooker.until(lambda seen: not isinstance(seen.visit, Passing), lane.lane)
        else:
            await self._agenda.after(DOOR_AFTER_S)
            lane.wires.put("door", True)
            await self._agenda.after(DOOR_OPEN_S)

    async def _guard(self, lane: VirtualLane, played: Played, at_s: float) -> None:
        for act in played.passage.guard:
            played.undone = act.does
            if act.when == "asked":
                await lane.onlooker.until(lambda seen: isinstance(seen.visit, WithGuard), lane.lane)
                await self._agenda.after(act.after_s)
            else:
                await self._agenda.until(at_s + act.after_s)
            played.troubles += await self._act(lane, act)
        played.undone = ""

    async def _act(self, lane: VirtualLane, act: GuardAct) -> list[str]:
        """Do it; what went wrong with it, in words."""
        if act.does == "press":
            await self._press(lane, act.button or "guard_confirm")
            return []
        if lane.name not in self._guards:
            return [f'lane {lane.name} has no guards: add guards = ["li"] to [lanes.{lane.name}]']
        try:
            fields = dict(act.order)
            if isinstance(fields.get("household"), str):
                fields["household"] = self._people.number_of(fields["household"])
            if act.does in _FREES:
                lane.note_freed(self.clock.monotonic(), is_free=True)
            answer = await self._guards[lane.name].order(act.does, fields, lane.lane)
        except ValueError as error:
            return [f"the guard's order {error}"]
        return [] if answer.is_done else [f"the guard's order {act.does} was answered {answer.why}"]

    async def _press(self, lane: VirtualLane, button: str) -> None:
        if button in _FREES:
            lane.note_freed(self.clock.monotonic(), is_free=True)
        lane.wires.put(button, True)
        await self._agenda.after(PRESSED_S)
        lane.wires.put(button, False)


def _is_over(lane: Lane) -> bool:
    return isinstance(lane.visit, Idle) and not lane.visit.is_present and lane.barrier.release_until is None


def _asks(lane: Lane, answered: int) -> bool:
    visit = lane.visit
    return isinstance(visit, Visiting) and visit.step is VisitStep.ASK and visit.questions_answered == answered


def _wants_person(lane: Lane, person: int) -> bool:
    visit = lane.visit
    return isinstance(visit, Visiting) and visit.step is VisitStep.MEASURE and visit.person == person


def play(written: Written, folder: Path, *, blind_to: Sequence[str] = ()) -> Verdict:
    """Play a scenario in a new folder and judge it."""
    return Play(written, folder, blind_to=blind_to).run()
