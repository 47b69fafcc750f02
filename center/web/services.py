"""What the pages call: handed in by the composition, so that a test can hand in its own."""

from collections.abc import Callable
from dataclasses import dataclass

from center.accounts.sessions import Sessions
from center.desk.chains import ChainView
from center.desk.gates import GateView
from center.desk.live import LiveFeed
from center.desk.losses import LossBook
from center.desk.passages import PassageView
from center.outings.overdue import OverdueRow
from center.registry.residents import Residents
from center.registry.visitors import VisitorBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the centre does its work. bus: connected; ingest: its thread runs and the database takes what comes."""

    bus: bool
    ingest: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All services behind the pages. directory_changed: told after a change that gates must hear of.

    overdue: who should be back by now, the longest overdue first.
    """

    sessions: Sessions
    passages: PassageView
    gates: GateView
    chains: ChainView
    losses: LossBook
    live: LiveFeed
    residents: Residents
    health: Callable[[], Health]
    directory_changed: Callable[[], None]
    visitors: VisitorBook
    overdue: Callable[[], tuple[OverdueRow, ...]] = lambda: ()
