"""The centre's signed set at a gate: whole or not at all, never older, kept over a restart, and told when refused."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from shell_world import COMMUNITY, HOUSEHOLD, NOON, VirtualTime, rules

from gate.core.events import ComponentChanged
from gate.shell.signed_set import (
    DIRECTORY_REFUSED,
    RulesUnreadable,
    SetReader,
    SetReceiver,
    SignedSet,
    load_last_set,
)
from gate.shell.wall_clock import WallClock
from model.clock import ClockTrust
from model.credentials import Colour
from model.directory import Directory, HouseholdEntry
from model.identities import CommunityId
from model.rule_set import RuleSet
from passes.directory import sign_directory
from passes.directory_chunks import split_directory
from passes.keys import KeyRole, SigningKey, key_list_of, new_signing_key, record_of

KEY = new_signing_key()
RECORD = record_of(KEY.public, KeyRole.DIRECTORY, NOON - timedelta(days=30), NOON + timedelta(days=300))
KEYS = key_list_of(COMMUNITY, 1, NOON - timedelta(days=30), [RECORD])


def read_text(text: bytes) -> RuleSet:
    """Stands for the community's files: 'community version day'."""
    try:
        community, version, day = text.decode().split()
        return replace(
            rules(), community=CommunityId(community), version=int(version), valid_from=date.fromisoformat(day)
        )
    except ValueError as error:
        raise RulesUnreadable("signed rules: line 1: not understood") from error


DIRECTORY = Directory(
    community=COMMUNITY,
    version=8,
    issued_at=NOON,
    statuses=b"\x55",
    households={HOUSEHOLD: HouseholdEntry(colour=Colour.GREEN)},
)


def chunks(
    version: int,
    *texts: bytes,
    colour: Colour = Colour.GREEN,
    key: SigningKey = KEY,
    padding: int = 0,
) -> Sequence[bytes]:
    directory = replace(DIRECTORY, version=version, households={HOUSEHOLD: HouseholdEntry(colour=colour)})
    encoded = sign_directory(directory, key, bytes(padding) or None, texts)
    return split_directory(encoded, community=COMMUNITY, version=version, key=key)


GOOD, NEXT = b"longcheng 4 2026-01-01", b"longcheng 5 2026-02-01"


class Gate:
    """The receiving end of a gate, and what it told. Made anew over the same folder, it is the gate after a restart."""

    def __init__(self, folder: Path, read: Callable[[bytes], RuleSet] = read_text) -> None:
        self.path = folder / "directory.bin"
        self.reader = SetReader(read, COMMUNITY)
        self.held, self.put_aside_for = load_last_set(self.path, keys=KEYS, reader=self.reader)
        clock = WallClock(ClockTrust.DECLARED, NOON, VirtualTime().sources())
        self.receiver = SetReceiver(keys=KEYS, reader=self.reader, held=self.held, path=self.path, clock=clock)
        self.events: list[ComponentChanged] = []
        self.receiver.tell = self.events.append

    def takes(self, offered: Sequence[bytes], *, is_retained: bool = False) -> SignedSet | None:
        """What the last chunk completes; saved as the link does."""
        came = [self.receiver.offer(chunk, is_retained=is_retained) for chunk in offered][-1]
        if came is not None:
            self.receiver.save(came.document)
        return came

    @property
    def told(self) -> list[str]:
        """What the lane is told, without what changes nothing there: reasons, and 'over' for the end of one."""
        said: list[str] = []
        for event in self.events:
            assert event.component == DIRECTORY_REFUSED
            if not event.is_available and (not said or said[-1] == "over"):
                said.append(event.why)
            if event.is_available and said and said[-1] != "over":
                said.append("over")
        return said


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path)


def test_a_set_brings_directory_and_rules_together_and_outlasts_a_restart(gate: Gate, tmp_path: Path) -> None:
    came = gate.takes(chunks(8, GOOD, NEXT))
    assert came is not None
    assert [each.version for each in came.rules] == [4, 5]
    assert gate.told == []
    restarted = Gate(tmp_path)
    assert restarted.held == came


def test_a_set_with_one_unreadable_text_is_refused_whole_and_told(gate: Gate, tmp_path: Path) -> None:
    gate.takes(chunks(8, GOOD))
    assert gate.takes(chunks(9, GOOD, b"not rules", colour=Colour.ORANGE)) is None
    assert gate.told == ["rules_invalid"]
    held = Gate(tmp_path).held
    assert held is not None
    assert held.document.directory.version == 8
    assert held.document.directory.households[HOUSEHOLD].colour is Colour.GREEN
    came = gate.takes(chunks(10, NEXT))
    assert came is not None
    assert gate.told == ["rules_invalid", "over"]


def test_rules_of_another_community_are_refused_with_their_set(gate: Gate) -> None:
    assert gate.takes(chunks(8, GOOD, b"baiyin 1 2026-01-01")) is None
    assert gate.told == ["other_community"]


