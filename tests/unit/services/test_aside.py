"""Long work is done aside, and so much of it at a time."""

import asyncio
import gc
import weakref
from threading import Event, Lock, get_ident

from services import aside
from services.aside import in_turn, uncollected


class Knot:
    """Something that holds itself."""

    def __init__(self):
        self.itself = self


async def test_only_so_much_work_is_done_at_a_time_and_all_of_it_in_the_end():
    places, release, lock = asyncio.Semaphore(2), Event(), Lock()
    running, most = 0, 0

    def work(number):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        assert release.wait(10)
        with lock:
            running -= 1
        return number, get_ident()

    tasks = [asyncio.create_task(in_turn(places, work, number)) for number in range(5)]
    while running < 2:
        await asyncio.sleep(0)  # the loop goes on meanwhile
    release.set()
    done = await asyncio.gather(*tasks)
    assert [number for number, _ in done] == [0, 1, 2, 3, 4]
    assert most == 2
    assert get_ident() not in {thread for _, thread in done}


def test_garbage_goes_though_somebody_is_always_at_work(monkeypatch):
    monkeypatch.setattr(aside, "MANY", 5_000)
    before = gc.get_threshold()
    with uncollected():
        with uncollected():
            gone = weakref.ref(Knot())
        made = [[] for _ in range(20_000)]
        assert gone() is None
        assert gc.get_threshold()[0] == 5_000
    assert gc.get_threshold() == before
    assert len(made) == 20_000


class Watch:
    """A clock that goes on by what is worked, and keeps when somebody paused."""

    def __init__(self):
        self.now, self.paused = 0.0, []

    def pauses(self):
        return aside.Pauses(clock=lambda: self.now, sleep=self._sleep)

    def work(self, pauses, *costs):
        """Work on items that take some seconds each, and return those that were worked on."""
        done = []
        for cost in pauses.between(costs):
            self.now += cost
            done.append(cost)
        return done

    def _sleep(self, seconds):
        self.paused.append((seconds, round(self.now, 6)))
        self.now += 0.1  # another one had its turn, which is no work of ours


def test_long_work_pauses_by_the_time_it_took_and_leaves_nothing_out():
    watch = Watch()
    costs = [0.0005] * 10 + [0.003, 0.0001]
    assert watch.work(watch.pauses(), *costs) == costs
    # Four halves of a millisecond are a stretch; what took longer is over at its end.
    assert watch.paused == [
        (aside.PAUSE, 0.002),
        (aside.PAUSE, 0.104),
        (aside.PAUSE, 0.208),
    ]


def test_parts_that_are_short_by_themselves_pause_as_one_work():
    watch = Watch()
    pauses = watch.pauses()
    for _ in range(4):
        watch.work(pauses, 0.0006)
    assert watch.paused == [(aside.PAUSE, 0.0024)]


async def test_what_is_small_is_worked_on_by_the_loop_without_a_pause_and_else_in_a_thread():
    watch = Watch()
    costs = [0.01] * 3

    def work():
        return watch.work(watch.pauses(), *costs), get_ident()

    assert await aside.aside(range(aside.SMALL), work) == (costs, get_ident())
    assert watch.paused == []
    done, thread = await aside.aside(range(aside.SMALL + 1), work)
    assert (done, len(watch.paused)) == (costs, 3)
    assert thread != get_ident()
