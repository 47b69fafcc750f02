"""The terminal: one bounded inbox, one consumer. Readings become events, the core decides, effects are carried out.

Order of work for a grant: code read -> checked -> core -> record on disk (commit thread) -> core -> relay. The inbox
never waits for a disk, a bus or a device; everything that could is a thread of its own and answers through the inbox.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final, assert_never

from drivers.ports import (
    BurstDone,
    CameraHintChanged,
    CodeScanned,
    ComponentHealth,
    ContactChanged,
    Device,
    ReleaseEndedEarly,
    Signal,
)
from gate.core import effects as out
from gate.core import events as ev
from gate.core.lane import Lane, Step, deadline, step
from gate.screens import Refusal
from gate.shell.codes import CodeReader
from gate.shell.contact_events import event_of_contact
from gate.shell.inbox import InboxItem, JournalOpened, Noted, Ordered, SecondPassed, SignedSetCame, UsedElsewhere
from gate.shell.outings import HouseholdOutings
from gate.shell.records import NO_ANSWER, Answered, RecordWriter
from gate.shell.rules_on_hand import RulesOnHand
from gate.shell.sealed_parts import SealedParts
from gate.shell.terminal_parts import Bus, Devices, LaneReport, Screens
from gate.shell.wall_clock import WallClock
from journal.commits import Commits
from journal.errors import JournalError
from journal.late import AnyJournal
from model.clock import Instant, WallCourse
from model.reasons import Outcome, Reason
from model.records import ConflictRecord, ConsumedCode, DecisionRecord, JournalReplacedRecord, StartedRecord
from model.temperature import SensorFault, ThermometerUnavailable
from passes.holder import step_at

log = logging.getLogger(__name__)

MAX_INBOX: Final = 1_000
"""Items waiting for the core. Beyond it codes are dropped and counted; contacts and answers are always taken."""
ITEMS_IN_A_TURN: Final = 32
USED_STEPS_AROUND: Final = 3
"""A holder's code is taken one step either side; another gate's word about it may be a little late."""
LOOK_INTERVAL_S: Final = 1.0
CLOCK_FOLLOWED_S: Final = 0.2
PROGRAM: Final = "program"
PROGRAM_WELL_AFTER_S: Final = 60.0
"""An item that could not be served is a fault of the program; after so long without another it is over."""
ROOM_INTERVAL_S: Final = 60.0
SCREENS_AGAIN_AFTER_S: Final = 5.0
TRIM_INTERVAL_S: Final = 86_400.0
KEPT: Final = timedelta(days=30)
"""Acknowledged records stay this long, so that a centre restored from a backup can step back."""

_SIGNALS: Final = {
    out.Instruction.GO: Signal.GRANTED,
    out.Instruction.REFUSED: Signal.REFUSED,
    out.Instruction.TOO_SLOW: Signal.REFUSED,
    out.Instruction.GUARD_COMES: Signal.GUARD,
    out.Instruction.WAY_OUT_IS_FREE: Signal.GRANTED,
}

# Reported, and never louder than what the person is told: whoever has a fever is asked to wait for the guard.
_SILENT: Final = frozenset({out.AlarmKind.FEVER, out.AlarmKind.BELL})


class Terminal:
    """Runs one lane until `stop`. Built by the composition root, which hands in everything that touches the world."""

    def __init__(
        self,
        *,
        lane: Lane,
        clock: WallClock,
        reader: CodeReader,
        journal: AnyJournal,
        commits: Commits,
        devices: Devices,
        bus: Bus | None,
        program: str,
        rules: RulesOnHand | None = None,
        screens: Screens | None = None,
        on_alive: Callable[[], None] = lambda: None,
        sealed: SealedParts | None = None,
    ) -> None:
        """rules: None where the lane's are the only ones. on_alive: called about once a second for as long as the
        inbox is served.
        """
        course = WallCourse(since=clock.instant(), wall=clock.now()) if clock.trust.is_trusted else None
        self.lane = replace(lane, course=course)
        self.dropped_codes = 0
        self._clock = clock
        self._reader = reader
        self._rules = rules or RulesOnHand(lane.rules)
        self._journal = journal
        self._writer = RecordWriter(commits=commits, clock=clock, post=self.post, tell=self._advance, sealed=sealed)
        self._outings = HouseholdOutings(clock, bus, self.post)
        self._devices = devices
        self._bus = bus
        self._program = program
        self._screens = screens
        self._on_alive = on_alive
        self._granted: tuple[int, DecisionRecord] | None = None  # the last grant, by the token of its record
        self._failed_at: Instant | None = None
        self._standing: set[out.AlarmKind] = set()
        self._persons_signal = Signal.OFF
        self._conflicts: deque[ConsumedCode] = deque(maxlen=100)
        self._inbox: deque[InboxItem] = deque()
        self._entrance = threading.Lock()
        self._is_awake = False  # the consumer runs, or is about to
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_for: Instant | None = None
        self._stopping = asyncio.Event()

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Start the devices and serve until `stop`. Outputs are in their safe state when this returns."""
        started: list[Device] = []
        try:
            for device in self._devices.all():
                device.start(self.post)
                started.append(device)
            self._record_start()
            self._serve_from(asyncio.get_running_loop())
            async with asyncio.TaskGroup() as tasks:
                keepers = [
                    tasks.create_task(self._look(), name="clock-and-commits"),
                    tasks.create_task(self._keep_journal(), name="journal-room"),
                ]
                if self._screens is not None:
                    keepers.append(tasks.create_task(self._keep_screens(self._screens), name="screens"))
                on_ready()
                await self._stopping.wait()
                for keeper in keepers:
                    keeper.cancel()
        finally:
            if self._timer is not None:
                self._timer.cancel()
            for device in reversed(started):
                device.stop()

    def stop(self) -> None:
        """End `run`; from the loop's thread."""
        self._stopping.set()

    def post(self, item: InboxItem) -> None:
        """Enter the inbox, from any thread. What comes before `run` waits for it."""
        with self._entrance:
            if isinstance(item, CodeScanned) and len(self._inbox) >= MAX_INBOX:
                self.dropped_codes += 1
                return
            self._inbox.append(item)
            if self._is_awake or self._loop is None or self._loop.is_closed():
                return
            self._is_awake = True
            self._loop.call_soon_threadsafe(self._take_all)

    def _serve_from(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._entrance:
            self._loop = loop
            self._is_awake = True
        loop.call_soon(self._take_all)

    def _take_all(self) -> None:
        """The one consumer: everything in its order, in turns, so that a flood does not hold the timers up."""
        for _ in range(ITEMS_IN_A_TURN):
            with self._entrance:
                if not self._inbox:
                    self._is_awake = False
                    return
                item = self._inbox.popleft()
            try:
                self._take(item)
            except Exception as error:  # the one place where a surprise becomes a fault and the lane goes on
                log.exception("item_failed kind=%s", type(item).__name__)
                self._failed(type(error).__name__)
        if self._loop is not None:
            self._loop.call_soon(self._take_all)

    def _failed(self, why: str) -> None:
        self._failed_at = self._clock.instant()
        try:
            self._advance(ev.ComponentChanged(at=self._failed_at, component=PROGRAM, is_available=False, why=why))
        except Exception:
            log.exception("fault_not_told")  # the next item is served all the same

    async def _look(self) -> None:
        while True:
            self.post(SecondPassed())
            await asyncio.sleep(LOOK_INTERVAL_S)

    def _second_passed(self) -> None:
        """Through the inbox, so that a watchdog hears of life only while the inbox is served."""
        self._on_alive()
        news = self._clock.look()
        now = self._clock.instant()
        if news is not None:
            wall = self._clock.now() if news.trust.is_trusted else None
            self._advance(ev.ClockChanged(at=now, trust=news.trust, jumped_s=news.jumped_s, wall=wall))
        self._follow_clock(now)
        self._follow_rules()
        self._writer.look(now)
        if self._failed_at is not None and now - self._failed_at >= PROGRAM_WELL_AFTER_S:
            self._failed_at = None
            self._advance(ev.ComponentChanged(at=now, component=PROGRAM, is_available=True))

    def _follow_clock(self, now: Instant) -> None:
        """A clock that was set by a little is told of: what is judged by the minute must not be late by half of one."""
        if not self._clock.trust.is_trusted:
            return
        course, wall = self.lane.course, self._clock.now()
        if course is None or abs((wall - course.at(now)).total_seconds()) > CLOCK_FOLLOWED_S:
            self._advance(ev.TimeTold(at=now, wall=wall))

    async def _keep_screens(self, screens: Screens) -> None:
        """A screen is no reason for a lane to end: it is started again."""
        while True:
            try:
                await screens.run(self.post)
            except Exception as error:  # noqa: BLE001
                log.error("screens_ended error=%s", type(error).__name__)
            await asyncio.sleep(SCREENS_AGAIN_AFTER_S)

    async def _keep_journal(self) -> None:
        """Warn when room gets short; make room from acknowledged records, but only by a clock that can be believed."""
        trimmed_at: Instant | None = None
        while True:
            now = self._clock.instant()
            try:
                if self._clock.trust.is_trusted and (trimmed_at is None or now - trimmed_at >= TRIM_INTERVAL_S):
                    trimmed_at = now
                    await asyncio.to_thread(self._journal.trim, self._clock.now() - KEPT)
                room = await asyncio.to_thread(self._journal.room)
            except JournalError as error:
                log.warning("journal_not_kept why=%s", error)
            else:
                why = f"{round(100 * room.used_fraction)} % used" if room.is_short else ""
                self.post(
                    ev.ComponentChanged(
                        at=self._clock.instant(), component="journal_room", is_available=not room.is_short, why=why
                    )
                )
            await asyncio.sleep(ROOM_INTERVAL_S)

    def _record_start(self) -> None:
        directory = self.lane.directory
        record = StartedRecord(
            program=self._program,
            rules_version=self.lane.rules.version,
            directory_version=directory.version if directory is not None else None,
        )
        self._writer.store(out.StoreRecord(token=NO_ANSWER, record=record))
        self._report()

    def _take(self, item: InboxItem) -> None:
        match item:
            case SecondPassed():
                self._second_passed()
            case Answered():
                self._writer.answered(item)
            case JournalOpened():
                self._journal_opened(item)
            case UsedElsewhere():
                self._used_elsewhere(item.code)
            case ReleaseEndedEarly():
                self._advance(ev.ReleaseCut(at=item.at))
            case CodeScanned():
                self._advance(self._reader.read(item))
            case BurstDone():
                self._advance(ev.TemperatureMeasured(at=item.at, request=item.request, reading=item.reading))
            case ComponentHealth():
                self._advance(
                    ev.ComponentChanged(
                        at=item.at, component=item.component.value, is_available=item.is_available, why=item.why
                    )
                )
            case ContactChanged():
                event = event_of_contact(item)
                if event is not None:
                    self._advance(event)
            case CameraHintChanged():
                if self._screens is not None:
                    self._screens.note_hint(item.hint)
            case Ordered():
                self._ordered(item)
            case Noted():
                self._writer.store(out.StoreRecord(token=NO_ANSWER, record=item.record))
                item.noted()
            case SignedSetCame():
                self._set_came(item)
            case _:
                self._advance(item)

    def _journal_opened(self, opened: JournalOpened) -> None:
        self._outings.load(self._journal)
        if opened.last_good_time is not None:
            self._clock.note_good_time(opened.last_good_time)
        if opened.replaced is not None:
            gone = opened.replaced
            record = JournalReplacedRecord(epoch=gone.epoch, seq=gone.seq, hash=gone.hash, how=gone.how.value)
            self._writer.store(out.StoreRecord(token=NO_ANSWER, record=record))

    def _used_elsewhere(self, code: ConsumedCode) -> None:
        is_near = abs(code.step - step_at(self._clock.now())) <= USED_STEPS_AROUND
        if self._clock.trust.is_trusted and not is_near:
            return  # it could open nothing here; who sends such things wants to fill the memory
        if self._journal.note_used(code) and code not in self._conflicts:
            self._conflicts.append(code)  # the bus may say a thing twice
            log.warning("code_granted_at_two_gates pass=%s step=%d", code.pass_id, code.step)
            conflict = ConflictRecord(pass_id=code.pass_id, step=code.step)
            self._writer.store(out.StoreRecord(token=NO_ANSWER, record=conflict))

    def _set_came(self, came: SignedSetCame) -> None:
        """Directory and rules of one version, within one turn: nobody is judged by half of each."""
        self._reader.directory = came.directory
        self._clock.note_good_time(came.directory.issued_at)
        self._advance(ev.DirectoryReplaced(at=self._clock.instant(), directory=came.directory))
        self._rules.replace(came.rules, came.directory.issued_at)
        self._follow_rules()

    def _follow_rules(self) -> None:
        """The rules whose day has come are the lane's; at midnight they change without a word from anybody."""
        rules = self._rules.at(self._clock.now())
        if rules != self.lane.rules:
            log.info("rules_replaced version=%d before=%d", rules.version, self.lane.rules.version)
            self._advance(ev.RulesReplaced(at=self._clock.instant(), rules=rules))

    def _ordered(self, item: Ordered) -> None:
        """A person's order; it is answered whatever happens, because a person waits for it."""
        why: Refusal | None = Refusal.NOT_NOW
        try:
            taken = item.take(self.lane, self._clock.instant())
            if isinstance(taken, Refusal):
                why = taken
            else:
                self._go_on(taken.event, taken.moved)
                why = None
        finally:
            item.answered(why)

    def _advance(self, event: ev.Event) -> None:
        if isinstance(event, ev.RecordRefused) and self._granted is not None and self._granted[0] == event.token:
            self._reader.passages.take_back(self._granted[1])
            self._outings.take_back(self._granted[1])
        self._go_on(event, step(self.lane, event))

    def _learn(self, order: out.StoreRecord) -> None:
        """What passes by this record, unless it turns out that it can't be stored."""
        self._reader.passages.follow(order.record)
        if isinstance(order.record, DecisionRecord) and order.record.decision.outcome is Outcome.GRANTED:
            self._granted = (order.token, order.record)

    def _go_on(self, event: ev.Event, moved: Step) -> None:
        self.lane = moved.lane
        for effect in moved.effects:
            self._carry_out(effect)
        self._set_timer()
        self._tell_screens(event, moved)

    def _tell_screens(self, event: ev.Event, moved: Step) -> None:
        if self._screens is None:
            return
        try:
            self._screens.follow(event, moved.lane, moved.effects)
        except Exception as error:  # noqa: BLE001  # a screen that fails must not take the lane with it
            # Its type alone: what could not be shown may stand in its words.
            log.error("screen_failed error=%s", type(error).__name__)

    def _carry_out(self, effect: out.Effect) -> None:
        match effect:
            case out.ReleaseBarrier():
                if self._devices.barrier is not None:
                    self._devices.barrier.release(effect.release_time_s)
            case out.SecureBarrier():
                if self._devices.barrier is not None:
                    self._devices.barrier.secure()
            case out.StoreRecord():
                self._learn(effect)
                self._writer.store(effect, self._outings.follow(effect.record))
            case out.ClaimOuting():
                self._outings.claim(effect)
            case out.ShowInstruction():
                self._show(effect)
            case out.ShowHint():
                log.info("hinted hint=%s", effect.hint.value)
            case out.StartMeasurement():
                self._measure(effect.request)
            case out.RaiseAlarm():
                self._standing.add(effect.kind)
                if effect.kind not in _SILENT:
                    self._signal(Signal.ALARM)
                self._report()
            case out.ClearAlarm():
                if effect.kind in self._standing:
                    self._standing.discard(effect.kind)
                    self._signal(self._standing_signal())
                    self._report()
            case out.CallGuard():
                log.info("guard_called reason=%s", effect.reason.value)
                if effect.reason is Reason.RESIDENT_CALLS:
                    self._signal(Signal.GUARD)
            case out.PublishUsed():
                if self._bus is not None:
                    self._bus.tell_used(effect.pass_id, effect.step)
            case out.PublishState():
                self._report()
            case _:
                assert_never(effect)

    def _show(self, effect: out.ShowInstruction) -> None:
        log.info("told instruction=%s", effect.instruction.value)
        self._persons_signal = _SIGNALS.get(effect.instruction, Signal.OFF)
        if self._persons_signal is not Signal.OFF:
            self._signal(self._persons_signal)
        elif effect.instruction is out.Instruction.WELCOME:
            self._signal(self._standing_signal())

    def _standing_signal(self) -> Signal:
        return Signal.ALARM if self._standing - _SILENT else self._persons_signal

    def _measure(self, request: int) -> None:
        if self._devices.thermometer is not None:
            self._devices.thermometer.measure(request)
            return
        now = self._clock.instant()
        absent = ThermometerUnavailable(since=now, why=SensorFault.ABSENT)
        self.post(BurstDone(at=now, request=request, reading=absent))

    def _signal(self, signal: Signal) -> None:
        if self._devices.alarm is not None:
            self._devices.alarm.signal(signal)

    def _report(self) -> None:
        if self._bus is not None:
            self._bus.report(LaneReport(lane=self.lane, standing=frozenset(self._standing)))

    def _set_timer(self) -> None:
        until = deadline(self.lane)
        if until == self._timer_for or self._loop is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_for = None, until
        if until is not None:
            self._timer = self._loop.call_later(max(0.0, until - self._clock.instant()), self._time_passed)

    def _time_passed(self) -> None:
        self._timer, self._timer_for = None, None
        self.post(ev.TimePassed(at=self._clock.instant()))
