"""The street's people as a process of their own: `python -m simulator --scene FILE --people FILE [--check]`.

Exit codes: 0 done or stopped, 2 wrong usage or an unusable file, 3 a gate's wire never appeared.
"""

import argparse
import select
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from simulator.errors import SimulatorError
from simulator.people import read_people
from simulator.street import run, say_as_json
from simulator.visit import StreetClock
from simulator.wiring import read_scene

_LOOKS_EVERY_S = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until the plan is done, or until SIGTERM, SIGINT or the end of standard input."""
    parser = argparse.ArgumentParser(prog="simulator", description="People who walk through simulated gates.")
    parser.add_argument("--scene", type=Path, required=True, help="where the gates' wires are")
    parser.add_argument("--people", type=Path, required=True, help="who walks, with which passes")
    parser.add_argument("--check", action="store_true", help="walk the plan that proves the chain, then end")
    parser.add_argument(
        "--tempo", type=float, default=1.0, help="factor on people's own times; 1.0 = human, 0.4 = hurried"
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same day")
    parser.add_argument("--on-go", action="store_true", help="walk only once a line came in on standard input")
    parser.add_argument("--stay", type=float, default=0.0, help="seconds for which wires are held after the plan")
    chosen = parser.parse_args(arguments)
    clock = StreetClock()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: clock.stop())
    try:
        wirings, people = read_scene(chosen.scene), read_people(chosen.people)
    except SimulatorError as error:
        say_as_json({"event": "trouble", "words": str(error)})
        return 2
    return run(
        wirings,
        people,
        is_check=chosen.check,
        tempo=chosen.tempo,
        seed=chosen.seed,
        clock=clock,
        is_open=_waits_for_a_line(clock) if chosen.on_go else lambda: True,
        stays_s=chosen.stay,
    )


def _waits_for_a_line(clock: StreetClock) -> Callable[[], bool]:
    """Whether somebody said go; False when standard input ended or everybody is called home."""

    def is_open() -> bool:
        while not clock.wait(0.0):
            readable, _, _ = select.select([sys.stdin], [], [], _LOOKS_EVERY_S)
            if readable:
                return bool(sys.stdin.readline())
        return False

    return is_open


if __name__ == "__main__":
    sys.exit(main())
