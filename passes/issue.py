"""Issue a pass."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from model.credentials import Pass, PassFlags
from model.identities import PassId
from passes.claims import PASS_ID_LENGTH, encode_claims
from passes.code_text import CodeForm, write_text
from passes.errors import CannotIssue, EncodingInvalid
from passes.holder import is_holder_key
from passes.keys import KeyRecord, SigningKey


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedPass:
    """A signed pass. envelope: its COSE bytes, which a phone keeps; text: the static code (paper)."""

    credential: Pass
    envelope: bytes
    text: str


def new_pass_id() -> PassId:
    """A fresh random pass number."""
    return PassId(secrets.token_hex(PASS_ID_LENGTH))


def issue_pass(credential: Pass, key: SigningKey, record: KeyRecord) -> IssuedPass:
    """Sign a pass; fractions of a second are cut off its validity.

    record: the key's entry in the key list that gates hold. Raises CannotIssue when no gate would accept the pass.
    """
    credential = replace(
        credential, valid_from=_whole(credential.valid_from), valid_until=_whole(credential.valid_until)
    )
    _require_acceptable(credential, key, record)
    try:
        payload = encode_claims(credential)
    except EncodingInvalid as error:
        raise CannotIssue(f"a claim is out of its range: {error}") from error
    envelope = key.sign(payload)
    return IssuedPass(credential=credential, envelope=envelope, text=write_text(CodeForm.STATIC, envelope))


def _require_acceptable(credential: Pass, key: SigningKey, record: KeyRecord) -> None:
    if record.key_id != key.key_id:
        raise CannotIssue(f"the key list's entry is for {record.key_id}, the key at hand is {key.key_id}")
    if not record.may_sign(credential):
        raise CannotIssue(
            f"a {record.role.name.lower()} key may not sign this pass; "
            "a visitor key signs visitors' passes of at most 24 hours, a pass key any"
        )
    if not (record.valid_from <= credential.valid_from and credential.valid_until <= record.valid_until):
        raise CannotIssue(
            f"the pass must lie within its key's time, {record.valid_from:%Y-%m-%d} to {record.valid_until:%Y-%m-%d}; "
            "shorten it or use the next key"
        )
    needs_holder = PassFlags.HOLDER_CODE_NEEDED in credential.flags
    if needs_holder and credential.holder_key is None:
        raise CannotIssue("a pass that needs the holder's code must carry the holder's key")
    if credential.holder_key is not None and not is_holder_key(credential.holder_key):
        raise CannotIssue("the holder's key is not a compressed point on P-256 (33 bytes)")


def _whole(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise CannotIssue("a time without a time zone; give it as UTC")
    return moment.replace(microsecond=0)
