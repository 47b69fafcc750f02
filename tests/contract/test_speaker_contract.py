"""What a speaker promises: with the real espeak-ng that writes files (the twin at the wire), with a sound device where
GATEHOUSE_HARDWARE names one (speaker=default), and, for hanging and cutting off, with a stand-in beside them.
"""

import os
import shutil
import threading
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from contract_parts import Listener, hardware

from drivers import speaker as speaker_module
from drivers.errors import DriverSettingsRefused
from drivers.ports import Component, ComponentHealth
from drivers.speaker import (
    FILES_MAX,
    HUNG,
    NO_FOLDER,
    NO_PROGRAM,
    NO_SOUND,
    SENTENCES_MAX,
    EspeakSpeaker,
    SpeakerSettings,
)

ZH, EN = "请将额头靠近测温口，站稳", "Please show your code"
needs_espeak = pytest.mark.skipif(
    shutil.which(os.environ.get(speaker_module.PROGRAM_VARIABLE, "espeak-ng")) is None,
    reason="espeak-ng is not installed",
)


class Sounds:
    """A folder into which sentences are written."""

    def __init__(self, folder: Path, listener: Listener) -> None:
        self.folder = folder
        self._listener = listener

    def names(self) -> list[str]:
        return sorted(file.name for file in self.folder.glob("*.wav"))

    def texts(self) -> list[str]:
        return [(self.folder / name).with_suffix(".txt").read_text(encoding="utf-8").strip() for name in self.names()]

    def await_count(self, count: int) -> None:
        self._listener.await_that(lambda: len(self.names()) >= count)

    def seconds(self, name: str) -> float:
        with wave.open(str(self.folder / name)) as sound:
            return sound.getnframes() / sound.getframerate()


@pytest.fixture
def sounds(tmp_path: Path, listener: Listener) -> Sounds:
    return Sounds(tmp_path / "voice", listener)


@pytest.fixture
def speaker(sounds: Sounds, listener: Listener) -> Iterator[EspeakSpeaker]:
    made = EspeakSpeaker(SpeakerSettings(output=f"files:{sounds.folder}"))
    made.start(listener)
    yield made
    made.stop()


@needs_espeak
def test_each_sentence_becomes_sound_in_its_language(
    speaker: EspeakSpeaker, sounds: Sounds, listener: Listener
) -> None:
    health = listener.await_nth(ComponentHealth)
    assert (health.component, health.is_available) == (Component.SPEAKER, True)
    speaker.say([("zh", ZH), ("en", EN)])
    sounds.await_count(2)
    assert sounds.names() == ["000001-zh.wav", "000002-en.wav"]
    assert sounds.texts() == [ZH, EN]
    assert sounds.seconds("000001-zh.wav") > 2.0
    assert sounds.seconds("000002-en.wav") > 0.8
    assert not list(sounds.folder.glob("*.part"))


@needs_espeak
def test_faster_is_shorter(tmp_path: Path, listener: Listener) -> None:
    lengths = []
    for rate in (100, 250):
        folder = Sounds(tmp_path / str(rate), listener)
        made = EspeakSpeaker(SpeakerSettings(output=f"files:{folder.folder}", words_per_minute=rate))
        made.start(listener)
        made.say([("en", EN)])
        folder.await_count(1)
        made.stop()
        lengths.append(folder.seconds("000001-en.wav"))
    assert lengths[0] > 1.5 * lengths[1]


@needs_espeak
def test_numbers_go_on_after_a_restart_and_old_files_go(sounds: Sounds, listener: Listener) -> None:
    sounds.folder.mkdir()
    for number in range(1, FILES_MAX + 20):
        (sounds.folder / f"{number:06}-en.wav").touch()
    made = EspeakSpeaker(SpeakerSettings(output=f"files:{sounds.folder}"))
    made.start(listener)
    made.say([("en", EN)])
    listener.await_that(lambda: f"{FILES_MAX + 20:06}-en.wav" in sounds.names())
    made.stop()
    assert len(sounds.names()) == FILES_MAX


