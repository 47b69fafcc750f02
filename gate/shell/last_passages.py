"""The last passage of each pass at this gate: a static code that goes the same way again may be in another hand."""

from collections import OrderedDict
from typing import Final

from model.credentials import VerifiedCode
from model.facts import Facts
from model.identities import PassId
from model.passback import LastPassage
from model.reasons import Outcome
from model.records import DecisionRecord, PassageEnd, PassageRecord, Record
from model.vehicle_check import occupants_of

PASSES_KEPT: Final = 20_000


class LastPassages:
    """Belongs to the inbox's thread. A passage counts from its grant on; one that was not taken is forgotten."""

    def __init__(self) -> None:
        self._last: OrderedDict[PassId, LastPassage] = OrderedDict()

    def of(self, pass_id: PassId) -> LastPassage | None:
        """None when this gate knows of none."""
        return self._last.get(pass_id)

    def follow(self, record: Record) -> None:
        """Learn from a record."""
        match record:
            case DecisionRecord() if record.decision.outcome is Outcome.GRANTED:
                for facts in (record.facts, *occupants_of(record.facts)):
                    self._granted(facts)
            case PassageRecord() if record.end is PassageEnd.NOT_TAKEN and record.pass_id is not None:
                self._last.pop(record.pass_id, None)
            case _:
                return

    def take_back(self, record: DecisionRecord) -> None:
        """This grant is not on disk, so nothing was released: nobody passed by it."""
        for facts in (record.facts, *occupants_of(record.facts)):
            if isinstance(facts.code, VerifiedCode):
                self._last.pop(facts.code.credential.pass_id, None)

    def _granted(self, facts: Facts) -> None:
        if not isinstance(facts.code, VerifiedCode) or facts.at is None:
            return
        self._last[facts.code.credential.pass_id] = LastPassage(direction=facts.direction, at=facts.at)
        self._last.move_to_end(facts.code.credential.pass_id)
        if len(self._last) > PASSES_KEPT:
            self._last.popitem(last=False)
