"""Identities that cross the walls between rooms."""

from typing import NewType

CommunityId = NewType("CommunityId", str)
"""A community (小区 or 社区), the issuer of passes: 1 to 16 characters of a-z, 0-9 and hyphen."""

CompoundId = NewType("CompoundId", str)
"""An enclosed compound with its gates: 1 to 32 characters of a-z, 0-9 and hyphen; stands in bus topics."""

DeviceId = NewType("DeviceId", str)
"""A certified device on the bus: 1 to 32 characters of a-z, 0-9 and hyphen; the CN of its certificate."""

HouseholdId = NewType("HouseholdId", int)
"""A household of the community's register, 1 to 2**31-1. Says nothing about its members."""

PassId = NewType("PassId", str)
"""The cti of a pass: 16 lower-case hexadecimal digits (8 random bytes)."""

KeyId = NewType("KeyId", str)
"""The kid of a signing key: 16 lower-case hexadecimal digits (first 8 bytes of SHA-256 of the public key)."""

Epoch = NewType("Epoch", str)
"""One life of one journal: 16 lower-case hexadecimal digits, random."""

Seq = NewType("Seq", int)
"""Position of a record in its (device, epoch): 1, 2, 3 … without gaps."""

GateNumber = NewType("GateNumber", int)
"""Number of an access point within its community, 0 to 63: its bit in a pass's gate bitmap."""

VisitId = NewType("VisitId", int)
"""A visit within one run of a terminal: 1, 2, 3 …"""

GuardId = NewType("GuardId", str)
"""A guard of a gate: 1 to 16 of a-z, 0-9 and underscore, beginning with a letter. Records name guards by it alone."""

ClaimId = NewType("ClaimId", str)
"""A gate's claim of one outing: 16 lower-case hexadecimal digits, random. The same claim has the same answer."""

VisitNumber = NewType("VisitNumber", str)
"""A visitor's number as a guard writes it on a slip: 3-28-014-1. Made and read by model.visit_numbers."""
