"""Command `gatehouse`: runs a subcommand and turns whatever goes wrong into words and an exit code.

Until `run_in_words` is reached a Ctrl-C would print a trace: what is imported before it is kept small.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gatehouse.outcome import STOPPED, CommandTrouble, ExitCode, complain

_DEBUG = "--debug"
_CAUSES_MAX = 20
# Of these the machine is the cause, whoever put them into words; of a missing file it is what somebody wrote.
_MACHINE = frozenset({errno.EADDRINUSE, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. No stack trace reaches a person who did not ask with --debug."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    wants_debug = _DEBUG in given
    given = [argument for argument in given if argument != _DEBUG]
    if wants_debug:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    return run_in_words(lambda: _run_app(given), wants_debug=wants_debug)


def run_in_words(run: Callable[[], int], *, wants_debug: bool = False) -> int:
    """Call `run`; an error becomes words on standard error and an exit code."""
    try:
        # `./run` held a Ctrl-C back while it became this program: from here on it is told in words.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        return run()
    except KeyboardInterrupt:
        complain("Stopped. 已停止。")
        return STOPPED
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
        _raise_what_ended_it(ended)
        return ended.code if isinstance(ended.code, int) else int(ExitCode.OK if ended.code is None else ExitCode.USAGE)
    return int(ExitCode.OK)


def _raise_what_ended_it(ended: SystemExit) -> None:
    """Raise the Ctrl-C or the closed pipe that the library of commands took for an exit of its own."""
    cause: BaseException | None = ended
    for _ in range(_CAUSES_MAX):
        cause = cause.__cause__ or cause.__context__ if cause is not None else None
        if isinstance(cause, (KeyboardInterrupt, BrokenPipeError)):
            raise cause


def _explain(error: Exception, *, wants_debug: bool) -> int:
    import traceback

    if wants_debug:
        traceback.print_exception(error)
    known = _known_roots()
    for root, code in known.items():
        if isinstance(error, root):
            complain(f"gatehouse: {error}")
            is_machine = isinstance(error.__cause__, OSError) and error.__cause__.errno in _MACHINE
            return int(ExitCode.ENVIRONMENT if is_machine else code)
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        complain(f"gatehouse: {error.strerror}{place}")
        if isinstance(error, (IsADirectoryError, NotADirectoryError)):
            complain("What to do: name a file where a file is meant, and a folder where a folder is.")
            return int(ExitCode.USAGE)
        complain("What to do: look whether the file or address exists, and whether this user may use it.")
        return int(ExitCode.ENVIRONMENT)
    complain(f"gatehouse: something unforeseen happened ({type(error).__name__}).")
    if not wants_debug:
        complain(f"What to do: tell the maintainers; the details are in {_write_details(error)}, or use --debug.")
    return int(ExitCode.ENVIRONMENT)


def _known_roots() -> dict[type[Exception], ExitCode]:
    """Kinds of the rooms' errors, the narrower ones first: their messages say what to do."""
    from center.errors import (
        BackupRefused,
        CenterError,
        ConfigurationError,
        ImportRefused,
        NotAllowed,
        NotFound,
        RulesRefused,
    )  # only when something went wrong
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
        ConfigurationError: ExitCode.USAGE,
        ImportRefused: ExitCode.USAGE,
        BackupRefused: ExitCode.USAGE,
        NotAllowed: ExitCode.USAGE,
        NotFound: ExitCode.USAGE,
        RulesRefused: ExitCode.USAGE,
        CenterError: ExitCode.ENVIRONMENT,
        JournalError: ExitCode.ENVIRONMENT,
        BusError: ExitCode.ENVIRONMENT,
        DriverError: ExitCode.ENVIRONMENT,
    }


def _write_details(error: Exception) -> Path:
    import tempfile
    import traceback

    handle, name = tempfile.mkstemp(prefix="gatehouse-trouble-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return Path(name)


if __name__ == "__main__":
    sys.exit(main())
