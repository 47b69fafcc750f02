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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from config.notices import load_notices
from config.problems import SettingsError
from config.settings import TerminalSettings, load_settings
from config.text_files import load_texts
from drivers.ports import ComponentHealth, Reading
from drivers.speaker import EspeakSpeaker, SpeakerSettings
from gate.kiosk.announcer import Announcer, QuietHours, announce
from gate.kiosk.application import make_application
from gate.kiosk.board import Board
from gate.kiosk.errors import ServerRefused
from gate.kiosk.kiosk import Kiosk
from gate.kiosk.notices import Notice, NoticeBoard, keep_notices
from gate.kiosk.part_reports import report_parts
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
    terminal = TerminalClient(settings.kiosk_socket(), board, device=settings.identity.device)
    notices = NoticeBoard()
    kiosk = Kiosk(
        board=board,
        terminal=terminal,
        words=make_words(wanted.languages),
        phones=phones(settings),
        notices=notices,
        site=measuring_site(settings),
        is_https=wanted.certificate_path is not None,
        hosts=LOOPBACK if wanted.host in LOOPBACK else (),
    )
    with listening(wanted.host, wanted.port) as listener, speaking(settings, board) as speaker:
        server = PageServer(make_application(kiosk), listener, wanted.certificate_path, wanted.key_path)

        def stop() -> None:
            server.stop()
            board.close()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        works = [asyncio.create_task(terminal.run(), name="terminal-client")]
        if wanted.notices_path is not None:
            file = NoticesFile(wanted.notices_path)
            works.append(asyncio.create_task(keep_notices(board, notices, file.look), name="notices"))
        if speaker is not None:
            announcer = make_announcer(settings, notices)
            said = announce(board, announcer, speaker, lambda: datetime.now().astimezone())
            works.append(asyncio.create_task(said, name="voice"))
            works.append(asyncio.create_task(report_parts(board, terminal), name="part-reports"))
        for work in works:
            # What a task of the kiosk can't do ends the kiosk: the service manager starts it anew.
            work.add_done_callback(lambda work: None if work.cancelled() else stop())
        os.write(sys.stdout.fileno(), b"ready\n")
        try:
            await server.serve()
        finally:
            for work in works:
                work.cancel()
            ended = await asyncio.gather(*works, return_exceptions=True)
        for failure in ended:
            if isinstance(failure, Exception):
                raise failure


@contextmanager
def speaking(settings: TerminalSettings, board: Board) -> Iterator[EspeakSpeaker | None]:
    """The gate's voice from start to stop, its health on the board; None where nothing is said."""
    voice = settings.voice
    if not voice.enabled:
        yield None
        return
    loop = asyncio.get_running_loop()
    speaker = EspeakSpeaker(
        SpeakerSettings(
            output=voice.output, volume_percent=voice.volume_percent, words_per_minute=voice.words_per_minute
        )
    )

    def emit(reading: Reading) -> None:
        if isinstance(reading, ComponentHealth) and not loop.is_closed():
            name = reading.component.value
            loop.call_soon_threadsafe(lambda: board.note_part(name, is_available=reading.is_available, why=reading.why))

    speaker.start(emit)
    try:
        yield speaker
    finally:
        speaker.stop()


def make_announcer(settings: TerminalSettings, notices: NoticeBoard) -> Announcer:
    """What this gate says aloud, in the languages of its voice."""
    begin, end = settings.voice.quiet_from, settings.voice.quiet_until
    quiet = QuietHours(begin=begin, end=end) if begin is not None and end is not None else None
    words = make_words(settings.voice.languages)
    return Announcer(words, notices=notices, quiet=quiet, site=measuring_site(settings))


def measuring_site(settings: TerminalSettings) -> str:
    """Where the gate's own sensor measures."""
    return settings.thermometer.site.value if settings.thermometer is not None else "forehead"


class NoticesFile:
    """The file of the notices; read again when it has changed. Its troubles are told in words, once for each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int, int] | None = None

    def look(self) -> Sequence[Notice] | None:
        """The notices, when the file has changed and can be read. Blocks."""
        try:
            status = self._path.stat()
            # ctime: whoever makes a file readable again changes nothing else of it.
            seen = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
        except OSError:
            seen = (0, 0, 0, 0)
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            entries, problems = load_notices(self._path)
        except SettingsError as error:
            log.error("notices_unreadable %s", error)
            return None
        for problem in problems:
            log.error("notice_refused %s", problem)
        return [
            Notice(words=each.words, from_at=each.from_at, until_at=each.until_at, spoken_at=each.spoken_at)
            for each in entries
        ]


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
