"""What can go wrong with a record or its journal, by what the caller does next."""


class JournalError(Exception):
    """Root of this package's errors. The message says what to do."""


class RecordInvalid(JournalError):
    """A body, envelope or personal part that the format does not allow: correct the caller, or quarantine the bytes."""


class AlreadyConsumed(JournalError):
    """This (pass, step) was consumed before; nothing was written. Deny the code as used."""

    def __init__(self, pass_id: str, step: int) -> None:
        super().__init__(f"holder's code of pass {pass_id}, step {step}, has been used: refuse it")
        self.pass_id = pass_id
        self.step = step


class JournalFull(JournalError):
    """No room for another record: nothing was written and nothing may be released by it. Free the disk."""


class JournalUnavailable(JournalError):
    """The disk is read-only or fails: nothing was written. Check the card and its mount."""


class JournalDamaged(JournalError):
    """The file cannot be trusted as a database: open it again, which salvages what holds."""


class JournalBusy(JournalError):
    """Another process holds the journal, or the commit queue is full: refuse this one, try again later."""


class JournalLost(JournalUnavailable):
    """The file was removed, replaced or cut while in use: nothing more is acknowledged from it.

    The next append moves to a new file with everything that can still be read, and goes on there.
    """
