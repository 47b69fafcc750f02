"""What a driver raises; the subclass says what the caller does next."""


class DriverError(Exception):
    """Root of all that drivers raise. The message says what to do."""


class DriverUnavailable(DriverError):
    """The hardware or its wire is not there now; retry later."""


class DriverSettingsRefused(DriverError):
    """The settings can't work on any hardware; correct the settings file."""


class ReadingInvalid(DriverError):
    """What came over the wire is not a reading. `got` keeps the offending bytes."""

    def __init__(self, message: str, got: bytes) -> None:
        super().__init__(message)
        self.got = got
