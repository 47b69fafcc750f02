"""ID numbers in clear, each shown once: asked for with a reason, shown by a token that is good for one showing."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from center.accounts import audit
from center.accounts.users import Account
from center.clock import NowMs, now_ms
from center.errors import NotAllowed
from center.registry.residents import Residents

WAITING_MAX: Final = 1_000
SHOWN_WITHIN_S: Final = 60
_TOKEN_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """A number in clear, for one page."""

    person_id: int
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    person_id: int
    reason: str
    session: str
    until_ms: int


class Reveals:
    """Keeps what has been asked for until it is shown; never a number. Any thread."""

    def __init__(self, residents: Residents, now: NowMs = now_ms) -> None:
        self._residents = residents
        self._now = now
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._mutex = threading.Lock()

    def ask(self, person_id: int, *, account: Account, session: str, reason: str) -> str:
        """A token for one showing in this session. Raises NotAllowed without the right or a reason."""
        if not account.role.may_reveal:
            raise NotAllowed("this account may not see ID numbers")
        asked = _Asked(
            person_id=person_id,
            reason=audit.stated_reason(reason),
            session=session,
            until_ms=self._now() + SHOWN_WITHIN_S * 1000,
        )
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._mutex:
            self._asked[token] = asked
            while len(self._asked) > WAITING_MAX:
                self._asked.popitem(last=False)
        return token

    def show(self, token: str, *, account: Account, session: str) -> Revealed | None:
        """The number, audited before it is returned; None when the token was used, grew old, or is not this session's.

        Raises NotAllowed, NotFound.
        """
        with self._mutex:
            asked = self._asked.get(token)
            if asked is None or asked.session != session:
                return None
            del self._asked[token]
        if asked.until_ms <= self._now():
            return None
        number = self._residents.reveal_id_number(asked.person_id, account=account, reason=asked.reason)
        return Revealed(person_id=asked.person_id, number=number)
