"""Databases of test runs that were killed are dropped by the next one, and no others."""

import subprocess
import sys

import asyncpg
import pytest

from tests.postgres import POSTGRES, PREFIX, create_database, drop_database, drop_left_behind

pytestmark = pytest.mark.postgres


def ended():
    """Return the number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def test_only_what_a_run_that_is_gone_has_left_unused_is_dropped(postgres):
    pid = ended()
    gone, ours, used = [await create_database(one) for one in (pid, None, pid)]
    connection = await asyncpg.connect(used)
    try:
        await drop_left_behind()
        found = await connection.fetch("SELECT datname FROM pg_database")
    finally:
        await connection.close()
        for one in (ours, used):
            await drop_database(one)
    there = {f"{POSTGRES.rpartition('/')[0]}/{name}" for (name,) in found}
    assert there & {gone, ours, used} == {ours, used}


@pytest.mark.parametrize("rest", ["mine", "mine_0123456789ab", "{pid}", "{pid}_0123456789ab_mine"])
async def test_a_database_whose_name_only_begins_like_ours_is_left_alone(postgres, rest):
    name = PREFIX + rest.format(pid=ended())
    connection = await asyncpg.connect(POSTGRES)
    await connection.execute(f'CREATE DATABASE "{name}"')
    try:
        await drop_left_behind()
        found = "SELECT count(*) FROM pg_database WHERE datname = $1"
        assert await connection.fetchval(found, name) == 1
    finally:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}"')
        await connection.close()
