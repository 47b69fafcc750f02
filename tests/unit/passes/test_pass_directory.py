"""The signed directory: in chunks of any order, never older, never half, its guard's part never in clear."""

import os
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from model.credentials import Colour
from model.directory import Directory, HouseholdEntry, Isolation, PassStatus
from model.identities import CommunityId, DeviceId, HouseholdId
from model.shifts import EmployerId, Listing, Rota, Schedule, ScheduleId, Shift
from model.vehicles import Plate
from model.windows import Window, WindowKind
from passes import cbor
from passes.directory import (
    MAX_RULES_TEXT_BYTES,
    MAX_RULES_TEXTS,
    DirectoryDocument,
    open_directory,
    pack_statuses,
    sign_directory,
)
from passes.directory_chunks import (
    MAX_CHUNK_BYTES,
    MAX_UNFINISHED,
    ChunkHeld,
    ChunkRefused,
    ChunkTaken,
    DirectoryAssembler,
    DirectoryComplete,
    split_directory,
)
from passes.directory_file import load_last_good, save_last_good
from passes.envelope import open_envelope
from passes.errors import DocumentFault, DocumentRefused, EncodingInvalid
from passes.keys import SigningKey
from passes.rule_entries import schedules_in, windows_in
from passes.sealed import GuardEntry, SealedPartRefused, open_guard_view, seal_guard_view
from simulator.mutant_world import COMMUNITY, NOW, World

WORLD = World(31)
SIGNER = WORLD.signers.directory
KEYS = WORLD.context.keys
ISSUED = NOW.replace(microsecond=0)


def directory_of(version: int, households: int = 50) -> Directory:
    colours, isolations = list(Colour), list(Isolation)
    return Directory(
        community=COMMUNITY,
        version=version,
        issued_at=ISSUED,
        statuses=pack_statuses(dict.fromkeys(range(3 * households), PassStatus.VALID)),
        households={
            HouseholdId(3 * number + 1): HouseholdEntry(colour=colours[number % 5], isolation=isolations[number % 3])
            for number in range(households)
        },
    )


def chunks_of(version: int, padding: int = 150_000, key: SigningKey = SIGNER) -> tuple[bytes, ...]:
    """Three chunks, thanks to a part that stands for the sealed one."""
    encoded = sign_directory(directory_of(version), key, sealed=bytes(padding))
    return split_directory(encoded, community=COMMUNITY, version=version, key=key)


def assembler(held_version: int = 0) -> DirectoryAssembler:
    held = document_of(held_version) if held_version else None
    return DirectoryAssembler(keys=KEYS, community=COMMUNITY, held=held)


def fault(outcome: object) -> DocumentFault:
    assert isinstance(outcome, ChunkRefused)
    return outcome.fault


def test_statuses_and_households_survive() -> None:
    directory = directory_of(3)
    document = open_directory(sign_directory(directory, SIGNER), keys=KEYS, community=COMMUNITY)
    assert document.directory == directory
    assert document.sealed is None
    assert document.directory.status_of(149) is PassStatus.VALID
    assert document.directory.status_of(10_000) is PassStatus.UNKNOWN


def test_packed_statuses_are_read_back() -> None:
    statuses = {0: PassStatus.REVOKED, 5: PassStatus.VALID, 6: PassStatus.SUSPENDED}
    directory = replace(directory_of(1), statuses=pack_statuses(statuses))
    assert {index: directory.status_of(index) for index in range(12)} == {
        index: statuses.get(index, PassStatus.UNKNOWN) for index in range(12)
    }
    assert pack_statuses({}) == b""


def test_7000_households_and_20000_passes_fit_one_chunk() -> None:
    directory = replace(directory_of(1, households=7000), statuses=bytes(5000))
    encoded = sign_directory(directory, SIGNER)
    assert len(encoded) < 20_000
    assert len(split_directory(encoded, community=COMMUNITY, version=1, key=SIGNER)) == 1


