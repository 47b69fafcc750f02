"""Look into a code without verifying anything: for people who search a fault, never for a decision."""

from collections.abc import Mapping, Sequence

from passes import code_text
from passes.claims import decode_claims
from passes.code_text import CodeForm
from passes.envelope import Envelope, open_envelope
from passes.errors import EncodingInvalid
from passes.holder import STEP_S, open_holder_code

Printable = str | int | bool | None | Sequence["Printable"] | Mapping[str, "Printable"]


def inspect_code(text: bytes) -> Mapping[str, Printable]:
    """What a code says, as JSON types. Nothing is verified. Raises EncodingInvalid when it can't be taken apart."""
    form = code_text.form_of(text)
    if form is None or len(text) > code_text.MAX_CODE_LENGTH:
        raise EncodingInvalid(
            f"expected a text that begins with GP1: or GD1:, at most {code_text.MAX_CODE_LENGTH} long"
        )
    raw = code_text.read_base45(text[code_text.PREFIX_LENGTH :])
    found: dict[str, Printable] = {"verified": False, "form": form.name.lower(), "characters": len(text)}
    if form is CodeForm.HOLDER:
        code = open_holder_code(raw)
        found["holder_step"] = code.step
        found["holder_step_begins_unix_s"] = code.step * STEP_S
        found["holder_signature"] = code.signature.hex()
        raw = code.envelope
    found["envelope_bytes"] = len(raw)
    return found | _describe(open_envelope(raw))


def _describe(envelope: Envelope) -> dict[str, Printable]:
    described: dict[str, Printable] = {
        "algorithm": envelope.algorithm,
        "key_id": envelope.key_id,
        "signature": envelope.signature.hex(),
        "payload_cbor": envelope.payload.hex(),
    }
    credential = decode_claims(envelope.payload)
    described["claims"] = {
        "pass_id": credential.pass_id,
        "community": credential.community,
        "household": credential.household,
        "colour": credential.colour.name.lower(),
        "kind": credential.kind.name.lower(),
        "gates": None if credential.gates is None else [n for n in range(64) if credential.gates >> n & 1],
        "schedule": credential.schedule,
        "status_index": credential.status_index,
        "flags": [flag.name.lower() for flag in credential.flags if flag.name],
        "valid_from": credential.valid_from.isoformat(),
        "valid_until": credential.valid_until.isoformat(),
        "masked_name": credential.masked_name,
        "holder_key": credential.holder_key.hex() if credential.holder_key else None,
    }
    return described
