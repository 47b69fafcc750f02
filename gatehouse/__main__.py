"""Command `gatehouse`: runs a subcommand and turns whatever goes wrong into words and an exit code."""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from gatehouse.outcome import CommandTrouble, ExitCode, complain

_DEBUG = "--debug"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. No stack trace reaches a person who did not ask with --debug."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    wants_debug = _DEBUG in given
    given = [argument for argument in given if argument != _DEBUG]
    if wants_debug:
        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return run_in_words(lambda: _run_app(given), wants_debug=wants_debug)


def run_in_words(run: Callable[[], int], *, wants_debug: bool = False) -> int:
    """Call `run`; an error becomes words on standard error and an exit code."""
    try:
        return run()
    except KeyboardInterrupt:
        complain("Stopped. 已停止。")
        return 130
    except CommandTrouble as trouble:
        complain(f"gatehouse: {trouble.what}")
        if trouble.hint:
            complain(f"What to do: {trouble.hint}")
        return int(trouble.code)
    except BrokenPipeError:
        # Whoever read us has gone, as `head` does; nothing is wrong, and nothing more can be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except Exception as error:  # noqa: BLE001  # the one place: a person gets words, the details go to a file
        return _explain(error, wants_debug=wants_debug)


def _run_app(given: Sequence[str]) -> int:
    from gatehouse.app import app  # an import that fails is told in words as well

    try:
        app(args=list(given), prog_name="gatehouse")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ExitCode.OK if ended.code is None else ExitCode.USAGE)
    return int(ExitCode.OK)


def _explain(error: Exception, *, wants_debug: bool) -> int:
    if wants_debug:
        traceback.print_exception(error)
    known = _known_roots()
    for root, code in known.items():
        if isinstance(error, root):
            complain(f"gatehouse: {error}")
            return int(code)
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        complain(f"gatehouse: {error.strerror}{place}")
        complain("What to do: look whether the file or address exists, and whether this user may use it.")
        return int(ExitCode.ENVIRONMENT)
    complain(f"gatehouse: something unforeseen happened ({type(error).__name__}).")
    if not wants_debug:
        complain(f"What to do: tell the maintainers; the details are in {_write_details(error)}, or use --debug.")
    return int(ExitCode.ENVIRONMENT)


def _known_roots() -> dict[type[Exception], ExitCode]:
    """Roots of the rooms' errors: their messages say what to do."""
    from center.errors import CenterError  # only when something went wrong
    from config.problems import SettingsError
    from drivers.errors import DriverError
    from journal.errors import JournalError
    from mqtt.errors import BusError
    from passes.errors import PassError
    from simulator.errors import SimulatorError

    return {
        SettingsError: ExitCode.USAGE,
        PassError: ExitCode.USAGE,
        SimulatorError: ExitCode.USAGE,
        CenterError: ExitCode.USAGE,
        JournalError: ExitCode.ENVIRONMENT,
        BusError: ExitCode.ENVIRONMENT,
        DriverError: ExitCode.ENVIRONMENT,
    }


def _write_details(error: Exception) -> Path:
    handle, name = tempfile.mkstemp(prefix="gatehouse-trouble-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return Path(name)


if __name__ == "__main__":
    sys.exit(main())
