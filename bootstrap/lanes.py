"""The lanes of `./test`: each in a process group of its own, bounded in time, all told of in one table at the end.

A lane passes, fails, or is skipped for a stated reason. A lane without a single test fails: silence proves nothing.
Exit code: 0 when no lane failed, 1 when one did, 2 for wrong usage, 130 when interrupted.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import IO

from bootstrap.words import say

CHECKOUT = Path(__file__).resolve().parent.parent
CHROMIUM_VARIABLE = "GATEHOUSE_CHROMIUM"
HARDWARE_VARIABLE = "GATEHOUSE_HARDWARE"
_LONG_AT_MOST_S = 3600.0
_NO_TESTS_COLLECTED = 5  # pytest's exit code
_NOTHING_FOUND = "no test was found"
_SHARES_MAX = 4
_TO_END_S = 5.0
_PACKAGES = ("model", "gate", "drivers", "seals", "journal", "passes", "mqtt", "config", "center", "gatehouse")
_SUPPORT = ("simulator", "bootstrap")


class Verdict(Enum):
    PASSED = "passed"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a lane ended. why: empty only when it passed."""

    lane: str
    verdict: Verdict
    took_s: float
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a lane runs. variables: added to the environment."""

    words: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One lane. prepare: the commands to run in order, or the reason why this machine cannot run them.

    is_at_once: the commands are shares of one whole and run side by side; what each said is printed when it has ended.
    """

    name: str
    at_most_s: float
    prepare: Callable[[], Sequence[Command] | str]
    is_at_once: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the lanes that were asked for, print the table, return the exit code."""
    lanes = {lane.name: lane for lane in LANES}
    parser = argparse.ArgumentParser(prog="./test", description="Run every test lane that this machine can run.")
    parser.add_argument("--lane", action="append", choices=list(lanes), help="only this lane; may be repeated")
    parser.add_argument("--long", action="store_true", help="the long commands of tests/long instead of the lanes")
    parser.add_argument("rest", nargs="*", help="passed on to pytest, after --")
    options = parser.parse_args(arguments)
    os.chdir(CHECKOUT)
    os.environ.update({"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"})
    if options.long:
        chosen = _long_lanes()
        if not chosen:
            say("There is no command in tests/long.")
            return 1
    else:
        chosen = [lanes[name] for name in options.lane] if options.lane else list(LANES)
    results: list[Result] = []
    try:
        for lane in chosen:
            results.append(run_lane(lane, options.rest))
    except KeyboardInterrupt:
        _print_table(results)
        say("stopped")
        return 130
    _print_table(results)
    return 1 if any(result.verdict is Verdict.FAILED for result in results) else 0


def run_lane(lane: Lane, pytest_options: Sequence[str] = ()) -> Result:
    """Run one lane to its end, or to the end of its time. Never raises for what the lane does."""
    began = time.monotonic()
    say(f"\n== {lane.name}")
    commands = lane.prepare()
    if isinstance(commands, str):
        say(f"skipped: {commands}")
        return Result(lane=lane.name, verdict=Verdict.SKIPPED, took_s=0.0, why=commands)
    given = [
        Command(
            words=[*command.words, *(pytest_options if "pytest" in command.words else ())],
            variables=command.variables,
        )
        for command in commands
    ]
    until = began + lane.at_most_s
    if lane.is_at_once:
        ends = _side_by_side(given, until, lane.at_most_s)
        if any(end != _NOTHING_FOUND for end in ends):
            ends = [end for end in ends if end != _NOTHING_FOUND]  # what was asked for lies in another share
    else:
        ends = [_end_of(_start(command), command, until, lane.at_most_s) for command in given]
    failures = [end for end in ends if end]
    verdict = Verdict.FAILED if failures else Verdict.PASSED
    return Result(lane=lane.name, verdict=verdict, took_s=time.monotonic() - began, why="; ".join(failures))


def _side_by_side(commands: Sequence[Command], until: float, at_most_s: float) -> list[str]:
    with contextlib.ExitStack() as ending:
        outputs = [ending.enter_context(tempfile.TemporaryFile()) for _ in commands]
        running = [_start(command, output) for command, output in zip(commands, outputs, strict=True)]
        ends = []
        try:
            for process, command, output in zip(running, commands, outputs, strict=True):
                ends.append(_end_of(process, command, until, at_most_s))
                output.seek(0)
                say(output.read().decode(errors="replace").rstrip())
        except BaseException:
            for process in running:
                _end_group(process)
            raise
    return ends


def _start(command: Command, output: IO[bytes] | None = None) -> "subprocess.Popen[bytes]":
    told = None if output is None else subprocess.STDOUT
    return subprocess.Popen(
        command.words,
        env={**os.environ, **command.variables},
        stdout=output,
        stderr=told,
        start_new_session=True,
        cwd=CHECKOUT,
    )


def _end_of(process: "subprocess.Popen[bytes]", command: Command, until: float, at_most_s: float) -> str:
    """Wait for its end; why it failed, empty when it did not."""
    name = " ".join(Path(word).name for word in command.words[:3] if word != "-m")
    try:
        code = process.wait(timeout=max(until - time.monotonic(), 1.0))
    except subprocess.TimeoutExpired:
        _end_group(process)
        return f"{name} was stopped: the lane may take {at_most_s:.0f} s"
    except BaseException:
        _end_group(process)
        raise
    # What a test left running must not live into the next lane.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if code == _NO_TESTS_COLLECTED and "pytest" in command.words:
        return _NOTHING_FOUND
    return f"{name} ended with {code}" if code else ""


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_TO_END_S)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _print_table(results: Sequence[Result]) -> None:
    say("\nlane        verdict   time   why")
    for result in results:
        say(f"{result.lane:<11} {result.verdict.value:<8} {result.took_s:>4.0f} s   {result.why}".rstrip())
    counts = {verdict: sum(result.verdict is verdict for result in results) for verdict in Verdict}
    say(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items()))


def _pytest(*folders: str, variables: Mapping[str, str] | None = None) -> Command:
    words = [sys.executable, "-m", "pytest", "--no-header", "-q", "-p", "no:cacheprovider", *folders]
    return Command(words=words, variables=variables or {})


def _style() -> Sequence[Command]:
    ruff = str(Path(sys.executable).parent / "ruff")
    return [Command(words=[ruff, "check", "."]), Command(words=[ruff, "format", "--check", "."])]


def _types() -> Sequence[Command]:
    # mypy refuses a package without a single file, so rooms that are still empty are left out.
    packages = [name for name in (*_PACKAGES, *_SUPPORT) if next((CHECKOUT / name).rglob("*.py"), None)]
    options = [word for name in packages for word in ("-p", name)]
    return [Command(words=[sys.executable, "-m", "mypy", "--strict", *options])]


def _unit() -> Sequence[Command]:
    files = sorted(
        str(file.relative_to(CHECKOUT))
        for folder in ("tests/unit", "tests/contract")
        for file in (CHECKOUT / folder).rglob("test_*.py")
    )
    shares = min(os.cpu_count() or 1, _SHARES_MAX)
    # Devices are contracted here on their twins alone; the real ones have the lane hardware.
    return [_pytest(*files[number::shares], variables={HARDWARE_VARIABLE: ""}) for number in range(shares)]


def _scenarios() -> Sequence[Command] | str:
    if not (CHECKOUT / "tests/scenarios").is_dir():
        return "this checkout has no tests/scenarios"
    return [_pytest("tests/scenarios")]


def _chain() -> Sequence[Command] | str:
    if not (CHECKOUT / "tests/chain").is_dir():
        return "this checkout has no tests/chain"
    return [_pytest("tests/chain")]


def _browser() -> Sequence[Command] | str:
    if not (CHECKOUT / "tests/browser").is_dir():
        return "this checkout has no tests/browser"
    chromium = _find_chromium() or _install_chromium()
    if chromium is None:
        return "no Chromium; sudo apt-get install chromium fonts-wqy-microhei"
    return [_pytest("tests/browser", variables={CHROMIUM_VARIABLE: chromium})]


def _find_chromium() -> str | None:
    names = (os.environ.get(CHROMIUM_VARIABLE), "chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def _install_chromium() -> str | None:
    """As root, from apt. Nobody else's system is changed by a test."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    say("installing Chromium and a Chinese font from apt …")
    wanted = ["chromium", "fonts-wqy-microhei"]
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], install):
        try:
            subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, timeout=180, check=False)
        except subprocess.TimeoutExpired:
            return None
    return _find_chromium()


