"""Make the vectors of this folder with an implementation that is not ours: the `cwt` library.

Three steps, in two environments, because `cwt` wants other versions of its parts than Gatehouse:

    python -m venv oracle && oracle/bin/pip install cwt
    oracle/bin/python tests/vectors/passes/make.py sign       # cases.json -> signed_by_cwt.json
    python tests/vectors/passes/make.py ours                       # cases.json -> signed_by_us.json (Gatehouse's own)
    oracle/bin/python tests/vectors/passes/make.py --verify   # signed_by_us.json -> read_by_cwt.json

The key is a test key, made of the byte 0x42 alone; no gate holds it.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[2]
SEED = b"\x42" * 32


def main() -> int:
    """Run one step. Exit code 0; 1 when cwt could not read one of ours."""
    parser = argparse.ArgumentParser(description="Make or verify the vectors of passes.")
    parser.add_argument("step", nargs="?", choices=["sign", "ours"])
    parser.add_argument("--verify", action="store_true", help="let cwt read signed_by_us.json")
    arguments = parser.parse_args()
    if arguments.verify:
        return verify()
    if arguments.step is None:
        parser.error("name a step: sign, ours or --verify")
    return sign() if arguments.step == "sign" else ours()


def sign() -> int:
    """Sign every case with cwt alone."""
    import cbor2
    from cwt import COSE, Claims

    key, kid, public = _cwt_key()
    made = []
    for case in _read("cases.json"):
        claims = _claims(case["claims"])
        Claims.validate(claims)
        payload = cbor2.dumps(claims, canonical=True)
        envelope = COSE.new().encode_and_sign(payload, key, protected={1: -8, 4: kid}, unprotected={})
        made.append({"name": case["name"], "payload_hex": payload.hex(), "envelope_hex": envelope.hex()})
    _write("signed_by_cwt.json", {"made_with": _versions(), "public_key_hex": public.hex(), "vectors": made})
    return 0


def ours() -> int:
    """Sign every case with Gatehouse."""
    sys.path.insert(0, str(ROOT))
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from passes.claims import encode_claims
    from passes.code_text import CodeForm, write_text
    from passes.keys import SigningKey
    from tests.vectors.passes.cases import pass_of

    key = SigningKey(private=Ed25519PrivateKey.from_private_bytes(SEED))
    made = []
    for case in _read("cases.json"):
        envelope = key.sign(encode_claims(pass_of(case["claims"])))
        made.append(
            {"name": case["name"], "envelope_hex": envelope.hex(), "text": write_text(CodeForm.STATIC, envelope)}
        )
    _write("signed_by_us.json", {"made_with": "gatehouse", "public_key_hex": key.public.hex(), "vectors": made})
    return 0


def verify() -> int:
    """Let cwt verify and read what Gatehouse signed, and keep what it read."""
    from cwt import CWT

    key, _, _ = _cwt_key()
    read = []
    for vector in _read("signed_by_us.json")["vectors"]:
        # no_verify leaves the signature checked and skips exp and nbf: vectors must outlive their passes.
        claims = CWT.new().decode(bytes.fromhex(vector["envelope_hex"]), key, no_verify=True)
        read.append({"name": vector["name"], "claims": _printable(claims)})
        sys.stdout.write(f"cwt verified and read {vector['name']}\n")
    _write("read_by_cwt.json", {"made_with": _versions(), "vectors": read})
    return 0


def _claims(fields: dict) -> dict:
    inner = {
        number: fields[name]
        for number, name in enumerate(
            ["community", "household", "colour", "kind", "gates", "schedule", "status_index", "flags", "masked_name"]
        )
        if name in fields
    }
    claims = {
        4: fields["valid_until_unix_s"],
        5: fields["valid_from_unix_s"],
        7: bytes.fromhex(fields["pass_id"]),
        -65537: inner,
    }
    if "holder_key_hex" in fields:
        point = bytes.fromhex(fields["holder_key_hex"])
        claims[8] = {1: {1: 2, -1: 1, -2: point[1:], -3: point[0] == 3}}
    return claims


def _printable(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _printable(item) for key, item in value.items()}
    return f"h'{value.hex()}'" if isinstance(value, bytes) else value


def _cwt_key() -> tuple:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cwt import COSEKey

    public = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
    kid = hashlib.sha256(public).digest()[:8]
    return COSEKey.new({1: 1, 2: kid, 3: -8, -1: 6, -2: public, -4: SEED}), kid, public


def _versions() -> str:
    from importlib.metadata import version

    return f"cwt {version('cwt')}, cbor2 {version('cbor2')}, cryptography {version('cryptography')}"


def _read(name: str):
    return json.loads((FOLDER / name).read_text("utf-8"))


def _write(name: str, content: object) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False)
    (FOLDER / name).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
