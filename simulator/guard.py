"""The guard at a gate: hears the call, comes, looks at the person, measures by hand, turns the key to yes or no."""

import random
import threading

from simulator.people import Behaviour, Resident
from simulator.senses import GateAnswer, perceive
from simulator.visit import Clock, Place
from simulator.wiring import Input

_COMES_AFTER_S = (2.0, 5.0)
_TURNS_KEY_S = 0.4
_LOOKS_EVERY_S = 0.1
_CALLS = (GateAnswer.GUARD_CALLED, GateAnswer.ALARM)
_LETS_THROUGH = frozenset({Behaviour.NORMAL, Behaviour.COLD_FOREHEAD})


class Guard:
    """One guard on duty; a thread of its own. tempo: factor on the guard's own times."""

    def __init__(self, place: Place, clock: Clock, *, tempo: float, random_source: random.Random) -> None:
        self._place = place
        self._clock = clock
        self._tempo = tempo
        self._random = random_source
        self._thread = threading.Thread(target=self._watch, name=f"guard-{place.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _watch(self) -> None:
        looks_since = self._clock.monotonic()
        while not self._clock.wait(_LOOKS_EVERY_S):
            now = self._clock.monotonic()
            changes = self._place.gate.changes_since(looks_since)
            seen = perceive(changes, now, has_barrier=self._place.has_barrier)
            if seen in _CALLS and self._place.person is not None:
                if self._attend():
                    return
                looks_since = self._clock.monotonic()
            elif changes and now - changes[-1].at > 2.0:
                looks_since = changes[-1].at + 0.001  # over: what was seen of it is not looked at again

    def _attend(self) -> bool:
        """Go there and decide; True when the street closes meanwhile."""
        if self._clock.wait(self._random.uniform(*_COMES_AFTER_S) * self._tempo):
            return True
        key = Input.GUARD_CONFIRM if lets_through(self._place.person) else Input.GUARD_REFUSE
        self._place.gate.set_input(key, True)
        called_home = self._clock.wait(_TURNS_KEY_S)
        self._place.gate.set_input(key, False)
        return called_home or self._clock.wait(_TURNS_KEY_S)


def lets_through(person: Resident | None) -> bool:
    """A cold forehead is measured again with the guard's thermometer and let through; a fever, or nobody, is not."""
    return person is not None and person.behaviour in _LETS_THROUGH