def _hardware() -> Sequence[Command] | str:
    if not os.environ.get(HARDWARE_VARIABLE):
        return f"no device is named; such as {HARDWARE_VARIABLE}=mlx90614=/dev/i2c-1,serial=/dev/ttyACM0"
    return [_pytest("tests/contract")]


def _long_lanes() -> Sequence[Lane]:
    """Every program of tests/long: pytest files by pytest, the others by Python, in the order of their names."""
    programs = sorted((CHECKOUT / "tests/long").glob("[!_]*.py"))

    def command(program: Path) -> Command:
        if program.name.startswith("test_"):
            return _pytest(str(program))
        return Command(words=[sys.executable, str(program)])

    return [
        Lane(name=program.stem, at_most_s=_LONG_AT_MOST_S, prepare=lambda program=program: [command(program)])  # type: ignore[misc]
        for program in programs
        if program.name != "conftest.py"
    ]


LANES: Sequence[Lane] = (
    Lane(name="style", at_most_s=60.0, prepare=_style),
    Lane(name="types", at_most_s=180.0, prepare=_types),
    Lane(name="unit", at_most_s=1200.0, prepare=_unit, is_at_once=True),
    Lane(name="scenarios", at_most_s=300.0, prepare=_scenarios),
    Lane(name="chain", at_most_s=1200.0, prepare=_chain),
    Lane(name="browser", at_most_s=1200.0, prepare=_browser),
    Lane(name="hardware", at_most_s=600.0, prepare=_hardware),
)

if __name__ == "__main__":
    sys.exit(main())
