"""Passwords are hashed cheaply in tests; one test holds the real price."""

import pytest
from argon2 import PasswordHasher

from center.accounts import users


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    users._nobodys_hash.cache_clear()
