"""The street outside the gates: weather, sensors' surroundings, guards on duty, residents walking.

What happens is told as it is seen from outside, one JSON object per line on standard output:
{"event": "open"}, {"event": "visit", …}, {"event": "release", "gate", "is_active", "at"}, {"event": "done"},
{"event": "trouble", "words"}.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from simulator.errors import SimulatorError, WireLost
from simulator.guard import Guard
from simulator.people import Resident
from simulator.physics import SensorScene, winter_weather
from simulator.pictures import empty_frame
from simulator.plans import Act, Crowd, check_plan, way_out_plan
from simulator.visit import Forehead, HomeCalled, Place, Scanner, StreetClock, Visit, VisitSeen, is_lit
from simulator.wires import Gate, OutputChange, poll_until
from simulator.wiring import GateWiring, Output

Say = Callable[[dict[str, object]], None]
GATE_APPEARS_WITHIN_S = 30.0
_SCENE_EVERY_S = 0.05
_LAMPS_OUT_WITHIN_S = 8.0
_LOOKS_FOR_ROOM_EVERY_S = 0.2
_NEXT_PERSON_AFTER_S = (2.0, 7.0)
_STOP_WITHIN_S = 3.0


def say_as_json(event: dict[str, object]) -> None:
    """Write one event as a line of JSON. Safe for several threads: one write per line."""
    sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class StreetPanel(Protocol):
    """The panel of a street, seen from the street."""

    def lay_out(self, places: Sequence[tuple[Gate, Place]]) -> None:
        """Take the gates in hand. Raises SimulatorError."""

    def serve(self) -> None:
        """Serve the page. Raises SimulatorError."""

    def close(self) -> None:
        """Let go of everything. Idempotent."""


class Street:
    """All gates of a scene with their people. tempo: factor on people's own times, 1.0 = human."""

    def __init__(
        self,
        wirings: Sequence[GateWiring],
        people: Sequence[Resident],
        clock: StreetClock,
        *,
        tempo: float,
        seed: int,
        say: Say,
    ) -> None:
        self._people = people
        self._clock = clock
        self._tempo = tempo
        self._seed = seed
        self._say = say
        self._gates = [Gate(wiring, self._teller(wiring.name)) for wiring in wirings]
        self._places = [self._place(gate, index) for index, gate in enumerate(self._gates)]
        self._threads: list[threading.Thread] = []
        self._failure = ""
        for gate in self._gates:
            gate.show_to_camera(empty_frame(seed=seed))

    def open(self) -> None:
        """Connect wires, put guards on duty, let the sensors see. Raises WireLost when a gate does not appear."""
        for index, (gate, place) in enumerate(zip(self._gates, self._places, strict=True)):
            gate.start()
            self._spawn(self._move_scene, gate, place, index)
        for index, (gate, place) in enumerate(zip(self._gates, self._places, strict=True)):
            if not gate.pins.wait_until_connected(GATE_APPEARS_WITHIN_S):
                raise WireLost(f"{gate.wiring.pins_socket}: the terminal of {place.name} did not appear; see its log")
            Guard(place, self._clock, tempo=self._tempo, random_source=self._random(900 + index)).start()

    @property
    def places(self) -> Sequence[tuple[Gate, Place]]:
        """Each gate with the place before it, in the scene's order."""
        return tuple(zip(self._gates, self._places, strict=True))

    def check(self) -> None:
        """Walk the plan that proves the chain, then return."""
        plans: list[Iterable[Act]] = [check_plan(self._people)]
        plans += [way_out_plan(self._people) for _ in self._places[1:]]
        self._walk(plans)

    def live(self) -> None:
        """Let residents walk until the clock is stopped."""
        crowd = Crowd(self._people, self._clock, self._seed)
        self._walk([crowd.acts() for _ in self._places])

    def close(self) -> None:
        """Call everybody home and let go of the wires. Idempotent."""
        self._clock.stop()
        for thread in self._threads:
            thread.join(_STOP_WITHIN_S)
        for gate in self._gates:
            gate.stop()

    def _walk(self, plans: Sequence[Iterable[Act]]) -> None:
        walkers = [
            self._spawn(self._walk_one_by_one, place, plan, index)
            for index, (place, plan) in enumerate(zip(self._places, plans, strict=False))
        ]
        for walker in walkers:
            while walker.is_alive():
                walker.join(0.2)  # in pieces, so that a signal is seen
        if self._failure:
            raise SimulatorError(self._failure)

    def _walk_one_by_one(self, place: Place, plan: Iterable[Act], index: int) -> None:
        random_source = self._random(100 + index)
        for number, act in enumerate(plan):
            if number and self._clock.wait(random_source.uniform(*_NEXT_PERSON_AFTER_S) * self._tempo):
                return
            while not place.spot.step_up():
                if self._clock.wait(_LOOKS_FOR_ROOM_EVERY_S):
                    return
            poll_until(lambda: not is_lit(place.gate), at_most_s=_LAMPS_OUT_WITHIN_S, wait=self._clock.wait)
            visit = Visit(
                act.resident,
                place,
                self._clock,
                scanner=act.scanner,
                tempo=self._tempo,
                random_source=random_source,
                companion=act.companion,
            )
            try:
                self._say(_as_event(visit.walk()))
            except HomeCalled:
                return
            finally:
                place.spot.leave()

    def _move_scene(self, gate: Gate, place: Place, index: int) -> None:
        scene = SensorScene(place.weather, self._random(500 + index))
        is_lost = False
        looked_at = time.monotonic()
        while not self._clock.wait(_SCENE_EVERY_S):
            now = time.monotonic()
            by_hand = place.surroundings
            scene.weather = place.weather if by_hand.air_c is None else replace(place.weather, hood_c=by_hand.air_c)
            view = scene.look(
                skin_c=place.forehead.skin_c, distance_cm=place.forehead.distance_cm, passed_s=now - looked_at
            )
            view = view if by_hand.can_c is None else replace(view, can_c=by_hand.can_c)
            looked_at = now
            try:
                gate.physics.show(view, by_hand.trouble)
                is_lost = False
            except WireLost as error:
                if not is_lost:
                    self._say({"event": "trouble", "gate": place.name, "words": str(error)})
                is_lost = True

    def _place(self, gate: Gate, index: int) -> Place:
        scanners = tuple(
            scanner
            for scanner, wire in ((Scanner.CAMERA, gate.camera), (Scanner.SERIAL, gate.scanner))
            if wire is not None
        )
        weather = winter_weather(datetime.now().astimezone().hour, self._random(700 + index))
        return Place(
            name=gate.wiring.name,
            gate=gate,
            steps=gate.wiring.steps,
            weather=weather,
            forehead=Forehead(),
            scanners=scanners,
            has_barrier=Output.RELEASE in gate.wiring.outputs,
        )

    def _teller(self, gate_name: str) -> Callable[[OutputChange], None]:
        def tell(change: OutputChange) -> None:
            if change.output is Output.RELEASE:
                self._say({"event": "release", "gate": gate_name, "is_active": change.is_active, "at": change.at})

        return tell

    def _random(self, salt: int) -> random.Random:
        return random.Random(self._seed * 1000 + salt)

    def _spawn(self, run: Callable[..., None], *arguments: object) -> threading.Thread:
        def supervised() -> None:
            try:
                run(*arguments)
            except Exception as error:  # noqa: BLE001  # the supervisor: a lane that dies in silence proves nothing
                self._failure = f"{run.__name__} failed: {type(error).__name__}: {error}"
                self._clock.stop()

        thread = threading.Thread(target=supervised, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread


def _as_event(seen: VisitSeen) -> dict[str, object]:
    return {
        "event": "visit",
        "gate": seen.gate,
        "name": seen.name,
        "household": seen.household,
        "pass": seen.pass_id,
        "behaviour": seen.behaviour.value,
        "scanner": seen.scanner.value,
        "answers": [answer.value for answer in seen.answers],
        "answered_after_s": None if seen.answered_after_s is None else round(seen.answered_after_s, 2),
        "has_passed": seen.has_passed,
        "began_at": seen.began_at,
        "ended_at": seen.ended_at,
    }


def run(
    wirings: Sequence[GateWiring],
    people: Sequence[Resident],
    *,
    is_check: bool,
    tempo: float,
    seed: int,
    clock: StreetClock,
    is_open: Callable[[], bool] = lambda: True,
    stays_s: float = 0.0,
    panel: StreetPanel | None = None,
) -> int:
    """Open the street and let people walk. is_open: waits until they may; False = it never opens.

    stays_s: how long wires are held after the plan, so that no scanner is unplugged before others have looked.
    panel: laid out at once, served once the street is open.

    Returns 0; 3 when a wire never appeared, or the panel's ports are taken (told as trouble).
    """
    street = Street(wirings, people, clock, tempo=tempo, seed=seed, say=say_as_json)
    try:
        if panel is not None:
            panel.lay_out(street.places)
        if not is_open():
            return 0
        if panel is not None:
            panel.serve()
        street.open()
        say_as_json({"event": "open", "gates": [wiring.name for wiring in wirings]})
        if is_check:
            street.check()
        else:
            street.live()
        say_as_json({"event": "done"})
        clock.wait(stays_s)
    except SimulatorError as error:
        say_as_json({"event": "trouble", "words": str(error)})
        return 3
    finally:
        street.close()
        if panel is not None:
            panel.close()
    return 0
