"""`python -m gatehouse.bench NAME [--json]`: run a bench by itself.

Exit codes: 0 measured, whatever the figures; 1 measured, and with --strict a promise was missed; 2 no such bench.
"""

import argparse
import sys
from collections.abc import Sequence

from gatehouse.bench import BENCHES, run_bench


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one bench from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="gatehouse.bench", description="Measure one promise beside its floor.")
    parser.add_argument("name", choices=sorted(BENCHES))
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a promise was missed")
    options = parser.parse_args(arguments)
    result = run_bench(options.name)
    sys.stdout.write((result.as_json() if options.json else result.as_text()) + "\n")
    return 1 if options.strict and result.missed else 0


if __name__ == "__main__":
    sys.exit(main())
