"""How a command ends and what it says: exit codes, troubles in words, output that is plain when piped."""

import json
import sys
from collections.abc import Iterable, Sequence
from enum import IntEnum

Json = str | int | float | bool | None | Sequence["Json"] | dict[str, "Json"]


STOPPED = 130
"""Exit code of what a Ctrl-C ended before it was done, as of any program (128 + SIGINT)."""


class ExitCode(IntEnum):
    """Exit codes of every command; they stand in `--help` and never change."""

    OK = 0
    FOUND_WRONG = 1  # the command worked and found something wrong
    USAGE = 2  # wrong usage, wrong input, wrong settings
    ENVIRONMENT = 3  # the machine, a file, a port or another program is in the way


EXIT_CODES_HELP = """\b
Exit codes: 0 fine, 1 something wrong was found, 2 wrong usage or input,
3 the machine, a file or another program is in the way, 130 stopped by Ctrl-C before it was done."""


class CommandTrouble(Exception):
    """A command can't do what was asked. what: what is wrong; hint: what to do."""

    def __init__(self, what: str, hint: str = "", *, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.code = code


def say(text: str = "") -> None:
    """Write a line to standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def say_json(value: Json) -> None:
    """Write one JSON value on one line."""
    say(json.dumps(value, ensure_ascii=False))


def say_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for a person at a terminal; tab-separated lines with a header when piped."""
    if not sys.stdout.isatty():
        say("\t".join(headers))
        for row in rows:
            say("\t".join(row))
        return
    from rich.console import Console  # a tenth of a second of imports, for a person at a terminal alone
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for header in headers:
        table.add_column(header)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
