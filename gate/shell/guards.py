"""The guards of a gate: their PINs, the waiting after wrong ones, and the tokens of whoever has the gate.

Rules:
- A PIN is checked in a thread, one at a time; the lane never waits for it.
- WRONG_FREE wrong PINs are forgiven; the next attempts wait WAIT_FIRST_S, and twice as long after each further wrong
  one, up to WAIT_MAX_S. It is counted for the whole gate; a right PIN wipes out this guard's wrong ones alone.
- A token is 32 random bytes. Only its digest is kept, so many for each duty, and all end with the duty.
"""

import asyncio
import contextlib
import ctypes
import hashlib
import hmac
import secrets
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from model.clock import Instant
from model.identities import GuardId

WRONG_FREE: Final = 5
WAIT_FIRST_S: Final = 30.0
WAIT_MAX_S: Final = 600.0
FORGOTTEN_AFTER_S: Final = 3_600.0
"""Without a wrong PIN; otherwise one bad day would make every typing error of a year wait."""
MAX_TOKENS: Final = 6
"""Of one duty: the gate's screen, a telephone or two, each perhaps started anew. Beyond it the oldest ends."""
TOKEN_BYTES: Final = 32

# OWASP's least parameters for argon2id; 40 ms on a desktop's core, some 0.3 s on the smallest board.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardAccount:
    """One guard who may sign in. pin_hash: an argon2id string."""

    guard: GuardId
    name: str
    pin_hash: str


def hash_pin(pin: str) -> str:
    """The PIN as a guards file keeps it. Blocks for a while."""
    return _HASHER.hash(pin)


def is_pin_of(pin_hash: str, pin: str) -> bool:
    """Whether this is the PIN; False for a hash that is none. Blocks for a while."""
    try:
        return _HASHER.verify(pin_hash, pin)
    except (VerificationError, InvalidHashError):
        return False
    finally:
        with contextlib.suppress(AttributeError):  # of another C library than glibc
            # The 19 MB would be kept for the next time, and a terminal has no such next time for hours.
            ctypes.CDLL(None).malloc_trim(0)


class PinThrottle:
    """How long the next attempt must wait. Pure but for its own counts; the clock is handed in."""

    def __init__(self) -> None:
        self._wrong: dict[GuardId | None, int] = {}
        self._until = Instant(float("-inf"))
        self._last_wrong_at = Instant(float("-inf"))

    def wait_s(self, at: Instant) -> float:
        """Seconds until a PIN is looked at again; 0 when it is now."""
        return max(self._until - at, 0.0)

    def note_wrong(self, guard: GuardId | None, at: Instant) -> float:
        """One more wrong PIN; guard: None for one whom nobody knows. Returns the wait that follows."""
        if at - self._last_wrong_at >= FORGOTTEN_AFTER_S:
            self._wrong.clear()
        self._last_wrong_at = at
        self._wrong[guard] = self._wrong.get(guard, 0) + 1
        beyond = sum(self._wrong.values()) - WRONG_FREE
        if beyond < 0:
            return 0.0
        doublings = min(beyond, 32)  # far above what WAIT_MAX_S allows, far below what a float can't hold
        wait_s = min(WAIT_FIRST_S * 2.0**doublings, WAIT_MAX_S)
        self._until = Instant(at + wait_s)
        return wait_s

    def note_right(self, guard: GuardId) -> None:
        """Wrong ones for other guards still count: a guard can't try a colleague's PIN for ever."""
        self._wrong.pop(guard, None)


