"""Check a code: the stages in their order, from the cheapest to the directory.

    LENGTH, CHARSET, PREFIX, BASE45   is it ours at all
    ENVELOPE, KEY, SIGNATURE          who signed it
    CLAIMS, TIME, STATUS, HOLDER      what does it say, does it hold now, is it in its holder's hand

Nothing of the claims is read before the signature was verified. Gate, schedule, household and single use are judged by
the rules, not here. Each stage can be switched off, so that a test can show what it protects from; a stage that is off
reads as a careless reader would (docs/pass-format.md has the table).
"""

from dataclasses import dataclass
from datetime import datetime

from model.credentials import CheckedCode, CheckStage, Pass, PassFlags, RefusalDetail, RefusedCode, VerifiedCode
from model.directory import Directory, PassStatus
from model.identities import CommunityId, KeyId
from passes import code_text
from passes.claims import MASKED_NAME_LIMIT, decode_claims
from passes.code_text import CodeForm
from passes.envelope import Envelope, open_envelope
from passes.errors import CodeRefused, EncodingInvalid
from passes.holder import HolderCode, is_signed_by_holder, is_step_current, open_holder_code
from passes.keys import KeyList, KeyRecord, KeyRole

ALL_STAGES = frozenset(CheckStage)
_PASS_ROLES = (KeyRole.PASS, KeyRole.VISITOR)
_STATUS_DETAILS = {
    PassStatus.UNKNOWN: RefusalDetail.NOT_ON_DIRECTORY,
    PassStatus.REVOKED: RefusalDetail.REVOKED,
    PassStatus.SUSPENDED: RefusalDetail.SUSPENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What a code is checked against.

    now: aware UTC; with an untrusted clock the last good time. directory: None when the gate never received one, and
    then no pass is on it.
    """

    keys: KeyList
    community: CommunityId
    now: datetime
    clock_is_trusted: bool
    directory: Directory | None

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            raise ValueError("CheckContext.now must be aware")


def check_code(text: bytes, context: CheckContext, stages: frozenset[CheckStage] = ALL_STAGES) -> CheckedCode:
    """Check what a scanner read; total: whatever the bytes, the answer is a verified or a refused code."""
    check = _Check(context=context, stages=stages)
    try:
        return check.run(text)
    except CodeRefused as refusal:
        verified = check.verified
        return RefusedCode(
            stage=refusal.stage,
            detail=refusal.detail,
            pass_id=verified.pass_id if verified else None,
            household=verified.household if verified else None,
        )


class _Check:
    """One run through the stages. `verified` is set once the signature was verified and the claims were read."""

    def __init__(self, *, context: CheckContext, stages: frozenset[CheckStage]) -> None:
        self.verified: Pass | None = None
        self._context = context
        self._off = ALL_STAGES - stages

    def run(self, text: bytes) -> VerifiedCode:
        """Every stage in its order. Raises CodeRefused."""
        raw, form = self._read_text(text)
        envelope, code = self._open(raw, form)
        record = self._find_key(envelope)
        key_id = self._verify_signature(envelope, record)
        credential = self._read_claims(envelope, record)
        self._judge_time(credential)
        self._judge_status(credential)
        needs_guard = self._judge_holder(credential, envelope, code)
        return VerifiedCode(
            credential=credential, key_id=key_id, holder_step=code.step if code else None, needs_guard=needs_guard
        )

    def _read_text(self, text: bytes) -> tuple[bytes, CodeForm | None]:
        form = code_text.form_of(text)
        # A code that begins as ours was meant for us: damaged. Anything else is somebody else's.
        detail = RefusalDetail.DAMAGED if form else RefusalDetail.NOT_A_PASS
        is_sized = code_text.MIN_CODE_LENGTH <= len(text) <= code_text.MAX_CODE_LENGTH
        if not is_sized and self._is_on(CheckStage.LENGTH):
            raise CodeRefused(CheckStage.LENGTH, detail)
        if not self._is_on(CheckStage.CHARSET):
            text = text.upper()
            form = form or code_text.form_of(text)
        elif not code_text.is_in_alphabet(text):
            raise CodeRefused(CheckStage.CHARSET, detail)
        if form is None and self._is_on(CheckStage.PREFIX):
            raise CodeRefused(CheckStage.PREFIX, RefusalDetail.NOT_A_PASS)
        read = code_text.read_base45 if self._is_on(CheckStage.BASE45) else code_text.read_base45_leniently
        try:
            return read(text[code_text.PREFIX_LENGTH :]), form
        except EncodingInvalid as error:
            raise CodeRefused(CheckStage.BASE45, RefusalDetail.DAMAGED) from error

    def _open(self, raw: bytes, form: CodeForm | None) -> tuple[Envelope, HolderCode | None]:
        is_strict = self._is_on(CheckStage.ENVELOPE)
        try:
            if form is CodeForm.STATIC:
                return open_envelope(raw, is_strict=is_strict), None
            if form is CodeForm.HOLDER:
                return self._open_holder_code(raw, is_strict)
            # Only with PREFIX off: guess the form from the content.
            try:
                return open_envelope(raw, is_strict=is_strict), None
            except EncodingInvalid:
                return self._open_holder_code(raw, is_strict)
        except EncodingInvalid as error:
            raise CodeRefused(CheckStage.ENVELOPE, RefusalDetail.DAMAGED) from error

    @staticmethod
    def _open_holder_code(raw: bytes, is_strict: bool) -> tuple[Envelope, HolderCode]:
        code = open_holder_code(raw, is_strict=is_strict)
        return open_envelope(code.envelope, is_strict=is_strict), code

    def _find_key(self, envelope: Envelope) -> KeyRecord | None:
        record = self._context.keys.find(envelope.key_id)
        if self._is_on(CheckStage.KEY) and (
            record is None
            or record.role not in _PASS_ROLES
            or record.algorithm != envelope.algorithm
            or not record.is_in_force(self._context.now)
        ):
            raise CodeRefused(CheckStage.KEY, RefusalDetail.FORGED)
        return record

    def _verify_signature(self, envelope: Envelope, record: KeyRecord | None) -> KeyId:
        if not self._is_on(CheckStage.SIGNATURE):
            return envelope.key_id
        # Without a record (only with KEY off) a careless reader tries every key that it knows.
        candidates = [record] if record else list(self._context.keys.records.values())
        for candidate in candidates:
            if candidate.verifies(envelope):
                return candidate.key_id
        raise CodeRefused(CheckStage.SIGNATURE, RefusalDetail.FORGED)

    def _read_claims(self, envelope: Envelope, record: KeyRecord | None) -> Pass:
        is_strict = self._is_on(CheckStage.CLAIMS)
        name_limit = MASKED_NAME_LIMIT if self._is_on(CheckStage.LENGTH) else None
        try:
            credential = decode_claims(envelope.payload, is_strict=is_strict, name_limit=name_limit)
        except EncodingInvalid as error:
            raise CodeRefused(CheckStage.CLAIMS, RefusalDetail.DAMAGED) from error
        self.verified = credential if self._is_on(CheckStage.SIGNATURE) else None
        # What a role may sign can only be judged now that the kind is known, but it is the key that is refused.
        if self._is_on(CheckStage.KEY) and record is not None and not record.may_sign(credential):
            raise CodeRefused(CheckStage.KEY, RefusalDetail.FORGED)
        if is_strict and credential.community != self._context.community:
            raise CodeRefused(CheckStage.CLAIMS, RefusalDetail.OTHER_COMMUNITY)
        return credential

    def _judge_time(self, credential: Pass) -> None:
        if not self._is_on(CheckStage.TIME):
            return
        if self._context.now < credential.valid_from:
            raise CodeRefused(CheckStage.TIME, RefusalDetail.NOT_YET_VALID)
        if self._context.now >= credential.valid_until:
            raise CodeRefused(CheckStage.TIME, RefusalDetail.EXPIRED)

    def _judge_status(self, credential: Pass) -> None:
        if not self._is_on(CheckStage.STATUS):
            return
        directory = self._context.directory
        status = directory.status_of(credential.status_index) if directory else PassStatus.UNKNOWN
        if status is not PassStatus.VALID:
            raise CodeRefused(CheckStage.STATUS, _STATUS_DETAILS[status])

    def _judge_holder(self, credential: Pass, envelope: Envelope, code: HolderCode | None) -> bool:
        """Whether a guard must judge, because the holder's step can't be judged by this clock."""
        if not self._is_on(CheckStage.HOLDER):
            return False
        if code is None:
            if PassFlags.HOLDER_CODE_NEEDED in credential.flags:
                raise CodeRefused(CheckStage.HOLDER, RefusalDetail.HOLDER_CODE_MISSING)
            return False
        if credential.holder_key is None or not is_signed_by_holder(credential.holder_key, envelope, code):
            raise CodeRefused(CheckStage.HOLDER, RefusalDetail.HOLDER_CODE_FORGED)
        if not self._context.clock_is_trusted:
            return True
        if not is_step_current(code.step, self._context.now):
            raise CodeRefused(CheckStage.HOLDER, RefusalDetail.HOLDER_CODE_STALE)
        return False

    def _is_on(self, stage: CheckStage) -> bool:
        # Nearly always all are on, and then no enum needs to be hashed.
        return not self._off or stage not in self._off
