"""What a gate does with codes that are good, bad, or nothing of ours."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.credentials import CheckStage, PassFlags, RefusalDetail, RefusedCode, VerifiedCode
from passes.check import ALL_STAGES, CheckContext, check_code
from passes.code_text import ALPHABET, MAX_CODE_LENGTH, CodeForm, write_text
from passes.envelope import seal
from passes.holder import STEP_TOLERANCE, step_at, write_holder_code
from passes.keys import KeyRole, key_list_of, record_of
from simulator.mutant_world import NOW, REVOKED, SUSPENDED, UNKNOWN, World

WORLD = World(11)


def refusal(text: bytes, context: CheckContext) -> tuple[CheckStage, RefusalDetail]:
    """The stage and the detail of a code that must be refused."""
    check = check_code(text, context)
    assert isinstance(check, RefusedCode)
    return check.stage, check.detail


def test_paper_pass_is_verified_with_its_claims(world: World) -> None:
    credential = world.new_pass(has_holder=False)
    check = check_code(world.show(world.sign(credential)), world.context)
    assert check == VerifiedCode(
        credential=credential, key_id=world.signers.office.key_id, holder_step=None, needs_guard=False
    )


def test_fresh_holders_code_is_verified_with_its_step(world: World) -> None:
    credential = world.new_pass(has_holder=True)
    check = check_code(world.show(world.sign(credential), holder=world.holder), world.context)
    assert check == VerifiedCode(
        credential=credential, key_id=world.signers.office.key_id, holder_step=step_at(NOW), needs_guard=False
    )


@pytest.mark.parametrize(
    "address", [b"https://example.com/register?g=12", b"HTTPS://EXAMPLE.COM/" + b"A" * 150, b"WIFI:S:guest;;", b""]
)
def test_web_address_and_other_systems_codes_are_no_pass(world: World, address: bytes) -> None:
    assert refusal(address, world.context)[1] is RefusalDetail.NOT_A_PASS


def test_oversized_code_is_refused_by_its_length_alone(world: World) -> None:
    for text in (world.genuine_code() + b"0" * MAX_CODE_LENGTH, b"GP1:" + b"0" * 10_000):
        assert refusal(text, world.context) == (CheckStage.LENGTH, RefusalDetail.DAMAGED)


def test_every_truncation_is_refused(world: World) -> None:
    for has_holder in (False, True):
        envelope, raw = world.genuine(has_holder=has_holder)
        text = world.show(envelope, raw=raw, holder=world.holder if has_holder else None)
        assert isinstance(check_code(text, world.context), VerifiedCode)
        for length in range(len(text)):
            assert isinstance(check_code(text[:length], world.context), RefusedCode)


def test_character_that_is_not_base45_is_refused(world: World) -> None:
    text = world.genuine_code()
    assert refusal(text[:50] + b"_" + text[51:], world.context) == (CheckStage.CHARSET, RefusalDetail.DAMAGED)
    assert refusal(text[:50] + b"\xe5" + text[51:], world.context) == (CheckStage.CHARSET, RefusalDetail.DAMAGED)
    assert refusal(text[:4] + b":::" + text[7:], world.context) == (CheckStage.BASE45, RefusalDetail.DAMAGED)


def test_wrong_prefix_is_no_pass(world: World) -> None:
    text = b"HC1:" + world.genuine_code()[4:]
    assert refusal(text, world.context) == (CheckStage.PREFIX, RefusalDetail.NOT_A_PASS)


def test_prefix_of_the_other_form_is_refused(world: World) -> None:
    envelope, raw = world.genuine(has_holder=True)
    bare = b"GD1:" + write_text(CodeForm.STATIC, raw).encode()[4:]
    shown = b"GP1:" + world.show(envelope, raw=raw, holder=world.holder)[4:]
    for text in (bare, shown):
        assert refusal(text, world.context) == (CheckStage.ENVELOPE, RefusalDetail.DAMAGED)


def test_every_byte_of_a_pass_altered_is_refused(world: World) -> None:
    envelope, raw = world.genuine(has_holder=False)
    for place in range(len(raw)):
        for mask in (0x01, 0x80, 0xFF):
            altered = bytearray(raw)
            altered[place] ^= mask
            check = check_code(world.show(envelope, raw=bytes(altered)), world.context)
            assert isinstance(check, RefusedCode)
            assert check.pass_id is None  # nothing that is not verified leaves the room


def test_every_byte_of_a_holders_code_altered_is_refused(world: World) -> None:
    envelope, raw = world.genuine(has_holder=True)
    step = step_at(NOW)
    signature = world.holder.sign(envelope, step)
    for place in range(len(raw)):
        altered = raw[:place] + bytes([raw[place] ^ 0x10]) + raw[place + 1 :]
        assert isinstance(check_code(write_holder_code(altered, step, signature).encode(), world.context), RefusedCode)
    for place in range(len(signature)):
        altered = signature[:place] + bytes([signature[place] ^ 0x01]) + signature[place + 1 :]
        text = write_holder_code(raw, step, altered).encode()
        assert refusal(text, world.context) == (CheckStage.HOLDER, RefusalDetail.HOLDER_CODE_FORGED)


def test_expired_and_not_yet_valid_are_told_apart_at_the_very_second(world: World) -> None:
    credential = replace(world.new_pass(has_holder=False), valid_from=NOW, valid_until=NOW + timedelta(hours=1))
    credential = replace(credential, valid_from=credential.valid_from.replace(microsecond=0))
    text = world.show(world.sign(credential))

    def at(moment: timedelta) -> CheckContext:
        return replace(world.context, now=NOW + moment)

    assert refusal(text, at(timedelta(seconds=-1))) == (CheckStage.TIME, RefusalDetail.NOT_YET_VALID)
    assert isinstance(check_code(text, at(timedelta(0))), VerifiedCode)
    assert isinstance(check_code(text, at(timedelta(minutes=59, seconds=59))), VerifiedCode)
    assert refusal(text, at(timedelta(hours=1))) == (CheckStage.TIME, RefusalDetail.EXPIRED)


@pytest.mark.parametrize(
    ("index", "detail"),
    [
        (REVOKED[0], RefusalDetail.REVOKED),
        (SUSPENDED[-1], RefusalDetail.SUSPENDED),
        (UNKNOWN[0], RefusalDetail.NOT_ON_DIRECTORY),
        (UNKNOWN[-1], RefusalDetail.NOT_ON_DIRECTORY),
    ],
)
def test_the_directory_beats_the_pass(world: World, index: int, detail: RefusalDetail) -> None:
    credential = replace(world.any_pass(), status_index=index)
    check = check_code(world.show_for(credential, world.sign(credential)), world.context)
    assert check == RefusedCode(
        stage=CheckStage.STATUS, detail=detail, pass_id=credential.pass_id, household=credential.household
    )


def test_gate_without_a_directory_admits_nobody_by_itself(world: World) -> None:
    context = replace(world.context, directory=None)
    assert refusal(world.genuine_code(), context) == (CheckStage.STATUS, RefusalDetail.NOT_ON_DIRECTORY)


def test_pass_of_another_community_is_named_so(world: World) -> None:
    context = replace(world.context, community="longcheng")
    assert refusal(world.genuine_code(), context) == (CheckStage.CLAIMS, RefusalDetail.OTHER_COMMUNITY)


def test_bare_pass_is_useless_where_the_holders_code_is_needed(world: World) -> None:
    credential = world.new_pass(has_holder=True)
    assert PassFlags.HOLDER_CODE_NEEDED in credential.flags
    assert refusal(world.show(world.sign(credential)), world.context) == (
        CheckStage.HOLDER,
        RefusalDetail.HOLDER_CODE_MISSING,
    )


def test_step_one_either_side_is_current_and_two_are_stale(world: World) -> None:
    envelope, raw = world.genuine(has_holder=True)
    for distance in range(-3, 4):
        text = world.holder.code(raw, step_at(NOW) + distance).encode()
        if abs(distance) <= STEP_TOLERANCE:
            assert isinstance(check_code(text, world.context), VerifiedCode)
        else:
            assert refusal(text, world.context) == (CheckStage.HOLDER, RefusalDetail.HOLDER_CODE_STALE)
    assert envelope


def test_other_signature_of_the_same_holder_and_step_is_the_same_step(world: World) -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    envelope, raw = world.genuine(has_holder=True)
    signature = world.holder.sign(envelope, step_at(NOW))
    mirrored = signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    steps = set()
    for either in (signature, mirrored):
        check = check_code(write_holder_code(raw, step_at(NOW), either).encode(), world.context)
        assert isinstance(check, VerifiedCode)
        steps.add((check.credential.pass_id, check.holder_step))
    assert len(steps) == 1


def test_untrusted_clock_hands_a_genuine_holders_code_to_the_guard_and_paper_passes(world: World) -> None:
    context = replace(world.context, clock_is_trusted=False)
    _, raw = world.genuine(has_holder=True)
    for step in (step_at(NOW), step_at(NOW) + 5000):
        check = check_code(world.holder.code(raw, step).encode(), context)
        assert isinstance(check, VerifiedCode)
        assert check.needs_guard
    paper = check_code(world.show(world.sign(world.new_pass(has_holder=False))), context)
    assert isinstance(paper, VerifiedCode)
    assert not paper.needs_guard


def test_untrusted_clock_still_refuses_a_forged_holders_code(world: World) -> None:
    context = replace(world.context, clock_is_trusted=False)
    envelope = world.sign(world.new_pass(has_holder=True))
    text = world.show(envelope, holder=world.new_holder())
    assert refusal(text, context) == (CheckStage.HOLDER, RefusalDetail.HOLDER_CODE_FORGED)


def test_holders_key_that_is_no_point_is_refused(world: World) -> None:
    for x in (b"\x00" * 31 + b"\x05", b"\xff" * 32):
        credential = replace(world.new_pass(has_holder=True), holder_key=b"\x02" + x)
        text = world.show(world.sign(credential), holder=world.holder)
        assert refusal(text, world.context)[0] is CheckStage.HOLDER


def test_rotation_overlaps_and_ends(world: World) -> None:
    old, new = world.signers.retired, world.signers.future
    begin, overlap, end = NOW - timedelta(days=300), NOW + timedelta(days=30), NOW + timedelta(days=400)
    keys = key_list_of(
        world.context.community,
        2,
        NOW,
        [
            record_of(old.public, KeyRole.PASS, begin, overlap),
            record_of(new.public, KeyRole.PASS, NOW - timedelta(days=1), end),
        ],
    )
    context = replace(world.context, keys=keys)
    credential = replace(world.new_pass(has_holder=False), valid_from=NOW - timedelta(hours=1), valid_until=end)
    by_old, by_new = (world.show(world.sign(credential, by=key)) for key in (old, new))
    assert isinstance(check_code(by_old, context), VerifiedCode)
    assert isinstance(check_code(by_new, context), VerifiedCode)
    after = replace(context, now=overlap)
    assert refusal(by_old, after) == (CheckStage.KEY, RefusalDetail.FORGED)
    assert isinstance(check_code(by_new, after), VerifiedCode)


def test_no_claim_is_read_before_the_signature_was_verified(world: World) -> None:
    envelope = world.sign(b"\xff\xff not a payload")
    forged = replace(envelope, signature=bytes(64))
    assert refusal(world.show(forged), world.context)[0] is CheckStage.SIGNATURE
    assert refusal(world.show(envelope), world.context)[0] is CheckStage.CLAIMS


def test_refusal_never_carries_bytes_of_the_code(world: World) -> None:
    check = check_code(b"GP1:" + b"SECRET" * 40, world.context)
    assert "SECRET" not in repr(check)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=700))
def test_arbitrary_bytes_are_refused_and_never_raise(scanned: bytes) -> None:
    for stages in (ALL_STAGES, frozenset(), ALL_STAGES - {CheckStage.LENGTH}):
        assert isinstance(check_code(scanned, WORLD.context, stages), RefusedCode)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CodeForm), st.binary(max_size=380), st.sets(st.sampled_from(CheckStage)))
def test_arbitrary_content_behind_a_good_prefix_never_raises(
    form: CodeForm, content: bytes, off: set[CheckStage]
) -> None:
    text = write_text(form, content).encode()
    assert isinstance(check_code(text, WORLD.context), RefusedCode)
    check_code(text, WORLD.context, ALL_STAGES - off)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(ALPHABET), min_size=100, max_size=600), st.sampled_from(CodeForm))
def test_arbitrary_characters_behind_a_good_prefix_are_refused(characters: list[int], form: CodeForm) -> None:
    assert isinstance(check_code(form.value + bytes(characters), WORLD.context), RefusedCode)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=40))
def test_arbitrary_payload_signed_by_the_office_never_raises(payload: bytes, protected: bytes) -> None:
    envelope = WORLD.sign(payload)
    for raw in (None, seal(protected, payload, envelope.signature)):
        text = WORLD.show(envelope, raw=raw)
        assert isinstance(check_code(text, WORLD.context), RefusedCode)
        check_code(text, WORLD.context, frozenset())
