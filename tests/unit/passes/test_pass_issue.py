"""Issue, inspect and draw a pass."""

import io
from dataclasses import replace
from datetime import timedelta

import numpy
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model.credentials import Colour, Pass, PassFlags, PassKind, VerifiedCode
from model.identities import CommunityId, HouseholdId
from passes.check import check_code
from passes.claims import decode_claims, encode_claims
from passes.code_text import MAX_CODE_LENGTH, MIN_CODE_LENGTH
from passes.envelope import open_envelope
from passes.errors import CannotIssue, EncodingInvalid
from passes.holder import step_at
from passes.inspection import inspect_code
from passes.issue import IssuedPass, issue_pass, new_pass_id
from passes.keys import KeyRecord
from passes.qr import Medium, qr_code, qr_matrix, qr_png, qr_svg
from simulator.mutant_world import COMMUNITY, NOW, World

WORLD = World(21)
TYPICAL = replace(
    WORLD.new_pass(has_holder=False),
    household=HouseholdId(4711),
    status_index=700,
    gates=None,
    schedule=0,
    flags=PassFlags.PRINTED,
    masked_name=None,
)


def office_record(world: World) -> KeyRecord:
    record = world.context.keys.find(world.signers.office.key_id)
    assert record is not None
    return record


def issue(credential: Pass) -> IssuedPass:
    return issue_pass(credential, WORLD.signers.office, office_record(WORLD))


def longest(has_holder: bool) -> Pass:
    end = NOW.replace(microsecond=0) + timedelta(days=9)
    return replace(
        TYPICAL,
        community=CommunityId("a" * 16),
        household=HouseholdId(2**31 - 1),
        gates=2**64 - 1,
        schedule=2**16 - 1,
        status_index=2**20 - 1,
        flags=PassFlags.HOLDER_CODE_NEEDED | PassFlags.PRINTED if has_holder else PassFlags.PRINTED,
        masked_name="测" * 8,
        valid_until=end,
        holder_key=WORLD.holder.public if has_holder else None,
    )


def test_issued_pass_is_accepted_and_says_what_was_issued() -> None:
    issued = issue(replace(TYPICAL, valid_from=TYPICAL.valid_from + timedelta(microseconds=5)))
    check = check_code(issued.text.encode(), WORLD.context)
    assert isinstance(check, VerifiedCode)
    assert check.credential == issued.credential == TYPICAL


def test_pass_numbers_are_random() -> None:
    assert len({new_pass_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"valid_until": NOW + timedelta(days=5000)}, "within its key's time"),
        ({"valid_from": TYPICAL.valid_until}, "out of its range"),
        ({"valid_from": TYPICAL.valid_from.replace(tzinfo=None)}, "time zone"),
        ({"flags": PassFlags.HOLDER_CODE_NEEDED}, "must carry the holder's key"),
        ({"holder_key": b"\x02" + b"\xff" * 32}, "compressed point"),
        ({"household": 0}, "out of its range"),
        ({"household": 2**31}, "out of its range"),
        ({"community": "Not A Community"}, "out of its range"),
        ({"masked_name": "张三李四王五赵六钱"}, "out of its range"),
        ({"masked_name": "a\nb"}, "out of its range"),
        ({"masked_name": "\ud800"}, "out of its range"),
        ({"gates": 2**64}, "out of its range"),
        ({"status_index": 2**20}, "out of its range"),
    ],
)
def test_pass_that_no_gate_would_accept_is_not_signed(changes: dict[str, object], word: str) -> None:
    with pytest.raises(CannotIssue, match=word):
        issue(replace(TYPICAL, **changes))  # type: ignore[arg-type]


def test_key_that_is_not_the_records_or_of_another_role_does_not_sign() -> None:
    with pytest.raises(CannotIssue, match="key list's entry"):
        issue_pass(TYPICAL, WORLD.signers.stranger, office_record(WORLD))
    record = WORLD.context.keys.find(WORLD.signers.directory.key_id)
    assert record is not None
    with pytest.raises(CannotIssue, match="directory key may not sign"):
        issue_pass(TYPICAL, WORLD.signers.directory, record)


