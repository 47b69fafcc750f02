"""The real centre with one outing a day for each household: `python harness_outings_center.py LEASE_S ORDER`.

Rolling, so that no midnight falls into a test.
"""

import sys
from dataclasses import replace
from datetime import UTC, date, time


def main(lease_s: str, order: str) -> int:
    # Here: the receiving process reads this file as well, and has no use for all that the centre is made of.
    from gatehouse.bench.center_process import serve, settings_of
    from model.outings import OutingQuota, OutingRules, QuotaWindow
    from model.reasons import Outcome

    quota = OutingQuota(
        count=1, period_days=1, window=QuotaWindow.ROLLING, day_starts_at=time(), counted_from=date(2020, 2, 1)
    )
    rules = OutingRules(
        quota=quota,
        people_max=1,
        return_within_min=120,
        return_by=None,
        overdue_after_min=0,
        exempt=frozenset(),
        unanswered=Outcome.GRANTED,
    )
    return serve(replace(settings_of(order), outing_rules=lambda: (rules, UTC), outing_lease_s=float(lease_s)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
