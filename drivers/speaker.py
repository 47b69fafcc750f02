"""The gate's voice: espeak-ng, run as a program, one sentence at a time, by a thread of its own.

Rules:
- What is said is never mixed: at most one program runs. What comes meanwhile takes the place of what waits; what is
  urgent ends the present sentence.
- A program that takes longer than a sentence can is killed, and so is one that was told to be silent.
- espeak-ng ends with 0 even when it could not open the sound device: what it complains of tells.
- A voice that is lost is looked for every PROBE_INTERVAL_S, and with every sentence.

With output files:/folder each sentence is written there by the same program: NNNNNN-zh.wav, and its words beside it.
"""

import contextlib
import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Final

from drivers.errors import DriverSettingsRefused
from drivers.ports import Component, ComponentHealth, Emit
from model.clock import Instant

log = logging.getLogger(__name__)

PROGRAM_VARIABLE: Final = "GATEHOUSE_ESPEAK"
PROGRAM: Final = "espeak-ng"
VOICES: Final[Mapping[str, str]] = MappingProxyType({"zh": "cmn", "en": "en"})
AMPLITUDE_MAX: Final = 200
PROBE_INTERVAL_S: Final = 10.0
BEGIN_WITHIN_S: Final = 6.0
CHARACTER_S: Final = 0.8
"""Twice what a Chinese character takes (0.41 s, measured) at RATE words a minute; slower rates are given more."""
RATE: Final = 175
HANG_AT_MOST_S: Final = 120.0
SENTENCE_MAX: Final = 300
SENTENCES_MAX: Final = 12
FILES_MAX: Final = 400
STOP_WITHIN_S: Final = 1.5

NO_PROGRAM: Final = "no_program"
NO_SOUND: Final = "no_sound"
NO_FOLDER: Final = "no_folder"
HUNG: Final = "hung"

_COMPLAINT: Final = re.compile(rb"^(error:|Error:|Can't write)", re.MULTILINE)
_STDERR_READ: Final = 8_192
_FILES: Final = "files:"
_ALSA: Final = "alsa:"

Sentences = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakerSettings:
    """output: default, alsa:DEVICE or files:/folder. program: None looks at $GATEHOUSE_ESPEAK and PATH each time."""

    output: str = "default"
    volume_percent: int = 80
    words_per_minute: int = 170
    program: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.volume_percent <= 100:
            raise DriverSettingsRefused(f"voice.volume_percent {self.volume_percent}, give 0 to 100")
        if not 80 <= self.words_per_minute <= 300:
            raise DriverSettingsRefused(f"voice.words_per_minute {self.words_per_minute}, give 80 to 300")
        if not (self.output == "default" or self.output.startswith((_FILES + "/", _ALSA))):
            raise DriverSettingsRefused(f"voice.output {self.output}: give default, alsa:DEVICE or files:/folder")


