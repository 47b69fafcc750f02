"""How one lane works: order of steps, times, what is wired. The community's rules are elsewhere (model.rules)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from model.identities import GateNumber
from model.passing import Direction
from model.records import VisitStep
from model.temperature import Site

NO_SCANNERS: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """One access point: one direction through one gate.

    steps: a permutation or a part of the four, with SCAN. step_limit_s: a step that takes longer ends the visit.
    scanners: components that read codes; empty: not known, and none is ever missed. approach_s: for so long a sensor
    that does not see a forehead yet is asked again at once. each_person_s: more time for each further person.
    """

    gate: GateNumber
    direction: Direction
    steps: tuple[VisitStep, ...]
    step_limit_s: Mapping[VisitStep, float]
    questions: tuple[str, ...] = ()
    check_by_guard: bool = False  # 查 by a person, who looks at the card; otherwise the rules check the code
    site: Site = Site.FOREHEAD
    has_thermometer: bool = True
    scanners: frozenset[str] = NO_SCANNERS
    approach_s: float = 0.0
    retest_after_s: float = 5.0
    has_presence_contact: bool = True
    walk_away_after_s: float = 3.0
    guard_limit_s: float = 120.0
    result_shown_s: float = 4.0
    record_limit_s: float = 5.0
    has_barrier: bool = True
    has_door_contact: bool = True
    release_time_s: float = 5.0
    held_open_after_s: float = 15.0
    each_person_s: float = 3.0
    emergency_release_s: float = 10.0
    door_settle_s: float = 0.3  # after securing: what a contact's debounce and a rebounding door may take
    rex_is_allowed: bool = False  # only at lanes without exit rules
