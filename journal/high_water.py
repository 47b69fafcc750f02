"""The high-water mark: how far this device's journal once was, kept beside it and outside its database.

A journal that was removed, replaced by another or set back to an older copy is a sound file and cannot know it. The
mark can: it is written after each commit, in place and without an fsync, so it is never ahead of what is on the disk
and costs no time before a barrier. After a power cut it may be older or unreadable: then it says less.
"""

import hashlib
import json
import logging
import os
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from journal.facts import Head
from model.identities import DeviceId, Epoch, Seq

log = logging.getLogger(__name__)

ENDING: Final = ".high"
LINE_BYTES: Final = 320
"""Always written whole at the start of the file: a torn write is seen by its digest."""


class ReplacedHow(Enum):
    """What became of the journal to which a mark belongs."""

    GONE = "gone"  # this file has never been that journal: removed, or another card
    SET_BACK = "set_back"  # the same journal, but an older copy of it
    DIFFERENT = "different"  # the same journal and number, another record


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """The journal that was here before. seq, hash: its last record that is known of."""

    epoch: Epoch
    seq: Seq
    hash: str
    how: ReplacedHow


class HighWaterFile:
    """The file beside one journal. Trouble with it is told in the log, once, and never stops a record."""

    def __init__(self, journal_path: Path, device: DeviceId) -> None:
        self._path = Path(f"{journal_path}{ENDING}")
        self._device = device
        self._descriptor: int | None = None
        self._written: Head | None = None
        self._is_in_trouble = False

    def read(self) -> Head | None:
        """The mark as it was left; None when there is none that can be believed."""
        try:
            line = self._path.read_bytes()[:LINE_BYTES]
        except OSError:
            return None
        digest, _, text = line.rstrip(b" \n").partition(b" ")
        if not text or digest.decode("ascii", "replace") != hashlib.sha256(text).hexdigest():
            return None
        try:
            told = json.loads(text)
            if told["device"] != self._device:
                return None
            return Head(epoch=Epoch(str(told["epoch"])), seq=Seq(int(told["seq"])), hash=str(told["hash"]))
        except (ValueError, KeyError, TypeError):
            return None

    def write(self, head: Head) -> None:
        """Note how far the journal is; after its commit. One write into the page cache, no fsync."""
        if head == self._written:
            return
        text = json.dumps({"device": self._device, "epoch": head.epoch, "seq": head.seq, "hash": head.hash}).encode()
        line = hashlib.sha256(text).hexdigest().encode() + b" " + text
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.pwrite(self._descriptor, line.ljust(LINE_BYTES - 1) + b"\n", 0)
        except OSError as error:
            if not self._is_in_trouble:
                log.warning("high_water_not_written why=%s", error.strerror)
            self._is_in_trouble = True
            self.close()
            return
        self._written, self._is_in_trouble = head, False

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
