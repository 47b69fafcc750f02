"""What must hold for every lane whatever happens: a watcher that sees each event and its effects, and objects."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

from gate.core.effects import AlarmKind, ClearAlarm, Effect, RaiseAlarm, ReleaseBarrier, StoreRecord
from gate.core.events import (
    BreakGlassChanged,
    EmergencyReleaseOrdered,
    Event,
    FireChanged,
    HouseholdIdentified,
    RecordRefused,
    RecordStored,
    ReleaseCut,
    TimePassed,
)
from gate.core.lane import Lane
from gate.core.visit_states import Visiting, WithGuard
from model.credentials import household_of
from model.directory import Isolation
from model.identities import VisitId
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import (
    AbandonedRecord,
    BarrierEvent,
    BarrierRecord,
    DecisionRecord,
    PassageRecord,
    Record,
)
from model.temperature import TemperatureOutcome

RecordKind = TypeVar("RecordKind")
BY_THE_RULES = frozenset({Reason.ADMITTED, Reason.ADMITTED_WATCHED, Reason.ADMITTED_VOUCHED})


@dataclass(kw_only=True)
class LaneWatch:
    """Objects with an AssertionError as soon as a promise is broken."""

    ordered: dict[int, Record] = field(default_factory=dict)
    stored: dict[int, Record] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    begun: set[VisitId] = field(default_factory=set)
    released: list[VisitId] = field(default_factory=list)
    alarms: set[AlarmKind] = field(default_factory=set)
    vouched: Counter[VisitId] = field(default_factory=Counter)  # referrals that a guard's word took up again

    def saw(self, before: Lane, event: Event, effects: tuple[Effect, ...], after: Lane) -> None:
        match event:
            case RecordStored() if event.token in self.ordered:
                self.stored[event.token] = self.ordered[event.token]
            case RecordRefused():
                self.refused.add(event.token)
        if isinstance(event, HouseholdIdentified) and isinstance(before.visit, WithGuard) and before != after:
            self.vouched[before.visit.record.visit] += 1
        for effect in effects:
            match effect:
                case StoreRecord():
                    assert effect.token not in self.ordered, "a token is used once"
                    self.ordered[effect.token] = effect.record
                    if isinstance(effect.record, DecisionRecord):
                        self._saw_decision(before, effect.record)
                    if isinstance(effect.record, (DecisionRecord, AbandonedRecord)):
                        steps = [done.step for done in effect.record.steps]
                        assert len(steps) == len(set(steps)), "a step is done once"
                case ReleaseBarrier():
                    assert after.settings.has_barrier
                    self._saw_release(before, event, effect, after)
                case RaiseAlarm():
                    is_again = effect.kind is AlarmKind.EMERGENCY_RELEASE
                    assert effect.kind not in self.alarms or is_again, f"{effect.kind} was raised already"
                    self.alarms.add(effect.kind)
                case ClearAlarm():
                    assert effect.kind in self.alarms, f"{effect.kind} was never raised"
                    self.alarms.discard(effect.kind)
        self._saw_way_out(before, effects, after)
        if isinstance(after.visit, Visiting):
            self.begun.add(after.visit.visit)

    def _saw_decision(self, before: Lane, record: DecisionRecord) -> None:
        """What the rules grant by themselves; what a person confirmed is that person's."""
        if record.decision.reason not in BY_THE_RULES:
            return
        facts, rules = record.facts, record.rules
        if facts.direction in rules.measured_directions:
            normal = [each for each in facts.temperatures if each.outcome is TemperatureOutcome.NORMAL]
            assert len(normal) >= facts.people == len(facts.temperatures), "somebody who was not normal"
        assert facts.directory is not None
        everybody = [facts.code]
        if facts.vehicle is not None:
            assert facts.vehicle.declared == len(facts.vehicle.occupants) == facts.people, (
                "somebody who was not checked"
            )
            everybody = [each.check for each in facts.vehicle.occupants]
            everybody += [facts.code] if facts.code is not None else []
            assert facts.code is not None or facts.direction is Direction.OUT, "an outside vehicle"
        for code in everybody:
            household = household_of(code)
            assert household is not None
            isolation = facts.directory.households[household].isolation
            allowed = rules.isolation_may_enter if facts.direction is Direction.IN else rules.isolation_may_leave
            assert isolation is Isolation.NONE or allowed[isolation], "an isolated household"
        is_held = isinstance(before.visit, Visiting) and before.visit.is_held
        assert not (isinstance(before.visit, Visiting) and before.visit.mask_missing and not is_held), "without a mask"

    def _saw_release(self, before: Lane, event: Event, release: ReleaseBarrier, after: Lane) -> None:
        if release.visit is not None:
            grants = [
                record
                for record in self.stored.values()
                if isinstance(record, DecisionRecord)
                and record.visit == release.visit
                and record.decision.outcome is Outcome.GRANTED
            ]
            assert grants, "released for a visit whose grant is not on disk"
            assert release.visit not in self.released, "released twice for one visit"
            assert not after.barrier.is_free, "nobody is checked while the way is free"
            self.released.append(release.visit)
            return
        match event:
            case FireChanged() | BreakGlassChanged() | EmergencyReleaseOrdered():
                assert after.barrier.is_free
            case TimePassed():
                is_exit_due = before.exit_until is not None and event.at >= before.exit_until
                is_caused = before.barrier.is_alarmed or before.barrier.is_obstructed or is_exit_due
                assert is_caused, "renewed without a cause"
            case ReleaseCut():
                until = before.barrier.release_until
                assert until is not None
                assert event.at + release.release_time_s <= until + 0.001, "longer than was ordered"
            case RecordStored() | RecordRefused():
                record = self.ordered[event.token]
                assert isinstance(record, BarrierRecord)
                assert record.event is BarrierEvent.REQUEST_TO_EXIT
            case _:
                raise AssertionError(f"released by {event}")

    def _saw_way_out(self, before: Lane, effects: tuple[Effect, ...], after: Lane) -> None:
        if after.barrier.is_free and not before.barrier.is_free and after.settings.has_barrier:
            assert isinstance(effects[0], ReleaseBarrier), "the way out waits for nothing"
        if after.barrier.is_free:
            assert after.barrier.release_until is not None, "a free way has a release that is going on"
            assert not isinstance(after.visit, Visiting), "nobody is checked while the way is free"

    def at_rest(self) -> None:
        """Everything has come to its end: nothing is left open in the records."""
        assert not self.alarms, f"left standing: {self.alarms}"
        for visit in self.begun:
            self._saw_whole(visit)
        known = self.begun | {record.visit for record in self._of(DecisionRecord)}
        for passage in self._of(PassageRecord):
            assert passage.visit in known

    def _saw_whole(self, visit: VisitId) -> None:
        decisions = [record for record in self._of(DecisionRecord) if record.visit == visit]
        abandoned = [record for record in self._of(AbandonedRecord) if record.visit == visit]
        passages = [record for record in self._of(PassageRecord) if record.visit == visit]
        grants = [record for record in decisions if record.decision.outcome is Outcome.GRANTED]
        finals = [record for record in decisions if record.decision.outcome is not Outcome.REFERRED]
        assert decisions or abandoned, f"visit {visit} began and left no record"
        assert len(abandoned) <= 1
        assert not (abandoned and finals), f"visit {visit} was both decided and abandoned"
        asked = [record for record in decisions if record not in finals and record.referred_for is None]
        assert len(asked) <= 1 + self.vouched[visit], "referred twice for the same"
        assert len(grants) <= 1
        # A grant whose code was used meanwhile is followed by a denial; everything else ends a visit.
        assert len(finals) <= 1 + len(grants)
        assert len(passages) <= len(grants), "a passage without a grant"
        if visit in self.released:
            assert len(passages) == 1, f"visit {visit} was released and has {len(passages)} passages"
        stored_tokens = {id(record) for record in self.stored.values()}
        for grant in grants:
            if id(grant) in stored_tokens:
                assert len(passages) == 1, "each stored grant says what came of it"

    def _of(self, kind: type[RecordKind]) -> list[RecordKind]:
        return [record for record in self.ordered.values() if isinstance(record, kind)]
