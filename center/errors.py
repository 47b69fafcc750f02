"""What can go wrong at the centre. Each message says what to do; no personal data stands in one."""


class CenterError(Exception):
    """Root of all errors of the centre."""


class ConfigurationError(CenterError):
    """A setting, key file or port has to be put right before the centre can start."""


class StoreError(CenterError):
    """The database refused. Try again once what the message names has been put right."""


class DatabaseHeld(CenterError):
    """Another process works on the database; end it and try again."""


class BackupRefused(CenterError):
    """A backup can't be made or put back; nothing was changed."""


class ImportRefused(CenterError):
    """A CSV import found errors; nothing was imported. problems: each with its file and row."""

    def __init__(self, problems: "list[str]") -> None:
        self.problems = problems
        super().__init__("nothing was imported:\n" + "\n".join(problems))


class RulesRefused(CenterError):
    """A version of the rules can't be published as it is; nothing was changed."""


class RegisterEmpty(CenterError):
    """Nothing has been imported yet, so there is nothing to sign a directory from."""


class NotFound(CenterError):
    """What was asked for is not in the register or the record."""


class NotAllowed(CenterError):
    """Refused by a rule of the centre."""


class ReasonMissing(NotAllowed):
    """What was asked for needs a stated reason."""
