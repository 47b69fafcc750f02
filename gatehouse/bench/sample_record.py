"""A decision's record as a gate writes it, with all its inputs."""

from datetime import UTC, datetime, timedelta

from drivers.ports import CodeScanned
from gate.core import effects as out
from gate.core import events as ev
from gate.core.lane import Lane, step
from gate.core.settings import LaneSettings
from gate.shell.wall_clock import WallClock
from gatehouse.bench.community import Community
from journal.body import build_body
from model.clock import ClockTrust
from model.credentials import Scanner
from model.directory import Directory
from model.identities import GateNumber
from model.passing import Direction
from model.records import VisitStep, fields_of
from model.temperature import BurstReading, Celsius
from passes.check import CheckContext, check_code

NORMAL_SKIN_C = Celsius(33.6)
_STEP_LIMIT_S = 600.0
"""Nobody walks away while a bench prepares the next visit."""


def lane_waiting_for_a_code(community: Community, directory: Directory, clock: WallClock) -> Lane:
    """A lane on the way in where somebody stands whose temperature is normal: only the code is missing."""
    settings = LaneSettings(
        gate=GateNumber(1),
        direction=Direction.IN,
        steps=(VisitStep.MEASURE, VisitStep.SCAN),
        step_limit_s=dict.fromkeys(VisitStep, _STEP_LIMIT_S),
        has_door_contact=False,
    )
    lane = Lane(settings=settings, rules=community.rules, directory=directory, clock_trust=clock.trust)
    at = clock.instant()
    standing = step(lane, ev.PresenceChanged(at=at, is_present=True))
    request = next(effect.request for effect in standing.effects if isinstance(effect, out.StartMeasurement))
    reading = BurstReading(at=at, samples_c=(NORMAL_SKIN_C,) * 5, can_c=Celsius(21.0))
    return step(standing.lane, ev.TemperatureMeasured(at=at, request=request, reading=reading)).lane


def sample_body(community: Community) -> dict[str, object]:
    """The body of a grant by a paper pass; its visit is number 1."""
    clock = WallClock(ClockTrust.DECLARED, community.now - timedelta(days=1))
    directory = community.directory()
    scanned = CodeScanned(at=clock.instant(), scanner=Scanner.SERIAL, text=community.paper(0).text.encode())
    context = CheckContext(
        keys=community.keys,
        community=community.name,
        now=datetime.now(UTC),
        clock_is_trusted=True,
        directory=directory,
    )
    check = check_code(scanned.text, context)
    shown = ev.CredentialPresented(at=scanned.at, scanner=scanned.scanner, check=check)
    decided = step(lane_waiting_for_a_code(community, directory, clock), shown)
    record = next(effect.record for effect in decided.effects if isinstance(effect, out.StoreRecord))
    kind, fields = fields_of(record)
    return build_body(kind, clock.timestamp(), fields)