@given(st.permutations(range(3)), st.lists(st.integers(0, 2), max_size=4))
@settings(max_examples=50, deadline=None)
def test_chunks_in_any_order_and_doubled_make_the_directory(order: list[int], doubled: list[int]) -> None:
    chunks = CHUNKS
    subject = assembler()
    done = 0
    for index in [*order[:2], *[i for i in doubled if i in order[:2]], order[2]]:
        outcome = subject.offer(chunks[index], NOW)
        done += isinstance(outcome, DirectoryComplete)
    assert isinstance(outcome, DirectoryComplete)
    assert done == 1
    assert outcome.document.directory == directory_of(7)
    assert subject.held_version == 7


def test_chunks_stay_within_their_limit_and_a_double_is_known() -> None:
    chunks = chunks_of(1)
    assert len(chunks) == 3
    assert max(map(len, chunks)) <= MAX_CHUNK_BYTES
    subject = assembler()
    assert subject.offer(chunks[1], NOW) == ChunkTaken(version=1, missing=2, is_known=False)
    assert subject.offer(chunks[1], NOW) == ChunkTaken(version=1, missing=2, is_known=True)


def test_cut_altered_and_oversized_chunks_are_refused_and_do_not_disturb() -> None:
    chunks = chunks_of(1)
    subject = assembler()
    subject.offer(chunks[0], NOW)
    for place in (0, 1, 30, 200, 5000, len(chunks[1]) - 1):
        altered = chunks[1][:place] + bytes([chunks[1][place] ^ 4]) + chunks[1][place + 1 :]
        assert isinstance(subject.offer(altered, NOW), ChunkRefused)
        assert fault(subject.offer(chunks[1][:place], NOW)) is DocumentFault.MALFORMED
    assert fault(subject.offer(bytes(MAX_CHUNK_BYTES + 1), NOW)) is DocumentFault.TOO_LARGE
    subject.offer(chunks[1], NOW)
    assert isinstance(subject.offer(chunks[2], NOW), DirectoryComplete)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_arbitrary_chunks_are_refused_and_never_raise(raw: bytes) -> None:
    assert isinstance(assembler().offer(raw, NOW), ChunkRefused)


def test_chunk_of_another_key_role_community_or_time_is_refused() -> None:
    genuine = chunks_of(1, padding=10)[0]
    signers = WORLD.signers
    assert fault(assembler().offer(chunks_of(1, 10, signers.stranger)[0], NOW)) is DocumentFault.UNKNOWN_KEY
    for key in (signers.office, signers.visitor, signers.release):
        assert fault(assembler().offer(chunks_of(1, 10, key)[0], NOW)) is DocumentFault.WRONG_ROLE
    assert fault(assembler().offer(genuine, NOW + timedelta(days=9999))) is DocumentFault.KEY_NOT_IN_FORCE
    elsewhere = DirectoryAssembler(keys=KEYS, community=CommunityId("elsewhere"))
    assert fault(elsewhere.offer(genuine, NOW)) is DocumentFault.OTHER_COMMUNITY


def test_older_version_is_refused() -> None:
    subject = assembler(held_version=5)
    for version in (1, 4):
        assert fault(subject.offer(chunks_of(version, 10)[0], NOW)) is DocumentFault.NOT_NEWER
    assert isinstance(subject.offer(chunks_of(6, 10)[0], NOW), DirectoryComplete)
    assert fault(subject.offer(chunks_of(5, 10)[0], NOW)) is DocumentFault.NOT_NEWER


def test_held_document_is_known_again_and_another_of_its_number_is_refused() -> None:
    subject = assembler(held_version=5)
    [held] = split_directory(document_of(5).encoded, community=COMMUNITY, version=5, key=SIGNER)
    assert subject.offer(held, NOW) == ChunkHeld(version=5)
    assert fault(subject.offer(chunks_of(5, 10)[0], NOW)) is DocumentFault.VERSION_REUSED
    assert isinstance(subject.offer(chunks_of(6, 10)[0], NOW), DirectoryComplete)
    assert subject.offer(chunks_of(6, 10)[0], NOW) == ChunkHeld(version=6)
    assert fault(subject.offer(chunks_of(6, 11)[0], NOW)) is DocumentFault.VERSION_REUSED


