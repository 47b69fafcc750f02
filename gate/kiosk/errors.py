"""What the kiosk raises; the subclass says what the caller does next."""


class KioskError(Exception):
    """Root of all that the kiosk raises. The message says what to do."""


class TerminalSilent(KioskError):
    """The terminal gave no answer; whether it did what was ordered is not known. Try again when it is back."""


class TooManyOpen(KioskError):
    """Every place for a page is taken; close some."""


class ServerRefused(KioskError):
    """Address, port or certificate can't be used; correct the settings."""
