"""Between the lane and its kiosk: follows the lane for the screen, and brings a person's orders to it.

Rules:
- A screen is made only while a kiosk looks, after what it shows has been carried out, and never in the lane's way.
- Who has the gate gives orders by a token; handing over ends the tokens of whoever had it before anything else.
- A look-up reads what is personal: it is recorded, and without a journal it is refused.
- What blocks (PINs, files, the sealed part of a directory) runs in threads.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from drivers.ports import CameraHint
from gate.core import effects as out
from gate.core import events as ev
from gate.core.lane import JOURNAL, Lane, step
from gate.screens import (
    Answer,
    DutyShown,
    FindHousehold,
    GuardShown,
    Order,
    Refusal,
    RegisterVisitor,
    ScreenState,
    SignIn,
    SignOut,
)
from gate.shell.guard_orders import LaneOrder, Taken, needs_guard, take_order, token_of
from gate.shell.guards import Guards, GuardsFile, GuardsUnreadable, Tokens, is_pin_of
from gate.shell.household_lookup import LookedUp, PassMemory, Register, find_household, find_room, open_register
from gate.shell.inbox import InboxItem, Noted, Ordered
from gate.shell.kiosk_port import KioskPort, KioskPortError
from gate.shell.records import Duty
from gate.shell.screen_memory import ScreenMemory
from gate.shell.screen_state import ScreenFacts, StillScreen, at_moment, directory_age_s, still_of
from gate.shell.sealed_parts import SealedParts
from gate.shell.visitor_desk import VisitorDesk, VisitorSettings
from gate.shell.wall_clock import WallClock
from journal.errors import JournalError
from journal.late import AnyJournal
from model.clock import Instant
from model.credentials import VerifiedCode
from model.identities import DeviceId, GuardId, HouseholdId, PassId
from model.records import LookupRecord
from passes.directory import DirectoryDocument
from passes.sealed import SealedPartRefused

log = logging.getLogger(__name__)

LOOK_INTERVAL_S: Final = 2.0
KIOSK_ABSENT_S: Final = 15.0
SERVE_AGAIN_S: Final = 10.0
HINT_SHOWN_S: Final = 4.0
KIOSK: Final = "kiosk"
GUARDS: Final = "guards"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFacts:
    """How full the journal is, and how much of it the centre does not have yet."""

    backlog: int
    used_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """device: this lane's name on the bus. socket_path: where the kiosk connects.

    guards_file: None where no guard signs in. private: the key of this device's certificate, to which rooms and masked
    names are sealed; None where it has none.
    """

    device: DeviceId
    has_thermometer: bool
    socket_path: Path
    guards_file: GuardsFile | None = None
    private: EllipticCurvePrivateKey | None = field(default=None, repr=False)
    visitors: VisitorSettings = field(default_factory=lambda: VisitorSettings(seal=None, sealed=SealedParts()))


class KioskDesk:
    """What a terminal has for its kiosk. On the loop's thread, but for `offer_directory`."""

    def __init__(
        self,
        settings: DeskSettings,
        *,
        lane: Lane,
        clock: WallClock,
        journal: AnyJournal,
        held: DirectoryDocument | None,
        duty: Duty | None = None,
        is_pin: Callable[[str, str], bool] = is_pin_of,
    ) -> None:
        """held, duty: as they were saved. is_pin(pin_hash, pin): blocks, and is called in a thread."""
        self._settings = settings
        self._clock = clock
        self._journal = journal
        self._guards = Guards((), now=clock.instant, is_pin=is_pin)
        self._held = held
        self._memory = ScreenMemory(lane, clock.now())
        self._port = KioskPort(settings.socket_path, source=self, carry_out=self.carry_out)
        self._tokens = Tokens()
        self._passes = PassMemory()
        self._visitors = VisitorDesk(settings.visitors, clock=clock, journal=journal, ask_lane=self._ask_lane)
        self._register: Register | None = None
        self._facts = JournalFacts(backlog=0, used_percent=0)
        self._duty = duty
        self._kiosk_seen_at = clock.instant()
        self._still: StillScreen | None = None
        self._seen_age_s: int | None = None
        self._revision = 0
        self._told_revision = 0  # that everybody who looks was told of
        self._hint_timer: asyncio.TimerHandle | None = None
        self._post: Callable[[InboxItem], None] = lambda item: None

    async def run(self, post: Callable[[InboxItem], None]) -> None:
        """Serve the kiosk until cancelled. What can't be served is told as a lost part; the lane goes on."""
        self._post = post
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve(), name="kiosk-port")
            tasks.create_task(self._look(), name="kiosk-look")

    def follow(self, event: ev.Event, lane: Lane, effects: tuple[out.Effect, ...]) -> None:
        """The lane took an event, and its effects have been carried out."""
        hint = self._memory.hint
        is_told = self._memory.follow(event, lane, effects, self._clock.now())
        if self._memory.hint is not None and self._memory.hint != hint:
            self._show_hint_for_a_while()
        if isinstance(event, ev.CredentialPresented) and isinstance(event.check, VerifiedCode):
            self._passes.note(event.check.credential.pass_id, event.check.credential.household)
        if lane.duty != (self._duty.guard if self._duty is not None else None):
            self._duty = Duty(guard=lane.duty, since=self._clock.now()) if lane.duty is not None else None
        # A wait for the disk mostly ends before anybody could read it.
        self._port.changed(at_once=is_told and self._memory.told.instruction is not out.Instruction.WAIT)

    def note_hint(self, hint: CameraHint | None) -> None:
        """What the camera would like."""
        self._memory.camera_hint = hint.value if hint is not None else None
        self._port.changed(at_once=False)

    def offer_directory(self, document: DirectoryDocument) -> None:
        """A directory came: open what is sealed for this gate's guards. From any thread but the loop's: it blocks."""
        try:
            register = open_register(document, device=self._settings.device, private=self._settings.private)
            self._register, self._memory.view = register, register.view
            plates = {household: entry.plates for household, entry in register.view.items() if entry.plates}
            version = register.directory.version
            self._post(ev.PlatesOpened(at=self._clock.instant(), directory_version=version, plates=plates))
        except SealedPartRefused as error:
            self._register, self._memory.view = None, {}
            log.warning("register_not_opened version=%d why=%s", document.directory.version, error)

    def is_new(self) -> bool:
        """Whether there is something to see that was not there when this was last asked."""
        self._look_anew()
        is_new, self._told_revision = self._told_revision != self._revision, self._revision
        return is_new

    def newest(self) -> ScreenState:
        """The screen as it is at this moment. Whoever else looks is still told that it is new."""
        still = self._look_anew()
        return at_moment(still, revision=self._revision, now=self._clock.now(), instant=self._clock.instant())

    async def carry_out(self, order: Order) -> Answer:
        """Do what a person wants, or say why not."""
        token = token_of(order)
        guard = self._tokens.guard_of(token) if token is not None else None
        if guard is None and needs_guard(order):
            return _refused(Refusal.NOT_SIGNED_IN)
        match order:
            case SignIn():
                return await self._sign_in(order)
            case SignOut():
                return await self._sign_out()
            case FindHousehold():
                return await self._find(order, guard)
            case RegisterVisitor():
                if guard is None:
                    return _refused(Refusal.NOT_SIGNED_IN)
                return await self._visitors.register(order, guard, self._memory.lane)
            case _:
                return await self._give_to_lane(order, guard)

    def _look_anew(self) -> StillScreen:
        still = still_of(self._screen_facts())
        age_s = directory_age_s(still, self._clock.now())
        if still != self._still or age_s != self._seen_age_s:
            self._still, self._seen_age_s = still, age_s
            self._revision += 1
        return still

    async def _serve(self) -> None:
        told = ""
        while True:
            try:
                await self._port.serve()
            except KioskPortError as error:
                if told != error.why:
                    log.error("kiosk_not_served why=%s", error)
                told = error.why
                self._tell_part(KIOSK, is_available=False, why=error.why)
            await asyncio.sleep(SERVE_AGAIN_S)

    async def _look(self) -> None:
        """Now and then: has the guards file changed, how full is the journal."""
        if self._held is not None:
            await asyncio.to_thread(self.offer_directory, self._held)
            self._held = None
        while True:
            if self._settings.guards_file is not None:
                await self._read_guards(self._settings.guards_file)
            self._look_for_a_kiosk()
            if self._port.has_clients:
                self._facts = await asyncio.to_thread(self._look_at_journal)
                self._port.changed(at_once=False)
            await asyncio.sleep(LOOK_INTERVAL_S)

    def _look_for_a_kiosk(self) -> None:
        """A gate whose screen is dark says so at the centre; a kiosk that restarts is given its time."""
        now = self._clock.instant()
        if self._port.has_clients:
            self._kiosk_seen_at = now
            self._tell_part(KIOSK, is_available=True)
        elif now - self._kiosk_seen_at > KIOSK_ABSENT_S:
            self._tell_part(KIOSK, is_available=False, why="not_connected")

    def _look_at_journal(self) -> JournalFacts:
        try:
            used = self._journal.room().used_fraction
            return JournalFacts(backlog=self._journal.backlog(), used_percent=min(round(100 * used), 100))
        except JournalError:
            return self._facts  # that it is lost stands on the screen already

    async def _read_guards(self, file: GuardsFile) -> None:
        try:
            accounts = await asyncio.to_thread(file.look)
        except GuardsUnreadable as error:
            log.error("guards_unreadable why=%s", error)
            self._tell_part(GUARDS, is_available=False, why="unreadable")
            return
        if accounts is None:
            return
        self._tell_part(GUARDS, is_available=True)
        for guard in self._guards.replace(accounts):
            self._tokens.end(guard)
        log.info("guards_read guards=%d", len(accounts))
        if self._duty is not None and self._guards.find(self._duty.guard) is None:
            await self._change_duty(None)
        self._port.changed(at_once=False)

    def _tell_part(self, component: str, *, is_available: bool, why: str = "") -> None:
        at = self._clock.instant()
        self._post(ev.ComponentChanged(at=at, component=component, is_available=is_available, why=why))

    async def _sign_in(self, order: SignIn) -> Answer:
        judged = await self._guards.judge(GuardId(order.guard), order.pin)
        if judged.account is None:
            log.warning("sign_in_refused was_looked_at=%s", judged.was_looked_at)
            why = Refusal.WRONG_PIN if judged.was_looked_at else Refusal.WAIT
            return Answer(is_done=False, why=why, wait_s=judged.wait_s or None)
        guard = judged.account.guard
        # Through the inbox even where this guard has the gate: what was ordered before may end that duty.
        answer = await self._change_duty(guard)
        if not answer.is_done:
            return answer
        if self._guards.find(guard) is None:
            await self._change_duty(None)
        if self._memory.lane.duty != guard:  # taken over, or off the file, while this one waited for its turn
            return _refused(Refusal.BUSY)
        return Answer(is_done=True, token=self._tokens.issue(guard))

    async def _sign_out(self) -> Answer:
        return await self._change_duty(None)

    async def _change_duty(self, guard: GuardId | None) -> Answer:
        self._tokens.end_all_but(guard)  # from here on nobody orders in the name of who had the gate before
        return await self._ask_lane(lambda lane, at: _taken(lane, ev.DutyChanged(at=at, guard=guard)))

    def _duty_shown(self) -> DutyShown | None:
        if self._duty is None:
            return None
        account = self._guards.find(self._duty.guard)
        name = account.name if account is not None else self._duty.guard
        return DutyShown(guard=self._duty.guard, name=name, since=self._duty.since)

    async def _give_to_lane(self, order: LaneOrder, guard: GuardId | None) -> Answer:
        return await self._ask_lane(partial(take_order, order, guard))

    async def _ask_lane(self, take: Callable[[Lane, Instant], Taken | Refusal]) -> Answer:
        """Through the inbox like everything else, in its order."""
        answer: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        self._post(Ordered(take=take, answered=lambda why: _settle(answer, why)))
        why = await answer
        return Answer(is_done=True) if why is None else _refused(why)

    async def _find(self, order: FindHousehold, guard: GuardId | None) -> Answer:
        register = self._register
        if guard is None:
            return _refused(Refusal.NOT_SIGNED_IN)
        if register is None:
            return _refused(Refusal.NO_REGISTER)
        if JOURNAL in self._memory.lane.lost:
            return _refused(Refusal.JOURNAL)
        looked_up = await asyncio.to_thread(self._look_up, register, order)
        households = tuple(HouseholdId(found.household) for found in looked_up.found)
        await self._note(LookupRecord(guard=guard, households=households, more_found=looked_up.more_found))
        if self._tokens.guard_of(order.token) != guard:
            return _refused(Refusal.NOT_SIGNED_IN)  # the gate was handed over meanwhile
        if not looked_up.found:
            return _refused(Refusal.NOT_FOUND)
        return Answer(is_done=True, found=looked_up.found, more_found=looked_up.more_found)

    async def _note(self, record: LookupRecord) -> None:
        """Returns when the record is on its way to the disk, so that nobody sees what is not recorded."""
        noted: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()
        self._post(Noted(record=record, noted=lambda: _settle(noted, None)))
        await noted

    def _look_up(self, register: Register, order: FindHousehold) -> LookedUp:
        if order.pass_id:
            return find_household(register, self._passes.household_of(PassId(order.pass_id)))
        return find_room(register, building=order.building, unit=order.unit, room=order.room)

    def _show_hint_for_a_while(self) -> None:
        if self._hint_timer is not None:
            self._hint_timer.cancel()
        self._hint_timer = asyncio.get_running_loop().call_later(HINT_SHOWN_S, self._end_hint)

    def _end_hint(self) -> None:
        self._hint_timer = None
        self._memory.hint = None
        self._port.changed(at_once=False)

    def _screen_facts(self) -> ScreenFacts:
        memory, register = self._memory, self._register
        view = register.view if register is not None else {}
        return ScreenFacts(
            device=self._settings.device,
            has_thermometer=self._settings.has_thermometer,
            lane=memory.lane,
            told=memory.told,
            hint=memory.hint or memory.camera_hint,
            ended=memory.ended,
            view=view,
            duty=self._duty_shown(),
            guards=tuple(GuardShown(guard=each.guard, name=each.name) for each in self._guards.accounts),
            bell_since=memory.bell_since,
            passages=memory.passages,
            lost=memory.lost,
            alarms=memory.alarms,
            backlog=self._facts.backlog,
            journal_used_percent=self._facts.used_percent,
        )


def _refused(why: Refusal) -> Answer:
    return Answer(is_done=False, why=why)


def _taken(lane: Lane, event: ev.Event) -> Taken:
    return Taken(event=event, moved=step(lane, event))


def _settle(answer: "asyncio.Future[Refusal | None]", why: Refusal | None) -> None:
    if not answer.done():  # whoever asked may have gone
        answer.set_result(why)
