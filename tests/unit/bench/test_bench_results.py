"""What a bench says: one object on one line, promises named, what was not measured never counted as held."""

import json

import pytest

from gatehouse.bench import BENCHES, BenchMissing, run_bench
from gatehouse.bench.measure import percentile
from gatehouse.bench.result import BenchResult, Figure, Limit


def result(ratio: float, **figures: Figure) -> BenchResult:
    limits = [Limit(figure="ratio", at_most=3.0), *(Limit(figure=name, at_least=1) for name in figures)]
    return BenchResult(name="some", ratio=ratio, figures=figures, floor="the peer", limits=limits)


def test_a_result_is_one_object_on_one_line_with_its_ratio_floor_and_conditions() -> None:
    text = result(2.123456, p50_ms=1.0).as_json()
    assert "\n" not in text
    members = json.loads(text)
    assert members["name"] == "some"
    assert members["ratio"] == 2.123
    assert members["p50_ms"] == 1.0
    assert members["floor"] == "the peer"
    assert {"cores", "python", "load_1min"} <= members["conditions"].keys()


def test_held_promises_are_not_missed() -> None:
    assert result(3.0, count=1).missed == ()


def test_a_missed_promise_is_named_with_what_it_was() -> None:
    assert result(3.5).missed == ("ratio at most 3, was 3.5",)


def test_what_was_not_measured_holds_no_promise() -> None:
    assert result(1.0, count=None).missed == ("count at least 1, was not measured",)
    assert "missed: count" in result(1.0, count=None).as_text()


def test_every_bench_of_the_design_is_there_and_loaded_only_when_asked_for() -> None:
    assert set(BENCHES) == {"decision", "terminal", "camera", "ingest", "visit", "kiosk"}


def test_an_unknown_bench_is_refused_with_the_names_that_there_are() -> None:
    with pytest.raises(BenchMissing, match="decision"):
        run_bench("nonsense")


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([float(number) for number in range(100, 0, -1)], share) == expected


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 0.5)
