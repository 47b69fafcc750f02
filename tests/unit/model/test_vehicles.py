"""Plates as people write them, and what is judged of a vehicle with everybody in it."""

from dataclasses import replace
from datetime import time, timedelta

import pytest

from model import rules as rules_module
from model.credentials import CodeCheck, Pass, PassFlags, PassKind, RefusalDetail, VouchedHousehold
from model.directory import Directory, HouseholdEntry, Isolation
from model.facts import ClaimAnswer, ClaimedOuting, Facts, Occupant, VehicleFacts
from model.facts_from_record import facts_from
from model.identities import ClaimId, GuardId, HouseholdId, PassId, VisitId
from model.outings import OutingQuota, OutingRules, QuotaWindow
from model.passing import Direction
from model.reasons import Outcome, Reason
from model.records import DecisionRecord, fields_of
from model.rule_set import Check, OutsiderRules, RuleSet, VisitPolicy
from model.rules import decide, wants_claim
from model.services import IdentifiedWhy
from model.temperature import TemperatureJudgement
from model.vehicle_check import plate_match
from model.vehicles import Plate, plate_of
from tests.unit.model.builders import (
    HIGH,
    HOUSEHOLD,
    NOON,
    NORMAL,
    STATUS_INDEX,
    Colour,
    directory,
    facts,
    refused,
    resident_pass,
    rule_set,
    verified,
)

OWN, OTHER = Plate(text="云A12345"), Plate(text="云AD54321")
NEIGHBOURS = HouseholdId(777)
VEHICLE_PASS = replace(
    resident_pass(pass_id=PassId("5555555555555555")), kind=PassKind.VEHICLE, flags=PassFlags.PRINTED, holder_key=None
)
WITH_VEHICLES = replace(
    directory(),
    vehicles={HOUSEHOLD: (OTHER, OWN)},
    households={
        HOUSEHOLD: HouseholdEntry(colour=Colour.GREEN),
        NEIGHBOURS: HouseholdEntry(colour=Colour.GREEN),
    },
)
REGISTERED = OutsiderRules(vehicles=VisitPolicy.REGISTERED)


def person(number: int, **changed: object) -> Occupant:
    """A resident with an own code; changed: claims of the pass."""
    own = replace(resident_pass(pass_id=PassId(f"{number:016x}")), **changed)
    return Occupant(check=verified(credential=own, holder_step=1000 + number))


def known_to_guard(household: HouseholdId = HOUSEHOLD) -> Occupant:
    return Occupant(
        check=VouchedHousehold(household=household, guard=GuardId("li_wei"), why=IdentifiedWhy.FORGOTTEN_CARD)
    )


def vehicle(
    *occupants: Occupant,
    declared: int | None = None,
    plate: Plate | None = OWN,
    own_pass: Pass | None = VEHICLE_PASS,
    known: Directory = WITH_VEHICLES,
    direction: Direction = Direction.IN,
    temperatures: tuple[TemperatureJudgement, ...] | None = None,
    has_outsider: bool = False,
) -> Facts:
    """A vehicle with a genuine pass, its own plate, and as many people in it as were declared, all measured."""
    occupants = occupants or (person(1), person(2))
    people = declared if declared is not None else len(occupants)
    measured = (NORMAL,) * people if temperatures is None else temperatures
    code: CodeCheck | None = verified(credential=own_pass, holder_step=None) if own_pass is not None else None
    return replace(
        facts(direction=direction, code=code, known=known, temperature=measured[0] if measured else None),
        people=people,
        others=measured[1:],
        at=NOON,
        vehicle=VehicleFacts(
            plate=plate,
            declared=people,
            occupants=occupants,
            has_outsider=has_outsider,
            is_outside=own_pass is None,
        ),
    )


def reason(found: Facts, rules: RuleSet | None = None) -> Reason:
    return decide(found, rules or rule_set()).reason


