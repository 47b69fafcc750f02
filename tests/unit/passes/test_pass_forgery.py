"""A share of the long command: no mutant is accepted, and each stage is what keeps its own class out."""

from types import ModuleType

import pytest

from model.credentials import CheckStage, VerifiedCode
from passes.check import ALL_STAGES, check_code
from simulator.mutant_world import World
from simulator.mutants import TRICKS, make_mutant

SHARE = 2400


def test_no_mutant_is_accepted_and_every_stage_keeps_its_own_class_out(forgery: ModuleType) -> None:
    report = forgery.forge(SHARE, 20261122)
    assert report.accepted == 0, report.examples
    assert report.is_proof, report.examples


@pytest.mark.parametrize("stage", CheckStage)
def test_forgery_reports_the_class_of_a_stage_that_is_switched_off(forgery: ModuleType, stage: CheckStage) -> None:
    report = forgery.forge(len(TRICKS) * 4, 3, ALL_STAGES - {stage})
    assert report.classes[stage].accepted == report.classes[stage].made > 0
    assert not report.is_proof


def test_every_trick_of_every_class_is_tried_in_the_share() -> None:
    world = World(5)
    for stage, tricks in TRICKS.items():
        tried = {make_mutant(world, stage).trick for _ in range(60)}
        assert len(tried) == len(tricks)


def test_same_seed_makes_the_same_mutants() -> None:
    first, second = World(9), World(9)
    for stage in list(TRICKS) * 3:
        assert make_mutant(first, stage) == make_mutant(second, stage)


def test_genuine_codes_of_the_same_world_are_accepted(world: World) -> None:
    assert all(isinstance(check_code(world.genuine_code(), world.context), VerifiedCode) for _ in range(100))