def test_a_whole_document_that_its_taker_refuses_leaves_the_held_one() -> None:
    def refuse_7(document: DirectoryDocument) -> None:
        if document.directory.version == 7:
            raise DocumentRefused(DocumentFault.RULES_INVALID, "not this one")

    subject = DirectoryAssembler(keys=KEYS, community=COMMUNITY, held=document_of(5), require=refuse_7)
    assert fault(subject.offer(chunks_of(7, 10)[0], NOW)) is DocumentFault.RULES_INVALID
    assert subject.held_version == 5
    assert isinstance(subject.offer(chunks_of(6, 10)[0], NOW), DirectoryComplete)


def test_rules_travel_byte_for_byte_and_an_older_gate_passes_them_over() -> None:
    texts = (b"version = 1\n", "# 红星\r\nversion = 2".encode())
    encoded = sign_directory(directory_of(3), SIGNER, rules_texts=texts)
    document = open_directory(encoded, keys=KEYS, community=COMMUNITY)
    assert document.rules_texts == texts
    assert document.directory == directory_of(3)
    assert document_of(3).rules_texts == ()
    # What a gate without this entry reads is the very document without it.
    without = cbor.as_map(cbor.decode(open_envelope(sign_directory(directory_of(3), SIGNER)).payload))
    with_rules = cbor.as_map(cbor.decode(open_envelope(encoded).payload))
    assert {key: value for key, value in with_rules.items() if key != 8} == without


@pytest.mark.parametrize(
    "texts",
    [(bytes(MAX_RULES_TEXT_BYTES + 1),), (b"",), (b"a",) * (MAX_RULES_TEXTS + 1), ("a text",)],
    ids=["too_long", "empty", "too_many", "no_bytes"],
)
def test_rules_beyond_their_limits_are_neither_signed_nor_taken(texts: tuple[bytes, ...]) -> None:
    with pytest.raises(EncodingInvalid):
        sign_directory(directory_of(3), SIGNER, rules_texts=texts)
    content = dict(cbor.as_map(cbor.decode(open_envelope(document_of(3).encoded).payload)))
    encoded = SIGNER.sign(cbor.encode({**content, 8: list(texts)}))
    with pytest.raises(DocumentRefused, match="malformed"):
        open_directory(encoded, keys=KEYS, community=COMMUNITY)


def test_version_that_completes_first_overtakes_an_older_one_on_its_way() -> None:
    subject = assembler()
    old, new = chunks_of(1), chunks_of(2, 10)
    subject.offer(old[0], NOW)
    assert isinstance(subject.offer(new[0], NOW), DirectoryComplete)
    assert fault(subject.offer(old[1], NOW)) is DocumentFault.NOT_NEWER


def test_one_version_signed_twice_never_mixes() -> None:
    first, second = chunks_of(1), chunks_of(1, padding=150_001)
    subject = assembler()
    for chunk in (first[0], second[1], first[1]):
        assert isinstance(subject.offer(chunk, NOW), ChunkTaken)
    outcome = subject.offer(first[2], NOW)
    assert isinstance(outcome, DirectoryComplete)
    assert outcome.document.sealed == bytes(150_000)


def test_unfinished_documents_are_bounded_and_the_newest_stay() -> None:
    subject = assembler()
    for version in range(1, MAX_UNFINISHED + 4):
        subject.offer(chunks_of(version + 10)[0], NOW)
    assert fault(subject.offer(chunks_of(1)[0], NOW)) is DocumentFault.NOT_NEWER
    newest = chunks_of(MAX_UNFINISHED + 13)
    subject.offer(newest[1], NOW)
    assert isinstance(subject.offer(newest[2], NOW), DirectoryComplete)


