"""The street's people as a process: `python -m simulator --scene FILE --people FILE [--check | --panel FILE]`.

Exit codes: 0 done or stopped, 2 wrong usage or an unusable file, 3 a gate's wire never appeared.
"""

import argparse
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from simulator.errors import SimulatorError
from simulator.people import Resident, read_people
from simulator.street import StreetPanel, run, say_as_json
from simulator.visit import StreetClock
from simulator.wiring import read_scene

_LOOKS_EVERY_S = 0.2
_CHUNK_BYTES, _LINE_MAX = 4096, 65_536


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
    parser.add_argument("--panel", type=Path, help="serve a page on which a person tries the gates; what it must know")
    parser.add_argument("--stay", type=float, default=0.0, help="seconds for which wires are held after the plan")
    chosen = parser.parse_args(arguments)
    clock = StreetClock()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: clock.stop())
    try:
        wirings, people = read_scene(chosen.scene), read_people(chosen.people)
        told = _StandardInput(clock)
        panel = None if chosen.panel is None else _open_panel(chosen.panel, people, clock, seed=chosen.seed, told=told)
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
        is_open=(lambda: told.next_line() is not None) if chosen.on_go else lambda: True,
        stays_s=chosen.stay,
        panel=panel,
    )


class _StandardInput:
    """Lines of standard input. Read past Python's own buffer: a daemon thread inside it would break the end."""

    def __init__(self, clock: StreetClock) -> None:
        self._clock = clock
        self._begun = b""

    def next_line(self) -> str | None:
        """The next line; None when standard input ended or everybody is called home."""
        while b"\n" not in self._begun and not self._clock.wait(0.0):
            readable, _, _ = select.select([0], [], [], _LOOKS_EVERY_S)
            if not readable:
                continue
            chunk = os.read(0, _CHUNK_BYTES)
            if not chunk:
                return None
            self._begun = (self._begun + chunk)[-_LINE_MAX:]
        line, newline, self._begun = self._begun.partition(b"\n")
        return line.decode(errors="replace") if newline else None

    def hand_on(self, take: Callable[[str], None]) -> None:
        """Hand on each line from now on, on a thread of its own."""

        def read() -> None:
            while (line := self.next_line()) is not None:
                take(line)

        threading.Thread(target=read, name="orders", daemon=True).start()


def _open_panel(
    file: Path, people: Sequence[Resident], clock: StreetClock, *, seed: int, told: _StandardInput
) -> StreetPanel:
    from simulator.panel.opened import OpenedPanel  # a check has no panel, and does not wait for a web server's imports
    from simulator.panel.plan import read_panel_plan

    return OpenedPanel(read_panel_plan(file), people, clock, seed=seed, say=say_as_json, listen=told.hand_on)


if __name__ == "__main__":
    sys.exit(main())