class Tokens:
    """Who may give orders. Only digests are kept."""

    def __init__(self) -> None:
        self._digests: dict[GuardId, deque[bytes]] = {}

    def issue(self, guard: GuardId) -> str:
        """A new token of this guard's duty."""
        token = secrets.token_hex(TOKEN_BYTES)
        self._digests.setdefault(guard, deque(maxlen=MAX_TOKENS)).append(_digest(token))
        return token

    def guard_of(self, token: str) -> GuardId | None:
        """Whose token it is; None for one that was never issued or has ended."""
        digest = _digest(token)
        for guard, digests in self._digests.items():
            if any(hmac.compare_digest(digest, each) for each in digests):
                return guard
        return None

    def end_all_but(self, guard: GuardId | None) -> None:
        """The duty of everybody else is over."""
        self._digests = {each: digests for each, digests in self._digests.items() if each == guard}

    def end(self, guard: GuardId) -> None:
        """This guard's tokens are worth nothing from now on."""
        self._digests.pop(guard, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinJudged:
    """What became of an attempt. account is None unless the PIN was right; wait_s: until the next attempt."""

    account: GuardAccount | None
    was_looked_at: bool
    wait_s: float = 0.0


class Guards:
    """The guards of this gate, and the one place where a PIN is looked at. On the loop's thread."""

    def __init__(
        self,
        accounts: Sequence[GuardAccount],
        *,
        now: Callable[[], Instant],
        is_pin: Callable[[str, str], bool] = is_pin_of,
    ) -> None:
        """is_pin(pin_hash, pin): runs in a thread."""
        self._accounts: Mapping[GuardId, GuardAccount] = {}
        self._now = now
        self._is_pin = is_pin
        self._throttle = PinThrottle()
        self._one_at_a_time = asyncio.Lock()
        self.replace(accounts)

    @property
    def accounts(self) -> tuple[GuardAccount, ...]:
        """In the file's order."""
        return tuple(self._accounts.values())

    def find(self, guard: GuardId) -> GuardAccount | None:
        """The account of a guard who still is one."""
        return self._accounts.get(guard)

    def replace(self, accounts: Sequence[GuardAccount]) -> frozenset[GuardId]:
        """Take the file's new guards; returns those who are gone or have another PIN."""
        fresh = {account.guard: account for account in accounts}
        ended = frozenset(
            guard
            for guard, account in self._accounts.items()
            if guard not in fresh or fresh[guard].pin_hash != account.pin_hash
        )
        self._accounts = fresh
        return ended

    async def judge(self, guard: GuardId, pin: str) -> PinJudged:
        """Look at a PIN, after whoever came before. Nothing is looked at while the gate must wait."""
        async with self._one_at_a_time:
            wait_s = self._throttle.wait_s(self._now())
            if wait_s > 0:
                return PinJudged(account=None, was_looked_at=False, wait_s=wait_s)
            account = self._accounts.get(guard)
            is_right = account is not None and await asyncio.to_thread(self._is_pin, account.pin_hash, pin)
            # The file may have changed meanwhile: a removed guard's PIN opens nothing.
            if account is None or not is_right or self._accounts.get(guard) != account:
                known = guard if account is not None else None
                return PinJudged(account=None, was_looked_at=True, wait_s=self._throttle.note_wrong(known, self._now()))
            self._throttle.note_right(guard)
            return PinJudged(account=account, was_looked_at=True)


class GuardsUnreadable(Exception):
    """The guards file can't be used; its message says what to do."""


class GuardsFile:
    """The guards file, read again when it changes. `look` blocks: call it from a thread, one call at a time."""

    def __init__(self, path: Path, load: Callable[[], Sequence[GuardAccount]]) -> None:
        """load: reads the file; raises GuardsUnreadable."""
        self._path = path
        self._load = load
        self._seen: tuple[int, int, int, int] | None = None
        self._is_first = True

    def look(self) -> Sequence[GuardAccount] | None:
        """The guards, or None when the file is as it was. Raises GuardsUnreadable once for each state of the file."""
        try:
            found = self._path.stat()
            # ctime: whoever makes a file readable again changes nothing else of it.
            now = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        except OSError:
            now = None
        if now == self._seen and not self._is_first:
            return None
        self._seen, self._is_first = now, False
        return self._load()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
