"""Hands at one gate: what a person who tries it does with body, codes, buttons and contacts.

Rules: whoever shows a code, a forehead or answers stands before the gate, so the presence contact says so; residents
keep away until the spot is given back. A code before the camera is taken away when the lamps answer, or after
SHOWN_FOR_S. A forehead that nobody renews is gone after HELD_FOR_S: a closed browser holds nothing. Buttons come back
by themselves, and a second press of one that is down changes nothing.
"""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from model.temperature import Celsius
from simulator.errors import PanelRefused
from simulator.people import Behaviour, Resident, as_behaving, shown_code
from simulator.physics import skin_after
from simulator.pictures import Frame, draw_frame, empty_frame
from simulator.senses import GateAnswer, perceive
from simulator.visit import Clock, Place, Scanner, shot_of
from simulator.wires import Gate, OutputChange
from simulator.wiring import Input, Output

SHOWN_FOR_S = 15.0
LIVE_FRAME_FOR_S = 2.0
HELD_FOR_S = 3.0
PRESSED_S = 0.4
DOOR_OPEN_S = 1.6
FOREHEAD_AT_CM = 5.0
NOBODY_AT_CM = 100.0
_SHOWS_AGAIN_EVERY_S = 0.35
_LOOKS_EVERY_S = 0.1
_LOOKS_BACK_S = 3.0
_FOR_EVER = float("inf")
PRESSED = frozenset(
    {
        Input.ANSWER_YES,
        Input.ANSWER_NO,
        Input.GUARD_CONFIRM,
        Input.GUARD_REFUSE,
        Input.GUARD_EMERGENCY,
        Input.GUARD_BELL,
        Input.REX,
    }
)
"""Buttons; the other inputs stay where they are put."""
_OF_WHO_STANDS_THERE = frozenset({Input.ANSWER_YES, Input.ANSWER_NO})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Showing:
    """What is held before the camera. draw: None = as it is."""

    what: str
    since: float
    until: float
    again_at: float
    draw: Callable[[], Frame] | None


