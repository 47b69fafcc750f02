"""All topics of the bus, written and read in one place. Page: docs/bus.md.

`gh/1/{compound}/{device}/{verb}…`; the compound's own things stand under the device `_`, the centre under the compound
`_`. No personal data stands in a topic.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from model.identities import CompoundId, DeviceId, Epoch
from mqtt.errors import TopicInvalid

ROOT: Final = "gh/1"
NOBODY: Final = "_"
CENTER_DEVICE: Final = DeviceId("center")
CENTER_COMPOUND: Final = CompoundId(NOBODY)
MAX_DIRECTORY_CHUNKS: Final = 10_000

_NAME = re.compile(r"[a-z0-9-]{1,32}")
_EPOCH = re.compile(r"[0-9a-f]{16}")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


class Verb(Enum):
    """What a topic carries."""

    STATUS = "status"
    STATE = "state"
    EVENT = "event"
    ACK = "ack"
    USED = "used"
    OUTING_CLAIM = "outing/claim"
    OUTING_ANSWER = "outing/answer"
    COMMAND = "command"
    REPLY = "reply"
    DIRECTORY = "directory"


DEVICE_WRITES: Final = (Verb.STATUS, Verb.STATE, Verb.EVENT, Verb.USED, Verb.OUTING_CLAIM, Verb.REPLY)
DEVICE_READS: Final = (Verb.STATUS, Verb.ACK, Verb.OUTING_ANSWER, Verb.COMMAND)
CENTER_WRITES: Final = (Verb.ACK, Verb.OUTING_ANSWER, Verb.COMMAND)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTopic:
    """A topic of one device. epoch: set exactly for EVENT and ACK."""

    compound: CompoundId
    device: DeviceId
    verb: Verb
    epoch: Epoch | None = None

    def __str__(self) -> str:
        """The topic as it stands on the bus."""
        ending = f"/{self.epoch}" if self.epoch is not None else ""
        return f"{ROOT}/{self.compound}/{self.device}/{self.verb.value}{ending}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryTopic:
    """A chunk of a compound's directory. chunk counts from 0."""

    compound: CompoundId
    version: int
    chunk: int

    def __str__(self) -> str:
        """The topic as it stands on the bus."""
        return f"{ROOT}/{self.compound}/{NOBODY}/{Verb.DIRECTORY.value}/{self.version}/{self.chunk}"


Topic = DeviceTopic | DirectoryTopic


def parse_topic(text: str) -> Topic:
    """Read a topic. Raises TopicInvalid on everything that this page does not name."""
    parts = text.split("/")
    if len(parts) < 5 or parts[:2] != ROOT.split("/"):
        raise TopicInvalid(f"not a topic of {ROOT}: {text[:80]!r}")
    compound, device, rest = parts[2], parts[3], parts[4:]
    is_center = compound == NOBODY and device == CENTER_DEVICE and rest == [Verb.STATUS.value]
    if not is_center and _NAME.fullmatch(compound) is None:
        raise TopicInvalid(f"compound in {text[:80]!r}")
    if device == NOBODY:
        return _parse_directory(text, CompoundId(compound), rest)
    if _NAME.fullmatch(device) is None:
        raise TopicInvalid(f"device in {text[:80]!r}")
    return _parse_device(text, CompoundId(compound), DeviceId(device), rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a device stands on the bus; writes all its topics. Raises TopicInvalid on a bad name."""

    compound: CompoundId
    device: DeviceId

    def __post_init__(self) -> None:
        """Check the names once, so that every topic built from them is valid."""
        is_center = self.compound == CENTER_COMPOUND and self.device == CENTER_DEVICE
        if not is_center and _NAME.fullmatch(self.compound) is None:
            raise TopicInvalid(f"compound {self.compound!r}: expected 1 to 32 of a-z, 0-9, hyphen")
        if _NAME.fullmatch(self.device) is None:
            raise TopicInvalid(f"device {self.device!r}: expected 1 to 32 of a-z, 0-9, hyphen")

    def topic(self, verb: Verb) -> str:
        """A topic without an epoch."""
        return str(DeviceTopic(compound=self.compound, device=self.device, verb=verb))

    def event(self, epoch: Epoch) -> str:
        """Where this device's records of an epoch go."""
        return str(DeviceTopic(compound=self.compound, device=self.device, verb=Verb.EVENT, epoch=epoch))

    def ack(self, epoch: Epoch) -> str:
        """Where the centre's mark for an epoch stands, retained."""
        return str(DeviceTopic(compound=self.compound, device=self.device, verb=Verb.ACK, epoch=epoch))

    def acks(self) -> str:
        """Filter: the centre's marks for all epochs of this device."""
        return f"{ROOT}/{self.compound}/{self.device}/{Verb.ACK.value}/+"

    def others_used(self) -> str:
        """Filter: holder's codes consumed at any gate of the compound, this one included."""
        return f"{ROOT}/{self.compound}/+/{Verb.USED.value}"

    def directories(self) -> str:
        """Filter: all chunks of the compound's directory."""
        return f"{ROOT}/{self.compound}/{NOBODY}/{Verb.DIRECTORY.value}/#"


CENTER: Final = Address(compound=CENTER_COMPOUND, device=CENTER_DEVICE)
CENTER_STATUS: Final = CENTER.topic(Verb.STATUS)


def every(verb: Verb) -> str:
    """Filter of the centre: a verb of every device in every compound."""
    ending = "/+" if verb in (Verb.EVENT, Verb.ACK) else ""
    return f"{ROOT}/+/+/{verb.value}{ending}"


def _parse_directory(text: str, compound: CompoundId, rest: list[str]) -> DirectoryTopic:
    if len(rest) != 3 or rest[0] != Verb.DIRECTORY.value or not all(_NUMBER.fullmatch(part) for part in rest[1:]):
        raise TopicInvalid(f"not a topic of a directory: {text[:80]!r}")
    chunk = int(rest[2])
    if chunk >= MAX_DIRECTORY_CHUNKS:
        raise TopicInvalid(f"chunk {chunk}: at most {MAX_DIRECTORY_CHUNKS - 1}")
    return DirectoryTopic(compound=compound, version=int(rest[1]), chunk=chunk)


def _parse_device(text: str, compound: CompoundId, device: DeviceId, rest: list[str]) -> DeviceTopic:
    if rest[0] in (Verb.EVENT.value, Verb.ACK.value):
        if len(rest) != 2 or _EPOCH.fullmatch(rest[1]) is None:
            raise TopicInvalid(f"epoch in {text[:80]!r}")
        return DeviceTopic(compound=compound, device=device, verb=Verb(rest[0]), epoch=Epoch(rest[1]))
    verb = next((verb for verb in Verb if verb.value == "/".join(rest)), None)
    if verb is None or verb is Verb.DIRECTORY:
        raise TopicInvalid(f"verb in {text[:80]!r}")
    return DeviceTopic(compound=compound, device=device, verb=verb)
