"""What a gate knows of outings: from its records and from the centre, kept over a restart, asked for at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gate.core.effects import ClaimOuting, StoreRecord
from gate.core.events import OutingAnswered, RecordRefused
from gate.shell.outings import OUTINGS_KEPT, STATE_PREFIX, HouseholdOutings
from gate.shell.wall_clock import WallClock
from journal.body import build_body
from journal.store import Journal
from model.clock import ClockTrust
from model.credentials import VerifiedCode
from model.facts import ClaimAnswer, ClaimedOuting, Facts
from model.identities import ClaimId, DeviceId, HouseholdId, VisitId
from model.outings import Outing, OutingPurpose
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import DecisionRecord, PassageEnd, PassageRecord
from model.rules import Decision
from mqtt.messages import OutingAnswer, OutingClaim, OutingOutcome, OutingTold
from mqtt.outing_claims import OnDone, Unanswered
from tests.unit.model.builders import HOUSEHOLD, facts, rule_set
from tests.unit.shell.shell_world import NOON, Bench, VirtualTime

CLAIM = ClaimId("00112233445566aa")


@dataclass
class Carrier:
    """The centre's end: keeps what it was asked."""

    asked: list[tuple[OutingClaim, OnDone]] = field(default_factory=list)

    def claim_outing(self, claim: OutingClaim, on_done: OnDone) -> None:
        self.asked.append((claim, on_done))


@dataclass
class World:
    carrier: Carrier | None = field(default_factory=Carrier)
    posted: list[OutingAnswered] = field(default_factory=list)

    def __post_init__(self) -> None:
        clock = WallClock(ClockTrust.DECLARED, NOON, VirtualTime().sources())
        self.outings = HouseholdOutings(clock, self.carrier, self.posted.append)

    def claim(self) -> None:
        order = ClaimOuting(token=7, household=HOUSEHOLD, purpose=OutingPurpose.ORDINARY, people=1, at=NOON)
        self.outings.claim(order)

    def answer(self, answered: OutingAnswer | Unanswered) -> None:
        assert self.carrier is not None
        self.carrier.asked[-1][1](answered)


@pytest.fixture
def world() -> World:
    return World()


def way(
    direction: Direction = Direction.OUT,
    *,
    claim: ClaimId = CLAIM,
    answer: ClaimAnswer = ClaimAnswer.GRANTED,
    outcome: Outcome = Outcome.GRANTED,
    at: datetime = NOON,
) -> DecisionRecord:
    claimed = ClaimedOuting(claim=claim, answer=answer) if direction is Direction.OUT else None
    found: Facts = replace(facts(direction=direction), at=at, outing=claimed)
    return DecisionRecord(
        visit=VisitId(1),
        facts=found,
        rules=rule_set(),
        decision=Decision(outcome=outcome, reason=Reason.ADMITTED, check=None),
        steps=(),
        scanner=None,
        first_temperature=None,
        other_codes=0,
    )


def told(outcome: OutingOutcome, *outings: Outing) -> OutingAnswer:
    return OutingAnswer(claim=CLAIM, outcome=outcome, outings=tuple(OutingTold.of(each) for each in outings))


def test_each_claim_has_a_number_of_its_own_and_says_what_the_lane_said(world: World) -> None:
    world.claim()
    world.claim()
    assert world.carrier is not None
    (first, _), (second, _) = world.carrier.asked
    assert (first.household, first.purpose, first.people, first.at) == (HOUSEHOLD, OutingPurpose.ORDINARY, 1, NOON)
    assert first.claim != second.claim


def test_the_centres_word_enters_with_the_lanes_token(world: World) -> None:
    world.claim()
    world.answer(told(OutingOutcome.REFUSED))
    (answered,) = world.posted
    assert (answered.token, answered.claimed.answer) == (7, ClaimAnswer.REFUSED)


