"""kill -9 of the real terminal 100 times, broker and centre killed in between: 0 lost, 0 doubled, no gap, chain whole.

    python tests/long/kill_chain.py [--kills 100] [--seed 1] [--events 5000]

Codes are typed into the terminal's pty; what counts as acknowledged is proved by the relay. Afterwards the same harness
must catch an outbox that trusts the broker's confirmation. Prints one JSON object; ends with 1 when a record was lost
or doubled, when fewer than --events were acknowledged, or when the outbox that trusts was not caught. The seed draws
what is killed and when; the machine decides where inside a commit that falls.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "chain")]

from harness import TRUSTING_GATE, ChainRun, Plan  # noqa: E402 the folders above must be known first

MIN_KILLS_FOR_PROOF = 100
VISITS = (20, 38)
"""Codes in one life of the terminal: 29 on the average, two acknowledged records each, 5,800 in 100 lives."""


def main() -> int:
    """Run the command; the exit code is 0 when nothing was lost and the ablation was caught."""
    parser = argparse.ArgumentParser(description="Kill terminal, broker and centre, and count what is left.")
    parser.add_argument("--kills", type=int, default=MIN_KILLS_FOR_PROOF)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=5_000, help="acknowledged records that 100 kills must reach")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gatehouse-kill-") as folder:
        report = ChainRun(Path(folder), options.seed).run(Plan(kills=options.kills, visits=VISITS))
    with tempfile.TemporaryDirectory(prefix="gatehouse-kill-") as folder:
        trusting = Plan(kills=3, visits=VISITS, disturbed=1.0, drained_within_s=5.0, victims=(("center",),))
        ablation = ChainRun(Path(folder), options.seed, program=TRUSTING_GATE).run(trusting)
    is_enough = report.acknowledged >= options.events or options.kills < MIN_KILLS_FOR_PROOF
    found = {"name": "kill_chain", **report.as_json(), "ablation_lost": ablation.lost, "is_enough": is_enough}
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    is_proof = report.is_sound and is_enough and ablation.lost > 0
    if not is_proof:
        sys.stdout.write(f"again: python tests/long/kill_chain.py --kills {options.kills} --seed {options.seed}\n")
    return 0 if is_proof else 1


if __name__ == "__main__":
    sys.exit(main())
