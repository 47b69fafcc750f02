"""Hints come after half a second of trouble, never flicker, and go at once when a code is read."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from drivers.code_finder import Candidate
from drivers.hints import (
    APPEARS_AFTER_S,
    GOES_AFTER_S,
    STAYS_S,
    HintState,
    after_look,
    after_reading,
    hint_for,
)
from drivers.ports import CameraHint
from model.clock import Instant

EVERY_S = 0.2


def candidate(**differences: object) -> Candidate:
    usual = {
        "corners": ((100.0, 100.0), (300.0, 100.0), (100.0, 300.0)),
        "module_px": 3.5,
        "side_px": 230.0,
        "is_cut": False,
        "light": 200.0,
        "dark": 60.0,
        "burnt_share": 0.0,
    }
    return Candidate(**{**usual, **differences})


def test_each_trouble_has_its_hint() -> None:
    assert hint_for(candidate(), 480) is CameraHint.HOLD_STILL
    assert hint_for(candidate(module_px=1.4), 480) is CameraHint.CLOSER
    assert hint_for(candidate(is_cut=True), 480) is CameraHint.FARTHER
    assert hint_for(candidate(side_px=475.0), 480) is CameraHint.FARTHER
    assert hint_for(candidate(light=50.0, dark=30.0), 480) is CameraHint.BRIGHTER
    assert hint_for(candidate(burnt_share=0.2), 480) is CameraHint.LESS_GLARE
    assert hint_for(candidate(), 480, light_is_scarce=True) is CameraHint.BRIGHTER
    assert hint_for(candidate(module_px=1.4), 480, light_is_scarce=True) is CameraHint.CLOSER


def looks(*hints: CameraHint | None) -> list[CameraHint | None]:
    """What is shown after each look, one every EVERY_S."""
    state, shown = HintState(), []
    for number, hint in enumerate(hints):
        state = after_look(state, Instant(10 + number * EVERY_S), hint)
        shown.append(state.shown)
    return shown


def test_a_hint_appears_after_half_a_second_of_trouble_and_not_before() -> None:
    shown = looks(*[CameraHint.CLOSER] * 5)
    first = shown.index(CameraHint.CLOSER)
    assert APPEARS_AFTER_S <= first * EVERY_S <= APPEARS_AFTER_S + EVERY_S
    assert set(shown[:first]) == {None}


def test_trouble_that_changes_its_kind_is_trouble_all_the_same() -> None:
    assert looks(CameraHint.CLOSER, CameraHint.HOLD_STILL, CameraHint.CLOSER, CameraHint.CLOSER)[-1] is not None


def test_two_hints_in_turn_show_only_the_first() -> None:
    shown = looks(*[CameraHint.CLOSER, CameraHint.HOLD_STILL] * 30)
    assert len({each for each in shown if each is not None}) == 1


def test_another_trouble_that_lasts_takes_over() -> None:
    assert looks(*[CameraHint.CLOSER] * 10, *[CameraHint.BRIGHTER] * 12)[-1] is CameraHint.BRIGHTER


def test_a_hint_goes_soon_after_nothing_is_there_and_one_missed_look_is_no_end() -> None:
    shown = looks(*[CameraHint.CLOSER] * 5, None, CameraHint.CLOSER, *[None] * 6)
    assert shown[5] is CameraHint.CLOSER
    gone = shown.index(None, 6)
    assert (gone - 6) * EVERY_S <= GOES_AFTER_S + EVERY_S


def test_a_reading_ends_a_hint_at_once() -> None:
    assert after_reading().shown is None


@given(st.lists(st.sampled_from([None, *CameraHint]), max_size=200))
def test_hints_never_change_faster_than_a_person_reads(hints: list[CameraHint | None]) -> None:
    shown = looks(*hints)
    begins = [
        at for at in range(len(shown)) if shown[at] is not None and shown[at] is not (shown[at - 1] if at else None)
    ]
    for before, now in itertools.pairwise(begins):
        between = shown[before:now]
        # From hint to hint, or from a hint to nothing and to a hint again.
        assert (now - before) * EVERY_S >= (STAYS_S if None not in between else APPEARS_AFTER_S + EVERY_S) - 1e-9
