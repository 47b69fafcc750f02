"""From what a scanner read to what the core is told about it."""

from drivers.ports import CodeScanned
from gate.core.events import CredentialPresented
from gate.shell.last_passages import LastPassages
from gate.shell.wall_clock import WallClock
from journal.late import AnyJournal
from model.credentials import CheckStage, CodeCheck, RefusalDetail, RefusedCode, VerifiedCode
from model.directory import Directory
from model.identities import CommunityId
from passes.check import CheckContext, check_code
from passes.keys import KeyList


class CodeReader:
    """Checks codes with the keys, the directory and the clock of now. Belongs to the inbox's thread."""

    def __init__(
        self,
        *,
        keys: KeyList,
        community: CommunityId,
        directory: Directory | None,
        clock: WallClock,
        journal: AnyJournal,
    ) -> None:
        self.keys = keys
        self.directory = directory
        self._community = community
        self._clock = clock
        self._journal = journal
        self.passages = LastPassages()

    def read(self, scanned: CodeScanned) -> CredentialPresented:
        """Check one code; total. The holder's step counts as used when any grant that we know of has consumed it."""
        check = self._check(scanned)
        is_used = False
        if isinstance(check, VerifiedCode) and check.holder_step is not None:
            is_used = self._journal.is_consumed(check.credential.pass_id, check.holder_step)
        last = self.passages.of(check.credential.pass_id) if isinstance(check, VerifiedCode) else None
        return CredentialPresented(
            at=scanned.at, scanner=scanned.scanner, check=check, code_is_used=is_used, last_passage=last
        )

    def _check(self, scanned: CodeScanned) -> CodeCheck:
        if scanned.several:
            return RefusedCode(stage=CheckStage.LENGTH, detail=RefusalDetail.SEVERAL_CODES)
        return check_code(
            scanned.text,
            CheckContext(
                keys=self.keys,
                community=self._community,
                now=self._clock.now(),
                clock_is_trusted=self._clock.trust.is_trusted,
                directory=self.directory,
            ),
        )