def test_without_an_answer_comes_what_this_gate_knows(world: World) -> None:
    world.outings.follow(way())
    world.claim()
    world.answer(Unanswered.TIMED_OUT)
    claimed = world.posted[-1].claimed
    assert claimed.answer is ClaimAnswer.UNANSWERED
    assert [outing.claim for outing in claimed.outings] == [CLAIM]


def test_a_gate_without_a_bus_is_answered_at_once() -> None:
    world = World(carrier=None)
    world.claim()
    assert world.posted[-1].claimed.answer is ClaimAnswer.UNANSWERED


@pytest.mark.parametrize("outcome", [Outcome.DENIED, Outcome.REFERRED])
def test_what_was_not_granted_is_no_outing(world: World, outcome: Outcome) -> None:
    assert world.outings.follow(way(outcome=outcome)) == {}
    assert world.outings.of(HOUSEHOLD) == ()


def test_a_grant_that_nobody_took_is_no_outing(world: World) -> None:
    world.outings.follow(way())
    passage = PassageRecord(visit=VisitId(1), end=PassageEnd.NOT_TAKEN, household=HOUSEHOLD, pass_id=None, outing=CLAIM)
    saved = world.outings.follow(passage)
    assert world.outings.of(HOUSEHOLD) == ()
    assert saved == {f"{STATE_PREFIX}{HOUSEHOLD}": "[]"}


def test_whoever_comes_home_ends_the_outing(world: World) -> None:
    world.outings.follow(way())
    home = NOON + timedelta(hours=1)
    world.outings.follow(way(Direction.IN, at=home))
    (outing,) = world.outings.of(HOUSEHOLD)
    assert outing.returned_at == home
    assert world.outings.follow(way(Direction.IN, at=home)) == {}  # nothing new to save


def test_only_so_many_are_kept_and_the_newest_stay(world: World) -> None:
    for number in range(OUTINGS_KEPT + 5):
        claim = ClaimId(f"{number:016x}")
        world.outings.follow(way(claim=claim, answer=ClaimAnswer.UNANSWERED, at=NOON + timedelta(hours=number)))
    kept = world.outings.of(HOUSEHOLD)
    assert len(kept) == OUTINGS_KEPT
    assert kept[-1].claim == f"{OUTINGS_KEPT + 4:016x}"


def test_a_restart_forgets_nothing_and_what_cannot_be_read_is_left_out(world: World, tmp_path: Path) -> None:
    saved: Mapping[str, str] = world.outings.follow(way())
    journal = Journal.open(tmp_path / "journal.db", DeviceId("gate-1"))
    at = WallClock(ClockTrust.DECLARED, NOON, VirtualTime().sources()).timestamp()
    state = {**saved, f"{STATE_PREFIX}9": '[{"claim": 3}]', f"{STATE_PREFIX}10": "{", "duty": "li_wei"}
    journal.append(build_body("mode", at, {}), None, (), state)
    after = World()
    after.outings.load(journal)
    journal.close()
    assert after.outings.of(HOUSEHOLD) == world.outings.of(HOUSEHOLD)
    assert after.outings.of(HouseholdId(9)) == ()


def test_a_grant_that_could_not_be_stored_is_neither_an_outing_nor_a_passage(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    granted = way()
    assert isinstance(granted.facts.code, VerifiedCode)
    pass_id = granted.facts.code.credential.pass_id
    bench.terminal._carry_out(StoreRecord(token=5, record=granted))
    assert bench.terminal._reader.passages.of(pass_id) is not None
    assert len(bench.terminal._outings.of(HOUSEHOLD)) == 1
    bench.terminal._advance(RecordRefused(at=bench.clock.instant(), token=4, code_was_used=False))
    assert len(bench.terminal._outings.of(HOUSEHOLD)) == 1  # another record
    bench.terminal._advance(RecordRefused(at=bench.clock.instant(), token=5, code_was_used=False))
    assert bench.terminal._reader.passages.of(pass_id) is None
    assert bench.terminal._outings.of(HOUSEHOLD) == ()
    bench.close()