class TestPlates:
    @pytest.mark.parametrize(
        ("typed", "text"),
        [
            ("云A12345", "云A12345"),
            ("云a·12345", "云A12345"),
            (" 云 A 1 2 3 4 5 ", "云A12345"),
            ("云Ａ－１２３４５", "云A12345"),
            ("雲A12345", "云A12345"),
            ("粵Z1234港", "粤Z1234港"),
            ("云AOI234", "云A01234"),
            ("云AD12345", "云AD12345"),
            ("云A12345F", "云A12345F"),
            ("鄂A1234警", "鄂A1234警"),
            ("使014578", "使014578"),
            ("WJ云1234X", "WJ云1234X"),
            ("va01234", "VA01234"),
        ],
    )
    def test_however_it_is_written_it_is_one_plate(self, typed: str, text: str) -> None:
        assert plate_of(typed) == Plate(text=text)

    @pytest.mark.parametrize(
        "typed",
        ["", "云", "A12345", "云112345", "云A1234", "云A1234567", "云AD1234X", "云A123456", "云I12345", "X" * 300],
    )
    def test_what_no_vehicle_carries_is_no_plate(self, typed: str) -> None:
        assert plate_of(typed) is None

    def test_new_energy_has_eight_characters(self) -> None:
        assert Plate(text="云AD12345").is_new_energy
        assert Plate(text="云A12345F").is_new_energy
        assert not OWN.is_new_energy

    def test_screen_shows_it_masked_and_a_log_not_at_all(self) -> None:
        assert OWN.masked == "云A***45"
        assert OTHER.masked == "云A****21"
        assert "12345" not in repr(OWN) + repr(WITH_VEHICLES)


class TestVehicle:
    def test_with_its_own_plate_and_everybody_checked_it_passes(self) -> None:
        assert reason(vehicle()) is Reason.ADMITTED
        assert reason(vehicle(person(1), known_to_guard(), known_to_guard(NEIGHBOURS))) is Reason.ADMITTED

    def test_from_outside_it_does_not_enter(self) -> None:
        assert decide(vehicle(own_pass=None), rule_set()).outcome is Outcome.DENIED
        assert reason(vehicle(own_pass=None)) is Reason.VEHICLE_UNKNOWN
        at_the_gate = replace(rule_set(), outsiders=OutsiderRules(vehicles=VisitPolicy.AT_THE_GATE))
        assert reason(vehicle(own_pass=None), at_the_gate) is Reason.VEHICLE_UNKNOWN

    def test_where_outside_vehicles_are_registered_everybody_in_it_is_still_checked(self) -> None:
        registered = replace(rule_set(), outsiders=REGISTERED)
        assert reason(vehicle(person(1, kind=PassKind.VISITOR), own_pass=None), registered) is Reason.ADMITTED
        assert reason(vehicle(person(1), person(2), own_pass=None, declared=3), registered) is Reason.OCCUPANTS_DIFFER
        refused_one = Occupant(check=refused(RefusalDetail.EXPIRED))
        assert reason(vehicle(person(1), refused_one, own_pass=None), registered) is Reason.PASS_EXPIRED

    def test_vehicle_that_is_inside_may_leave_without_a_pass(self) -> None:
        assert reason(vehicle(own_pass=None, direction=Direction.OUT)) is Reason.ADMITTED

    def test_plate_of_another_vehicle_is_refused_both_ways(self) -> None:
        for direction in Direction:
            strange = Plate(text="云B99999")
            assert reason(vehicle(plate=strange, direction=direction)) is Reason.PLATE_DIFFERS

    def test_plate_that_nobody_read_is_no_plate_of_the_household(self) -> None:
        assert reason(vehicle(plate=None)) is Reason.PLATE_DIFFERS

    def test_household_without_a_vehicle_brings_none_in(self) -> None:
        others_alone = replace(WITH_VEHICLES, vehicles={NEIGHBOURS: (OWN,)})
        assert reason(vehicle(known=others_alone)) is Reason.VEHICLE_UNKNOWN

    def test_gate_that_holds_no_plates_asks_the_guard_when_all_else_is_well(self) -> None:
        no_plates = replace(WITH_VEHICLES, vehicles={})
        asking = rule_set(on_failure={Reason.NO_DIRECTORY: Outcome.REFERRED})
        decision = decide(vehicle(known=no_plates), asking)
        assert (decision.outcome, decision.reason) == (Outcome.REFERRED, Reason.NO_DIRECTORY)
        assert reason(vehicle(person(1), declared=2, known=no_plates), asking) is Reason.OCCUPANTS_DIFFER
        assert reason(vehicle(known=no_plates, temperatures=(NORMAL, HIGH)), asking) is Reason.TEMPERATURE_HIGH
        assert reason(vehicle(known=no_plates, direction=Direction.OUT), asking) is Reason.ADMITTED

    @pytest.mark.parametrize("declared", [1, 3])
    def test_more_or_fewer_than_were_declared_turn_it_back(self, declared: int) -> None:
        assert reason(vehicle(person(1), person(2), declared=declared)) is Reason.OCCUPANTS_DIFFER

    def test_count_that_nobody_declared_turns_it_back(self) -> None:
        counted = vehicle()
        assert counted.vehicle is not None
        nobody_looked = replace(counted, vehicle=replace(counted.vehicle, declared=None))
        assert reason(nobody_looked) is Reason.OCCUPANTS_DIFFER

    def test_outsider_does_not_come_in_but_a_guest_may_leave(self) -> None:
        assert reason(vehicle(has_outsider=True)) is Reason.OUTSIDER_INSIDE
        visitor = person(2, kind=PassKind.VISITOR)
        assert reason(vehicle(person(1), visitor)) is Reason.OUTSIDER_INSIDE
        assert reason(vehicle(person(1), visitor, direction=Direction.OUT)) is Reason.ADMITTED

    def test_rules_that_do_not_name_the_check_judge_vehicles_all_the_same(self) -> None:
        unnamed = rule_set(checks=(Check.PASS, Check.DIRECTORY, Check.FRESH, Check.TEMPERATURE))
        assert reason(vehicle(person(1), declared=2), unnamed) is Reason.OCCUPANTS_DIFFER

    def test_without_the_check_a_count_that_differs_would_pass(self, monkeypatch: pytest.MonkeyPatch) -> None:
        unchecked = {**rules_module._CHECKS, Check.VEHICLE: lambda found, rules: None}
        monkeypatch.setattr(rules_module, "_CHECKS", unchecked)
        assert reason(vehicle(person(1), person(2), declared=3)) is Reason.ADMITTED
        assert reason(vehicle(has_outsider=True)) is Reason.ADMITTED


