"""Which rules hold at this gate now: those of the signed set whose day has come, and until then those of its settings.

By the clock that can be believed: while it can't, a change of rules waits until the last good time has come to its day.
"""

from collections.abc import Sequence
from datetime import datetime

from model.rule_set import RuleSet
from model.rules_in_force import in_force_at


class RulesOnHand:
    """The rule sets of this gate. On the inbox's thread."""

    def __init__(self, first: RuleSet) -> None:
        """first: of the settings, in force until a signed version has come."""
        self._first = first
        self._signed: tuple[RuleSet, ...] = ()
        self._issued_at: datetime | None = None

    def replace(self, signed: Sequence[RuleSet], issued_at: datetime) -> None:
        """The rules of a newer set take the place of the former's. issued_at: when the set was signed."""
        self._signed, self._issued_at = tuple(signed), issued_at

    def at(self, now: datetime) -> RuleSet:
        """What holds at this moment. Cheap: it is asked every second."""
        # The centre leaves out what was over when it signed: a clock that is a little slow must not look for it.
        moment = now if self._issued_at is None else max(now, self._issued_at)
        return in_force_at(moment, self._signed) or self._first