class EspeakSpeaker:
    """A Speaker."""

    def __init__(
        self,
        settings: SpeakerSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        begin_within_s: float = BEGIN_WITHIN_S,
        probe_interval_s: float = PROBE_INTERVAL_S,
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._begin_within_s = begin_within_s
        self._probe_interval_s = probe_interval_s
        self._wake = threading.Condition()
        self._waiting: Sentences = ()
        self._present: subprocess.Popen[bytes] | None = None
        self._turn = 0  # grows when what is being said is to end
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._emit: Emit | None = None
        self._why: str | None = None
        self._files = 0

    def start(self, emit: Emit) -> None:
        if self._thread is not None:
            return
        self._emit = emit
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="speaker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._cut()
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)
            self._thread = None

    def say(self, sentences: Sequence[tuple[str, str]], *, urgent: bool = False) -> None:
        with self._wake:
            if urgent:
                self._cut()
            self._waiting = tuple(sentences)[:SENTENCES_MAX]
            self._wake.notify_all()

    def hush(self) -> None:
        with self._wake:
            self._waiting = ()
            self._cut()

    def _cut(self) -> None:
        """End what is being said; the lock is held."""
        self._turn += 1
        self._waiting = ()
        if self._present is not None:
            _kill(self._present)
        self._wake.notify_all()

    def _run(self) -> None:
        self._report(self._probe())
        while True:
            with self._wake:
                if not self._waiting and not self._stopping:
                    self._wake.wait(self._probe_interval_s if self._why else None)
                if self._stopping:
                    return
                said, self._waiting, turn = self._waiting, (), self._turn
            if said:
                self._say_all(said, turn)
            elif self._why:
                self._report(self._probe())

    def _say_all(self, sentences: Sentences, turn: int) -> None:
        for language, words in sentences:
            with self._wake:
                is_over = self._turn != turn or bool(self._waiting)
            if is_over:
                return
            why = self._speak(language, words[:SENTENCE_MAX], turn)
            if why is not None:
                self._report(why)

    def _probe(self) -> str:
        """Why nothing can be said; empty when it can. Says nothing itself."""
        if self._folder() is not None:
            return self._folder_trouble() or ("" if self._program() is not None else NO_PROGRAM)
        why = self._speak("en", " ", self._turn)
        return why if why is not None else self._why or ""

    def _speak(self, language: str, words: str, turn: int) -> str | None:
        """Have one sentence said: "" when it was, why not, or None when it was cut off."""
        program = self._program()
        if program is None:
            return NO_PROGRAM
        target, trouble = self._next_file(language)
        if trouble:
            return trouble
        with tempfile.TemporaryFile() as complaints:
            try:
                process = self._begin(self._words_of(program, language, target), complaints, turn)
            except OSError as error:
                log.warning("voice_not_started errno=%s", error.errno)
                return NO_PROGRAM
            if process is None:
                return None
            ended = self._await(process, words)
            with self._wake:
                self._present = None
                if self._turn != turn:
                    return None
            complaints.seek(0)
            is_wrong = process.returncode != 0 or _COMPLAINT.search(complaints.read(_STDERR_READ)) is not None
        if not ended:
            return HUNG
        if is_wrong:
            return NO_SOUND if target is None else NO_FOLDER
        return _kept(target, words) if target is not None else ""

    def _begin(self, command: list[str], complaints: IO[bytes], turn: int) -> "subprocess.Popen[bytes] | None":
        """Start the program unless it was cut off already. Raises OSError."""
        with self._wake:
            if self._turn != turn or self._stopping:
                return None
            self._present = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
            )
            return self._present

    def _await(self, process: "subprocess.Popen[bytes]", words: str) -> bool:
        """Hand the words over and wait; whether it ended by itself."""
        each_s = CHARACTER_S * RATE / self._settings.words_per_minute
        limit_s = min(self._begin_within_s + each_s * len(words), HANG_AT_MOST_S)
        try:
            process.communicate(words.encode() + b"\n", timeout=limit_s)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
            return False
        except OSError:
            process.wait()  # it ended before it had read
        return True

    def _words_of(self, program: str, language: str, target: Path | None) -> list[str]:
        """The command; the words go over standard input, where no list of processes shows them."""
        amplitude = self._settings.volume_percent * AMPLITUDE_MAX // 100
        command = [program, "-v", VOICES.get(language, language), "-a", str(amplitude)]
        command += ["-s", str(self._settings.words_per_minute), "-b", "1", "--stdin"]
        if target is not None:
            return [*command, "-w", str(target)]
        if self._settings.output.startswith(_ALSA):
            return [*command, "-d", self._settings.output.removeprefix(_ALSA)]
        return command

    def _program(self) -> str | None:
        named = self._settings.program or os.environ.get(PROGRAM_VARIABLE)
        return shutil.which(named or PROGRAM)

    def _folder(self) -> Path | None:
        output = self._settings.output
        return Path(output.removeprefix(_FILES)) if output.startswith(_FILES) else None

    def _folder_trouble(self) -> str:
        folder = self._folder()
        if folder is None:
            return ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return NO_FOLDER
        return "" if os.access(folder, os.W_OK) else NO_FOLDER

    def _next_file(self, language: str) -> tuple[Path | None, str]:
        """Where this sentence is written, not yet under its final name; old ones go."""
        folder, trouble = self._folder(), self._folder_trouble()
        if folder is None or trouble:
            return None, trouble
        written = sorted(folder.glob("[0-9]*.wav"))
        if not self._files and written:
            self._files = int(written[-1].name[:6])
        for old in written[: max(len(written) - FILES_MAX + 1, 0)]:
            old.unlink(missing_ok=True)
            old.with_suffix(".txt").unlink(missing_ok=True)
        self._files = self._files % 999_999 + 1
        return folder / f"{self._files:06}-{language}.wav.part", ""

    def _report(self, why: str) -> None:
        if self._emit is None or why == self._why:
            return
        is_first = self._why is None
        was_well, self._why = self._why == "", why
        if not is_first and was_well == (why == ""):
            return  # lost for another reason: it is still the same loss
        log.log(logging.WARNING if why else logging.INFO, "speaker_available=%s %s", not why, why)
        at = Instant(self._monotonic())
        self._emit(ComponentHealth(at=at, component=Component.SPEAKER, is_available=not why, why=why))


def _kept(target: Path, words: str) -> str:
    """A sentence appears whole or not at all."""
    final = target.with_suffix("")
    try:
        final.with_suffix(".txt").write_text(words + "\n", encoding="utf-8")
        target.replace(final)
    except OSError:
        return NO_FOLDER
    return ""


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End it and what it started: it may be a wrapper."""
    if process.returncode is not None:
        return  # its number may belong to somebody else by now
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