class TestOccupants:
    def test_one_of_an_isolated_household_turns_everybody_back(self) -> None:
        isolated = HouseholdEntry(colour=Colour.GREEN, isolation=Isolation.MEDICAL)
        known = replace(WITH_VEHICLES, households={**WITH_VEHICLES.households, NEIGHBOURS: isolated})
        decision = decide(vehicle(person(1), person(2, household=NEIGHBOURS), known=known), rule_set())
        assert (decision.reason, decision.check) == (Reason.HOUSEHOLD_ISOLATED, Check.ISOLATION)

    def test_guards_word_is_no_way_round_an_isolation(self) -> None:
        isolated = HouseholdEntry(colour=Colour.GREEN, isolation=Isolation.HOME)  # may enter, with a pass
        known = replace(WITH_VEHICLES, households={**WITH_VEHICLES.households, NEIGHBOURS: isolated})
        named = tuple(check for check in Check if check is not Check.ISOLATION)
        rules = rule_set(checks=named)
        assert reason(vehicle(person(1), known_to_guard(NEIGHBOURS), known=known), rules) is Reason.HOUSEHOLD_ISOLATED

    def test_revoked_pass_turns_everybody_back_before_all_are_counted(self) -> None:
        revoked = Occupant(check=refused(RefusalDetail.REVOKED))
        assert reason(vehicle(person(1), revoked, declared=4)) is Reason.PASS_REVOKED

    def test_pass_off_the_directory_is_no_pass_in_a_vehicle_either(self) -> None:
        unlisted = person(2, status_index=STATUS_INDEX + 3)
        assert reason(vehicle(person(1), unlisted)) is Reason.PASS_NOT_ON_DIRECTORY

    def test_used_code_turns_everybody_back(self) -> None:
        used = replace(person(2), code_is_used=True)
        assert reason(vehicle(person(1), used)) is Reason.CODE_USED

    def test_fever_of_one_holds_everybody(self) -> None:
        assert reason(vehicle(temperatures=(NORMAL, HIGH))) is Reason.TEMPERATURE_HIGH

    def test_one_who_was_not_measured_holds_everybody(self) -> None:
        assert reason(vehicle(temperatures=(NORMAL,))) is Reason.TEMPERATURE_INDETERMINATE

    def test_colour_that_is_watched_is_watched_in_a_vehicle(self) -> None:
        yellow = HouseholdEntry(colour=Colour.YELLOW)
        known = replace(WITH_VEHICLES, households={**WITH_VEHICLES.households, NEIGHBOURS: yellow})
        decision = decide(vehicle(person(1), person(2, household=NEIGHBOURS), known=known), rule_set())
        assert decision.is_watched

    def test_without_judging_each_an_isolated_household_would_ride_along(self, monkeypatch: pytest.MonkeyPatch) -> None:
        isolated = HouseholdEntry(colour=Colour.GREEN, isolation=Isolation.MEDICAL)
        known = replace(WITH_VEHICLES, households={**WITH_VEHICLES.households, NEIGHBOURS: isolated})
        monkeypatch.setattr(rules_module, "occupants_of", lambda found: ())
        assert reason(vehicle(person(1), person(2, household=NEIGHBOURS), known=known)) is Reason.ADMITTED