@needs_espeak
def test_words_that_look_like_options_are_spoken(speaker: EspeakSpeaker, sounds: Sounds) -> None:
    speaker.say([("en", "--help -w /tmp/x; $(reboot)")])
    sounds.await_count(1)
    assert sounds.texts() == ["--help -w /tmp/x; $(reboot)"]


@needs_espeak
@pytest.mark.skipif("speaker" in hardware(), reason="this machine has a sound device")
def test_a_sound_device_that_is_not_there_is_told(listener: Listener) -> None:
    """espeak-ng ends with 0 all the same: by its exit code alone it would pass for well."""
    made = EspeakSpeaker(SpeakerSettings(output="alsa:hw:29,7"))
    made.start(listener)
    health = listener.await_nth(ComponentHealth)
    made.stop()
    assert (health.is_available, health.why) == (False, NO_SOUND)


@pytest.mark.skipif("speaker" not in hardware(), reason="GATEHOUSE_HARDWARE names no speaker")
def test_a_real_sound_device_speaks(listener: Listener) -> None:
    made = EspeakSpeaker(SpeakerSettings(output=hardware()["speaker"]))
    made.start(listener)
    assert listener.await_nth(ComponentHealth).is_available
    made.say([("zh", ZH)])
    made.stop()


def test_a_folder_that_cannot_be_is_told_and_found_when_it_can(tmp_path: Path, listener: Listener) -> None:
    (tmp_path / "in_the_way").write_text("")
    output = f"files:{tmp_path / 'in_the_way' / 'voice'}"
    made = EspeakSpeaker(SpeakerSettings(output=output), probe_interval_s=0.02)
    made.start(listener)
    health = listener.await_nth(ComponentHealth)
    assert (health.is_available, health.why) == (False, NO_FOLDER)
    (tmp_path / "in_the_way").unlink()
    assert listener.await_nth(ComponentHealth, 2).is_available
    made.stop()


def test_a_program_that_is_missing_is_told_once_and_found_when_it_comes(tmp_path: Path, listener: Listener) -> None:
    program = tmp_path / "espeak-ng"
    made = EspeakSpeaker(SpeakerSettings(program=program), probe_interval_s=0.02)
    made.start(listener)
    health = listener.await_nth(ComponentHealth)
    assert (health.is_available, health.why) == (False, NO_PROGRAM)
    made.say([("en", EN)])
    write_stand_in(program, "cat >/dev/null")
    assert listener.await_nth(ComponentHealth, 2).is_available
    made.stop()
    assert len(listener.of(ComponentHealth)) == 2


def write_stand_in(program: Path, script: str) -> None:
    fresh = program.with_suffix(".new")
    fresh.write_text(f"#!/bin/sh\n{script}\n")
    fresh.chmod(0o755)
    fresh.replace(program)


class StandIn:
    """A program that notes what it is to say, and says `hold …` until it is killed."""

    def __init__(self, folder: Path, listener: Listener) -> None:
        self.program = folder / "espeak-ng"
        self._log = folder / "said"
        self._listener = listener
        self._log.touch()
        write_stand_in(
            self.program,
            f'words=$(cat)\nprintf "%s\\n" "$words" >> {self._log}\ncase "$words" in hold*) sleep 60 & wait;; esac',
        )

    def said(self) -> list[str]:
        return [line for line in self._log.read_text(encoding="utf-8").splitlines() if line.strip()]

    def await_said(self, words: str) -> None:
        self._listener.await_that(lambda: words in self.said())


@pytest.fixture
def stand_in(tmp_path: Path, listener: Listener) -> StandIn:
    return StandIn(tmp_path, listener)


@pytest.fixture
def held(stand_in: StandIn, listener: Listener) -> Iterator[EspeakSpeaker]:
    """A speaker that is in the middle of a sentence that does not end."""
    made = EspeakSpeaker(SpeakerSettings(program=stand_in.program), begin_within_s=30.0)
    made.start(listener)
    listener.await_nth(ComponentHealth)
    made.say([("en", "hold on")])
    stand_in.await_said("hold on")
    yield made
    made.stop()


