"""600 replayed power cuts: no reported record lost; the same cuts lose records with synchronous=NORMAL. Needs strace.

    python tests/long/journal_power.py [--cuts 600] [--seed 1]

Prints one JSON object; ends with 1 when a record was lost or the ablation found no loss.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "unit" / "journal")]

from power_kit import PowerReport, cut, trace  # noqa: E402 the folders above must be known first

RECORDS = 150


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sound = _run("FULL", options.cuts, options.seed)
    ablated = _run("NORMAL", options.cuts // 5, options.seed)
    outcome = {
        "name": "journal_power",
        "cuts": sound.cuts,
        "lost": sound.lost,
        "reports_checked": sound.reports_checked,
    }
    print(json.dumps(outcome | {"ablation_cuts": ablated.cuts, "ablation_lost": ablated.lost}))  # noqa: T201
    return 0 if sound.lost == 0 and ablated.lost > 0 else 1


def _run(synchronous: str, cuts: int, seed: int) -> PowerReport:
    with tempfile.TemporaryDirectory() as folder:
        return cut(trace(Path(folder), synchronous=synchronous, records=RECORDS), Path(folder), cuts=cuts, seed=seed)


if __name__ == "__main__":
    sys.exit(main())
