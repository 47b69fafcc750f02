"""Who walks through which gate, how, with which scanner: the fixed plan of a check, and an endless day."""

import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.people import Behaviour, Carrier, Resident, as_behaving
from simulator.visit import Clock, Scanner

# A phone's code is used up by a grant for its step of 30 s and the ones beside it.
SEEN_AGAIN_AFTER_S = 120.0
_BORN_WITH = frozenset({Behaviour.REVOKED, Behaviour.EXPIRED})
_DAY: Sequence[tuple[Behaviour, int]] = (
    (Behaviour.NORMAL, 78),
    (Behaviour.COLD_FOREHEAD, 6),
    (Behaviour.FEVER, 3),
    (Behaviour.WALKS_AWAY, 4),
    (Behaviour.SECOND_PASS, 3),
    (Behaviour.FORGED_PASS, 2),
    (Behaviour.WEB_ADDRESS, 2),
    (Behaviour.SCREENSHOT, 2),
)


class PlanImpossible(Exception):
    """The roster lacks somebody whom the plan needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One visit to come. companion: whose pass is shown beside the own one."""

    resident: Resident
    scanner: Scanner
    companion: Resident | None = None


def check_plan(people: Sequence[Resident]) -> Sequence[Act]:
    """The acts that prove the chain, each with a person of its own. Raises PlanImpossible."""
    honest = [each for each in people if each.behaviour not in _BORN_WITH]
    paper = iter([each for each in honest if each.carrier is Carrier.PAPER])
    phones = iter([each for each in honest if each.carrier is not Carrier.PAPER])
    revoked = [each for each in people if each.behaviour is Behaviour.REVOKED]
    try:
        return (
            Act(resident=as_behaving(next(paper), Behaviour.NORMAL), scanner=Scanner.CAMERA),
            Act(resident=as_behaving(next(phones), Behaviour.NORMAL), scanner=Scanner.SERIAL),
            Act(resident=as_behaving(next(phones), Behaviour.FEVER), scanner=Scanner.CAMERA),
            Act(resident=as_behaving(next(phones), Behaviour.COLD_FOREHEAD), scanner=Scanner.SERIAL),
            Act(resident=as_behaving(next(phones), Behaviour.FORGED_PASS), scanner=Scanner.CAMERA),
            Act(resident=revoked[0], scanner=Scanner.SERIAL),
        )
    except (StopIteration, IndexError) as error:
        raise PlanImpossible("the roster needs 1 printed pass, 4 phones and 1 revoked pass") from error


def way_out_plan(people: Sequence[Resident]) -> Sequence[Act]:
    """A few people who leave while others are checked at the way in. Takes from the roster's end."""
    honest = [each for each in people if each.behaviour not in _BORN_WITH]
    return tuple(Act(resident=as_behaving(each, Behaviour.NORMAL), scanner=Scanner.CAMERA) for each in honest[-2:])


class Crowd:
    """The residents of an endless day. Nobody is at two gates at once, and nobody comes back at once. Any thread."""

    def __init__(self, people: Sequence[Resident], clock: Clock, seed: int) -> None:
        self._people = list(people)
        self._clock = clock
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._last_seen: dict[str, float] = {}

    def acts(self) -> Iterator[Act]:
        """Act after act, without end."""
        while True:
            with self._lock:
                act = self._next()
            yield act  # outside the lock: a generator that waits for its walker must not keep the others waiting

    def _next(self) -> Act:
        resident = self._somebody()
        if resident.behaviour in _BORN_WITH:
            return Act(resident=resident, scanner=self._scanner())
        behaviours, weights = zip(*_DAY, strict=True)
        behaviour = self._random.choices(behaviours, weights)[0]
        if behaviour is Behaviour.SCREENSHOT and resident.carrier is Carrier.PAPER:
            behaviour = Behaviour.NORMAL  # a picture of a printed pass is as good as the pass, by design
        companion = self._somebody() if behaviour is Behaviour.SECOND_PASS else None
        return Act(resident=as_behaving(resident, behaviour), scanner=self._scanner(), companion=companion)

    def _somebody(self) -> Resident:
        now = self._clock.monotonic()
        rested = [each for each in self._people if now - self._seen_at(each) > SEEN_AGAIN_AFTER_S]
        # When all have been out just now, the one who has rested longest goes again.
        resident = self._random.choice(rested) if rested else min(self._people, key=self._seen_at)
        self._last_seen[resident.wallet.pass_id] = now
        return resident

    def _seen_at(self, resident: Resident) -> float:
        return self._last_seen.get(resident.wallet.pass_id, float("-inf"))

    def _scanner(self) -> Scanner:
        return self._random.choice((Scanner.CAMERA, Scanner.SERIAL))
