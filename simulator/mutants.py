"""What forgers try, per stage of checking: codes that this one stage keeps out.

Every mutant of a stage is refused by that stage, and accepted once the stage is switched off: it fails for one reason
alone. `noise` belongs to no stage: damage that several stages would catch. Used by the tests and the long command.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from model.credentials import CheckStage, PassKind
from model.identities import CommunityId, HouseholdId
from passes import cbor
from passes.claims import CLAIM_GATEHOUSE, to_claims
from passes.code_text import ALPHABET, MAX_CODE_LENGTH, PREFIX_LENGTH, CodeForm, form_of, write_text
from passes.envelope import COSE_SIGN1_TAG, EDDSA, Envelope, protected_header, seal
from passes.holder import STEP_TOLERANCE, step_at, write_holder_code
from simulator.mutant_world import NOW, REVOKED, SUSPENDED, UNKNOWN, World


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A code that must be refused. stage: the one that keeps it out; None for noise."""

    stage: CheckStage | None
    trick: str
    text: bytes


Trick = Callable[[World], bytes]


def make_mutant(world: World, stage: CheckStage | None) -> Mutant:
    """A mutant of the stage's class, its trick chosen by the world's random numbers."""
    tricks = TRICKS[stage]
    trick = tricks[world.random.randrange(len(tricks))]
    return Mutant(stage=stage, trick=trick.__name__.strip("_"), text=trick(world))