def test_urgent_cuts_off_and_what_waited_is_forgotten(held: EspeakSpeaker, stand_in: StandIn) -> None:
    held.say([("en", "waits")])
    held.say([("en", "fire")], urgent=True)
    stand_in.await_said("fire")
    assert stand_in.said() == ["hold on", "fire"]


def test_what_is_not_urgent_waits_and_the_newest_takes_its_place(held: EspeakSpeaker, stand_in: StandIn) -> None:
    for number in range(50):
        held.say([("en", f"number {number}")])
    assert stand_in.said() == ["hold on"]
    held.hush()
    held.say([("en", "last")])
    stand_in.await_said("last")
    assert stand_in.said() == ["hold on", "last"]


def test_the_rest_of_something_older_is_dropped_for_something_newer(stand_in: StandIn, listener: Listener) -> None:
    made = EspeakSpeaker(SpeakerSettings(program=stand_in.program), begin_within_s=1.0)
    made.start(listener)
    listener.await_nth(ComponentHealth)
    made.say([("zh", "hold"), ("en", "its rest")])
    stand_in.await_said("hold")
    made.say([("en", "newer")])
    stand_in.await_said("newer")
    made.stop()
    assert stand_in.said() == ["hold", "newer"]


def test_silence_is_kept_at_once(held: EspeakSpeaker, stand_in: StandIn, listener: Listener) -> None:
    held.hush()
    listener.await_that(lambda: held._present is None)
    held.say([("en", "again")])
    stand_in.await_said("again")


def test_a_program_that_hangs_is_killed_and_told(
    stand_in: StandIn, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker_module, "CHARACTER_S", 0.001)
    made = EspeakSpeaker(SpeakerSettings(program=stand_in.program), begin_within_s=0.4)
    made.start(listener)
    assert listener.await_nth(ComponentHealth).is_available
    made.say([("en", "hold on")])
    lost = listener.await_nth(ComponentHealth, 2)
    assert (lost.is_available, lost.why) == (False, HUNG)
    made.say([("en", "well again")])
    assert listener.await_nth(ComponentHealth, 3).is_available
    made.stop()


def test_it_stops_in_the_middle_of_a_sentence(held: EspeakSpeaker) -> None:
    held.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "speaker"]
    held.stop()


def test_never_two_at_once(tmp_path: Path, listener: Listener) -> None:
    """The stand-in complains when it meets itself."""
    program, lock, trouble = tmp_path / "espeak-ng", tmp_path / "lock", tmp_path / "trouble"
    write_stand_in(program, f"mkdir {lock} || touch {trouble}\ncat >/dev/null\nsleep 0.02\nrmdir {lock}")
    made = EspeakSpeaker(SpeakerSettings(program=program))
    made.start(listener)
    talkers = [
        threading.Thread(target=lambda: [made.say([("en", "a"), ("zh", "b")]) for _ in range(20)]) for _ in range(4)
    ]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        talker.join()
    listener.await_that(lambda: not made._waiting and made._present is None)
    made.stop()
    assert not trouble.exists()


def test_a_list_without_end_is_cut(stand_in: StandIn, listener: Listener) -> None:
    made = EspeakSpeaker(SpeakerSettings(program=stand_in.program))
    made.start(listener)
    listener.await_nth(ComponentHealth)
    made.say([("en", f"number {number}") for number in range(SENTENCES_MAX + 5)])
    stand_in.await_said(f"number {SENTENCES_MAX - 1}")
    made.say([("en", "end")])
    stand_in.await_said("end")
    made.stop()
    assert f"number {SENTENCES_MAX}" not in stand_in.said()


@pytest.mark.parametrize("wrong", [{"volume_percent": 101}, {"words_per_minute": 20}, {"output": "files:here"}])
def test_settings_that_can_not_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(DriverSettingsRefused):
        SpeakerSettings(**wrong)  # type: ignore[arg-type]
