"""Children of a street: started in order, watched, restarted where wanted, stopped by their own pid in reverse order.

Rules: every child is a process group of its own, so that Ctrl-C reaches the street alone, which then stops everybody in
order. Every child is killed by the kernel when the street dies (with_parent). Children are started from the main thread
only: the kernel's order hangs on the thread that started them.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gatehouse.outcome import CommandTrouble, ExitCode

STOP_WITHIN_S = 6.0
RESTARTS_MAX = 5
RESTARTS_WITHIN_S = 60.0
_LAST_WORDS_LINES = 6
_LAST_WORDS_BYTES = 16_384
_WITH_PARENT = Path(__file__).with_name("with_parent.py")
_POLL_S = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildPlan:
    """What to start. is_ready: asked again and again until it holds, within ready_within_s.

    on_line: gets each line of the child's standard output on a thread of its own; None = the output goes to the log.
    """

    name: str
    words: Sequence[str]
    log_path: Path
    is_ready: Callable[[], bool]
    ready_within_s: float = 20.0
    variables: Mapping[str, str] = field(default_factory=dict)
    on_line: Callable[[str], None] | None = None
    may_end: bool = False


class Child:
    """One running child."""

    def __init__(self, plan: ChildPlan) -> None:
        self.plan = plan
        self.started_at: list[float] = []
        self.is_switched_off = False
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs, before it was started, and while it is switched off."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        """Start; the readiness is the supervisor's to wait for. Main thread only."""
        self.started_at.append(time.monotonic())
        with self.plan.log_path.open("ab") as log_file:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", str(_WITH_PARENT), str(os.getpid()), *self.plan.words],
                stdin=subprocess.PIPE,  # stays open: some children end when it closes
                stdout=log_file if self.plan.on_line is None else subprocess.PIPE,
                stderr=log_file,
                env={**os.environ, **self.plan.variables},
                start_new_session=True,
            )
        if self.plan.on_line is not None:
            self._reader = threading.Thread(target=self._read, name=f"lines-{self.plan.name}", daemon=True)
            self._reader.start()

    def write_line(self, line: str) -> None:
        """Write to the child's standard input; nothing when it is gone."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(line.encode() + b"\n")
                self._process.stdin.flush()

    def kill(self) -> None:
        """End it as a power cut would: at once, without a word, with everything it started."""
        self.end(time.monotonic())
        self._process = None  # reaped: its number may soon be somebody else's

    def ask_to_end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until the deadline, then kill what is left of its group."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        if self._reader is not None:
            self._reader.join(1.0)

    def has_said(self, line: str) -> bool:
        """Whether the log has this line, as the last start wrote it."""
        return line in last_words(self.plan.log_path, lines=10_000)

    def last_words(self) -> str:
        """The log's last lines, indented."""
        lines = last_words(self.plan.log_path)
        return "\n".join("    " + line for line in lines) if lines else "    (it said nothing)"

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self.plan.on_line is not None
        for raw in self._process.stdout:
            self.plan.on_line(raw.decode(errors="replace").rstrip("\n"))


def last_words(log_path: Path, lines: int = _LAST_WORDS_LINES) -> list[str]:
    """The last lines of a log."""
    try:
        with log_path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES))
            return file.read().decode(errors="replace").splitlines()[-lines:]
    except OSError:
        return []


class Supervisor:
    """All children of one street. Main thread only, save for the children's output."""

    def __init__(self, *, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: list[Child] = []

    @property
    def children(self) -> Sequence[Child]:
        return tuple(self._children)

    def start(self, plan: ChildPlan) -> Child:
        """Start a child and wait until it is ready. Raises CommandTrouble with its last words when it is not."""
        child = self.begin(plan)
        self.wait_ready(child)
        return child

    def begin(self, plan: ChildPlan) -> Child:
        """Start a child without waiting for it."""
        plan.log_path.write_bytes(b"")
        child = Child(plan)
        self._children.append(child)
        child.start()
        return child

    def wait_ready(self, child: Child) -> None:
        """Wait until a child is ready. Raises CommandTrouble with its last words when it ends or takes too long."""
        plan = child.plan
        deadline = time.monotonic() + plan.ready_within_s
        while not plan.is_ready():
            if child.exit_code is not None and not plan.may_end:
                raise self._trouble(child, f"ended at once with code {child.exit_code}")
            if time.monotonic() > deadline:
                raise self._trouble(child, f"was not ready within {plan.ready_within_s:.0f} s")
            time.sleep(_POLL_S)

    def look(self) -> Sequence[Child]:
        """The children that have ended although they should not have; one that is switched off has not ended."""
        return [child for child in self._children if child.exit_code is not None and not child.plan.may_end]

    def switch_off(self, child: Child) -> None:
        """Take the power away from a child. Idempotent."""
        child.is_switched_off = True
        child.kill()

    def switch_on(self, child: Child) -> None:
        """Give it its power back: it starts anew. Idempotent; a start that was wanted is not counted as a death."""
        if child.is_switched_off:
            child.is_switched_off = False
            child.started_at.clear()
            child.start()

    def restart(self, child: Child) -> None:
        """Start a child again that has died. Raises CommandTrouble when it dies too often."""
        now = time.monotonic()
        recent = [at for at in child.started_at if now - at < RESTARTS_WITHIN_S]
        if len(recent) > RESTARTS_MAX:
            raise self._trouble(child, f"died {len(recent)} times within {RESTARTS_WITHIN_S:.0f} s")
        self._say(f"{child.plan.name} ended with code {child.exit_code} and is started again. Its last words:")
        self._say(child.last_words())
        child.end(now)
        child.start()

    def stop(self, child: Child) -> None:
        """Stop one child."""
        child.ask_to_end()
        child.end(time.monotonic() + STOP_WITHIN_S)

    def stop_all(self) -> None:
        """Stop every child, the last one started first; what does not end in time is killed. Idempotent."""
        for child in reversed(self._children):
            child.ask_to_end()
        deadline = time.monotonic() + STOP_WITHIN_S
        for child in reversed(self._children):
            child.end(deadline)
        self._children.clear()

    def _trouble(self, child: Child, what: str) -> CommandTrouble:
        return CommandTrouble(
            f"{child.plan.name} {what}. Its last words:\n{child.last_words()}",
            f"mend what these lines name, then start again; the whole log is {child.plan.log_path}",
            code=ExitCode.ENVIRONMENT,
        )
