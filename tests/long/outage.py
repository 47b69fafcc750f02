"""A day without the broker, then the broker comes: nothing lost, doubled or out of order, and scans keep their time.

    python tests/long/outage.py [--events 50000] [--seed 1]

The day runs in virtual time through the real terminal, commit thread and journal; the evening with the real processes
(terminal, Mosquitto, centre), while codes are typed into the terminal's pty. Prints one JSON object; ends with 1 when
anything was lost, doubled, disordered or otherwise wrong, when draining took longer than its share of 100,000 in 10
minutes, or when a scan during it took more than 1.5 times a quiet one (medians). An outbox that trusts the broker's
confirmation must be caught losing on a smaller day in whose evening the centre is killed once.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "chain")]

from harness import TRUSTING_GATE  # noqa: E402 the folders above must be known first
from harness_outage import Outage  # noqa: E402

DRAINED_PER_S_AT_LEAST = 100_000 / 600
SCAN_RATIO_AT_MOST = 1.5


def main() -> int:
    """Run the command; the exit code is 0 when everything held."""
    parser = argparse.ArgumentParser(description="Live a day without the broker, then drain it.")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gatehouse-outage-") as folder:
        report = Outage(Path(folder), options.seed).run(options.events)
    with tempfile.TemporaryDirectory(prefix="gatehouse-outage-") as folder:
        trusting = Outage(Path(folder), options.seed, program=TRUSTING_GATE)
        ablation = trusting.run(1_500, quiet_scans=10, day_s=7_200.0, kills_center=True, stalled_s=5.0)
    is_in_time = report.drained_per_s >= DRAINED_PER_S_AT_LEAST
    is_prompt = report.scan_ratio <= SCAN_RATIO_AT_MOST
    found = {"name": "outage", **report.as_json(), "is_in_time": is_in_time, "is_prompt": is_prompt}
    found |= {"ablation_lost": ablation.lost}
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    is_proof = report.is_sound and is_in_time and is_prompt and ablation.lost > 0
    if not is_proof:
        sys.stdout.write(f"again: python tests/long/outage.py --events {options.events} --seed {options.seed}\n")
    return 0 if is_proof else 1


if __name__ == "__main__":
    sys.exit(main())
