"""Vectors made with the cwt library: it reads ours, we read its, and both make the same bytes."""

from dataclasses import replace
from datetime import timedelta
from types import ModuleType

from model.credentials import VerifiedCode
from model.directory import Directory, PassStatus
from passes import cbor
from passes.check import CheckContext, check_code
from passes.claims import decode_claims, encode_claims
from passes.code_text import CodeForm, write_text
from passes.envelope import open_envelope
from passes.holder import SoftwareHolder, new_software_holder, step_at
from passes.keys import KeyRole, key_list_of, record_of
from simulator.mutant_world import NOW


def test_tokens_signed_by_cwt_are_accepted_as_codes(cases: ModuleType) -> None:
    made = cases.read_vectors("signed_by_cwt.json")
    for case, vector in zip(cases.read_vectors("cases.json"), made["vectors"], strict=True):
        credential = cases.pass_of(case["claims"])
        envelope = bytes.fromhex(vector["envelope_hex"])
        public = bytes.fromhex(made["public_key_hex"])
        keys = key_list_of(
            credential.community,
            1,
            NOW,
            [record_of(public, KeyRole.PASS, NOW - timedelta(days=99), NOW + timedelta(days=999))],
        )
        context = CheckContext(
            keys=keys,
            community=credential.community,
            now=max(credential.valid_from, NOW),
            clock_is_trusted=True,
            directory=_everything_valid(credential.status_index, credential.community),
        )
        # The holder of a vector is unknown: its bare pass is checked up to the holder's own stage.
        check = check_code(write_text(CodeForm.STATIC, envelope).encode(), context)
        if credential.holder_key is None:
            assert isinstance(check, VerifiedCode)
            assert check.credential == credential
        else:
            assert not isinstance(check, VerifiedCode)
            assert (check.pass_id, check.stage.value) == (credential.pass_id, "holder")
        assert decode_claims(open_envelope(envelope).payload) == credential


def test_same_claims_and_key_make_the_same_bytes_as_cwt(cases: ModuleType) -> None:
    theirs, ours = cases.read_vectors("signed_by_cwt.json"), cases.read_vectors("signed_by_us.json")
    assert theirs["public_key_hex"] == ours["public_key_hex"]
    for case, its, own in zip(cases.read_vectors("cases.json"), theirs["vectors"], ours["vectors"], strict=True):
        assert encode_claims(cases.pass_of(case["claims"])).hex() == its["payload_hex"]
        assert own["envelope_hex"] == its["envelope_hex"]
        assert own["text"] == write_text(CodeForm.STATIC, bytes.fromhex(its["envelope_hex"]))


def test_cwt_read_from_ours_what_we_wrote(cases: ModuleType) -> None:
    read = cases.read_vectors("read_by_cwt.json")["vectors"]
    for vector, its in zip(cases.read_vectors("signed_by_us.json")["vectors"], read, strict=True):
        payload = open_envelope(bytes.fromhex(vector["envelope_hex"])).payload
        assert _printable(cbor.decode(payload)) == its["claims"]


def test_holders_code_of_a_vector_is_golden(cases: ModuleType) -> None:
    """The frame around the pass: an array of three, the envelope as bytes, the step, 64 bytes."""
    envelope = bytes.fromhex(cases.read_vectors("signed_by_us.json")["vectors"][0]["envelope_hex"])
    holder: SoftwareHolder = new_software_holder()
    step = step_at(NOW)
    signature = holder.sign(open_envelope(envelope), step)
    head = b"\x83\x58" + bytes([len(envelope)])
    body = head + envelope + b"\x1a" + step.to_bytes(4, "big") + b"\x58\x40" + signature
    assert holder.code(envelope, step) == write_text(CodeForm.HOLDER, body)
    assert replace(holder).public[0] in (2, 3)


def _everything_valid(up_to: int, community: str) -> Directory:
    all_valid = PassStatus.VALID.value * 0b01010101
    return Directory(
        community=community, version=1, issued_at=NOW, statuses=bytes([all_valid]) * (up_to // 4 + 1), households={}
    )


def _printable(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _printable(item) for key, item in value.items()}
    return f"h'{value.hex()}'" if isinstance(value, bytes) else value