class GateHands:
    """Hands at one gate; a thread of its own watches what is held. Every method may be called from any thread."""

    def __init__(
        self, gate: Gate, place: Place, people: Mapping[str, Resident], clock: Clock, random_source: random.Random
    ) -> None:
        """people: by the number of their pass."""
        self.gate = gate
        self.place = place
        self._people = people
        self._clock = clock
        self._random = random_source
        self._lock = threading.RLock()
        self._showing: _Showing | None = None
        self._held_until = 0.0
        self._skin_c = self._skin_of("normal")
        self._distance_cm = FOREHEAD_AT_CM
        self._pressed: set[Input] = set()
        self._is_going_through = False
        self._thread = threading.Thread(target=self._watch, name=f"hands-{place.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    # --- the body ---

    def stand(self, *, is_there: bool) -> None:
        """Step up, or walk away with everything one holds. Raises PanelRefused while a resident stands there."""
        with self._lock:
            if is_there:
                self._step_up()
                return
            if not self.place.spot.is_by_hand:
                return  # whoever stands there is not oneself
            self.take_away()
            self._lower_head()
            self.gate.set_input(Input.PRESENCE, False)

    def hold_forehead(self, *, is_held: bool, stays: bool = False) -> None:
        with self._lock:
            if not is_held:
                self._lower_head()
                return
            self._step_up()
            self._held_until = _FOR_EVER if stays else self._clock.monotonic() + HELD_FOR_S
            self._raise_head()

    def be(self, kind: str) -> None:
        """normal, fever or frozen: the forehead of such a person in today's weather."""
        with self._lock:
            self._skin_c = self._skin_of(kind)
            self._raise_head_again()

    def set_surroundings(
        self, *, skin_c: float | None, distance_cm: float | None, air_c: float | None, can_c: float | None
    ) -> None:
        """skin_c, distance_cm: None = as it is. air_c, can_c: None = as the weather makes it."""
        with self._lock:
            self._skin_c = self._skin_c if skin_c is None else Celsius(skin_c)
            self._distance_cm = self._distance_cm if distance_cm is None else distance_cm
            self.place.surroundings.air_c = None if air_c is None else Celsius(air_c)
            self.place.surroundings.can_c = None if can_c is None else Celsius(can_c)
            self._raise_head_again()

    # --- codes ---

    def show_resident(self, pass_id: str, scanner: Scanner, how: str) -> None:
        """Show a resident's code, fresh each time it is looked at. Raises PanelRefused."""
        resident = self._people.get(pass_id)
        if resident is None:
            raise PanelRefused("nobody")
        if how != "normal":
            resident = as_behaving(resident, Behaviour(how))
        if scanner is Scanner.SERIAL:
            self.type_text(shown_code(resident, self._clock.now()))
            return

        def draw() -> Frame:
            code = shown_code(resident, self._clock.now())
            return draw_frame(code, shot_of(resident.carrier, self._random))

        self._hold_up("resident", draw(), SHOWN_FOR_S, draw)

    def show_picture(self, frame: Frame) -> None:
        """Hold a picture before the camera, in a hand that trembles. Raises PanelRefused."""
        self._hold_up("picture", frame, SHOWN_FOR_S, lambda: self._trembled(frame))

    def show_live(self, frame: Frame) -> None:
        """One frame of a camera that goes on. Raises PanelRefused."""
        self._hold_up("live", frame, LIVE_FRAME_FOR_S, None)

    def type_text(self, text: str) -> None:
        """Let the hand scanner send this. Raises PanelRefused."""
        scanner = self.gate.scanner
        if scanner is None:
            raise PanelRefused("not_wired")
        if not scanner.is_plugged:
            raise PanelRefused("scanner_pulled")
        with self._lock:
            self._step_up()
        scanner.scan(text)

    def take_away(self) -> None:
        """Take the code away from the camera. Idempotent."""
        with self._lock:
            if self._showing is not None:
                self._showing = None
                self.gate.show_to_camera(empty_frame(seed=self._random.randrange(2**31)))

    # --- buttons, contacts, the door ---

    def press(self, role: Input) -> None:
        """Press a button and let it go; returns when it is up again. Raises PanelRefused."""
        if role not in PRESSED:
            raise PanelRefused("bad_order")
        self._need_wired(role)
        with self._lock:
            if role in _OF_WHO_STANDS_THERE:
                self._step_up()
            if role in self._pressed:
                return
            self._pressed.add(role)
        try:
            self.gate.set_input(role, True)
            self._clock.wait(PRESSED_S)
        finally:
            self.gate.set_input(role, False)
            with self._lock:
                self._pressed.discard(role)

    def put(self, role: Input, *, is_active: bool) -> None:
        """Bring a contact to this position. Raises PanelRefused."""
        if role in PRESSED:
            raise PanelRefused("bad_order")
        self._need_wired(role)
        if role is Input.PRESENCE:
            self.stand(is_there=is_active)
        else:
            self.gate.set_input(role, is_active)

    def walk_through(self) -> None:
        """Go through the open barrier; returns when the door has shut behind. Raises PanelRefused."""
        with self._lock:
            if not self.gate.is_active(Output.RELEASE):
                raise PanelRefused("barrier_closed")
            if self._is_going_through:
                return
            self._step_up()
            self._is_going_through = True
            self.take_away()
            self._lower_head()
        try:
            self.gate.set_input(Input.DOOR, True)
            self._clock.wait(DOOR_OPEN_S)
        finally:
            self.gate.set_input(Input.DOOR, False)
            self.stand(is_there=False)
            self._is_going_through = False

    def let_people_walk(self, *, walk: bool) -> None:
        """Give the spot back to the residents, or keep it for oneself. Raises PanelRefused while one stands there."""
        with self._lock:
            if walk:
                self.stand(is_there=False)
                self.place.spot.give_back()
            else:
                self._take_spot()

    # --- what there is to see ---

    def state(self) -> dict[str, object]:
        """Everything of this gate's outside, as the page shows it."""
        gate, place = self.gate, self.place
        now = self._clock.monotonic()
        showing = self._showing
        return {
            "is_connected": gate.pins.is_connected,
            "outputs": {output.value: gate.is_active(output) for output in gate.wiring.outputs},
            "inputs": {role.value: gate.pins.is_input_active(role) for role in Input},
            "answer": self._answer(now).value,
            "people_walk": not place.spot.is_by_hand,
            "resident_is_there": place.spot.is_taken_by_resident,
            "resident": None if place.person is None else place.person.name,
            "showing": None if showing is None else showing.what,
            "forehead": {
                "is_held": place.spot.is_by_hand and place.forehead.skin_c is not None,
                "stays": self._held_until == _FOR_EVER,
                "skin_c": round(self._skin_c, 1),
                "distance_cm": round(self._distance_cm, 1),
            },
            "air_c": place.surroundings.air_c,
            "can_c": place.surroundings.can_c,
            "weather_air_c": round(place.weather.air_c, 1),
            "weather_hood_c": round(place.weather.hood_c, 1),
            "thermometer": place.surroundings.trouble.value,
            "scanner": None if gate.scanner is None else gate.scanner.is_plugged,
            "camera": None if gate.camera is None else gate.camera.is_plugged,
        }

    def _answer(self, now: float) -> GateAnswer:
        """What the lamps say now."""
        changes = self.gate.changes_since(now - _LOOKS_BACK_S)
        return perceive(self._with_what_was_lit(changes, now), now, has_barrier=self.place.has_barrier)

    def _with_what_was_lit(self, changes: tuple[OutputChange, ...], now: float) -> tuple[OutputChange, ...]:
        """A lamp that has been on for longer than one looks back is still on."""
        lit = (
            OutputChange(at=now - _LOOKS_BACK_S, output=output, is_active=True)
            for output in self.gate.wiring.outputs
            if output is not Output.BUZZER
            and self.gate.is_active(output)
            and all(change.output is not output for change in changes)
        )
        return (*lit, *changes)

    # --- helpers ---

    def _take_spot(self) -> None:
        if not self.place.spot.take_by_hand():
            raise PanelRefused("somebody_there")

    def _step_up(self) -> None:
        self._take_spot()
        self.gate.set_input(Input.PRESENCE, True)

    def _raise_head(self) -> None:
        self.place.forehead.distance_cm = self._distance_cm
        self.place.forehead.skin_c = self._skin_c

    def _raise_head_again(self) -> None:
        if self.place.spot.is_by_hand and self.place.forehead.skin_c is not None:
            self._raise_head()

    def _lower_head(self) -> None:
        self._held_until = 0.0
        if self.place.spot.is_by_hand:
            self.place.forehead.skin_c = None
            self.place.forehead.distance_cm = NOBODY_AT_CM

    def _skin_of(self, kind: str) -> Celsius:
        somebody = next(iter(self._people.values()), None)
        if somebody is None:
            return Celsius(33.5)
        behaviour = {"normal": Behaviour.NORMAL, "fever": Behaviour.FEVER, "frozen": Behaviour.COLD_FOREHEAD}[kind]
        usual = as_behaving(replace(somebody, core_c=Celsius(36.5), outdoors_s=60.0), behaviour)
        return Celsius(round(skin_after(usual.core_c, self.place.weather, usual.outdoors_s), 1))

    def _hold_up(self, what: str, frame: Frame, for_s: float, draw: Callable[[], Frame] | None) -> None:
        camera = self.gate.camera
        if camera is None:
            raise PanelRefused("not_wired")
        if not camera.is_plugged:
            raise PanelRefused("camera_pulled")
        with self._lock:
            self._step_up()
            now = self._clock.monotonic()
            goes_on = self._showing is not None and self._showing.what == what == "live"
            since = self._showing.since if goes_on and self._showing is not None else now
            again_at = now + _SHOWS_AGAIN_EVERY_S
            self._showing = _Showing(what=what, since=since, until=now + for_s, again_at=again_at, draw=draw)
            camera.show(frame)

    def _trembled(self, frame: Frame) -> Frame:
        """A pixel to a side: a scene in which nothing stirs is looked at once, and nobody would be told what to do."""
        return np.roll(frame, self._random.choice((-1, 1)), axis=self._random.choice((0, 1)))

    def _need_wired(self, role: Input) -> None:
        if role not in self.gate.wiring.inputs:
            raise PanelRefused("not_wired")

    def _watch(self) -> None:
        while not self._clock.wait(_LOOKS_EVERY_S):
            with self._lock:
                now = self._clock.monotonic()
                if self._held_until and now > self._held_until:
                    self._lower_head()
                self._watch_what_is_shown(now)

    def _watch_what_is_shown(self, now: float) -> None:
        showing = self._showing
        if showing is None:
            return
        changes = self.gate.changes_since(showing.since)
        is_answered = showing.what != "live" and (
            perceive(changes, now, has_barrier=self.place.has_barrier) is not GateAnswer.NOTHING
        )
        if now > showing.until or is_answered:
            self.take_away()
        elif showing.draw is not None and now >= showing.again_at:
            self.gate.show_to_camera(showing.draw())
            self._showing = replace(showing, again_at=now + _SHOWS_AGAIN_EVERY_S)
