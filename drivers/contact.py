"""The inputs of a gate: door, presence, obstruction, fire, buttons. One thread debounces them all.

Rules: edges come with the kernel's time and wait in a bounded queue; the thread debounces them in their order. Every
re-read interval the lines are read as well, so that an edge that got lost is made good. Lines that can't be claimed or
read are tried again; meanwhile the component is unavailable, and what was reported last is not repeated.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.debounce import Contact, after_edge, after_time, due_at
from drivers.errors import DriverSettingsRefused, DriverUnavailable
from drivers.gpio import InputLine, PinFactory
from drivers.ports import Component, ComponentHealth, ContactChanged, ContactRole, Emit
from drivers.timing import REAL, Timing
from model.clock import Instant

log = logging.getLogger(__name__)

DEBOUNCE_S = 0.075  # bounces end within 50 ms, the shortest opening that counts lasts 200 ms
DEBOUNCE_LIMIT_S = 0.15
EDGES_QUEUED_MAX = 1000  # beyond it the oldest go; the next re-read sets the level right
REREAD_INTERVAL_S = 1.0
LATE_EDGE_S = 0.1  # edges are delivered 2 to 10 ms late on an idle Pi; under load it may be this much
LATE_EDGE_LOOK_S = 0.005
STOP_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSettings:
    """One input. pull_up: True up, False down, None an external resistor. active_low: active is the low level."""

    role: ContactRole
    pin: int
    pull_up: bool | None = True
    active_low: bool = True
    debounce_s: float = DEBOUNCE_S

    def __post_init__(self) -> None:
        if not 0.05 < self.debounce_s <= DEBOUNCE_LIMIT_S:
            raise DriverSettingsRefused(
                f"contact {self.role.value}: debounce_s {self.debounce_s}, give more than 0.05 up to {DEBOUNCE_LIMIT_S}"
            )


class Contacts:
    """A Device: emits each input's level at the start and every debounced change."""

    def __init__(
        self,
        settings: Sequence[ContactSettings],
        factory: PinFactory,
        *,
        timing: Timing = REAL,
    ) -> None:
        pins = [each.pin for each in settings]
        if len(set(pins)) != len(pins):
            raise DriverSettingsRefused(f"contacts: pins {sorted(pins)} name one pin twice")
        self._inputs = [_Input(each, timing.monotonic, self._edge) for each in settings]
        self._factory = factory
        self._monotonic = timing.monotonic
        self._wake = timing.condition()
        self._edges: deque[tuple[_Input, float, bool]] = deque(maxlen=EDGES_QUEUED_MAX)
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._emit: Emit | None = None
        self._reported: bool | None = None

    def start(self, emit: Emit) -> None:
        if self._thread is not None:
            return
        self._emit = emit
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="contacts", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
            self._thread = None
        self._release()

    def _run(self) -> None:
        reread_at = self._monotonic()
        while True:
            now = self._monotonic()
            if now >= reread_at:
                self._reread()
                reread_at = now + REREAD_INTERVAL_S
            self._settle()
            dues = [due for each in self._inputs if (due := each.due_at()) is not None]
            with self._wake:
                left_s = min([reread_at, *dues]) - self._monotonic()
                self._wake.wait_for(lambda: self._stopping or bool(self._edges), max(left_s, LATE_EDGE_LOOK_S))
                if self._stopping:
                    return

    def _edge(self, each: "_Input", at: float, level: bool) -> None:
        with self._wake:
            self._edges.append((each, at, level))
            self._wake.notify_all()

    def _reread(self) -> None:
        """Claim what is not claimed, and take every line's level as an edge."""
        try:
            for each in self._inputs:
                if each.line is None:
                    each.claim(self._factory)
                if each.line is not None:
                    level = each.line.read()
                    self._edge(each, self._monotonic(), level)
        except DriverUnavailable as error:
            self._release()
            self._report(False, str(error))
        else:
            self._report(True, "")

    def _settle(self) -> None:
        """Debounce what waits, then what time alone decides."""
        with self._wake:
            edges = list(self._edges)
            self._edges.clear()
        for each, at, level in edges:
            self._emit_all(each.after_edge(Instant(at), level))
        # Read after the queue was emptied: an edge from before this instant can't be behind it in the next round.
        with self._wake:
            now = Instant(self._monotonic())
            if self._edges:
                return
        for each in self._inputs:
            if not each.awaits_late_edge(now):
                self._emit_all(each.after_time(now))

    def _emit_all(self, changes: Sequence[ContactChanged]) -> None:
        if self._emit is not None:
            for change in changes:
                self._emit(change)

    def _release(self) -> None:
        for each in self._inputs:
            each.release()

    def _report(self, is_available: bool, why: str) -> None:
        if self._reported is is_available or self._emit is None:
            return
        self._reported = is_available
        log.log(logging.INFO if is_available else logging.WARNING, "contacts_available=%s %s", is_available, why)
        at = Instant(self._monotonic())
        self._emit(ComponentHealth(at=at, component=Component.CONTACTS, is_available=is_available, why=why))


class _Input:
    """One line and its debouncer. All but the edge callback runs on the contacts' thread."""

    def __init__(
        self,
        settings: ContactSettings,
        monotonic: Callable[[], float],
        on_edge: Callable[["_Input", float, bool], None],
    ) -> None:
        self.line: InputLine | None = None
        self._settings = settings
        self._monotonic = monotonic
        self._on_edge = on_edge
        self._contact: Contact | None = None

    def claim(self, factory: PinFactory) -> None:
        settings = self._settings
        self.line = InputLine(
            factory, settings.pin, pull_up=settings.pull_up, on_edge=lambda at, level: self._on_edge(self, at, level)
        )

    def release(self) -> None:
        if self.line is None:
            return
        try:
            self.line.close()
        except DriverUnavailable:
            log.debug("contact_release_failed pin=%s", self._settings.pin)  # already reported as lost
        self.line = None

    def after_edge(self, at: Instant, level: bool) -> list[ContactChanged]:
        is_active = level is not self._settings.active_low
        if self._contact is None:
            self._contact = Contact(level=is_active)
            return [ContactChanged(at=at, role=self._settings.role, is_active=is_active, is_initial=True)]
        self._contact, changes = after_edge(self._contact, at, is_active, self._settings.debounce_s)
        return [self._changed(each.at, each.level) for each in changes]

    def after_time(self, now: Instant) -> list[ContactChanged]:
        if self._contact is None:
            return []
        self._contact, changes = after_time(self._contact, now, self._settings.debounce_s)
        return [self._changed(each.at, each.level) for each in changes]

    def awaits_late_edge(self, now: Instant) -> bool:
        """Whether the line has gone back although no edge said so yet: the edge is on its way and tells when."""
        due = self.due_at()
        if due is None or self.line is None or self._contact is None or not due <= now < due + LATE_EDGE_S:
            return False
        try:
            is_active = self.line.read() is not self._settings.active_low
        except DriverUnavailable:
            return False  # the next re-read reports it
        return is_active is self._contact.level

    def due_at(self) -> Instant | None:
        return None if self._contact is None else due_at(self._contact, self._settings.debounce_s)

    def _changed(self, at: Instant, is_active: bool) -> ContactChanged:
        return ContactChanged(at=at, role=self._settings.role, is_active=is_active)
