"""Signing in: failures are limited and lock nobody else out, sessions end, accounts come and go."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from center_office import PASSWORD, Office

from center.accounts.audit import newest
from center.accounts.sessions import FAILURES_MAX, SESSION_MAX_S, FailureLimit, Refused, Sessions, SignedIn
from center.accounts.users import Role
from center.errors import NotAllowed, NotFound

CENTER = Path(__file__).resolve().parents[3] / "center"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.store.close()


def test_a_wrong_name_and_a_wrong_password_look_the_same(office: Office) -> None:
    client = office.client()
    answers = [client.post("/signin", data={"name": n, "password": "wrong wrong wrong"}) for n in ("duty", "nobody")]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].text.replace("duty", "nobody") == answers[1].text


def test_failures_are_limited_and_the_limit_ends(office: Office) -> None:
    moment = [1_000_000]
    sessions = Sessions(office.store, office.users, now=lambda: moment[0])
    for _ in range(FAILURES_MAX):
        assert sessions.sign_in("duty", "wrong", "10.0.0.9") == Refused()
    refused = sessions.sign_in("duty", PASSWORD, "10.0.0.9")
    assert isinstance(refused, Refused)
    assert refused.retry_after_s == 300
    # The officer at another desk is not locked out by it.
    assert isinstance(sessions.sign_in("duty", PASSWORD, "10.0.0.1"), SignedIn)
    moment[0] += 300_000
    assert isinstance(sessions.sign_in("duty", PASSWORD, "10.0.0.9"), SignedIn)


def test_without_the_limit_guessing_goes_on(office: Office) -> None:
    class NoLimit(FailureLimit):
        def wait_s(self, name: str, address: str) -> int:
            return 0

    sessions = Sessions(office.store, office.users, limit=NoLimit())
    for _ in range(FAILURES_MAX):
        sessions.sign_in("duty", "wrong", "10.0.0.9")
    assert isinstance(sessions.sign_in("duty", PASSWORD, "10.0.0.9"), SignedIn)


def test_one_address_cannot_try_many_names() -> None:
    limit = FailureLimit(lambda: 0)
    for number in range(20):
        assert limit.wait_s(f"name-{number}", "10.0.0.9") == 0
        limit.failed(f"name-{number}", "10.0.0.9")
    assert limit.wait_s("another", "10.0.0.9") > 0
    assert limit.wait_s("another", "10.0.0.1") == 0


def test_a_stranger_locks_nobody_out() -> None:
    """However often a name fails from elsewhere, its owner's own address stays open."""
    limit = FailureLimit(lambda: 0)
    for number in range(500):
        limit.failed("duty", f"10.0.{number // 250}.{number % 250}")
    assert limit.wait_s("duty", "10.9.9.9") == 0
    assert limit.wait_s("duty", "10.0.0.1") == 0


def test_a_refusal_says_what_to_look_at(office: Office) -> None:
    client = office.client()
    assert "capital letters" not in client.get("/signin").text
    assert "capital letters" in client.post("/signin", data={"name": "duty", "password": "wrong"}).text


def test_accounts_are_listed_and_closed(office: Office) -> None:
    client = office.client("duty")
    assert [(account.name, account.role) for account in office.users.all()] == [
        ("duty", Role.OFFICER),
        ("office", Role.OFFICE),
    ]
    office.users.remove("duty")
    assert [account.name for account in office.users.all()] == ["office"]
    assert client.get("/").status_code == 303
    assert office.users.check("duty", PASSWORD) is None
    with pytest.raises(NotFound):
        office.users.remove("duty")
    with office.store.reading() as connection:
        assert (newest(connection, 1)[0].action, newest(connection, 1)[0].subject) == ("user_removed", "duty")
    office.users.add("duty", PASSWORD, Role.OFFICER)
    assert office.users.check("duty", PASSWORD) is not None


def test_a_password_costs_what_rfc_9106_recommends() -> None:
    source = (CENTER / "accounts" / "users.py").read_text(encoding="utf-8")
    assert "PasswordHasher(time_cost=3, memory_cost=65_536, parallelism=4)" in source


def test_a_session_ends_with_the_shift(office: Office) -> None:
    moment = [1_000_000]
    sessions = Sessions(office.store, office.users, now=lambda: moment[0])
    signed_in = sessions.sign_in("duty", PASSWORD, "10.0.0.1")
    assert isinstance(signed_in, SignedIn)
    assert sessions.find(signed_in.token) is not None
    moment[0] += SESSION_MAX_S * 1000
    assert sessions.find(signed_in.token) is None


def test_a_new_password_ends_all_sessions_of_the_account(office: Office) -> None:
    client = office.client("duty")
    office.users.add("duty", "another long one", Role.OFFICER)
    assert client.get("/").status_code == 303


def test_a_token_and_a_password_do_not_stand_in_the_database(office: Office, tmp_path: Path) -> None:
    token = dict(office.client("duty").cookies)["gatehouse_session"]
    office.store.close()
    everything = b"".join(file.read_bytes() for file in tmp_path.glob("center.db*"))
    assert token.encode() not in everything
    assert PASSWORD.encode() not in everything
    assert b"$argon2id$" in everything


@pytest.mark.parametrize(
    ("name", "password"),
    [("", PASSWORD), ("a b", PASSWORD), ("x" * 33, PASSWORD), ("duty", "short"), ("duty", "x" * 129)],
)
def test_names_and_passwords_that_do_not_do_are_refused(office: Office, name: str, password: str) -> None:
    with pytest.raises(NotAllowed):
        office.users.add(name, password, Role.OFFICER)
