"""A Redis of the test's own, which it may stop, pause and start again."""

import shutil
import subprocess
import time
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import RedisError

from tests.conftest import free_port, missing

PATIENCE = 20
"""Seconds for what takes a few; machines that run tests are busy."""


class OwnRedis:
    """A Redis that the test may stop, pause and start again on its port."""

    def __init__(self):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if program is None:
            missing("A Redis server of the test's own")
        options = ["--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        client = Redis.from_url(self.url)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                client.ping()
                break
            except RedisError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        client.close()

    def stop(self):
        self.process.kill()
        self.process.wait(PATIENCE)


@contextmanager
def own_redis():
    made = OwnRedis()
    try:
        yield made
    finally:
        made.stop()
