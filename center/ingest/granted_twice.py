"""One holder's code that opened two gates: during a split each gate had to believe it. Found here, or told by a gate.

Told once for each code, in the audit. Granted codes are remembered by number only, the newest of them: a code is good
for a minute, and what gates kept back while they were cut off comes within days.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, insert, select

from center.ingest.extract import KIND_CONFLICT, holder_code_in
from center.store.schema import Audit

ACTION: Final = "code_granted_twice"
BY: Final = "center"
REMEMBERED_MAX: Final = 100_000
HOURLY_MAX: Final = 50
"""Notices within an hour; a device that invents conflicts must not fill the audit."""
_HOUR_MS: Final = 3_600_000

log = logging.getLogger(__name__)

Code = tuple[str, int]
"""A pass and its holder's step."""


@dataclass(frozen=True, slots=True)
class Use:
    """A grant of a holder's code; is_conflict: a gate's word that another gate granted it as well."""

    code: Code
    device: str
    is_conflict: bool


def use_of(device: str, body: Mapping[str, object]) -> Use | None:
    """The holder's code that a record tells to be granted."""
    code = holder_code_in(body)
    return Use(code, device, body["kind"] == KIND_CONFLICT) if code is not None else None


class GrantedTwice:
    """Notices codes that two gates granted. The ingest thread's alone."""

    def __init__(self) -> None:
        self._gates: OrderedDict[Code, str] = OrderedDict()

    def note(self, connection: Connection, uses: Sequence[Use], now_ms: int) -> None:
        """Write a line for each code granted at two gates, in the batch's own transaction."""
        found: dict[Code, tuple[str, ...]] = {}
        drafted: dict[Code, str] = {}
        for use in uses:
            first = drafted.setdefault(use.code, self._gates.get(use.code, use.device))
            if first != use.device:
                found[use.code] = (first, use.device)
            elif use.is_conflict:
                found.setdefault(use.code, (use.device,))
        for (pass_id, step), gates in found.items():
            _write(connection, f"{pass_id}/{step}", " ".join(gates), now_ms)

    def remember(self, uses: Sequence[Use]) -> None:
        """Know these from now on. After the commit."""
        for use in uses:
            self._gates.setdefault(use.code, use.device)
        while len(self._gates) > REMEMBERED_MAX:
            self._gates.popitem(last=False)


def _write(connection: Connection, subject: str, gates: str, now_ms: int) -> None:
    known = select(Audit.id).where(Audit.subject == subject, Audit.action == ACTION)
    if connection.execute(known).first() is not None:
        return
    recent = select(func.count()).where(Audit.action == ACTION, Audit.at_ms > now_ms - _HOUR_MS)
    if connection.execute(recent).scalar_one() >= HOURLY_MAX:
        log.error("code_granted_twice_untold hourly_max=%d", HOURLY_MAX)
        return
    log.warning("code_granted_twice gates=%s", gates)
    connection.execute(insert(Audit).values(at_ms=now_ms, user_name=BY, action=ACTION, subject=subject, reason=gates))