def test_typical_sizes_hold_and_the_longest_fits_the_limit() -> None:
    paper = issue(TYPICAL)
    assert (len(paper.envelope), len(paper.text)) == (138, 211)
    phone = issue(replace(TYPICAL, flags=PassFlags.HOLDER_CODE_NEEDED, holder_key=WORLD.holder.public))
    shown = WORLD.holder.code(phone.envelope, step_at(NOW))
    assert (len(phone.envelope), len(shown)) == (183, 390)
    most = WORLD.holder.code(issue(longest(has_holder=True)).envelope, step_at(NOW))
    assert len(most) <= MAX_CODE_LENGTH
    least = replace(TYPICAL, community=CommunityId("x"), household=HouseholdId(1), status_index=0)
    assert len(issue(replace(least, flags=PassFlags.NONE)).text) > MIN_CODE_LENGTH


def test_paper_code_is_10_q_and_phone_code_12_m_and_both_are_read_by_a_scanner() -> None:
    paper = issue(replace(TYPICAL, masked_name="张*")).text
    phone = issue(replace(TYPICAL, holder_key=WORLD.holder.public)).envelope
    shown = WORLD.holder.code(phone, step_at(NOW))
    for text, medium, designator in ((paper, Medium.PAPER, "10-Q"), (shown, Medium.PHONE, "12-M")):
        code = qr_code(text, medium)
        assert (code.designator, code.is_micro, code.mode) == (designator, False, "alphanumeric")
        picture = Image.open(io.BytesIO(qr_png(text, medium, scale=3))).convert("L")
        read = zxingcpp.read_barcodes(numpy.asarray(picture))
        assert [found.text for found in read] == [text]


def test_longest_codes_take_the_next_versions() -> None:
    issued = issue(longest(has_holder=True))
    assert qr_code(WORLD.holder.code(issued.envelope, step_at(NOW)), Medium.PHONE).designator == "13-M"
    assert qr_code(issue(longest(has_holder=False)).text, Medium.PAPER).designator == "12-Q"
    with pytest.raises(CannotIssue, match="do not fit"):
        qr_code("A" * 500, Medium.PAPER)
    with pytest.raises(CannotIssue, match="outside the alphanumeric"):
        qr_code("lower case", Medium.PAPER)


def test_scale_and_border_make_the_pictures_size() -> None:
    text = issue(TYPICAL).text
    modules = len(qr_matrix(text, Medium.PAPER))
    assert modules == 57  # version 10
    picture = Image.open(io.BytesIO(qr_png(text, Medium.PAPER, scale=5, border=2)))
    assert picture.size == ((modules + 4) * 5,) * 2
    assert b'width="122"' in qr_svg(text, Medium.PAPER, scale=2, border=2)


def test_inspection_shows_claims_without_verifying() -> None:
    issued = issue(replace(TYPICAL, gates=0b110, masked_name="张*"))
    found = inspect_code(issued.text.encode())
    assert found["verified"] is False
    claims = found["claims"]
    assert isinstance(claims, dict)
    assert (claims["pass_id"], claims["gates"], claims["flags"]) == (TYPICAL.pass_id, [1, 2], ["printed"])
    phone = issue(replace(TYPICAL, holder_key=WORLD.holder.public)).envelope
    assert inspect_code(WORLD.holder.code(phone, 77).encode())["holder_step"] == 77


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"GP1:", b"GD1:"]))
def test_inspection_of_nonsense_is_refused_in_words(scanned: bytes, prefix: bytes) -> None:
    with pytest.raises(EncodingInvalid):
        inspect_code(prefix + scanned)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(min_size=8, max_size=8),
    st.integers(1, 2**31 - 1),
    st.sampled_from(Colour),
    st.sampled_from(PassKind),
    st.none() | st.integers(1, 2**64 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**20 - 1),
    st.sampled_from([PassFlags(number) for number in range(4)]),
    st.none() | st.sampled_from(["张*", "欧阳*", "A. B.", "测" * 8]),
    st.none()
    | st.builds(lambda sign, x: bytes([sign]) + x, st.sampled_from([2, 3]), st.binary(min_size=32, max_size=32)),
)
def test_every_pass_survives_its_encoding(
    number: bytes,
    household: int,
    colour: Colour,
    kind: PassKind,
    gates: int | None,
    schedule: int,
    status_index: int,
    flags: PassFlags,
    name: str | None,
    holder_key: bytes | None,
) -> None:
    credential = replace(
        TYPICAL,
        pass_id=number.hex(),
        household=HouseholdId(household),
        colour=colour,
        kind=kind,
        gates=gates,
        schedule=schedule,
        status_index=status_index,
        flags=flags,
        masked_name=name,
        holder_key=holder_key,
    )
    envelope = WORLD.signers.office.sign(encode_claims(credential))
    assert decode_claims(open_envelope(envelope).payload) == credential
    assert credential.community == COMMUNITY
