"""1,000 visits back to back by virtual people: memory stays flat, a visit takes as long at the end as at the start.

    python tests/long/thousand_visits.py [--visits 1000] [--seed 1]

Terminal, kiosk, broker and centre are the real processes; people, their codes, foreheads and the door are simulated at
the wires. Prints one JSON object; ends with 1 and names the flaws when something grew, slowed down or did not pass.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "chain")]

from visits_kit import walk  # noqa: E402 the folders above must be known first


def main() -> int:
    """Run the command; the exit code is 0 when there is no flaw."""
    parser = argparse.ArgumentParser(description="Let people walk through a lane, back to back.")
    parser.add_argument("--visits", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gatehouse-visits-") as folder:
        report = walk(Path(folder), options.visits, seed=options.seed)
    sys.stdout.write(json.dumps({"name": "thousand_visits", **report.as_json()}, ensure_ascii=False) + "\n")
    return 1 if report.flaws else 0


if __name__ == "__main__":
    sys.exit(main())
