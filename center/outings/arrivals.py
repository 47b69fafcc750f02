"""What devices claim and what they are answered, as it crosses from one process to the other."""

from typing import NamedTuple

from mqtt.messages import OutingAnswer, OutingClaim


class ClaimArrived(NamedTuple):
    """A claim as a device's topic brought it."""

    compound: str
    device: str
    claim: OutingClaim


class AnswerGiven(NamedTuple):
    """An answer for the device that asked."""

    compound: str
    device: str
    answer: OutingAnswer