def test_a_forged_or_cut_set_is_refused_and_told(tmp_path: Path) -> None:
    [genuine] = chunks(8, GOOD)
    altered = genuine[:-1] + bytes([genuine[-1] ^ 1])
    for bad, fault in ((altered, "forged"), (genuine[:200], "malformed"), (b"", "malformed")):
        gate = Gate(tmp_path)
        assert gate.takes([bad]) is None
        assert gate.told == [fault]
        assert gate.takes([genuine]) is not None
        assert gate.told == [fault, "over"]
        gate.path.unlink()


def test_a_set_of_a_key_that_may_not_sign_it_is_refused_and_told(gate: Gate) -> None:
    assert gate.takes(chunks(8, GOOD, key=new_signing_key())) is None
    assert gate.told == ["unknown_key"]


def test_an_older_set_is_refused_and_told_also_after_a_restart(gate: Gate, tmp_path: Path) -> None:
    gate.takes(chunks(8, NEXT))
    for subject in (gate, Gate(tmp_path)):
        subject.receiver.link_changed()
        assert subject.takes(chunks(7, GOOD), is_retained=True) is None
        assert subject.told == ["not_newer"]
        assert subject.takes(chunks(8, NEXT)) is None  # the broker has the held set after all
        assert subject.told == ["not_newer", "over"]
    last = Gate(tmp_path).held
    assert last is not None
    assert last.document.directory.version == 8


def test_an_older_set_that_still_lies_beside_the_held_one_is_no_trouble(gate: Gate) -> None:
    gate.takes(chunks(7, GOOD))
    gate.takes(chunks(8, NEXT))
    gate.receiver.link_changed()
    gate.takes(chunks(8, NEXT), is_retained=True)
    assert gate.takes(chunks(7, GOOD), is_retained=True) is None
    assert gate.told == []


def test_an_older_set_that_is_sent_anew_is_told_also_on_a_connection_that_brought_the_held_one(gate: Gate) -> None:
    """By a centre that was restored and has forgotten numbers, or by somebody who plays an old set again."""
    gate.takes(chunks(8, NEXT))
    assert gate.takes(chunks(7, GOOD)) is None
    assert gate.told == ["not_newer"]
    assert gate.takes(chunks(9, GOOD)) is not None
    assert gate.told == ["not_newer", "over"]


def test_another_set_under_the_held_number_is_refused_and_told_until_a_newer_one_comes(gate: Gate) -> None:
    gate.takes(chunks(8, NEXT))
    assert gate.takes(chunks(8, GOOD)) is None
    assert gate.takes(chunks(8, NEXT)) is None
    assert gate.told == ["version_reused"]
    assert gate.takes(chunks(9, GOOD)) is not None
    assert gate.told == ["version_reused", "over"]


def test_whoever_sends_rubbish_without_end_fills_no_journal(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    gate.takes(chunks(8, GOOD))
    gate.events.clear()
    caplog.clear()
    gate.receiver.link_changed()
    for number in range(50):
        for rubbish in (bytes([number]), chunks(7, GOOD)[0], chunks(9, b"not rules")[0], bytes(200_000)):
            assert gate.receiver.offer(rubbish, is_retained=True) is None
    assert len(gate.events) == 1
    assert len(caplog.records) == 4  # each kind once


def test_a_worse_reason_takes_the_place_of_a_merely_older_set(gate: Gate) -> None:
    gate.takes(chunks(8, NEXT))
    gate.receiver.link_changed()
    gate.takes(chunks(7, GOOD))
    gate.takes([b"rubbish"])
    gate.takes(chunks(8, NEXT))
    assert gate.told == ["not_newer", "over", "malformed"]


def test_rules_that_did_not_change_are_not_read_again(tmp_path: Path) -> None:
    read: list[bytes] = []

    def noting(text: bytes) -> RuleSet:
        read.append(text)
        return read_text(text)

    gate = Gate(tmp_path, noting)
    for version in range(1, 5):
        assert gate.takes(chunks(version, GOOD)) is not None
    assert gate.takes(chunks(5, GOOD, NEXT)) is not None
    assert read == [GOOD, NEXT]


def test_a_set_in_several_chunks_counts_once_it_is_whole(gate: Gate) -> None:
    parts = chunks(8, GOOD, padding=100_000)
    assert len(parts) == 2
    assert gate.takes(parts[:1]) is None
    assert not gate.path.exists()
    assert gate.takes(parts[1:]) is not None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"cut", "malformed"),
        (sign_directory(DIRECTORY, new_signing_key()), "unknown_key"),
        (sign_directory(DIRECTORY, KEY, rules_texts=[b"not rules"]), "rules_invalid"),
        (None, "unreadable"),
    ],
)
def test_a_bad_set_on_the_gates_own_disk_is_put_aside_and_named_and_the_centres_is_taken(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "directory.bin"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    gate = Gate(tmp_path)
    assert (gate.held, gate.put_aside_for) == (None, why)
    assert path.with_suffix(".refused").exists()
    assert gate.takes(chunks(8, GOOD)) is not None
    assert gate.events[-1].is_available  # which ends what the lane was told at its start
    again = Gate(tmp_path)
    assert again.held is not None
    assert again.put_aside_for == ""


def test_a_disk_that_keeps_nothing_is_logged_and_the_set_holds(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    gate.path.with_name("directory.bin.new").mkdir()
    assert gate.takes(chunks(8, GOOD)) is not None
    assert "directory_not_saved" in caplog.text
