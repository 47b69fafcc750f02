"""The decision's bench walks the terminal's own path; its figures are no test, that it still finds that path is one."""

from gatehouse.bench.decision import Sizes, run


def test_the_bench_admits_paper_and_phone_at_a_small_and_a_large_gate() -> None:
    result = run(Sizes(visits=3, passes=500, households=450, events=20))
    kinds = {f"{kind}_{size}" for kind in ("paper", "phone") for size in ("small", "large")}
    assert all(isinstance(result.figures[f"{kind}_ratio"], float) for kind in kinds)
    assert result.ratio > 1, "no path is cheaper than the signatures that it verifies"
