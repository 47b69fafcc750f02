"""What a screen is made of: nothing new without news, times that run, and temperatures only for whom the rules name."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from kiosk_world import KioskBench, is_told, play
from shell_world import NOON

from gate.core.events import TimePassed
from gate.core.lane import Lane
from gate.core.visit_states import Closing
from gate.screens import MAX_LINE_BYTES, SHOWN_PASSAGES, ScreenState, TerminalLine
from gate.shell.screen_state import ScreenFacts, at_moment, still_of
from model.clock import Instant
from model.temperature import Viewer
from tests.support.kiosk_wire import KioskWire


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[KioskBench]:
    made = KioskBench(tmp_path)
    yield made
    made.close()


def facts_at(bench: KioskBench, instruction: str) -> ScreenFacts:
    """The facts of a lane at the moment at which the resident was told this."""
    kept: list[ScreenFacts] = []

    def person(wire: KioskWire) -> None:
        bench.stand()
        bench.show(bench.phone_code())
        wire.screen(is_told(instruction))
        kept.append(bench.desk._screen_facts())

    play(bench, person)
    return kept[0]


def shown(facts: ScreenFacts, instant: float = 0.0) -> ScreenState:
    return at_moment(still_of(facts), revision=1, now=NOON, instant=Instant(instant))


def with_viewers(lane: Lane, viewers: frozenset[Viewer]) -> Lane:
    temperature = replace(lane.rules.temperature, shown_to=viewers)
    return replace(lane, rules=replace(lane.rules, temperature=temperature))


@pytest.mark.parametrize("viewers", [frozenset(), frozenset({Viewer.GUARD}), frozenset({Viewer.RESIDENT})])
def test_temperature_is_a_number_only_for_whom_the_rules_name(bench: KioskBench, viewers: frozenset[Viewer]) -> None:
    facts = facts_at(bench, "go")
    screen = shown(replace(facts, lane=with_viewers(facts.lane, viewers)))
    assert (screen.resident.body_c is not None) == (Viewer.RESIDENT in viewers)
    assert screen.visit is not None
    (temperature,) = screen.visit.temperatures
    assert (temperature.body_c is not None) == (Viewer.GUARD in viewers)
    assert temperature.outcome == "normal"


def test_same_facts_are_no_news_and_time_alone_is_none(bench: KioskBench) -> None:
    facts = facts_at(bench, "go")
    assert still_of(facts) == still_of(replace(facts))
    assert still_of(facts) != still_of(replace(facts, backlog=1))
    released = facts.lane.barrier.release_until
    assert released is not None
    later = replace(facts.lane, barrier=replace(facts.lane.barrier, release_until=Instant(released + 1.0)))
    assert still_of(facts) != still_of(replace(facts, lane=later))


def test_progress_runs_with_the_clock_and_stops_at_its_end(bench: KioskBench) -> None:
    facts = facts_at(bench, "go")
    until = facts.lane.barrier.release_until
    assert until is not None

    def elapsed_s(instant: float) -> float:
        screen = shown(facts, instant)
        assert screen.visit is not None
        assert screen.resident.progress == screen.visit.left
        assert screen.resident.progress is not None
        assert screen.resident.progress.lasts_s == 5.0
        return screen.resident.progress.elapsed_s

    assert [elapsed_s(until + offset_s) for offset_s in (-9.0, -5.0, -2.5, 0.0, 9.0)] == [0.0, 0.0, 2.5, 5.0, 5.0]


def test_answer_that_stands_keeps_its_visit_and_takes_no_order(bench: KioskBench) -> None:
    facts = facts_at(bench, "go")
    closing = replace(facts.lane, visit=Closing(until=Instant(1.0), is_present=True))
    screen = shown(replace(facts, lane=closing, ended=facts.lane.visit))
    assert screen.visit is not None
    assert (screen.visit.stage, screen.visit.outcome) == ("closing", "granted")
    assert shown(replace(facts, lane=closing, ended=None)).visit is None


def test_age_of_the_directory_is_told_in_whole_minutes(bench: KioskBench) -> None:
    still = still_of(facts_at(bench, "go"))

    def age_s(after: timedelta) -> int | None:
        return at_moment(still, revision=1, now=NOON + after, instant=Instant(0.0)).gate.directory_age_s

    assert [age_s(timedelta(seconds=seconds)) for seconds in (0, 59, 60, -99_999)] == [3600, 3600, 3660, 0]


def test_fullest_screen_fits_into_one_line(bench: KioskBench) -> None:
    facts = facts_at(bench, "go")
    name = "欧阳" * 20
    screen = shown(facts)
    guards = tuple({"guard": f"guard_{number:03}", "name": name} for number in range(100))
    fullest = ScreenState.model_validate_json(
        screen.model_copy(
            update={
                "passages": screen.passages[:1] * SHOWN_PASSAGES,
                "lost": tuple({"component": f"part_{n}", "why": "w" * 200, "since": NOON} for n in range(20)),
                "guards": guards,
            }
        ).model_dump_json(warnings=False)
    )
    assert len(TerminalLine(screen=fullest).model_dump_json().encode()) < MAX_LINE_BYTES / 2


def test_only_the_last_passages_are_kept(bench: KioskBench) -> None:
    memory = bench.desk._memory
    (passage,) = facts_at(bench, "go").passages
    for token in range(3 * SHOWN_PASSAGES):
        memory._undecided.append((token, passage.model_copy(update={"number": token})))
        memory._decided(token, is_stored=token % 2 == 0)
    assert len(memory.passages) == SHOWN_PASSAGES
    assert [each.number for each in memory.passages[:3]] == [58, 56, 54]
    assert not memory._undecided


def test_nothing_is_made_while_nobody_looks(bench: KioskBench, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(bench.desk, "_screen_facts", lambda: made.append(1))
    bench.desk.follow(TimePassed(at=bench.clock.instant()), bench.terminal.lane, ())
    assert made == []
