"""Points that callers spend, and attempts to sign in: counted, refilled, and forgotten in order."""

from datetime import timedelta

import pytest

from services.attempts import Attempts, TooManyAttemptsError
from services.spending import KEPT, Allowance, Buckets
from tests.conftest import NOW

USERS = Allowance("user", 100, 10)
ADDRESSES = Allowance("address", 20, 1)


@pytest.fixture
def buckets(clock):
    return Buckets(users=USERS, addresses=ADDRESSES, clock=clock)


async def test_points_are_taken_until_there_are_too_few(buckets):
    """What is refused takes nothing, and says when there will be enough."""
    assert (await buckets.take("user:1", 70)).left == 30
    refused = await buckets.take("user:1", 71)
    assert (refused.refused, refused.left, refused.retry_in) == (True, 30, 5)
    assert (await buckets.take("user:1", 30)).left == 0


async def test_points_come_back_as_time_goes_by(buckets, clock):
    """Ten a second, and never more than a full bucket."""
    await buckets.take("user:1", 100)
    clock.now += timedelta(seconds=2.5)
    spending = await buckets.take("user:1", 5)
    assert (spending.left, spending.resets_in) == (20, 8)
    assert spending.resets_at == NOW + timedelta(seconds=10.5)
    clock.now += timedelta(hours=1)
    assert (await buckets.take("user:1", 0)).left == 100


async def test_a_clock_that_is_put_back_gives_nothing(buckets, clock):
    """The time that has passed is never less than none."""
    await buckets.take("user:1", 100)
    clock.now -= timedelta(hours=1)
    assert (await buckets.take("user:1", 0)).left == 0
    clock.now += timedelta(hours=1)
    assert (await buckets.take("user:1", 0)).left == 0


async def test_what_an_operation_did_not_cost_is_given_back(buckets):
    """The caller has it again at once."""
    spending = await buckets.take("user:1", 60)
    buckets.give_back("user:1", spending, actual=25)
    assert (spending.actual, spending.left) == (25, 75)
    assert (await buckets.take("user:1", 75)).left == 0


async def test_callers_have_buckets_of_their_own(buckets):
    """Those of addresses are smaller; what one spends, no other misses."""
    await buckets.take("user:1", 100)
    assert (await buckets.take("user:2", 1)).left == 99
    assert (await buckets.take("address:192.0.2.1", 1)).left == 19
    assert (await buckets.take("address:192.0.2.2", 21)).refused


async def test_only_so_many_callers_are_remembered(buckets):
    """Who has not been seen for longest has a full bucket again."""
    await buckets.take("user:1", 100)
    for number in range(KEPT):
        await buckets.take(f"address:{number}", 1)
    assert (await buckets.take("user:1", 0)).left == 100


async def test_an_account_can_be_tried_so_often_in_a_minute_and_hour(clock):
    """The name is the account's whatever its capitals; other accounts go on."""
    attempts = Attempts(2, clock=clock)

    async def admitted(account, address="192.0.2.1"):
        try:
            await attempts.count(account=account, address=address)
        except TooManyAttemptsError as full:
            return full.until
        return None

    assert [await admitted("ann"), await admitted(" ANN ")] == [None, None]
    assert await admitted("Ann") == NOW + timedelta(minutes=1)
    assert await admitted("ann", address="192.0.2.2") == NOW + timedelta(minutes=1)
    assert await admitted("bob") is None
    for minute in range(1, 10):
        clock.now = NOW + timedelta(minutes=minute)
        assert [await admitted("ann"), await admitted("ann")] == [None, None]
    clock.now = NOW + timedelta(minutes=10)
    assert await admitted("ann") == NOW + timedelta(hours=1)


async def test_an_address_can_try_many_accounts_only_so_often(clock):
    """What it is refused is not counted against the accounts."""
    attempts = Attempts(2, clock=clock)
    for number in range(20):
        await attempts.count(account=f"user{number}", address="192.0.2.1")
    for _ in range(3):
        with pytest.raises(TooManyAttemptsError):
            await attempts.count(account="ann", address="192.0.2.1")
    for _ in range(2):
        await attempts.count(account="ann", address="192.0.2.2")
