"""Composition root of a kiosk: settings in, words, the terminal's socket, pages and voice together, until a signal.

`python -m gate.kiosk --settings FILE` serves the screens of one lane. Exit codes: 0 ended by a signal, 2 settings need
correcting, 3 the machine does not give what the settings ask for.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from config.problems import SettingsError
from config.settings import TerminalSettings, load_settings
from config.text_files import load_texts
from gate.kiosk.application import make_application
from gate.kiosk.board import Board
from gate.kiosk.errors import ServerRefused
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.notices import NoticeBoard
from gate.kiosk.security import LOOPBACK
from gate.kiosk.server import PageServer, listening, require_safe
from gate.kiosk.terminal_client import TerminalClient
from gate.kiosk.words import Tables, Words, load_words

log = logging.getLogger("gate.kiosk")

EXIT_OK, EXIT_SETTINGS, EXIT_MACHINE = 0, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a kiosk from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="gate.kiosk", description="The screens of one lane.")
    parser.add_argument("--settings", type=Path, required=True, help="the lane's settings file")
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    options = parser.parse_args(arguments)
    os.umask(0o077)
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        settings = load_settings(options.settings)
        require_safe(settings.kiosk.host, settings.kiosk.certificate_path, settings.kiosk.key_path)
    except (SettingsError, ServerRefused) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return EXIT_SETTINGS
    if not settings.kiosk.enabled:
        print(f"{options.settings}: kiosk.enabled is false: this lane has no screen", file=sys.stderr)  # noqa: T201
        return EXIT_SETTINGS
    try:
        asyncio.run(_serve(settings))
    except (ServerRefused, OSError) as error:
        print(f"{options.settings}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_MACHINE
    return EXIT_OK


async def _serve(settings: TerminalSettings) -> None:
    wanted = settings.kiosk
    board = Board()
    terminal = TerminalClient(settings.kiosk_socket(), board)
    kiosk = Kiosk(
        board=board,
        terminal=terminal,
        words=make_words(wanted.languages),
        phones=phones(settings),
        notices=NoticeBoard(),
        is_https=wanted.certificate_path is not None,
        hosts=LOOPBACK if wanted.host in LOOPBACK else (),
    )
    with listening(wanted.host, wanted.port) as listener:
        server = PageServer(make_application(kiosk), listener, wanted.certificate_path, wanted.key_path)

        def stop() -> None:
            server.stop()
            board.close()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        running = asyncio.create_task(terminal.run(), name="terminal-client")
        os.write(sys.stdout.fileno(), b"ready\n")
        try:
            await server.serve()
        finally:
            running.cancel()


def make_words(languages: Sequence[str]) -> list[Words]:
    """The words of these languages, in this order."""
    return [load_words(language, gate_tables(language)) for language in languages]


def gate_tables(language: str) -> Tables:
    """The gate's own codes in words."""
    texts = load_texts(language)
    return {
        "outcomes": {code.value: words for code, words in texts.outcomes.items()},
        "reasons": {code.value: words for code, words in texts.reasons.items()},
        "instructions": texts.instructions,
        "hints": texts.hints,
        "alarms": texts.alarms,
        "components": texts.components,
        "questions": texts.questions,
    }


def phones(settings: TerminalSettings) -> dict[str, str]:
    """Whom to call, by role, in the order of the screen."""
    wanted = settings.help
    numbers = {
        "guard": wanted.guard_phone,
        "office": wanted.office_phone,
        "doctor": wanted.doctor_phone,
        "police": wanted.police_phone,
        "ambulance": wanted.ambulance_phone,
    }
    return {role: number.strip() for role, number in numbers.items() if number.strip()}


if __name__ == "__main__":
    sys.exit(main())
