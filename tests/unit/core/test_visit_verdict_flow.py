"""From a decision to its end: the journal first, then the barrier, the refusal or the guard."""

from dataclasses import replace

import pytest

from gate.core.effects import (
    AlarmKind,
    CallGuard,
    ClearAlarm,
    Instruction,
    PublishUsed,
    RaiseAlarm,
    ReleaseBarrier,
    StoreRecord,
)
from gate.core.events import RecordRefused, RecordStored
from gate.core.visit_states import Closing, Idle, Passing, Recording, WithGuard
from model.credentials import RefusalDetail
from model.reasons import Outcome, Reason
from model.records import AbandonedRecord, PassageEnd, PassageRecord, VisitStep
from tests.unit.core.lane_dsl import (
    UNMEASURED,
    Scene,
    granted_scene,
    scan_only,
    scene,
    settings,
    with_guard_scene,
)
from tests.unit.model.builders import COLD_SKIN_C, HOUSEHOLD, PASS_ID, burst, refused


def recording_scene() -> Scene:
    return scene(scan_only(), rules=UNMEASURED).comes().shows()


class TestJournal:
    def test_record_that_was_refused_releases_nothing_and_calls_the_guard(self) -> None:
        visit = recording_scene().refused()
        assert not visit.releases
        assert visit.told() is Instruction.GUARD_COMES
        assert CallGuard(reason=Reason.JOURNAL_UNAVAILABLE) in visit.last
        assert not visit.records(PassageRecord)
        assert visit.waits(10.0).lane.visit == Idle(is_present=True, lasting=Instruction.GUARD_COMES)

    def test_record_that_is_not_stored_in_time_is_as_good_as_refused(self) -> None:
        visit = recording_scene().waits(4.9)
        assert isinstance(visit.lane.visit, Recording)
        visit.waits(0.1)
        assert visit.told() is Instruction.GUARD_COMES
        assert [passage.end for passage in visit.records(PassageRecord)] == [PassageEnd.NOT_TAKEN]

    def test_record_that_is_stored_late_releases_nothing(self) -> None:
        visit = recording_scene().waits(5.0).stored()
        assert not visit.releases
        assert not visit.of(PublishUsed)
        assert len(visit.records(PassageRecord)) == 1

    def test_late_denial_leaves_no_passage_record(self) -> None:
        visit = scene().shows(refused(RefusalDetail.REVOKED)).waits(5.0)
        assert not visit.records(PassageRecord)

    def test_answer_for_another_token_moves_nothing(self) -> None:
        visit = recording_scene()
        token = visit.unanswered[-1].token
        for other in (0, token - 1, token + 1, -token):
            visit.send(RecordStored(at=visit.at, token=other))
            visit.send(RecordRefused(at=visit.at, token=other, code_was_used=True))
        assert not visit.releases
        assert isinstance(visit.lane.visit, Recording)

    def test_stored_twice_releases_once(self) -> None:
        visit = recording_scene()
        token = visit.unanswered[-1].token
        visit.stored().send(RecordStored(at=visit.at, token=token))
        assert len(visit.releases) == 1

    def test_code_that_another_grant_used_up_meanwhile_is_denied(self) -> None:
        visit = recording_scene().refused(code_was_used=True)
        granted, denied = visit.decisions
        assert granted.visit == denied.visit
        assert (denied.decision.outcome, denied.decision.reason) == (Outcome.DENIED, Reason.CODE_USED)
        assert denied.facts.code_is_used
        visit.stored()
        assert visit.told() is Instruction.REFUSED
        assert not visit.releases
        assert not visit.records(PassageRecord)

    def test_journal_that_calls_a_denial_used_is_not_asked_again_and_again(self) -> None:
        visit = recording_scene().refused(code_was_used=True).refused(code_was_used=True)
        assert len(visit.decisions) == 2
        assert isinstance(visit.lane.visit, Closing)


