"""Benches: each measures one promise beside the floor or peer that it is held against, in the same run.

`gatehouse bench NAME` and `python -m gatehouse.bench NAME` run them. A bench is loaded only when it is asked for.
"""

from collections.abc import Callable, Mapping
from importlib import import_module

from gatehouse.bench.result import BenchResult

_MODULES = {
    "decision": "gatehouse.bench.decision",
    "terminal": "gatehouse.bench.terminal",
    "camera": "gatehouse.bench.camera",
    "ingest": "gatehouse.bench.ingest",
    "visit": "gatehouse.bench.visit",
    "kiosk": "gatehouse.bench.kiosk",
}


class BenchMissing(Exception):
    """There is no bench of this name."""


def run_bench(name: str) -> BenchResult:
    """Run one bench to its end, within a minute. Raises BenchMissing, or the error of the room that failed."""
    bench = BENCHES.get(name)
    if bench is None:
        raise BenchMissing(f"no bench is called {name!r}: choose from {', '.join(BENCHES)}")
    return bench()


def _lazily(module: str) -> Callable[[], BenchResult]:
    def run() -> BenchResult:
        result = import_module(module).run()
        if not isinstance(result, BenchResult):
            raise TypeError(f"{module}.run gave {type(result).__name__}")
        return result

    return run


BENCHES: Mapping[str, Callable[[], BenchResult]] = {name: _lazily(module) for name, module in _MODULES.items()}
