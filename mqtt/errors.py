"""What can go wrong on the bus, by what the caller does next."""


class BusError(Exception):
    """Root of this package's errors. The message says what to do."""


class TopicInvalid(BusError):
    """A topic that this system does not use, or a part that no topic may hold."""


class MessageInvalid(BusError):
    """A payload that does not fit its message: drop it, or quarantine it."""


class IdentityInvalid(BusError):
    """Certificate, key or authority missing or unusable: provision the device again."""


class BrokerMissing(BusError):
    """No Mosquitto on this machine, or it does not start: install it or free its port."""
