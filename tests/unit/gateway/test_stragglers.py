"""Of what may not be left out, the quick wait for the slow who read on, and for nobody else."""

import asyncio
from contextlib import aclosing
from weakref import ref

import pytest

from gateway.transports.followers import Stragglers, written
from gateway.transports.sharing import Seat, _Reader, _Run


class Direct:
    """Writes whatever it takes at once, as a socket whose client reads."""

    waiting = burden = 0

    def __init__(self):
        self.heard = []
        self.ended = None

    def offer(self, topic, event):
        self.heard.append(event.data)

    def end(self, final, *, at_once=False):
        self.ended = (final, at_once)


class Hung(Direct):
    """Passes nothing on."""

    def __init__(self, size=0):
        super().__init__()
        self.size = size

    @property
    def waiting(self):
        return len(self.heard)

    @property
    def burden(self):
        return len(self.heard) * self.size


class Broken(Direct):
    """Fails to take anything, and even to end."""

    def offer(self, topic, event):
        raise ValueError("a secret")

    end = offer


@pytest.fixture
async def begun():
    """Follow as somebody how a number of events come without a turn for anybody else."""
    runs = []

    def begin(number, *followers):
        async def events(note):
            for _ in range(5):
                await asyncio.sleep(0)  # until all have joined
            for one in range(number):
                note(one)
                yield {"data": one}
            await asyncio.Event().wait()

        run = _Run(events, request_id="test", forget=lambda: None, gate=None, every=True)
        runs.append(run)
        for one in followers:
            run.join(one, 1)
        return run

    yield begin
    for run in runs:
        run._task.cancel()
    await asyncio.gather(*(run._task for run in runs), return_exceptions=True)


async def until(is_so):
    for _ in range(20_000):
        if is_so():
            return
        await asyncio.sleep(0)
    raise AssertionError


async def test_ten_readers_get_all_of_what_a_socket_takes_at_once(begun):
    direct, most = Direct(), 0
    run = begun(1_500)

    async def read():
        nonlocal most
        reader, heard = _Reader(), 0
        async with aclosing(reader.read(Seat((run,), reader, 1, every=True))) as responses:
            async for response in responses:
                assert "data" in response
                heard += 1
                most = max(most, reader.waiting)
                for _ in range(3):
                    await asyncio.sleep(0)
                if heard == 1_500:
                    break

    async with asyncio.TaskGroup() as readers:
        run.join(direct, 1)
        for _ in range(10):
            readers.create_task(read())
    assert (len(direct.heard), direct.ended, most) == (1_500, None, 101)


async def test_who_passes_nothing_on_is_left_behind_and_ended_when_too_much_waits(
    begun, monkeypatch
):
    monkeypatch.setattr("gateway.transports.followers.STALLED_SECONDS", 0)
    direct, hung = Direct(), Hung()
    begun(1_100, direct, hung)
    await until(lambda: len(direct.heard) == 1_100)
    assert len(hung.heard) == 1_001
    (error,) = hung.ended[0]["errors"]
    assert error["extensions"]["code"] == "TOO_SLOW"
    assert direct.ended is None


async def test_who_passes_nothing_on_is_ended_when_too_many_bytes_wait(begun, monkeypatch):
    monkeypatch.setattr("gateway.transports.followers.STALLED_SECONDS", 0)
    direct, hung = Direct(), Hung(size=300_000)
    begun(10, direct, hung)
    await until(lambda: len(direct.heard) == 10)
    assert len(hung.heard) == 4  # 1,200,000 bytes, where 1,048,576 may wait
    assert hung.ended[0]["errors"][0]["extensions"]["code"] == "TOO_SLOW"


async def test_who_reads_too_slowly_for_too_long_is_left_behind_until_they_have_caught_up(
    monkeypatch,
):
    monkeypatch.setattr("gateway.transports.followers.CATCHING_UP_SECONDS", 0)
    slow, passed = Hung(), asyncio.Event()
    slow.heard = [b""] * 101
    others = Stragglers([slow])
    await others.caught_up(passed)
    await others.caught_up(passed)  # is not waited for again
    slow.heard = [b""] * 50
    await others.caught_up(passed)
    monkeypatch.setattr("gateway.transports.followers.CATCHING_UP_SECONDS", 30)
    slow.heard = [b""] * 101
    waiting = asyncio.create_task(others.caught_up(passed))
    for left in (100, 51, 50):
        await asyncio.sleep(0)
        assert not waiting.done()
        slow.heard = [b""] * left
        passed.set()
    await waiting


async def test_who_was_left_behind_and_goes_is_not_kept_in_memory(begun, monkeypatch):
    monkeypatch.setattr("gateway.transports.followers.STALLED_SECONDS", 0)
    direct, hung = Direct(), Hung()
    run = begun(200, direct, hung)
    await until(lambda: len(direct.heard) == 200)
    run.leave(hung)
    left = ref(hung)
    del hung
    assert left() is None
    assert list(run._followers) == [direct]


async def test_who_fails_to_take_an_event_keeps_it_from_nobody_else(begun):
    direct, broken = Direct(), Broken()
    run = begun(3, broken, direct)
    await until(lambda: len(direct.heard) == 3)
    assert list(run._followers) == [direct]


def test_a_response_is_written_once_with_whatever_is_beside_its_data():
    event = written({"data": {"a": 1}, "errors": [{"message": "no"}]})
    assert b'{"data":%b%b}' % (event.data, event.rest) == (
        b'{"data":{"a":1},"errors":[{"message":"no"}]}'
    )
    assert len(event) == len('{"a":1},"errors":[{"message":"no"}]')
    assert written({"data": None}).rest == b""
