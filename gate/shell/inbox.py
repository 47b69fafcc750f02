"""What may enter a terminal's inbox, beside the readings of its devices."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from drivers.ports import Reading
from gate.core import events as ev
from gate.core.lane import Lane
from gate.screens import Refusal
from gate.shell.guard_orders import Taken
from gate.shell.records import Answered
from journal.high_water import Replaced
from model.clock import Instant
from model.directory import Directory
from model.records import ConsumedCode, Record
from model.rule_set import RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedElsewhere:
    """Another gate of the compound consumed a holder's code."""

    code: ConsumedCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """A person's order. take: what the lane makes of it when its turn comes. answered: None once the lane took it."""

    take: Callable[[Lane, Instant], Taken | Refusal]
    answered: Callable[[Refusal | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something that the shell records by itself. noted: it is on its way to the disk."""

    record: Record
    noted: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalOpened:
    """What a journal says when it is opened: its last trusted time, and what was here before it and is gone."""

    last_good_time: datetime | None
    replaced: Replaced | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedSetCame:
    """A newer set of the centre: its directory and its rules, followed from the same moment on."""

    directory: Directory
    rules: tuple[RuleSet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondPassed:
    """About once a second, in its turn: whoever serves the inbox still lives."""


InboxItem = (
    Reading | ev.Event | Answered | UsedElsewhere | Ordered | Noted | JournalOpened | SignedSetCame | SecondPassed
)
