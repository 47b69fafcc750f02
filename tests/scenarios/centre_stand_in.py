"""What stands in for the centre, in the scenario's loop: carries used codes from gate to gate, sends sets to all.

A lane sees it as its bus. What else a bus comes to carry (claims of outings and their answers) is added to `LaneBus`;
answers are given by `call_soon` or `call_later` of the loop, so that they take virtual time alone.
"""

from collections.abc import Callable, Sequence

from gate.core import events as ev
from gate.shell.inbox import InboxItem, UsedElsewhere
from gate.shell.terminal_parts import LaneReport
from model.clock import Instant
from model.directory import Directory
from model.identities import PassId
from model.records import ConsumedCode
from model.rules import RuleSet
from passes.directory import DirectoryDocument


class CentreStandIn:
    """The centre of one scenario. Everything on the loop's thread."""

    def __init__(self, monotonic: Callable[[], float], rules: RuleSet, held: DirectoryDocument) -> None:
        """rules, held: what every gate begins with."""
        self._monotonic = monotonic
        self._rules = [rules]
        self._document = held
        self._gates: dict[str, Callable[[InboxItem], None]] = {}
        self.reports: dict[str, LaneReport] = {}

    def bus_of(self, name: str) -> "LaneBus":
        """The way to the centre of one lane."""
        return LaneBus(self, name)

    def connect(self, name: str, post: Callable[[InboxItem], None]) -> None:
        """A lane listens from now on."""
        self._gates[name] = post

    def send_directory(self, document: DirectoryDocument) -> None:
        """A new directory reaches every gate."""
        self._document = document
        self._send_set()

    def send_rules(self, rules: RuleSet) -> None:
        """New rules reach every gate, beside those that it has."""
        self._rules.append(rules)
        self._send_set()

    def note_used(self, by: str, code: ConsumedCode) -> None:
        """A gate consumed a holder's code: the others hear of it."""
        for name, post in self._gates.items():
            if name != by:
                post(UsedElsewhere(code=code))

    def _send_set(self) -> None:
        for post in self._gates.values():
            for item in _items_of(self._document.directory, self._rules, Instant(self._monotonic())):
                post(item)


def _items_of(directory: Directory, rules: Sequence[RuleSet], at: Instant) -> tuple[InboxItem, ...]:
    """A set as it enters a terminal's inbox."""
    return ev.DirectoryReplaced(at=at, directory=directory), ev.RulesReplaced(at=at, rules=rules[-1])


class LaneBus:
    """A lane's bus."""

    def __init__(self, centre: CentreStandIn, name: str) -> None:
        self._centre = centre
        self._name = name

    def report(self, report: LaneReport) -> None:
        self._centre.reports[self._name] = report

    def tell_used(self, pass_id: str, step: int) -> None:
        self._centre.note_used(self._name, ConsumedCode(pass_id=PassId(pass_id), step=step))
