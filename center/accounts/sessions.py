"""Server-side sessions and the limit on failed sign-ins. The browser holds a random token, the database its hash."""

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, insert, select

from center.accounts.users import Account, Role, Users
from center.clock import NowMs, now_ms
from center.errors import StoreError
from center.store.database import Store
from center.store.schema import SignIn, User

SESSION_MAX_S: Final = 12 * 3600  # a shift and its handover
FAILURES_MAX: Final = 5
FAILURES_OF_ADDRESS_MAX: Final = 20
FAILURES_WITHIN_S: Final = 300
REMEMBERED_MAX: Final = 10_000
_TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is signed in. csrf_token: stands in every form of this session."""

    account: Account
    csrf_token: str
    token_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A new session's token, for the cookie alone."""

    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No session. retry_after_s: 0 for wrong name or password, else how long all attempts are refused unseen."""

    retry_after_s: int = 0


class FailureLimit:
    """Counts failures by name from one address, and by address. Any thread.

    A name alone has no limit: it would let anybody lock a duty officer out from anywhere.
    """

    def __init__(self, now: NowMs = now_ms) -> None:
        self._now = now
        self._failures: OrderedDict[str, list[int]] = OrderedDict()
        self._mutex = threading.RLock()

    def wait_s(self, name: str, address: str) -> int:
        """How long an attempt has to wait; 0 = not at all."""
        with self._mutex:
            return max(self._wait_s(key, failures_max) for key, failures_max in _keys(name, address))

    def reserve(self, name: str, address: str) -> int:
        """Count an attempt as a failure before it is looked at, unless it has to wait; how long, 0 = it may be made.

        Counted afterwards, any number of attempts made at the same time would pass. `succeeded` or `forget` undo it.
        """
        with self._mutex:
            wait_s = self.wait_s(name, address)
            if not wait_s:
                self.failed(name, address)
            return wait_s

    def forget(self, name: str, address: str) -> None:
        """Take one attempt back that turned out to be none."""
        with self._mutex:
            for key, _ in _keys(name, address):
                if self._failures.get(key):
                    self._failures[key] = self._failures[key][:-1]

    def failed(self, name: str, address: str) -> None:
        """Note a failure."""
        with self._mutex:
            for key, failures_max in _keys(name, address):
                self._failures[key] = [*self._recent(key), self._now()][-failures_max:]
                self._failures.move_to_end(key)
            while len(self._failures) > REMEMBERED_MAX:
                self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Undo a reservation and forget the failures of this name from this address.

        Those of the address stay: whoever has one account gets no new guesses at others.
        """
        with self._mutex:
            self.forget(name, address)
            self._failures.pop(_keys(name, address)[0][0], None)

    def _recent(self, key: str) -> list[int]:
        since = self._now() - FAILURES_WITHIN_S * 1000
        return [moment for moment in self._failures.get(key, []) if moment > since]

    def _wait_s(self, key: str, failures_max: int) -> int:
        recent = self._recent(key)
        if len(recent) < failures_max:
            return 0
        return max(1, -(-(recent[0] + FAILURES_WITHIN_S * 1000 - self._now()) // 1000))


def _keys(name: str, address: str) -> tuple[tuple[str, int], ...]:
    name = name[:64]
    return (
        (f"{address} {name}", FAILURES_MAX),
        (f"address {address}", FAILURES_OF_ADDRESS_MAX),
    )


class Sessions:
    """Signs people in and out. Any thread."""

    def __init__(self, store: Store, users: Users, now: NowMs = now_ms, limit: FailureLimit | None = None) -> None:
        self._store = store
        self._users = users
        self._now = now
        self._limit = limit if limit is not None else FailureLimit(now)

    def sign_in(self, name: str, password: str, address: str) -> SignedIn | Refused:
        """Begin a session. address: where the attempt comes from; failures count against it and the name there."""
        wait_s = self._limit.reserve(name, address)
        if wait_s:
            return Refused(retry_after_s=wait_s)
        try:
            account = self._users.check(name, password)
        except StoreError:
            self._limit.forget(name, address)  # nobody looked at it
            raise
        if account is None:
            return Refused()
        self._limit.succeeded(name, address)
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now = self._now()
        with self._store.writing() as connection:
            connection.execute(delete(SignIn).where(SignIn.expires_at_ms <= now))
            connection.execute(
                insert(SignIn).values(
                    token_hash=_hash(token),
                    user_id=account.id,
                    csrf_token=secrets.token_urlsafe(_TOKEN_BYTES),
                    created_at_ms=now,
                    expires_at_ms=now + SESSION_MAX_S * 1000,
                )
            )
        return SignedIn(token=token)

    def find(self, token: str) -> Session | None:
        """The session of a cookie's token, None when there is none, it has ended, or its account was disabled."""
        token_hash = _hash(token)
        with self._store.reading() as connection:
            row = connection.execute(
                select(User.id, User.name, User.role, SignIn.csrf_token)
                .join(User, User.id == SignIn.user_id)
                .where(
                    SignIn.token_hash == token_hash,
                    SignIn.expires_at_ms > self._now(),
                    User.is_disabled.is_(False),
                )
            ).first()
        if row is None:
            return None
        account = Account(id=row.id, name=row.name, role=Role(row.role))
        return Session(account=account, csrf_token=row.csrf_token, token_hash=token_hash)

    def sign_out(self, session: Session) -> None:
        """End a session at once, wherever its cookie is."""
        with self._store.writing() as connection:
            connection.execute(delete(SignIn).where(SignIn.token_hash == session.token_hash))


def is_same_token(given: str, expected: str) -> bool:
    """Compare two tokens in a time that tells nothing."""
    return secrets.compare_digest(given.encode(), expected.encode())


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
