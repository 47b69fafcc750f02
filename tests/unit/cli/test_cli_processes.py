"""Children of a street: ready, watched, restarted, stopped, and gone with their parent however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatehouse.outcome import CommandTrouble
from gatehouse.street import processes
from gatehouse.street.processes import ChildPlan, Supervisor

WITHIN_S = 10.0
LIVES = "import sys, time; print('ready', flush=True); [time.sleep(0.05) for _ in range(1200)]"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + LIVES


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor(say=lambda words: None)
    yield supervisor
    supervisor.stop_all()


def plan(tmp_path: Path, program: str, *, ready_within_s: float = WITHIN_S, **more: object) -> ChildPlan:
    log = tmp_path / "child.log"
    return ChildPlan(
        name="child",
        words=[sys.executable, "-c", program],
        log_path=log,
        is_ready=lambda: "ready" in processes.last_words(log),
        ready_within_s=ready_within_s,
        **more,  # type: ignore[arg-type]
    )


def test_a_child_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path, supervisor: Supervisor) -> None:
    with pytest.raises(CommandTrouble, match="ended at once with code 7") as caught:
        supervisor.start(plan(tmp_path, "import sys; print('no such bus'); sys.exit(7)"))
    assert "no such bus" in caught.value.what


def test_a_child_that_never_gets_ready_is_told(tmp_path: Path, supervisor: Supervisor) -> None:
    with pytest.raises(CommandTrouble, match="was not ready within"):
        supervisor.start(plan(tmp_path, "import time; time.sleep(60)", ready_within_s=0.3))


def test_a_program_that_is_not_there_is_told(tmp_path: Path, supervisor: Supervisor) -> None:
    wanted = plan(tmp_path, LIVES)
    missing = ChildPlan(name="broker", words=["/nonexistent/broker"], log_path=wanted.log_path, is_ready=lambda: False)
    with pytest.raises(CommandTrouble, match="could not be started"):
        supervisor.start(missing)


def test_a_dead_child_is_noticed_and_starts_again(tmp_path: Path, supervisor: Supervisor) -> None:
    child = supervisor.start(plan(tmp_path, LIVES))
    first = child.pid
    assert first is not None
    assert supervisor.look() == []
    os.kill(first, signal.SIGKILL)
    assert eventually(lambda: list(supervisor.look()) == [child])
    supervisor.restart(child)
    assert child.pid != first
    assert child.exit_code is None


def test_a_child_that_dies_again_and_again_is_given_up(tmp_path: Path, supervisor: Supervisor) -> None:
    child = supervisor.start(plan(tmp_path, LIVES))
    child.started_at.extend([time.monotonic()] * processes.RESTARTS_MAX)
    with pytest.raises(CommandTrouble, match="died 6 times"):
        supervisor.restart(child)


def test_a_child_that_ignores_the_order_to_end_is_killed(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_WITHIN_S", 0.3)
    pid = supervisor.start(plan(tmp_path, DEAF)).pid
    assert pid is not None
    supervisor.stop_all()
    assert not is_alive(pid)


def test_lines_of_a_child_arrive_and_lines_to_it_too(tmp_path: Path, supervisor: Supervisor) -> None:
    heard: list[str] = []
    echo = "import sys; [print('got ' + line.strip(), flush=True) for line in sys.stdin]"
    wanted = plan(tmp_path, echo, on_line=heard.append)
    child = supervisor.begin(wanted)
    child.write_line("go")
    assert eventually(lambda: heard == ["got go"])


@pytest.mark.parametrize("is_guarded", [True, False])
def test_children_of_a_street_that_is_killed_die_with_it_and_only_because_of_the_guard(
    tmp_path: Path, is_guarded: bool
) -> None:
    """With the guard switched off the child outlives its parent: it is the guard that keeps the promise."""
    guard = "" if is_guarded else "processes._WITH_PARENT = Path(sys.argv[2]); "
    plain = tmp_path / "plain.py"
    plain.write_text("import os, sys; os.execv(sys.argv[2], sys.argv[2:])")
    program = (
        "import sys, time; from pathlib import Path; from gatehouse.street import processes; "
        + guard
        + "log = Path(sys.argv[1]); "
        "child = processes.Child(processes.ChildPlan(name='c', log_path=log, is_ready=lambda: True, "
        f"words=[sys.executable, '-c', {LIVES!r}])); child.start(); print(child.pid, flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "log"), str(plain)]
    parent = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert eventually(lambda: "ready" in processes.last_words(tmp_path / "log"))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    if is_guarded:
        assert eventually(lambda: not is_alive(pid))
    else:
        assert is_alive(pid)
        os.kill(pid, signal.SIGKILL)
