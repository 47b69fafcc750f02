"""Signed documents of the office: an envelope like a pass's, another kind of content, a key of the right role."""

from datetime import datetime
from enum import IntEnum

from passes.envelope import Envelope, open_envelope
from passes.errors import DocumentFault, DocumentRefused, EncodingInvalid
from passes.keys import KeyList, KeyRecord, KeyRole


class DocumentKind(IntEnum):
    """First element of every signed document, so that one can never be taken for another; numbers never change."""

    KEY_LIST = 1
    DIRECTORY = 2
    DIRECTORY_CHUNK = 3


def open_document(raw: bytes, *, keys: KeyList, role: KeyRole) -> tuple[bytes, KeyRecord]:
    """The payload of a document that a key of that role signed, and the key's record.

    Whether the key is in force is the caller's question (`require_in_force`): for what arrives, now; for what was
    stored, when it was issued. Raises DocumentRefused.
    """
    envelope = _open(raw)
    record = keys.find(envelope.key_id)
    if record is None or record.algorithm != envelope.algorithm:
        raise DocumentRefused(DocumentFault.UNKNOWN_KEY, f"key {envelope.key_id} is not on the key list")
    if record.role is not role:
        raise DocumentRefused(DocumentFault.WRONG_ROLE, f"a {record.role.name.lower()} key may not sign this")
    if not record.verifies(envelope):
        raise DocumentRefused(DocumentFault.FORGED, f"key {envelope.key_id} did not sign this")
    return envelope.payload, record


def require_in_force(record: KeyRecord, moment: datetime) -> None:
    """Raise DocumentRefused unless the key's signatures are accepted at that moment."""
    if not record.is_in_force(moment):
        raise DocumentRefused(DocumentFault.KEY_NOT_IN_FORCE, f"key {record.key_id} is not in force at {moment:%F %T}")


def _open(raw: bytes) -> Envelope:
    try:
        return open_envelope(raw)
    except EncodingInvalid as error:
        raise DocumentRefused(DocumentFault.MALFORMED, str(error)) from error
