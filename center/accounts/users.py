"""People who may sign in. Passwords are kept as argon2id hashes."""

import re
import threading
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, select, update

from center.accounts import audit
from center.clock import NowMs, now_ms
from center.errors import NotAllowed, NotFound
from center.store.database import Store
from center.store.schema import SignIn, User

PASSWORD_MIN: Final = 10
PASSWORD_MAX: Final = 128
"""Above it a password costs the server more than the person."""

_NAME: Final = re.compile(r"[\w.-]{1,32}")
# RFC 9106 section 4, second recommendation: 64 MiB, 3 passes, 4 lanes. At most two at a time, so that a flood of
# sign-ins takes 128 MiB and not the machine.
_HASHER: Final = PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)
_AT_ONCE: Final = threading.BoundedSemaphore(2)


class Role(Enum):
    """What a person may do. OFFICER watches; OFFICE also reveals ID numbers and revokes passes."""

    OFFICER = "officer"
    OFFICE = "office"

    @property
    def may_reveal(self) -> bool:
        return self is Role.OFFICE


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    id: int
    name: str
    role: Role


class Users:
    """Adds and checks accounts. Any thread; `check` takes some 50 ms of a core on purpose."""

    def __init__(self, store: Store, now: NowMs = now_ms) -> None:
        self._store = store
        self._now = now

    def add(self, name: str, password: str, role: Role, *, by: str = "cli") -> None:
        """Add an account, or give an existing one this password and role and end its sessions.

        Raises NotAllowed when name or password do not do.
        """
        if not _NAME.fullmatch(name):
            raise NotAllowed("a user's name is 1 to 32 letters, digits, dots, hyphens or underscores")
        if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
            raise NotAllowed(f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters")
        with _AT_ONCE:
            password_hash = _HASHER.hash(password)
        self._store.make_if_missing()
        with self._store.writing() as connection:
            known = connection.execute(select(User.id).where(User.name == name)).scalar_one_or_none()
            fields = {"password_hash": password_hash, "role": role.value, "is_disabled": False}
            if known is None:
                connection.execute(insert(User).values(name=name, created_at_ms=self._now(), **fields))
            else:
                connection.execute(update(User).where(User.id == known).values(**fields))
                connection.execute(delete(SignIn).where(SignIn.user_id == known))
            audit.note(
                connection,
                at_ms=self._now(),
                user_name=by,
                action=audit.Action.USER_ADDED,
                subject=name,
                reason=role.value,
            )

    def check(self, name: str, password: str) -> Account | None:
        """The account if the password is right. Takes as long for a name that nobody has."""
        if len(password) > PASSWORD_MAX:
            return None
        with self._store.reading() as connection:
            row = connection.execute(
                select(User.id, User.name, User.role, User.password_hash).where(
                    User.name == name, User.is_disabled.is_(False)
                )
            ).first()
        try:
            with _AT_ONCE:
                _HASHER.verify(row.password_hash if row is not None else _nobodys_hash(), password)
        except (VerificationError, InvalidHashError):
            return None
        return Account(id=row.id, name=row.name, role=Role(row.role)) if row is not None else None

    def all(self) -> tuple[Account, ...]:
        """Everybody who may sign in, by name."""
        with self._store.reading() as connection:
            rows = connection.execute(
                select(User.id, User.name, User.role).where(User.is_disabled.is_(False)).order_by(User.name)
            ).all()
        return tuple(Account(id=row.id, name=row.name, role=Role(row.role)) for row in rows)

    def remove(self, name: str, *, by: str = "cli") -> None:
        """Close an account and end its sessions at once; what it did stays in the audit. Raises NotFound."""
        with self._store.writing() as connection:
            known = connection.execute(
                select(User.id).where(User.name == name, User.is_disabled.is_(False))
            ).scalar_one_or_none()
            if known is None:
                raise NotFound("nobody of this name may sign in")
            connection.execute(update(User).where(User.id == known).values(is_disabled=True))
            connection.execute(delete(SignIn).where(SignIn.user_id == known))
            audit.note(
                connection,
                at_ms=self._now(),
                user_name=by,
                action=audit.Action.USER_REMOVED,
                subject=name,
                reason="removed",
            )

    def is_empty(self) -> bool:
        """Whether nobody can sign in yet."""
        with self._store.reading() as connection:
            return connection.execute(select(User.id).limit(1)).first() is None


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("nobody signs in with this, it only takes the time")
