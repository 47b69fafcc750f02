"""What the centre signs for its gates as one set: the directory and the rules' texts. Taken whole, or refused whole.

Rules:
- Only a set newer than the held one is taken, and only when every text in it can be read and is this community's.
- What is refused changes nothing: the held set stays, on the disk and in force. It is logged, recorded and told to the
  centre as the part `directory_refused` with the fault as its reason, until a newer set is taken.
- The broker may still retain an older set beside the newest. That is a trouble only while this connection has brought
  nothing newer, and over once it brings the held set. One that is sent anew is a trouble in any case.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from gate.core.events import ComponentChanged
from gate.shell.wall_clock import WallClock
from model.identities import CommunityId
from model.rule_set import RuleSet
from passes.directory import DirectoryDocument
from passes.directory_chunks import ChunkHeld, ChunkRefused, ChunkTaken, DirectoryAssembler, DirectoryComplete
from passes.directory_file import load_last_good, save_last_good
from passes.errors import DocumentFault, DocumentRefused
from passes.keys import KeyList

log = logging.getLogger(__name__)

DIRECTORY_REFUSED: Final = "directory_refused"
WORDS_MAX: Final = 500


class RulesUnreadable(Exception):
    """A text is no rules that this version understands; the message says why."""


ReadRules = Callable[[bytes], RuleSet]
"""Raises RulesUnreadable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedSet:
    """A verified set. rules: what its texts say, in their order."""

    document: DirectoryDocument
    rules: tuple[RuleSet, ...]


class SetReader:
    """Reads the rules of a document; those of the last one are not read again. One thread at a time."""

    def __init__(self, read_rules: ReadRules, community: CommunityId) -> None:
        self.community = community
        self._read_rules = read_rules
        self._known: dict[bytes, RuleSet] = {}

    def read(self, document: DirectoryDocument) -> SignedSet:
        """The whole set. Raises DocumentRefused when one of its texts is not to be followed."""
        known = {text: self._known.get(text) or self._read(text) for text in document.rules_texts}
        self._known = known
        return SignedSet(document=document, rules=tuple(known.values()))

    def _read(self, text: bytes) -> RuleSet:
        try:
            rules = self._read_rules(text)
        except RulesUnreadable as error:
            words = " ".join(str(error).split())[:WORDS_MAX]  # one line of the log
            raise DocumentRefused(DocumentFault.RULES_INVALID, words) from error
        if rules.community != self.community:
            raise DocumentRefused(DocumentFault.OTHER_COMMUNITY, f"rules of {rules.community}")
        return rules


def load_last_set(path: Path, *, keys: KeyList, reader: SetReader) -> tuple[SignedSet | None, str]:
    """The saved set, verified; None when none was ever saved, or with the reason for which it is put aside.

    The gate works on without one: passes are then unknown and the guard decides, until the centre sends it.
    """
    try:
        document = load_last_good(path, keys=keys, community=reader.community)
        return (None if document is None else reader.read(document)), ""
    except (DocumentRefused, OSError) as error:
        log.error("directory_refused why=%s", error)
        with suppress(OSError):  # the disk that can't be read may not take a new name either
            path.rename(path.with_suffix(".refused"))
        return None, error.fault.value if isinstance(error, DocumentRefused) else "unreadable"


class SetReceiver:
    """Takes sets from the bus, keeps the last good one on the disk, and tells of what it refuses.

    On the link's thread; blocks for the two fsyncs of a new set.
    """

    def __init__(
        self, *, keys: KeyList, reader: SetReader, held: SignedSet | None, path: Path, clock: WallClock
    ) -> None:
        """held: as it was saved at `path`."""
        self._path = path
        self._clock = clock
        self._reader = reader
        self._assembler = DirectoryAssembler(
            keys=keys,
            community=reader.community,
            held=held.document if held is not None else None,
            require=self._require_readable,
        )
        self._read: SignedSet | None = None
        self._has_heard_current = False
        self._told: DocumentFault | None = None
        self._logged: set[DocumentFault] = set()
        self.tell: Callable[[ComponentChanged], None] = lambda event: None  # set before the first chunk

    def link_changed(self) -> None:
        """What a new connection brings is judged afresh."""
        self._has_heard_current = False

    def offer(self, raw: bytes, *, is_retained: bool) -> SignedSet | None:
        """Take a chunk; the set that it completes, which is then to be followed. Total.

        is_retained: it lay at the broker when this connection was made.
        """
        outcome = self._assembler.offer(raw, self._clock.now())
        match outcome:
            case ChunkRefused():
                self._refused(outcome, is_retained=is_retained)
            case ChunkTaken():
                self._has_heard_current = True
            case ChunkHeld():
                self._has_heard_current = True
                if self._told is DocumentFault.NOT_NEWER:
                    self._told = None
                    self._tell("")
            case DirectoryComplete():
                self._has_heard_current = True
                self._told = None
                self._logged.clear()
                self._tell("")
                return self._read
            case _:
                assert_never(outcome)
        return None

    def save(self, document: DirectoryDocument) -> None:
        """Keep it as the last good set. What can't be kept is in force all the same."""
        try:
            save_last_good(document, self._path)
        except OSError as error:
            log.error("directory_not_saved why=%s", error)

    def _require_readable(self, document: DirectoryDocument) -> None:
        self._read = self._reader.read(document)

    def _refused(self, refused: ChunkRefused, *, is_retained: bool) -> None:
        fault = refused.fault
        if fault is DocumentFault.NOT_NEWER and is_retained and self._has_heard_current:
            return
        if fault not in self._logged:
            self._logged.add(fault)
            log.error("directory_refused fault=%s why=%s", fault.value, refused.explanation)
        if self._told is fault or self._told not in (None, DocumentFault.NOT_NEWER):
            return  # one reason is told until it is over: whoever sends rubbish fills no journal
        if self._told is not None:
            self._tell("")  # the lane keeps the first reason of a lost part
        self._told = fault
        self._tell(fault.value)

    def _tell(self, why: str) -> None:
        at = self._clock.instant()
        self.tell(ComponentChanged(at=at, component=DIRECTORY_REFUSED, is_available=not why, why=why))
