"""Signing in, refreshing and signing out, one at a time and at the same time."""

import asyncio
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from models.idempotency import IdempotencyKey
from services.accounts import (
    check_credentials,
    create_user,
    refresh_session,
    sign_out,
    start_session,
)
from services.errors import RefusedError
from services.idempotency import Request, remember
from services.passwords import Passwords
from services.tokens import Tokens
from tests.conftest import NOW, SECRET

TOKENS = Tokens(secret=SECRET)
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


async def signed_in(database, user_id, *, at=NOW):
    async with database.writing() as session:
        return await start_session(session, TOKENS, user_id=user_id, now=at)


async def refreshed(database, token, *, at=NOW):
    """Trade a token in a transaction of its own; null when it was refused."""
    async with database.writing() as session:
        return await refresh_session(session, TOKENS, refresh_token=token, now=at)


async def signed_out(database, token):
    async with database.writing() as session:
        await sign_out(session, refresh_token=token, now=NOW)


async def someone_waits(database):
    """Tell whether a transaction waits for another; SQLite lets only one write, so always."""
    if database.is_sqlite:
        return True
    async with database.reading() as session:
        waiting = text(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return await session.scalar(waiting) > 0


@pytest.mark.parametrize("act", [signed_out, refreshed])
async def test_ending_a_session_ends_the_token_that_a_refresh_is_just_making(database, ann, act):
    first = await signed_in(database, ann)
    second = await refreshed(database, first.refresh_token)
    async with database.writing() as session:
        third = await refresh_session(session, TOKENS, refresh_token=second.refresh_token, now=NOW)
        # A sign-out, or the replay of a used token, comes while the new token is not yet visible.
        ending = asyncio.create_task(act(database, first.refresh_token))
        while not await someone_waits(database):
            await asyncio.sleep(0)
    assert await ending is None
    assert await refreshed(database, third.refresh_token) is None


async def test_of_two_refreshes_at_a_time_at_most_one_succeeds_and_the_session_ends(database, ann):
    first = await signed_in(database, ann)
    outcomes = await asyncio.gather(*(refreshed(database, first.refresh_token) for _ in range(4)))
    (only,) = [outcome for outcome in outcomes if outcome is not None]
    assert await refreshed(database, only.refresh_token) is None


async def test_a_session_goes_on_through_one_refresh_after_another(database, ann):
    session = await signed_in(database, ann)
    for _ in range(3):
        session = await refreshed(database, session.refresh_token)
    assert session.user_id == ann
    await signed_out(database, session.refresh_token)
    await signed_out(database, "no such token")
    assert await refreshed(database, session.refresh_token) is None


async def kept(database, table):
    async with database.reading() as session:
        return await session.scalar(text(f"SELECT count(*) FROM {table}"))


async def test_a_new_session_forgets_the_users_expired_tokens_and_nobody_elses(
    database, ann, clock
):
    async with database.writing() as session:
        ben = await create_user(session, "ben", password_hash="x", base_currency="USD", now=clock())
    for user_id in (ann, ann, ben.id):
        await signed_in(database, user_id, at=clock())
    clock.now += TOKENS.refresh_lifetime - timedelta(seconds=1)
    await signed_in(database, ann, at=clock())
    assert await kept(database, "refresh_tokens") == 4
    clock.now += timedelta(seconds=1)
    last = await signed_in(database, ann, at=clock())
    assert await kept(database, "refresh_tokens") == 3
    assert await refreshed(database, last.refresh_token, at=clock())


async def test_a_new_session_forgets_the_users_idempotency_keys_after_a_month(database, ann, clock):
    async with database.writing() as session:
        for key in ("one", "two"):
            request = Request(user_id=ann, key=key, operation="test", content="")
            remember(session, request, result_id=1, now=clock())
    clock.now += timedelta(days=30)
    await signed_in(database, ann, at=clock())
    assert await kept(database, "idempotency_keys") == 2
    clock.now += timedelta(seconds=1)
    await signed_in(database, ann, at=clock())
    assert await kept(database, "idempotency_keys") == 0


async def test_much_that_has_expired_goes_bit_by_bit(database, ann, clock):
    row = {"user_id": ann, "fingerprint": "", "result_id": 1, "created_at": clock()}
    async with database.writing() as session:
        session.add_all(IdempotencyKey(key=str(number), **row) for number in range(1001))
    clock.now += timedelta(days=31)
    for left in (1, 0):
        await signed_in(database, ann, at=clock())
        assert await kept(database, "idempotency_keys") == left
