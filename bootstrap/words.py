"""Words to the person at the terminal: progress on stderr, and troubles that say what to do, in English and Chinese."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator

_LINE_WIDTH = 100
_PIPED_STEP_S = 10.0


class Trouble(Exception):
    """The machine could not be set up. hint: what the person can do; chinese: both in one Chinese line."""

    def __init__(self, *, what: str, hint: str, chinese: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.chinese = chinese

    def __str__(self) -> str:
        return f"{self.what}\nWhat to do: {self.hint}\n{self.chinese}"


def say(words: str) -> None:
    """One line for the person. A closed stderr is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        os.write(2, (words + "\n").encode())


class Progress:
    """A line that moves on a terminal; piped, a line every 10 s at most."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._is_live = sys.stderr.isatty()
        self._told_at = time.monotonic()

    def show(self, words: str) -> None:
        line = f"  {self._title}: {words}"[:_LINE_WIDTH]
        if self._is_live:
            with contextlib.suppress(OSError):
                os.write(2, f"\r{line:<{_LINE_WIDTH}}".encode())
        elif time.monotonic() - self._told_at > _PIPED_STEP_S:
            self._told_at = time.monotonic()
            say(line)

    def end(self) -> None:
        if self._is_live:
            with contextlib.suppress(OSError):
                os.write(2, f"\r{'':<{_LINE_WIDTH}}\r".encode())


@contextlib.contextmanager
def step(title: str) -> Iterator[Progress]:
    """Announce a step, and say how long it took when it worked."""
    say(f"- {title} …")
    began = time.monotonic()
    progress = Progress(title)
    try:
        yield progress
    finally:
        progress.end()
    say(f"  done in {time.monotonic() - began:.0f} s")
