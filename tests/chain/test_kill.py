"""A share of the long command tests/long/kill_chain.py: kill -9 of terminal, broker and centre, and nothing is lost."""

from pathlib import Path

from harness import TRUSTING_GATE, ChainRun, Plan

SEED = 20200203
AGAIN = f"again: python tests/long/kill_chain.py --kills 5 --seed {SEED}"


def test_nothing_acknowledged_is_lost_or_doubled_when_terminal_broker_and_centre_are_killed(tmp_path: Path) -> None:
    report = ChainRun(tmp_path, SEED).run(Plan(kills=5, visits=(18, 30), disturbed=0.8))
    assert report.is_sound, f"{report.as_json()}\n{AGAIN}"
    assert report.kills == 5
    assert report.broker_kills + report.center_kills > 0
    assert report.acknowledged >= 2 * 5 * 18
    assert report.stored >= report.acknowledged


def test_an_outbox_that_trusts_the_brokers_confirmation_is_caught_losing(tmp_path: Path) -> None:
    plan = Plan(kills=2, visits=(12, 20), disturbed=1.0, drained_within_s=4.0, victims=(("center",),))
    report = ChainRun(tmp_path, SEED, program=TRUSTING_GATE).run(plan)
    assert report.lost > 0, report.as_json()
    assert not report.is_sound