def _oversized(world: World) -> bytes:
    letters = "".join(world.random.choices("abcdefgh", k=world.random.randrange(MAX_CODE_LENGTH // 2 + 100, 600)))
    return world.show(world.sign(replace(world.new_pass(has_holder=False), masked_name=letters)))


def _lower_case(world: World) -> bytes:
    text = world.genuine_code()
    letters = [place for place, character in enumerate(text) if character in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    chosen = set(world.random.sample(letters, world.random.randrange(1, len(letters) + 1)))
    return bytes(character + 32 if place in chosen else character for place, character in enumerate(text))


def _other_prefix(world: World) -> bytes:
    prefix = bytes(world.random.choices(ALPHABET, k=PREFIX_LENGTH))
    if form_of(prefix):
        prefix = b"HC1:"
    return prefix + world.genuine_code()[PREFIX_LENGTH:]


def _overflowing_group(world: World) -> bytes:
    text = bytearray(world.genuine_code())
    starts = list(range(PREFIX_LENGTH, len(text) - 2, 3))
    world.random.shuffle(starts)
    for start in starts:
        number = sum(ALPHABET.index(character) * 45**place for place, character in enumerate(text[start : start + 3]))
        if number + 65536 < 45**3:
            number += 65536
            text[start : start + 3] = [ALPHABET[number // 45**place % 45] for place in range(3)]
            return bytes(text)
    return _dangling_character(world)


def _dangling_character(world: World) -> bytes:
    while True:
        text = world.genuine_code()
        if (len(text) - PREFIX_LENGTH) % 3 == 0:
            return text + bytes([world.random.choice(ALPHABET)])


def _not_canonical(world: World) -> bytes:
    credential = world.any_pass()
    envelope = world.sign(credential)
    return world.show_for(credential, envelope, raw=world.random.choice(_encodings(envelope)))


def _other_header(world: World) -> bytes:
    credential = world.any_pass()
    kid = bytes.fromhex(world.signers.office.key_id)
    header = world.random.choice(
        [
            cbor.encode({1: EDDSA, 3: 61, 4: kid}),
            b"\xa2\x04\x48" + kid + b"\x01\x27",
            b"\xa2\x01\x38\x07\x04\x48" + kid,
            b"\xa3\x01\x27\x04\x48" + kid + b"\x04\x48" + kid,
            b"\xa2\xf5\x27\x04\x48" + kid,  # true in place of 1
            b"\xbf\x01\x27\x04\x48" + kid + b"\xff",
        ]
    )
    return world.show_for(credential, world.sign(credential, protected=header))


def _holder_code_not_canonical(world: World) -> bytes:
    envelope, raw = world.genuine(has_holder=True)
    step = step_at(NOW)
    wrapped = cbor.encode(raw)
    long_step = b"\x1b" + step.to_bytes(8, "big")
    signature = cbor.encode(world.holder.sign(envelope, step))
    body = world.random.choice(
        [
            b"\x83" + wrapped + long_step + signature,
            b"\x9f" + wrapped + cbor.encode(step) + signature + b"\xff",
            b"\x83" + wrapped + cbor.encode(step) + signature + world.random.randbytes(3),
        ]
    )
    return write_text(CodeForm.HOLDER, body).encode()


def _encodings(envelope: Envelope) -> list[bytes]:
    protected, payload, signature = (
        cbor.encode(part) for part in (envelope.protected, envelope.payload, envelope.signature)
    )
    long_signature = b"\x59\x00\x40" + envelope.signature
    long_payload = b"\x59" + len(envelope.payload).to_bytes(2, "big") + envelope.payload
    return [
        b"\xd2\x84" + protected + b"\xa0" + payload + long_signature,
        b"\xd2\x84" + protected + b"\xa0" + long_payload + signature,
        b"\xd2\x84" + protected + b"\xbf\xff" + payload + signature,
        b"\xd2\x9f" + protected + b"\xa0" + payload + signature + b"\xff",
        b"\xd8\x12\x84" + protected + b"\xa0" + payload + signature,
        b"\x84" + protected + b"\xa0" + payload + signature,
        b"\xd2\x84" + protected + b"\xa0" + payload + signature + b"\x00",
        cbor.encode_tagged(COSE_SIGN1_TAG, [envelope.protected, {1: -7}, envelope.payload, envelope.signature]),
    ]


def _other_role(world: World) -> bytes:
    key = world.random.choice([world.signers.directory, world.signers.release])
    credential = world.any_pass()
    return world.show_for(credential, world.sign(credential, by=key))


def _key_not_in_force(world: World) -> bytes:
    key = world.random.choice([world.signers.retired, world.signers.future])
    credential = world.any_pass()
    return world.show_for(credential, world.sign(credential, by=key))


def _unknown_kid(world: World) -> bytes:
    credential = world.any_pass()
    kid = world.random.randbytes(8).hex()
    return world.show_for(credential, world.sign(credential, protected=cbor.encode({1: EDDSA, 4: bytes.fromhex(kid)})))


def _other_algorithm(world: World) -> bytes:
    credential = world.any_pass()
    algorithm = world.random.choice([-7, -19, -37, -257, 0, 5])
    header = protected_header(algorithm, world.signers.office.key_id)
    return world.show_for(credential, world.sign(credential, protected=header))


def _visitor_key_beyond_its_right(world: World) -> bytes:
    credential = world.visitor_pass(hours=world.random.randrange(25, 1000))
    if world.random.random() < 0.5:
        credential = replace(world.visitor_pass(hours=12), kind=PassKind.RESIDENT)
    return world.show(world.sign(credential, by=world.signers.visitor))


def _altered_signature(world: World) -> bytes:
    credential = world.any_pass()
    envelope = world.sign(credential)
    place = world.random.randrange(len(envelope.signature) * 8)
    flipped = int.from_bytes(envelope.signature, "big") ^ 1 << place
    return world.show_for(credential, replace(envelope, signature=flipped.to_bytes(64, "big")))


def _altered_claims(world: World) -> bytes:
    credential = world.any_pass()
    signature = world.sign(credential).signature
    altered = world.random.choice(
        [
            replace(credential, household=HouseholdId(credential.household % 20_000 + 1)),
            replace(credential, valid_until=credential.valid_until + timedelta(days=30)),
            replace(credential, gates=0b1000),
            replace(credential, pass_id=world.any_pass().pass_id),
        ]
    )
    return world.show_for(altered, replace(world.sign(altered), signature=signature))


def _stranger_under_the_offices_kid(world: World) -> bytes:
    credential = world.any_pass()
    header = protected_header(EDDSA, world.signers.office.key_id)
    return world.show_for(credential, world.sign(credential, by=world.signers.stranger, protected=header))


def _own_key_in_anothers_pass(world: World) -> bytes:
    envelope = world.sign(world.new_pass(has_holder=True))
    thief = world.new_holder()
    stolen = replace(world.new_pass(has_holder=True), holder_key=thief.public)
    return world.show(replace(world.sign(stolen), signature=envelope.signature), holder=thief)


def _other_community(world: World) -> bytes:
    credential = replace(world.any_pass(), community=CommunityId(world.random.choice(["jinhu-05", "x", "jinhu-04-b"])))
    return world.show_for(credential, world.sign(credential))


def _unsound_claims(world: World) -> bytes:
    credential = replace(world.any_pass(), schedule=0)
    claims = to_claims(credential)
    inner = dict(cbor.as_map(claims[CLAIM_GATEHOUSE]))
    claims[CLAIM_GATEHOUSE] = inner
    change = world.random.randrange(6)
    if change == 0:
        claims[world.random.choice([1, 2, 3, 6, -65538])] = world.random.randrange(100)
    elif change == 1:
        inner[world.random.randrange(9, 30)] = 1
    elif change == 2:
        inner[5] = 0  # a default written out
    elif change == 3:
        inner[7] = int(credential.flags) | 1 << world.random.randrange(2, 31)
    elif change == 4:
        inner[1] = 0
    else:
        inner[4] = 0
    return world.show_for(credential, world.sign(claims))


def _claims_not_canonical(world: World) -> bytes:
    credential = world.any_pass()
    payload = cbor.encode(to_claims(credential))
    expires = payload.index(b"\x04\x1a")
    long_form = payload[: expires + 1] + b"\x1b\x00\x00\x00\x00" + payload[expires + 2 :]
    return world.show_for(credential, world.sign(world.random.choice([long_form, payload + b"\x00"])))


def _expired(world: World) -> bytes:
    ago = timedelta(seconds=world.random.choice([7, 8, 3600, 86400, 86400 * 300]))
    credential = replace(world.any_pass(), valid_from=NOW - timedelta(days=400), valid_until=NOW - ago)
    return world.show_for(credential, world.sign(credential))


def _not_yet_valid(world: World) -> bytes:
    ahead = timedelta(seconds=world.random.choice([1, 2, 3600, 86400]))
    credential = replace(world.any_pass(), valid_from=NOW + ahead, valid_until=NOW + timedelta(days=400))
    return world.show_for(credential, world.sign(credential))


def _status(world: World) -> bytes:
    indices = world.random.choice([REVOKED, SUSPENDED, UNKNOWN])
    credential = replace(world.any_pass(), status_index=world.random.choice(indices))
    return world.show_for(credential, world.sign(credential))


def _bare_pass(world: World) -> bytes:
    return world.show(world.sign(world.new_pass(has_holder=True)))


def _stale_step(world: World) -> bytes:
    distance = world.random.choice([STEP_TOLERANCE + 1, STEP_TOLERANCE + 2, 120, 2880])
    step = step_at(NOW) + distance * world.random.choice([-1, 1])
    envelope, raw = world.genuine(has_holder=True)
    return write_holder_code(raw, step, world.holder.sign(envelope, step)).encode()


def _step_rewritten(world: World) -> bytes:
    envelope, raw = world.genuine(has_holder=True)
    screenshot = world.holder.sign(envelope, step_at(NOW) - world.random.randrange(2, 3000))
    return write_holder_code(raw, step_at(NOW), screenshot).encode()


def _another_holder(world: World) -> bytes:
    has_key = world.random.random() < 0.5
    envelope = world.sign(world.new_pass(has_holder=has_key, is_holder_needed=False))
    return world.show(envelope, holder=world.new_holder())


def _altered_holder_signature(world: World) -> bytes:
    envelope, raw = world.genuine(has_holder=True)
    step = step_at(NOW)
    flipped = int.from_bytes(world.holder.sign(envelope, step), "big") ^ 1 << world.random.randrange(512)
    return write_holder_code(raw, step, flipped.to_bytes(64, "big")).encode()


def _signature_of_another_pass(world: World) -> bytes:
    step = step_at(NOW)
    mine, _ = world.genuine(has_holder=True)
    _, theirs = world.genuine(has_holder=True)
    return write_holder_code(theirs, step, world.holder.sign(mine, step)).encode()


def _truncated(world: World) -> bytes:
    text = world.genuine_code()
    return text[: world.random.randrange(len(text))]


def _altered_character(world: World) -> bytes:
    text = bytearray(world.genuine_code())
    place = world.random.randrange(len(text))
    text[place] = world.random.choice([byte for byte in range(256) if byte != text[place]])
    return bytes(text)


def _altered_byte(world: World) -> bytes:
    envelope, raw = world.genuine(has_holder=False)
    altered = bytearray(raw)
    altered[world.random.randrange(len(raw))] ^= world.random.randrange(1, 256)
    return world.show(envelope, raw=bytes(altered))


def _spliced(world: World) -> bytes:
    while True:
        first, second = world.genuine_code(), world.genuine_code()
        head, tail = world.random.randrange(20, len(first) - 20), world.random.randrange(20, len(second))
        spliced = first[:head] + second[tail:]
        # Codes of one key begin alike: cut there, the splice is one of the two genuine codes again.
        if spliced not in (first, second):
            return spliced


def _random_text(world: World) -> bytes:
    length = world.random.randrange(MAX_CODE_LENGTH + 100)
    if world.random.random() < 0.3:
        return world.random.randbytes(length)
    prefix = world.random.choice([form.value for form in CodeForm] + [b"", b"HTTPS://"])
    return prefix + bytes(world.random.choices(ALPHABET, k=length))


def _unsigned_shell(world: World) -> bytes:
    payload = world.random.randbytes(world.random.randrange(80))
    header = protected_header(EDDSA, world.signers.office.key_id)
    return write_text(CodeForm.STATIC, seal(header, payload, world.random.randbytes(64))).encode()


TRICKS: Mapping[CheckStage | None, tuple[Trick, ...]] = {
    CheckStage.LENGTH: (_oversized,),
    CheckStage.CHARSET: (_lower_case,),
    CheckStage.PREFIX: (_other_prefix,),
    CheckStage.BASE45: (_overflowing_group, _dangling_character),
    CheckStage.ENVELOPE: (_not_canonical, _other_header, _holder_code_not_canonical),
    CheckStage.KEY: (_other_role, _key_not_in_force, _unknown_kid, _other_algorithm, _visitor_key_beyond_its_right),
    CheckStage.SIGNATURE: (
        _altered_signature,
        _altered_claims,
        _stranger_under_the_offices_kid,
        _own_key_in_anothers_pass,
    ),
    CheckStage.CLAIMS: (_other_community, _unsound_claims, _claims_not_canonical),
    CheckStage.TIME: (_expired, _not_yet_valid),
    CheckStage.STATUS: (_status,),
    CheckStage.HOLDER: (
        _bare_pass,
        _stale_step,
        _step_rewritten,
        _another_holder,
        _altered_holder_signature,
        _signature_of_another_pass,
    ),
    None: (_truncated, _altered_character, _altered_byte, _spliced, _random_text, _unsigned_shell),
}
"""Every class of mutants; None is noise."""