class TestGuard:
    def test_guard_is_called_only_once_the_referral_is_stored(self) -> None:
        measured = settings(steps=(VisitStep.MEASURE, VisitStep.SCAN))
        visit = scene(measured).comes().measures(burst(COLD_SKIN_C)).waits(5.0).measures(burst(COLD_SKIN_C)).shows()
        assert not visit.of(CallGuard)
        visit.stored()
        assert visit.of(CallGuard) == [CallGuard(reason=Reason.TEMPERATURE_INDETERMINATE)]

    def test_guard_confirms_and_that_decision_is_stored_before_the_release(self) -> None:
        visit = with_guard_scene(burst(COLD_SKIN_C)).guard_confirms()
        assert not visit.releases
        referred, confirmed = visit.decisions
        assert referred.visit == confirmed.visit
        assert confirmed.decision.outcome is Outcome.GRANTED
        assert confirmed.decision.reason is Reason.GUARD_CONFIRMED
        assert confirmed.referred_for is Reason.TEMPERATURE_INDETERMINATE
        visit.stored().door_opens()
        assert visit.releases == [ReleaseBarrier(release_time_s=5.0, visit=confirmed.visit)]
        assert [passage.end for passage in visit.records(PassageRecord)] == [PassageEnd.TAKEN]

    def test_guard_refuses(self) -> None:
        visit = with_guard_scene().guard_refuses().stored()
        assert visit.decisions[-1].decision.reason is Reason.GUARD_REFUSED
        assert visit.told() is Instruction.REFUSED
        assert not visit.releases

    @pytest.mark.parametrize("is_confirmed", [True, False])
    def test_fever_alarm_ends_with_the_guards_answer(self, is_confirmed: bool) -> None:
        visit = with_guard_scene()
        assert visit.alarms == {AlarmKind.FEVER}
        answered = visit.guard_confirms() if is_confirmed else visit.guard_refuses()
        assert answered.alarms == set()

    def test_alarm_that_was_not_raised_is_not_cleared(self) -> None:
        visit = with_guard_scene(burst(COLD_SKIN_C)).guard_confirms()
        assert not visit.of(RaiseAlarm)
        assert not visit.of(ClearAlarm)

    def test_guard_who_does_not_come_ends_the_visit_and_it_is_recorded(self) -> None:
        visit = with_guard_scene().waits(119.9)
        assert isinstance(visit.lane.visit, WithGuard)
        visit.waits(0.1)
        assert visit.records(AbandonedRecord)[0].visit == visit.decisions[0].visit
        assert visit.alarms == set()
        assert visit.told() is Instruction.TOO_SLOW
        assert not visit.releases
        assert visit.guard_confirms().releases == []

    def test_guard_cannot_release_without_the_journal(self) -> None:
        visit = with_guard_scene().guard_confirms().refused()
        assert not visit.releases
        assert visit.told() is Instruction.GUARD_COMES

    def test_guard_who_refuses_at_the_check_ends_the_visit(self) -> None:
        visit = scene(settings(steps=(VisitStep.CHECK, VisitStep.SCAN), check_by_guard=True)).comes().guard_refuses()
        (decision,) = visit.decisions
        assert (decision.decision.outcome, decision.decision.reason) == (Outcome.DENIED, Reason.GUARD_REFUSED)
        assert [(done.step, done.result) for done in decision.steps] == [(VisitStep.CHECK, "refused")]

    def test_guard_who_confirms_at_the_check_does_not_overrule_the_rules(self) -> None:
        order = (VisitStep.CHECK, VisitStep.SCAN)
        visit = scene(settings(steps=order, check_by_guard=True), rules=UNMEASURED).comes()
        visit.lane = replace(visit.lane, directory=None)
        visit.guard_confirms().shows()
        assert visit.decisions[0].decision.reason is Reason.NO_DIRECTORY

    def test_guard_nobody_asked_changes_nothing(self) -> None:
        for visit in (scene(), scene().comes(), recording_scene(), granted_scene()):
            before = visit.lane
            assert visit.guard_confirms().lane == before
            assert visit.last == ()


class TestPassage:
    def test_grant_taken_is_recorded_for_household_and_pass(self) -> None:
        visit = granted_scene().door_opens()
        (passage,) = visit.records(PassageRecord)
        assert passage == PassageRecord(
            visit=visit.decisions[0].visit, end=PassageEnd.TAKEN, household=HOUSEHOLD, pass_id=PASS_ID
        )

    def test_grant_that_nobody_uses_is_recorded_as_not_taken(self) -> None:
        visit = granted_scene().waits(60.0)
        assert [passage.end for passage in visit.records(PassageRecord)] == [PassageEnd.NOT_TAKEN]
        assert len(visit.releases) == 1

    def test_lane_without_a_door_contact_claims_nothing_about_the_passage(self) -> None:
        visit = granted_scene(scan_only(has_door_contact=False)).waits(60.0)
        assert [passage.end for passage in visit.records(PassageRecord)] == [PassageEnd.NOT_OBSERVED]

    def test_tent_without_a_barrier_says_go_moves_nothing_and_ends(self) -> None:
        tent = granted_scene(scan_only(has_barrier=False, has_door_contact=False, has_presence_contact=False))
        assert tent.told() is Instruction.GO
        assert isinstance(tent.lane.visit, Passing)
        tent = tent.waits(60.0)
        assert [passage.end for passage in tent.records(PassageRecord)] == [PassageEnd.NOT_OBSERVED]
        assert tent.lane.visit == Idle(is_present=True)
        assert not tent.releases
        assert {type(effect).__name__ for effect in tent.effects}.isdisjoint({"ReleaseBarrier", "SecureBarrier"})
        assert tent.shows().stored().told() is Instruction.GO

    def test_code_while_somebody_passes_is_left_for_later(self) -> None:
        visit = granted_scene().shows()
        assert len(visit.decisions) == 1
        assert not [effect for effect in visit.last if isinstance(effect, StoreRecord)]
