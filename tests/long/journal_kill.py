"""100 kills of a writing process, at least 5,000 acknowledged records asserted: 0 lost, 0 doubled, chain whole.

    python tests/long/journal_kill.py [--kills 100] [--seed 1]

Prints one JSON object; ends with 1 when a record was lost or doubled or the ablation found no loss.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "unit" / "journal")]

from kill_kit import run_kills  # noqa: E402 the folders above must be known first

MIN_REPORTED = 5_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as sound, tempfile.TemporaryDirectory() as ablated:
        report = run_kills(Path(sound), kills=options.kills, is_early=False, seed=options.seed, longest_run_s=0.5)
        ablation = run_kills(Path(ablated), kills=5, is_early=True, seed=options.seed, longest_run_s=0.2)
    print(json.dumps({"name": "journal_kill", **asdict(report), "ablation_lost": ablation.lost}))  # noqa: T201
    is_sound = (report.lost, report.doubled, report.flaws) == (0, 0, 0) and ablation.lost > 0
    is_enough = report.reported >= MIN_REPORTED or options.kills < 100
    return 0 if is_sound and is_enough else 1


if __name__ == "__main__":
    sys.exit(main())
