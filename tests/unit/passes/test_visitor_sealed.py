"""What a guard types of a visitor: only the centre reads it, and only in the record for which it was sealed."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key

from model.identities import CommunityId, DeviceId, VisitNumber
from model.visitors import VisitorRegistration
from passes.errors import KeyFileRefused
from passes.sealed import SealedPartRefused
from passes.visitor_sealed import (
    create_visitors_key,
    load_visitors_key,
    load_visitors_public_key,
    open_registration,
    seal_registration,
)

WANG = VisitorRegistration(name="王小明", id_number="11010519491231002X", phone="13800138000")
HERE, GATE, SLIP = CommunityId("longcheng"), DeviceId("gate-1-in"), VisitNumber("3-28-014-1")


@pytest.fixture(scope="module")
def key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def sealed_for(key: EllipticCurvePrivateKey) -> str:
    return seal_registration(WANG, key.public_key(), community=HERE, device=GATE, number=SLIP)


def opened(text: str, key: EllipticCurvePrivateKey, **other: str) -> VisitorRegistration:
    names = {"community": HERE, "device": GATE, "number": SLIP} | other
    return open_registration(
        text,
        key,
        community=CommunityId(names["community"]),
        device=DeviceId(names["device"]),
        number=VisitNumber(names["number"]),
    )


def test_the_centre_reads_what_was_typed(key: EllipticCurvePrivateKey) -> None:
    assert opened(sealed_for(key), key) == WANG


def test_nothing_of_it_can_be_seen_and_no_two_are_alike(key: EllipticCurvePrivateKey) -> None:
    one, other = sealed_for(key), sealed_for(key)
    assert one != other
    assert one.isascii()
    assert len(one) < 300
    for personal in (WANG.name, WANG.id_number, WANG.phone):
        assert personal not in one


@pytest.mark.parametrize("moved", [{"community": "other"}, {"device": "gate-2-in"}, {"number": "3-28-015-1"}])
def test_moved_to_another_record_it_does_not_open(moved: dict[str, str], key: EllipticCurvePrivateKey) -> None:
    with pytest.raises(SealedPartRefused):
        opened(sealed_for(key), key, **moved)


def test_another_key_does_not_open_it(key: EllipticCurvePrivateKey) -> None:
    with pytest.raises(SealedPartRefused):
        opened(sealed_for(key), generate_private_key(SECP256R1()))


@pytest.mark.parametrize("text", ["", "GV1:", "GV1:????", "GV2:AAAA", "GV1:" + "A" * 200])
def test_anything_else_is_refused(text: str, key: EllipticCurvePrivateKey) -> None:
    with pytest.raises(SealedPartRefused):
        opened(text, key)


def test_key_files_are_made_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    private, public = tmp_path / "visitors.key", tmp_path / "visitors.pub"
    create_visitors_key(private, public)
    assert private.stat().st_mode & 0o777 == 0o600
    text = seal_registration(WANG, load_visitors_public_key(public), community=HERE, device=GATE, number=SLIP)
    assert opened(text, load_visitors_key(private)) == WANG
    with pytest.raises(KeyFileRefused, match="exists already"):
        create_visitors_key(private, public)
    os.chmod(private, 0o644)
    with pytest.raises(KeyFileRefused, match="chmod 600"):
        load_visitors_key(private)


def test_missing_or_wrong_keys_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyFileRefused, match=r"visitors\.pub"):
        load_visitors_public_key(tmp_path / "visitors.pub")
    with pytest.raises(KeyFileRefused, match="backup"):
        load_visitors_key(tmp_path / "visitors.key")
    wrong = tmp_path / "wrong.pub"
    wrong.write_text("no key", encoding="ascii")
    with pytest.raises(KeyFileRefused, match="not a public key"):
        load_visitors_public_key(wrong)
