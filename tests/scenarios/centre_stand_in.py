"""What stands in for the centre, in the scenario's loop: carries used codes from gate to gate, sends sets to all.

A lane sees it as its bus. What else a bus comes to carry (claims of outings and their answers) is added to `LaneBus`;
answers are given by `call_soon` or `call_later` of the loop, so that they take virtual time alone.
"""

from collections.abc import Callable

from gate.shell.inbox import InboxItem, SignedSetCame, UsedElsewhere
from gate.shell.signed_set import SignedSet
from gate.shell.terminal_parts import LaneReport
from model.identities import PassId
from model.records import ConsumedCode


class CentreStandIn:
    """The centre of one scenario. Everything on the loop's thread."""

    def __init__(self) -> None:
        self._gates: dict[str, Callable[[InboxItem], None]] = {}
        self.reports: dict[str, LaneReport] = {}

    def bus_of(self, name: str) -> "LaneBus":
        """The way to the centre of one lane."""
        return LaneBus(self, name)

    def connect(self, name: str, post: Callable[[InboxItem], None]) -> None:
        """A lane listens from now on."""
        self._gates[name] = post

    def send(self, signed: SignedSet) -> None:
        """A new set reaches every gate."""
        for post in self._gates.values():
            post(SignedSetCame(directory=signed.document.directory, rules=signed.rules))

    def note_used(self, by: str, code: ConsumedCode) -> None:
        """A gate consumed a holder's code: the others hear of it."""
        for name, post in self._gates.items():
            if name != by:
                post(UsedElsewhere(code=code))


class LaneBus:
    """A lane's bus."""

    def __init__(self, centre: CentreStandIn, name: str) -> None:
        self._centre = centre
        self._name = name

    def report(self, report: LaneReport) -> None:
        self._centre.reports[self._name] = report

    def tell_used(self, pass_id: str, step: int) -> None:
        self._centre.note_used(self._name, ConsumedCode(pass_id=PassId(pass_id), step=step))
