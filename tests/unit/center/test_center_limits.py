"""What one browser may take: guesses of a password, places to watch, addresses of pages that can't be."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from center_kit import eventually
from center_office import PASSWORD, Office

from center.accounts.sessions import (
    FAILURES_MAX,
    FAILURES_OF_ADDRESS_MAX,
    FailureLimit,
    Refused,
    Sessions,
    SignedIn,
)
from center.accounts.users import Account, Users
from center.desk.gates import GateView
from center.desk.live import WATCHERS_OF_ONE_MAX, LiveFeed, TooManyWatchers
from center.desk.passages import PassageView
from center.errors import StoreError

ATTEMPTS = 12


class SlowUsers(Users):
    """Looks at no password before all attempts that will be made have been judged by the limit."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.store)
        self.tried = 0
        self.may_go_on = threading.Event()

    def check(self, name: str, password: str) -> Account | None:
        self.tried += 1
        assert self.may_go_on.wait(10)
        return None


class CountsAfterwards(FailureLimit):
    def reserve(self, name: str, address: str) -> int:
        return self.wait_s(name, address)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def tried_at_once(office: Office, limit: FailureLimit) -> int:
    users = SlowUsers(office)
    sessions = Sessions(office.store, users, limit=limit)

    def attempt() -> None:
        judged = sessions.sign_in("duty", "wrong", "10.0.0.9")
        assert isinstance(judged, Refused)

    with ThreadPoolExecutor(ATTEMPTS) as pool:
        attempts = [pool.submit(attempt) for _ in range(ATTEMPTS)]
        eventually(lambda: users.tried + sum(one.done() for one in attempts) == ATTEMPTS, "all attempts judged")
        users.may_go_on.set()
    return users.tried


def test_guesses_made_at_once_are_limited_like_those_made_in_turn(office: Office) -> None:
    assert tried_at_once(office, FailureLimit()) == FAILURES_MAX


def test_counted_afterwards_all_of_them_would_be_tried(office: Office) -> None:
    assert tried_at_once(office, CountsAfterwards()) == ATTEMPTS


def test_signing_in_rightly_uses_nothing_up(office: Office) -> None:
    sessions = Sessions(office.store, office.users)
    for _ in range(FAILURES_OF_ADDRESS_MAX + 1):
        assert isinstance(sessions.sign_in("duty", PASSWORD, "10.0.0.9"), SignedIn)


def test_an_attempt_that_nobody_looked_at_does_not_count(office: Office) -> None:
    class Away(Users):
        def check(self, name: str, password: str) -> Account | None:
            raise StoreError("the database does not answer")

    limit = FailureLimit()
    sessions = Sessions(office.store, Away(office.store), limit=limit)
    for _ in range(FAILURES_OF_ADDRESS_MAX + 1):
        with pytest.raises(StoreError):
            sessions.sign_in("duty", PASSWORD, "10.0.0.9")
    assert limit.wait_s("duty", "10.0.0.9") == 0


def test_one_session_takes_only_its_own_places(office: Office) -> None:
    async def scene() -> int:
        feed = LiveFeed(PassageView(office.store), GateView(office.store))
        async with AsyncExitStack() as places:
            taken = await asyncio.gather(
                *(places.enter_async_context(feed.watch("one")) for _ in range(2 * WATCHERS_OF_ONE_MAX)),
                return_exceptions=True,
            )
            await places.enter_async_context(feed.watch("another"))
            return sum(isinstance(place, TooManyWatchers) for place in taken)

    assert asyncio.run(scene()) == WATCHERS_OF_ONE_MAX


@pytest.mark.parametrize(
    "path",
    [
        "/passages/9223372036854775808",
        "/households/9223372036854775808",
        "/api/passages/9223372036854775808",
        "/?to=9999-12-31",
        "/?from=0001-01-01",
        "/?before=99999999999999999999",
    ],
)
def test_a_number_or_day_that_no_table_holds_is_answered_in_words(office: Office, path: str) -> None:
    assert office.client("duty").get(path).status_code in (200, 404, 422)
