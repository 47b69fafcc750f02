"""The envelope: golden bytes, strict parsing, and a hash that notices every change."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journal.body import MAX_BODY_BYTES, build_body, canonical_json, parse_body
from journal.envelope import MAX_PERSONAL_BYTES, MAX_WIRE_BYTES, ZERO_HASH, Envelope, seal
from journal.errors import RecordInvalid
from model.clock import ClockTrust, Timestamp
from model.identities import DeviceId, Epoch, Seq

AT = Timestamp(wall=datetime(2020, 2, 3, 8, 0, tzinfo=UTC), boot_s=12.5, boot_id="boot-1", trust=ClockTrust.NTP)
BODY = canonical_json(build_body("decision", AT, {"number": 1}))
EPOCH = Epoch("0011223344556677")
FIRST = seal(
    device=DeviceId("gate-1"),
    epoch=EPOCH,
    seq=Seq(1),
    prev=ZERO_HASH,
    body=BODY,
    salt="000102030405060708090a0b0c0d0e0f",
    personal="张三",
)
PAGE = Path(__file__).resolve().parents[3] / "docs" / "record.md"


def test_envelope_is_the_worked_example_of_the_page_byte_for_byte() -> None:
    example = next(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith('{"v":1'))
    assert FIRST.to_wire() == example.encode()
    assert Envelope.from_wire(example.encode()) == FIRST


def test_second_record_of_the_example_follows_the_first() -> None:
    body = BODY.replace('"number":1', '"number":2')
    second = seal(device=FIRST.device, epoch=EPOCH, seq=Seq(2), prev=FIRST.hash, body=body, salt=None, personal=None)
    assert second.hash == "9f5ad42acb666478a16e2c6d520307a1ae9d333b2bca3aabf491e5d180ce7a47"
    assert second.hash in PAGE.read_text(encoding="utf-8")


def test_purge_of_the_personal_part_leaves_the_hash_whole() -> None:
    purged = FIRST.without_personal()
    assert purged.is_whole
    assert "张三" not in purged.to_wire().decode()
    assert Envelope.from_wire(purged.to_wire()) == purged


@pytest.mark.parametrize(
    "changed",
    [
        replace(FIRST, device=DeviceId("gate-2")),
        replace(FIRST, epoch=Epoch("0011223344556678")),
        replace(FIRST, seq=Seq(2)),
        replace(FIRST, prev="1" * 64),
        replace(FIRST, body=BODY.replace('"number":1', '"number":7')),
        replace(FIRST, personal="李四"),
        replace(FIRST, salt="ff" * 16),
        replace(FIRST, personal_digest=ZERO_HASH),
        replace(FIRST, personal_digest=ZERO_HASH, salt=None, personal=None),
    ],
)
def test_every_altered_member_is_noticed(changed: Envelope) -> None:
    assert FIRST.is_whole
    assert not changed.is_whole


def _members() -> dict[str, object]:
    return dict(json.loads(FIRST.to_wire()))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2),
        ("v", True),
        ("device", "Gate 1"),
        ("device", "a" * 33),
        ("epoch", "0011"),
        ("seq", 0),
        ("seq", 1.0),
        ("seq", True),
        ("seq", 2**40),
        ("seq", 2),
        ("prev", "0" * 63),
        ("hash", "G" * 64),
        ("hash", None),
        ("body", {"v": 1}),
        ("body", "x" * (MAX_BODY_BYTES + 1)),
        ("body", "\ud800"),
        ("personal", "x" * (MAX_PERSONAL_BYTES + 1)),
        ("personal", None),
        ("salt", "00"),
        ("extra", 1),
    ],
)
def test_envelope_with_a_wrong_member_is_refused(name: str, value: object) -> None:
    with pytest.raises(RecordInvalid):
        Envelope.from_wire(json.dumps(_members() | {name: value}).encode())


@pytest.mark.parametrize("name", sorted(_members()))
def test_envelope_without_a_member_is_refused(name: str) -> None:
    members = _members()
    del members[name]
    with pytest.raises(RecordInvalid):
        Envelope.from_wire(json.dumps(members).encode())


def test_doubled_member_is_refused() -> None:
    with pytest.raises(RecordInvalid):
        Envelope.from_wire(FIRST.to_wire()[:-1] + b',"seq":1}')


def test_oversized_payload_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(RecordInvalid, match="at most"):
        Envelope.from_wire(b" " * (MAX_WIRE_BYTES + 1))


def test_deeply_nested_payload_is_refused() -> None:
    with pytest.raises(RecordInvalid):
        Envelope.from_wire(b"[" * 50_000)


@given(st.integers(min_value=0, max_value=len(FIRST.to_wire()) - 1))
def test_payload_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(RecordInvalid):
        Envelope.from_wire(FIRST.to_wire()[:length])


@given(st.binary(max_size=300))
def test_garbage_never_raises_anything_else(payload: bytes) -> None:
    with pytest.raises(RecordInvalid):
        Envelope.from_wire(payload)


@given(st.text(max_size=200), st.one_of(st.none(), st.text(max_size=100)))
def test_what_was_sealed_comes_back_whole_from_the_wire(body: str, personal: str | None) -> None:
    salt = "ab" * 16 if personal is not None else None
    try:
        body.encode()
        (personal or "").encode()
    except UnicodeEncodeError:
        return
    envelope = seal(
        device=DeviceId("g"), epoch=EPOCH, seq=Seq(2), prev="1" * 64, body=body, salt=salt, personal=personal
    )
    assert Envelope.from_wire(envelope.to_wire()) == envelope
    assert envelope.is_whole


def test_largest_record_fits_the_wire_limit() -> None:
    body = canonical_json({"v": 1, "kind": "x", "text": '"' * (MAX_BODY_BYTES // 2 - 100)})
    envelope = seal(
        device=DeviceId("g" * 32),
        epoch=EPOCH,
        seq=Seq(2),
        prev="1" * 64,
        body=body,
        salt="ab" * 16,
        personal="\x01" * MAX_PERSONAL_BYTES,
    )
    assert Envelope.from_wire(envelope.to_wire()) == envelope


@pytest.mark.parametrize("text", ["", "[]", "1", "{", '{"kind":"x"}', '{"v":1}', '{"v":true,"kind":"x"}', "[" * 50_000])
def test_body_that_is_not_a_record_is_told_apart_from_its_envelope(text: str) -> None:
    with pytest.raises(RecordInvalid):
        parse_body(text)


def test_body_states_clock_and_moment() -> None:
    assert parse_body(BODY)["at"] == {
        "wall": "2020-02-03T08:00:00.000000Z",
        "boot_s": 12.5,
        "boot_id": "boot-1",
        "clock": "ntp",
    }


@pytest.mark.parametrize("kind", ["", "Decision", "a b", "x" * 49, "1x"])
def test_bad_kind_is_refused(kind: str) -> None:
    with pytest.raises(RecordInvalid):
        build_body(kind, AT)


def test_reserved_fields_and_unwritable_values_are_refused() -> None:
    with pytest.raises(RecordInvalid):
        build_body("decision", AT, {"at": 1})
    with pytest.raises(RecordInvalid):
        canonical_json({"t": float("nan")})
    with pytest.raises(RecordInvalid):
        canonical_json({"t": "\ud800"})
    with pytest.raises(RecordInvalid):
        canonical_json({"t": "x" * MAX_BODY_BYTES})