def test_signed_chunks_that_make_no_signed_directory_are_refused() -> None:
    office = sign_directory(directory_of(2), WORLD.signers.office)
    [chunk] = split_directory(office, community=COMMUNITY, version=2, key=SIGNER)
    assert fault(assembler().offer(chunk, NOW)) is DocumentFault.WRONG_ROLE
    [other_version] = split_directory(
        sign_directory(directory_of(2), SIGNER), community=COMMUNITY, version=9, key=SIGNER
    )
    assert fault(assembler().offer(other_version, NOW)) is DocumentFault.MALFORMED
    [pass_as_chunk] = [SIGNER.sign(b"\xa0")]
    assert fault(assembler().offer(pass_as_chunk, NOW)) is DocumentFault.MALFORMED


def document_of(version: int) -> DirectoryDocument:
    return open_directory(sign_directory(directory_of(version), SIGNER), keys=KEYS, community=COMMUNITY)


def test_last_good_is_saved_whole_and_verified_again(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    assert load_last_good(path, keys=KEYS, community=COMMUNITY) is None
    for version in (1, 2):
        save_last_good(document_of(version), path)
        assert load_last_good(path, keys=KEYS, community=COMMUNITY) == document_of(version)
    assert os.listdir(tmp_path) == ["directory"]


def test_last_good_that_was_altered_or_cut_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "directory"
    encoded = document_of(1).encoded
    for damaged in (encoded[:-1], encoded[:100] + b"\x00" + encoded[101:], b"", bytes(5_000_000)):
        path.write_bytes(damaged)
        with pytest.raises(DocumentRefused):
            load_last_good(path, keys=KEYS, community=COMMUNITY)


def test_power_cut_before_the_rename_leaves_the_old_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "directory"
    save_last_good(document_of(1), path)

    def cut(_self: Path, _target: Path) -> None:
        raise OSError("power cut")

    monkeypatch.setattr(Path, "replace", cut)
    with pytest.raises(OSError, match="power cut"):
        save_last_good(document_of(2), path)
    assert load_last_good(path, keys=KEYS, community=COMMUNITY) == document_of(1)


VIEW = {
    HouseholdId(7): GuardEntry(masked_name="张*", room="3-1201"),
    HouseholdId(8): GuardEntry(masked_name="", room=""),
    HouseholdId(9): GuardEntry(
        masked_name="李*", room="3-1202", plates=(Plate(text="云A12345"), Plate(text="云AD12345"))
    ),
}
GATES = {DeviceId(name): generate_private_key(SECP256R1()) for name in ("gate-1", "gate-2")}
CHUNKS = chunks_of(7)


def sealed_for_gates(version: int = 4) -> bytes:
    publics = {device: private.public_key() for device, private in GATES.items()}
    return seal_guard_view(VIEW, publics, community=COMMUNITY, version=version)


def test_each_gate_opens_the_guards_view_and_nothing_stands_in_clear() -> None:
    sealed = sealed_for_gates()
    assert "张".encode() not in sealed
    assert b"1201" not in sealed
    assert b"12345" not in sealed
    for device, private in GATES.items():
        assert open_guard_view(sealed, directory=directory_of(4), device=device, private=private) == VIEW


def test_guards_view_opens_for_no_other_gate_key_version_or_community() -> None:
    sealed = sealed_for_gates()
    first, second = GATES
    elsewhere = replace(directory_of(4), community=CommunityId("elsewhere"))
    for directory, device, private in (
        (directory_of(4), first, GATES[second]),
        (directory_of(5), first, GATES[first]),
        (elsewhere, first, GATES[first]),
    ):
        with pytest.raises(SealedPartRefused, match="altered, of another version"):
            open_guard_view(sealed, directory=directory, device=device, private=private)
    with pytest.raises(SealedPartRefused, match="not sealed for gate-9"):
        open_guard_view(sealed, directory=directory_of(4), device=DeviceId("gate-9"), private=GATES[first])


def test_altered_guards_view_is_refused_at_every_byte() -> None:
    sealed = sealed_for_gates()
    private = GATES[DeviceId("gate-1")]
    other_gates_part = sealed.index(b"gate-2") - 1
    for place in range(other_gates_part):
        altered = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(SealedPartRefused):
            open_guard_view(altered, directory=directory_of(4), device=DeviceId("gate-1"), private=private)


def test_more_vehicles_than_a_household_can_have_are_not_sealed() -> None:
    many = GuardEntry(masked_name="李*", room="3-1202", plates=(Plate(text="云A12345"),) * 17)
    with pytest.raises(SealedPartRefused, match="17 vehicles of one household"):
        seal_guard_view({HouseholdId(9): many}, {}, community=COMMUNITY, version=1)


def test_every_version_has_a_fresh_key() -> None:
    assert sealed_for_gates() != sealed_for_gates()


def test_gate_with_another_curve_is_named() -> None:
    with pytest.raises(SealedPartRefused, match="secp384r1"):
        seal_guard_view(
            VIEW, {DeviceId("g"): generate_private_key(SECP384R1()).public_key()}, community=COMMUNITY, version=1
        )


FULL = replace(
    directory_of(4),
    windows={
        HouseholdId(4): (
            Window(kind=WindowKind.CLINIC, begins=ISSUED, ends=ISSUED + timedelta(hours=2)),
            Window(kind=WindowKind.COME_HOME, begins=ISSUED, ends=ISSUED + timedelta(days=1)),
        )
    },
    schedules={
        ScheduleId(3): Schedule(
            schedule=ScheduleId(3),
            employer=EmployerId(12),
            listing=Listing.BLACK,
            shifts=(Shift(begins=time(8), ends=time(17, 30)), Shift(begins=time(20), ends=time(4))),
            weekdays=frozenset({0, 6}),
            rota=Rota(days_on=3, days_off=1, counted_from=date(2020, 2, 1)),
        ),
        ScheduleId(4): Schedule(schedule=ScheduleId(4), employer=EmployerId(1)),
    },
)


def test_windows_and_schedules_survive() -> None:
    document = open_directory(sign_directory(FULL, SIGNER), keys=KEYS, community=COMMUNITY)
    assert document.directory == FULL


def test_a_directory_without_them_is_the_same_bytes_as_before_there_were_any() -> None:
    plain = replace(FULL, windows={}, schedules={})
    assert sign_directory(plain, SIGNER) == sign_directory(directory_of(4), SIGNER)


@pytest.mark.parametrize(
    "windows",
    [[[0, 1, 5, 6]], [[1, 5, 5, 6]], [[1, 1, -1, 6]], [[1, 1, 5]], "x", [[1, True, 5, 6]]],
    ids=["no household", "unknown kind", "before 1970", "cut short", "no list", "a boolean"],
)
def test_a_window_that_says_something_else_is_refused(windows: object) -> None:
    with pytest.raises(EncodingInvalid):
        windows_in(windows)


@pytest.mark.parametrize(
    "schedule",
    [
        [0, 1, 0, [], 127, []],
        [1, 1, 3, [], 127, []],
        [1, 1, 0, [[1440, 5]], 127, []],
        [1, 1, 0, [], 128, []],
        [1, 1, 0, [], 127, [0, 1, 737456]],
        [1, 1, 0, [], 127, [40, 40, 737456]],
        [1, 1, 0, [], 127, [3, 1]],
        [1, 1, 0, [[0, 1]] * 7, 127, []],
    ],
)
def test_a_schedule_that_says_something_else_is_refused(schedule: object) -> None:
    with pytest.raises(EncodingInvalid):
        schedules_in([schedule])
