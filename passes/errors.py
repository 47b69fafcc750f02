"""What can go wrong in this room, by what the caller does next."""

from enum import Enum

from model.credentials import CheckStage, RefusalDetail


class PassError(Exception):
    """Root of this room's errors."""


class EncodingInvalid(PassError):
    """Bytes are not what their format says. Never carries the bytes: they may name a person."""


class CodeRefused(PassError):
    """A stage of checking refused a code; becomes a RefusedCode before it leaves the room."""

    def __init__(self, stage: CheckStage, detail: RefusalDetail) -> None:
        super().__init__(f"{stage.value}: {detail.value}")
        self.stage = stage
        self.detail = detail


class CannotIssue(PassError):
    """A pass would not be accepted anywhere, so it is not signed; the message says which claim to change."""


class KeyFileRefused(PassError):
    """A key file is missing, unsafe or not a key; the message says what to do."""


class DocumentFault(Enum):
    """Why a signed document was not taken."""

    MALFORMED = "malformed"  # cut, not canonical, another kind of document
    TOO_LARGE = "too_large"
    UNKNOWN_KEY = "unknown_key"
    WRONG_ROLE = "wrong_role"
    KEY_NOT_IN_FORCE = "key_not_in_force"
    FORGED = "forged"
    OTHER_COMMUNITY = "other_community"
    NOT_NEWER = "not_newer"
    DIGEST_MISMATCH = "digest_mismatch"  # the chunks do not make the document that each of them names
    VERSION_REUSED = "version_reused"  # another document under the number of the held one
    RULES_INVALID = "rules_invalid"  # the rules that travel with it can't be read here


class DocumentRefused(PassError):
    """A signed document is not taken; keep the one that is held."""

    def __init__(self, fault: DocumentFault, explanation: str) -> None:
        super().__init__(f"{fault.value}: {explanation}")
        self.fault = fault
