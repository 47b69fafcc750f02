"""A small community with keys, a directory and genuine passes, all from a seed: the ground that mutants are made on."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from model.credentials import Colour, Pass, PassFlags, PassKind
from model.directory import Directory, PassStatus
from model.identities import CommunityId, HouseholdId, PassId
from passes import cbor
from passes.check import CheckContext
from passes.claims import to_claims
from passes.code_text import CodeForm, write_text
from passes.directory import pack_statuses
from passes.envelope import EDDSA, Envelope, open_envelope, protected_header, seal, to_be_signed
from passes.holder import SoftwareHolder, step_at, write_holder_code
from passes.keys import KeyRole, SigningKey, key_list_of, record_of

COMMUNITY = CommunityId("jinhu-04")
NOW = datetime(2026, 11, 22, 8, 0, 7, tzinfo=UTC)
VALID, REVOKED, SUSPENDED, UNKNOWN = range(800), range(800, 900), range(900, 1000), range(1000, 1400)
"""Status indices by what the directory says of them; UNKNOWN reaches beyond the end of its bitmap."""

_YEARS = timedelta(days=730)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """Keys of the community by what they may sign; `stranger` is on no list."""

    office: SigningKey
    visitor: SigningKey
    directory: SigningKey
    release: SigningKey
    retired: SigningKey
    future: SigningKey
    stranger: SigningKey


class World:
    """Makes passes and codes; the same seed makes the same keys, passes and codes."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.signers = Signers(**{name: self._new_key() for name in Signers.__slots__})
        self.holder = self.new_holder()
        self.context = self._new_context()

    def new_holder(self) -> SoftwareHolder:
        """A holder's key."""
        return SoftwareHolder(private=derive_private_key(self.random.randrange(1, 2**255), SECP256R1()))

    def new_pass(self, *, has_holder: bool, is_holder_needed: bool | None = None) -> Pass:
        """Claims that hold now."""
        rng = self.random
        needed = has_holder if is_holder_needed is None else is_holder_needed
        return Pass(
            pass_id=PassId(rng.randbytes(8).hex()),
            community=COMMUNITY,
            household=HouseholdId(rng.randrange(1, 20_000)),
            colour=rng.choice(list(Colour)),
            kind=rng.choice(list(PassKind)),
            gates=rng.choice([None, 0b10, 0b110]),
            schedule=rng.choice([0, 0, 3]),
            status_index=rng.choice(VALID),
            flags=PassFlags.HOLDER_CODE_NEEDED if needed else PassFlags.NONE,
            valid_from=NOW.replace(microsecond=0) - timedelta(hours=rng.randrange(1, 100)),
            valid_until=NOW.replace(microsecond=0) + timedelta(hours=rng.randrange(1, 300)),
            masked_name=rng.choice([None, "张*"]),
            holder_key=self.holder.public if has_holder else None,
        )

    def any_pass(self) -> Pass:
        """Claims of a paper pass or of a phone's, by chance."""
        return self.new_pass(has_holder=self.random.random() < 0.5)

    def sign(
        self, content: Pass | dict[int, object] | bytes, *, by: SigningKey | None = None, protected: bytes | None = None
    ) -> Envelope:
        """An envelope around claims or any payload, under the header given; signed by the office if nobody is named."""
        key = by or self.signers.office
        if isinstance(content, Pass):
            content = to_claims(content)
        payload = content if isinstance(content, bytes) else cbor.encode(content)
        header = protected_header(EDDSA, key.key_id) if protected is None else protected
        return Envelope(
            protected=header,
            payload=payload,
            signature=key.private.sign(to_be_signed(header, payload)),
            algorithm=EDDSA,
            key_id=key.key_id,
        )

    def show(self, envelope: Envelope, *, raw: bytes | None = None, holder: SoftwareHolder | None = None) -> bytes:
        """The code of an envelope: a holder's with `holder`, else static. raw: its bytes where they are unusual."""
        raw = seal(envelope.protected, envelope.payload, envelope.signature) if raw is None else raw
        if holder is None:
            return write_text(CodeForm.STATIC, raw).encode()
        step = step_at(self.context.now)
        return write_holder_code(raw, step, holder.sign(envelope, step)).encode()

    def show_for(self, credential: Pass, envelope: Envelope, *, raw: bytes | None = None) -> bytes:
        """The code that the pass's holder would show: with a holder's key a fresh holder's code, else static."""
        return self.show(envelope, raw=raw, holder=self.holder if credential.holder_key else None)

    def genuine(self, *, has_holder: bool) -> tuple[Envelope, bytes]:
        """A genuine pass as envelope and bytes."""
        raw = self.signers.office.sign(cbor.encode(to_claims(self.new_pass(has_holder=has_holder))))
        return open_envelope(raw), raw

    def genuine_code(self) -> bytes:
        """A code that is accepted now."""
        credential = self.any_pass()
        return self.show_for(credential, self.sign(credential))

    def visitor_pass(self, hours: int) -> Pass:
        """Claims of a visitor's pass that began an hour ago."""
        begin = NOW.replace(microsecond=0) - timedelta(hours=1)
        return replace(
            self.new_pass(has_holder=False),
            kind=PassKind.VISITOR,
            valid_from=begin,
            valid_until=begin + timedelta(hours=hours),
        )

    def _new_key(self) -> SigningKey:
        return SigningKey(private=Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32)))

    def _new_context(self) -> CheckContext:
        signers = self.signers
        begin, end = NOW - _YEARS, NOW + _YEARS
        records = [
            record_of(signers.office.public, KeyRole.PASS, begin, end),
            record_of(signers.visitor.public, KeyRole.VISITOR, begin, end),
            record_of(signers.directory.public, KeyRole.DIRECTORY, begin, end),
            record_of(signers.release.public, KeyRole.RELEASE, begin, end),
            record_of(signers.retired.public, KeyRole.PASS, begin, NOW),
            record_of(signers.future.public, KeyRole.PASS, NOW + timedelta(seconds=1), end),
        ]
        statuses = dict.fromkeys(VALID, PassStatus.VALID) | dict.fromkeys(REVOKED, PassStatus.REVOKED)
        statuses |= dict.fromkeys(SUSPENDED, PassStatus.SUSPENDED)
        return CheckContext(
            keys=key_list_of(COMMUNITY, 1, NOW, records),
            community=COMMUNITY,
            now=NOW,
            clock_is_trusted=True,
            directory=Directory(
                community=COMMUNITY, version=1, issued_at=NOW, statuses=pack_statuses(statuses), households={}
            ),
        )