class TestOutings:
    RULES = replace(
        rule_set(),
        outings=OutingRules(
            quota=OutingQuota(
                count=1,
                period_days=3,
                window=QuotaWindow.ROLLING,
                day_starts_at=time(0, 0),
                counted_from=NOON.date(),
            ),
            people_max=1,
            return_within_min=None,
            return_by=None,
            overdue_after_min=0,
            exempt=frozenset(),
            unanswered=Outcome.REFERRED,
        ),
    )

    def out(self, *occupants: Occupant, claimed: ClaimAnswer | None = None) -> Facts:
        going = vehicle(*occupants, direction=Direction.OUT)
        if claimed is None:
            return going
        outing = ClaimedOuting(claim=ClaimId("00" * 8), answer=claimed, possible_at=NOON + timedelta(days=1))
        return replace(going, outing=outing)

    def test_quota_is_not_driven_round(self) -> None:
        assert wants_claim(self.out(person(1)), self.RULES)
        assert reason(self.out(person(1), claimed=ClaimAnswer.REFUSED), self.RULES) is Reason.QUOTA_USED
        assert reason(self.out(person(1), claimed=ClaimAnswer.GRANTED), self.RULES) is Reason.ADMITTED

    def test_more_of_the_household_than_may_go_out_together_do_not_by_car_either(self) -> None:
        assert reason(self.out(person(1), person(2)), self.RULES) is Reason.TOO_MANY_PEOPLE

    def test_neighbour_whose_outing_nobody_asked_for_is_for_the_guard(self) -> None:
        neighbour = person(2, household=NEIGHBOURS)
        decision = decide(self.out(person(1), neighbour, claimed=ClaimAnswer.GRANTED), self.RULES)
        assert (decision.outcome, decision.reason) == (Outcome.REFERRED, Reason.OUTING_UNANSWERED)

    def test_people_at_work_in_it_cost_their_household_nothing(self) -> None:
        volunteer = person(1, kind=PassKind.VOLUNTEER)
        assert not wants_claim(self.out(volunteer), self.RULES)
        assert reason(self.out(volunteer), self.RULES) is Reason.ADMITTED


class TestFromTheRecord:
    """What the record says of a vehicle is enough to judge it again."""

    STRANGE = Plate(text="云B99999")
    ISOLATED = replace(
        WITH_VEHICLES,
        households={
            **WITH_VEHICLES.households,
            NEIGHBOURS: HouseholdEntry(colour=Colour.GREEN, isolation=Isolation.MEDICAL),
        },
    )

    @pytest.mark.parametrize(
        "judged",
        [
            vehicle(),
            vehicle(person(1), known_to_guard(NEIGHBOURS)),
            vehicle(person(1), person(2), declared=3),
            vehicle(person(1), replace(person(2), code_is_used=True)),
            vehicle(person(1), person(2, status_index=STATUS_INDEX + 3)),
            vehicle(person(1), person(2, household=NEIGHBOURS), known=ISOLATED),
            vehicle(person(1), Occupant(check=refused(RefusalDetail.REVOKED)), declared=4),
            vehicle(plate=STRANGE),
            vehicle(plate=None),
            vehicle(own_pass=None),
            vehicle(own_pass=None, direction=Direction.OUT),
            vehicle(has_outsider=True),
            vehicle(known=replace(WITH_VEHICLES, vehicles={})),
            vehicle(known=replace(WITH_VEHICLES, vehicles={NEIGHBOURS: (OWN,)})),
            vehicle(temperatures=(NORMAL, HIGH)),
        ],
    )
    def test_it_is_decided_as_it_was(self, judged: Facts) -> None:
        rules = rule_set()
        decided = decide(judged, rules)
        record = DecisionRecord(
            visit=VisitId(1),
            facts=judged,
            rules=rules,
            decision=decided,
            steps=(),
            scanner=None,
            first_temperature=None,
            other_codes=0,
        )
        again = facts_from(fields_of(record)[1])
        assert decide(again, rules) == decided
        assert plate_match(again) is plate_match(judged)
