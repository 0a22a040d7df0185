"""Signing in, refreshing and signing out, one at a time and at the same time."""

import pytest
from argon2 import PasswordHasher

from services.accounts import check_credentials, create_user
from services.errors import RefusedError
from services.passwords import Passwords
from tests.conftest import NOW

CHEAP = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}


class Watched(PasswordHasher):
    """Hashes cheaply, and notes how many connections are in use whenever it works."""

    def __init__(self, database):
        super().__init__(**CHEAP)
        self.database = database
        self.in_use = []

    def hash(self, password, **more):
        self.in_use.append(self.database.engine.pool.checkedout())
        return super().hash(password, **more)

    def verify(self, stored, password):
        self.in_use.append(self.database.engine.pool.checkedout())
        return super().verify(stored, password)


@pytest.fixture
async def ann(database):
    """A user's key."""
    async with database.writing() as session:
        user = await create_user(
            session,
            "ann",
            password_hash=PasswordHasher(**CHEAP).hash("correct horse"),
            base_currency="USD",
            now=NOW,
        )
    return user.id


async def test_no_connection_is_held_while_a_password_is_checked(database, ann):
    hasher = Watched(database)
    passwords = Passwords(hasher)
    user = await check_credentials(database, passwords, username="Ann", password="correct horse")
    assert user.id == ann
    for name in ("ann", "nobody"):
        with pytest.raises(RefusedError, match="The username or password is wrong"):
            await check_credentials(database, passwords, username=name, password="wrong")
    assert hasher.in_use == [0, 0, 0, 0]  # a decoy once, then one check for each


async def test_an_unknown_user_costs_as_many_hashes_as_a_known_one(database, ann):
    async def hashes(username):
        hasher = Watched(database)
        with pytest.raises(RefusedError):
            await check_credentials(
                database, Passwords(hasher), username=username, password="wrong"
            )
        return len(hasher.in_use)

    assert await hashes("ann") == await hashes("nobody") == await hashes("not a name!") == 2
