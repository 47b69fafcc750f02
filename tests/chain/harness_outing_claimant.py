"""A gate that only claims outings: `python harness_outing_claimant.py ORDER`, told what to claim line by line.

ORDER is JSON: {"site", "device", "port"}. Says `up` when the broker is there. Each line on standard input is JSON,
{"household", "claims": [numbers], "within_s"}: all are claimed at once, and one line of JSON answers each:
{"claim", "outcome", "possible_at", "after_ms"}.
"""

import json
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from gatehouse.bench.gate_site import COMPOUND
from gatehouse.provisioning import Site
from model.identities import DeviceId
from model.outings import OutingPurpose
from mqtt.link import Link, LinkSettings
from mqtt.messages import OutingAnswer, OutingClaim
from mqtt.outing_claims import Answered, OutingClaims
from mqtt.topics import Address

_PRINTING = threading.Lock()


def say(text: str) -> None:
    with _PRINTING:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def claim_all(claims: OutingClaims, line: str) -> None:
    wanted = json.loads(line)
    for number in wanted["claims"]:
        asked_s = time.monotonic()

        def tell(answered: Answered, number: str = number, asked_s: float = asked_s) -> None:
            is_answer = isinstance(answered, OutingAnswer)
            possible_at = answered.possible_at if isinstance(answered, OutingAnswer) else None
            told = {
                "claim": number,
                "outcome": answered.outcome.value if isinstance(answered, OutingAnswer) else answered.value,
                "is_answer": is_answer,
                "possible_at": possible_at.isoformat() if possible_at is not None else None,
                "after_ms": round((time.monotonic() - asked_s) * 1000, 1),
            }
            say(json.dumps(told))

        claim = OutingClaim(
            claim=number,
            household=wanted["household"],
            purpose=OutingPurpose.ORDINARY,
            at=datetime.now(UTC),
            people=1,
        )
        claims.claim(claim, tell, within_s=wanted["within_s"])


def main(order: str) -> None:
    wanted = json.loads(order)
    device = DeviceId(wanted["device"])
    settings = LinkSettings(
        host="127.0.0.1",
        port=wanted["port"],
        credentials=Site(folder=Path(wanted["site"])).credentials(device),
        reconnect_min_s=0.1,
        reconnect_max_s=0.5,
    )
    link = Link(
        settings,
        Address(compound=COMPOUND, device=device),
        on_link_changed=lambda is_up: say("up") if is_up else None,
    )
    claims = OutingClaims(link)
    link.start()
    for line in sys.stdin:
        claim_all(claims, line)
    link.stop()


if __name__ == "__main__":
    main(sys.argv[1])
