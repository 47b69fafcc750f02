"""Keys: pinned roles, the signed list, files that only their owner reads."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from model.credentials import CheckStage, PassKind, RefusedCode, VerifiedCode
from model.identities import CommunityId
from passes import cbor
from passes.check import check_code
from passes.errors import DocumentFault, DocumentRefused, KeyFileRefused
from passes.key_files import create_signing_key, load_signing_key
from passes.keys import (
    VISITOR_PASS_LIMIT,
    KeyList,
    KeyRole,
    accept_key_list,
    key_id_of,
    key_list_of,
    new_signing_key,
    record_of,
    sign_key_list,
)
from simulator.mutant_world import COMMUNITY, NOW, World

ROOT_KEY = new_signing_key()


def keys_of_version(version: int) -> KeyList:
    record = record_of(new_signing_key().public, KeyRole.PASS, NOW.replace(microsecond=0), NOW + timedelta(days=1))
    return key_list_of(COMMUNITY, version, NOW, [record])


def fault_of(document: bytes, *, held: KeyList | None = None, community: CommunityId = COMMUNITY) -> DocumentFault:
    with pytest.raises(DocumentRefused) as refused:
        accept_key_list(document, root_public=ROOT_KEY.public, community=community, held=held)
    return refused.value.fault


def test_key_list_survives_signing_and_reading() -> None:
    keys = keys_of_version(3)
    document = sign_key_list(keys, ROOT_KEY)
    assert accept_key_list(document, root_public=ROOT_KEY.public, community=COMMUNITY) == keys


def test_only_a_newer_key_list_replaces_the_held_one() -> None:
    held = keys_of_version(3)
    for version in (1, 2, 3):
        assert fault_of(sign_key_list(keys_of_version(version), ROOT_KEY), held=held) is DocumentFault.NOT_NEWER
    newer = sign_key_list(keys_of_version(4), ROOT_KEY)
    assert accept_key_list(newer, root_public=ROOT_KEY.public, community=COMMUNITY, held=held).version == 4


def test_key_list_of_another_root_another_community_or_altered_is_refused() -> None:
    document = sign_key_list(keys_of_version(1), ROOT_KEY)
    assert fault_of(sign_key_list(keys_of_version(9), new_signing_key())) is DocumentFault.UNKNOWN_KEY
    assert fault_of(document, community=CommunityId("elsewhere")) is DocumentFault.OTHER_COMMUNITY
    for place in range(len(document)):
        altered = document[:place] + bytes([document[place] ^ 1]) + document[place + 1 :]
        assert fault_of(altered) in (DocumentFault.FORGED, DocumentFault.MALFORMED, DocumentFault.UNKNOWN_KEY)
        assert fault_of(document[:place]) is DocumentFault.MALFORMED


def test_signed_document_of_another_kind_is_no_key_list() -> None:
    assert fault_of(ROOT_KEY.sign(cbor.encode([2, COMMUNITY, 1, 0, []]))) is DocumentFault.MALFORMED
    assert fault_of(ROOT_KEY.sign(b"")) is DocumentFault.MALFORMED


def test_key_with_two_roles_makes_the_list_malformed() -> None:
    public = new_signing_key().public
    rows = [[role.value, -8, public, 0, 2**31] for role in (KeyRole.PASS, KeyRole.DIRECTORY)]
    assert fault_of(ROOT_KEY.sign(cbor.encode([1, COMMUNITY, 1, 0, rows]))) is DocumentFault.MALFORMED
    single = ROOT_KEY.sign(cbor.encode([1, COMMUNITY, 1, 0, rows[:1]]))
    assert accept_key_list(single, root_public=ROOT_KEY.public, community=COMMUNITY).version == 1


def test_key_id_is_bound_to_its_key() -> None:
    keys = keys_of_version(1)
    assert all(key_id == key_id_of(record.public) for key_id, record in keys.records.items())


@pytest.mark.parametrize("role", [KeyRole.DIRECTORY, KeyRole.RELEASE])
def test_key_of_another_role_signs_no_pass(world: World, role: KeyRole) -> None:
    key = {KeyRole.DIRECTORY: world.signers.directory, KeyRole.RELEASE: world.signers.release}[role]
    check = check_code(world.show(world.sign(world.new_pass(has_holder=False), by=key)), world.context)
    assert isinstance(check, RefusedCode)
    assert check.stage is CheckStage.KEY


def test_visitor_key_signs_visitors_for_a_day_and_nothing_else(world: World) -> None:
    def stage_of(**changes: object) -> CheckStage | None:
        credential = replace(world.visitor_pass(hours=24), **changes)  # type: ignore[arg-type]
        check = check_code(world.show(world.sign(credential, by=world.signers.visitor)), world.context)
        return None if isinstance(check, VerifiedCode) else check.stage

    begin = world.visitor_pass(hours=24).valid_from
    assert stage_of() is None
    assert stage_of(valid_until=begin + VISITOR_PASS_LIMIT + timedelta(seconds=1)) is CheckStage.KEY
    for kind in PassKind:
        assert (stage_of(kind=kind) is None) == (kind is PassKind.VISITOR)


def test_created_key_is_owner_only_and_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "office.pem"
    created = create_signing_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_signing_key(path).key_id == created.key_id
    assert "private" not in repr(created).lower()


def test_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "office.pem"
    create_signing_key(path)
    before = path.read_bytes()
    with pytest.raises(KeyFileRefused, match="exists already"):
        create_signing_key(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_key_that_others_can_read_is_refused_with_the_command_that_helps(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "office.pem"
    create_signing_key(path)
    os.chmod(path, mode)
    with pytest.raises(KeyFileRefused, match="chmod 600"):
        load_signing_key(path)


def test_missing_file_other_key_and_nonsense_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(KeyFileRefused, match="no key file"):
        load_signing_key(tmp_path / "none.pem")
    other = tmp_path / "other.pem"
    other.write_bytes(
        generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_bytes(b"not a key")
    for path, word in ((other, "another kind"), (nonsense, "not a private key")):
        path.chmod(0o600)
        with pytest.raises(KeyFileRefused, match=word):
            load_signing_key(path)
    with pytest.raises(KeyFileRefused, match="cannot"):
        load_signing_key(tmp_path)
