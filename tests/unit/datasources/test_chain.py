"""The chain: who is asked, for how long, and what becomes of each key."""

import asyncio
from collections import Counter
from datetime import timedelta
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from datasources.chain import Line, Question, ask_chain
from datasources.errors import (
    BadPayloadError,
    CircuitOpenError,
    InvalidCredentialsError,
    NotEntitledError,
    QuotaExhaustedError,
    RateLimitedError,
    UnavailableError,
)
from datasources.pacing import Budget, Limit, time_left
from models.market import BreakerState, Outcome
from tests.vendors import fake_vendor, no_wait, reply

ANSWERED, UNKNOWN = Outcome.ANSWERED, Outcome.UNKNOWN


class Scripted:
    """A provider that answers from a table, fails, or never ends."""

    def __init__(self, name, *known, batch=None):
        self.name = name
        self.batch = {} if batch is None else {"things": batch}
        self.known = set(known)
        self.failure = None
        self.hold = None
        self.asked = []

    async def things(self, keys):
        self.asked.append(keys)
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            self.failure(keys)
        return {key: f"{self.name}:{key}" for key in keys if key in self.known}


def never(_line, _key, _value):
    return None


async def ask(lines, *wanted, clock, seconds=5.0, kind="things", reject=never, **more):
    question = Question(
        kind=kind,
        ask=lambda provider, keys: provider.things(keys),
        venue_of=lambda key: key.partition(".")[2],
        reject=reject,
    )
    return await ask_chain(question, wanted, lines=lines, clock=clock, seconds=seconds, **more)


@pytest.fixture
def one():
    return Scripted("one", "A", "B")


@pytest.fixture
def two():
    return Scripted("two", "B", "C")


@pytest.fixture
def lines(one, two, clock):
    return [Line(one, clock=clock), Line(two, clock=clock)]


def outcomes(answers, key):
    return [(attempt.provider, attempt.outcome) for attempt in answers.attempts[key]]


async def test_only_what_is_missing_goes_on_and_each_key_has_its_own_history(
    lines, one, two, clock
):
    answers = await ask(lines, "A", "B", "C", "D", clock=clock)
    assert answers.found == {"A": "one:A", "B": "one:B", "C": "two:C"}
    assert answers.failed == set()
    assert (one.asked, two.asked) == ([["A", "B", "C", "D"]], [["C", "D"]])
    assert outcomes(answers, "A") == [("one", ANSWERED)]
    assert outcomes(answers, "C") == [("one", UNKNOWN), ("two", ANSWERED)]
    assert outcomes(answers, "D") == [("one", UNKNOWN), ("two", UNKNOWN)]


async def test_nobody_is_asked_when_nothing_is_missing(lines, one, two, clock):
    await ask(lines, "A", "B", clock=clock)
    assert two.asked == []
    answers = await ask(lines, clock=clock)
    assert (answers.found, one.asked) == ({}, [["A", "B"]])


async def test_batches_are_as_large_as_the_provider_takes_and_go_out_at_once(clock):
    small = Scripted("small", *"ABCDE", batch=2)
    small.hold = asyncio.Event()
    line = Line(small, clock=clock)
    asking = asyncio.create_task(ask([line], *"ABCDE", clock=clock))
    while len(small.asked) < 3:
        await asyncio.sleep(0)
    assert small.asked == [["A", "B"], ["C", "D"], ["E"]]
    small.hold.set()
    assert set((await asking).found) == set("ABCDE")
    assert (line.calls["things"], line.outcomes) == (3, Counter({("things", ANSWERED): 3}))


async def test_a_batch_that_fails_costs_only_its_own_keys(clock, two):
    def fail(keys):
        if "C" in keys:
            raise UnavailableError("down")

    small = Scripted("small", *"ABCD", batch=2)
    small.failure = fail
    answers = await ask([Line(small, clock=clock), Line(two, clock=clock)], *"ABCD", clock=clock)
    assert answers.found == {"A": "small:A", "B": "small:B", "C": "two:C"}
    # D may be known to the one that failed: it is not unknown.
    assert answers.failed == {"D"}


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (UnavailableError("down"), True),
        (BadPayloadError("HTML"), True),
        (RateLimitedError("too many"), True),
        (QuotaExhaustedError("too many today"), True),
        (InvalidCredentialsError("wrong key"), True),
        (KeyError("defect"), True),
        # It will not be told tomorrow either: for all that may be asked, D is unknown.
        (NotEntitledError("plan"), False),
    ],
)
async def test_what_one_could_not_tell_and_the_next_does_not_know_is_not_unknown(
    lines, one, clock, error, failed
):
    one.failure = error
    for _ in range(4):
        answers = await ask(lines, "C", "D", clock=clock)
        assert answers.found == {"C": "two:C"}
        assert answers.failed == ({"D"} if failed else set())


async def test_a_defect_is_told_by_its_kind_and_seen_and_counts_against_health(
    lines, one, clock, caplog
):
    one.failure = KeyError("secret value")
    for _ in range(5):
        answers = await ask(lines, "B", clock=clock)
    (attempt, _) = answers.attempts["B"]
    assert (attempt.outcome, attempt.detail) == (Outcome.FAILED, "KeyError")
    assert lines[0].breaker.state is BreakerState.OPEN
    answers = await ask(lines, "A", "B", clock=clock)
    assert outcomes(answers, "B") == [("one", Outcome.CIRCUIT_OPEN), ("two", ANSWERED)]
    assert answers.failed == {"A"}
    assert len(one.asked) == 5


async def test_a_rate_limit_is_no_illness(lines, one, clock):
    one.failure = RateLimitedError("too many")
    for _ in range(9):
        await ask(lines, "A", clock=clock)
    assert lines[0].breaker.state is BreakerState.CLOSED


async def test_a_provider_that_hangs_takes_its_share_of_the_time_and_no_more(
    lines, one, two, clock
):
    one.hold = asyncio.Event()
    shares = []
    ask_two = two.things

    async def things(keys):
        shares.append(time_left.get().total_seconds())
        return await ask_two(keys)

    two.things = things
    loop = asyncio.get_running_loop()
    started = loop.time()
    answers = await ask(lines, "B", clock=clock, seconds=0.1)
    assert 0.05 <= loop.time() - started < 1
    assert answers.found == {"B": "two:B"}
    assert outcomes(answers, "B") == [("one", Outcome.UNAVAILABLE), ("two", ANSWERED)]
    # The last one may take longer: whoever waited goes on, and the cache still gains.
    assert shares == [pytest.approx(10, abs=0.1)]


async def test_shares_are_even_and_what_one_does_not_use_goes_to_the_next(clock):
    shares = {}

    class Timed(Scripted):
        async def things(self, keys):
            shares[self.name] = time_left.get().total_seconds()
            return {}

    lines = [Line(Timed(name), clock=clock) for name in ("one", "two", "three")]
    await ask(lines, "A", clock=clock, seconds=60, last_seconds=7)
    assert shares == pytest.approx({"one": 20, "two": 30, "three": 7}, abs=0.5)


async def test_a_real_server_that_never_answers_is_left_for_the_next(clock, two):
    async with fake_vendor() as server:
        server.answers(reply({}, hold=asyncio.Event()))

        class Remote(Scripted):
            async def things(self, keys):
                port = int(server.url.rpartition(":")[2])
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(b"GET / HTTP/1.1\r\n\r\n")
                    await reader.read()
                finally:
                    writer.close()

        lines = [Line(Remote("remote"), clock=clock), Line(two, clock=clock)]
        answers = await ask(lines, "B", "X", clock=clock, seconds=0.1)
    assert (answers.found, answers.failed) == ({"B": "two:B"}, {"X"})
    assert lines[0].last_error == "took too long"


async def test_waiting_for_ones_own_budget_is_not_held_against_the_vendor(clock):
    class Paced(Scripted):
        budget = Budget([Limit(1, timedelta(seconds=1))], name="paced", clock=clock, sleep=no_wait)

        async def things(self, keys):
            await self.budget.take(patience=timedelta(seconds=9))
            return await super().things(keys)

    line = Line(Paced("paced", "A"), clock=clock)
    answers = await ask([line], "A", clock=clock)
    assert answers.found == {"A": "paced:A"}
    for _ in range(9):
        answers = await ask([line], "A", clock=clock, last_seconds=0.05)
        assert outcomes(answers, "A") == [("paced", Outcome.RATE_LIMITED)]
    assert line.breaker.state is BreakerState.CLOSED


async def test_a_provider_with_a_wrong_key_is_left_alone_for_a_quarter_of_an_hour(
    lines, one, clock
):
    one.failure = InvalidCredentialsError("wrong key")
    await ask(lines, "A", clock=clock)
    one.failure = None
    for minutes in (0, 14):
        clock.now += timedelta(minutes=minutes)
        answers = await ask(lines, "A", clock=clock)
        assert answers.failed == {"A"}
        assert outcomes(answers, "A")[0] == ("one", Outcome.INVALID_CREDENTIALS)
    assert (lines[0].state([]).usable, len(one.asked)) == (False, 1)
    clock.now += timedelta(minutes=1)
    assert (await ask(lines, "A", clock=clock)).found == {"A": "one:A"}
    assert lines[0].state([]).usable is True


async def test_a_venue_that_the_plan_leaves_out_is_not_asked_for_again_that_day(clock):
    plan = Scripted("plan", "A", "V.L")
    plan.failure = london_is_not_included
    lines = [Line(plan, clock=clock), Line(Scripted("two", "V.L"), clock=clock)]
    for key in ("V.L", "W.L", "X.L"):
        await ask(lines, key, clock=clock)
    plan.asked.clear()
    answers = await ask(lines, "A", "V.L", "Z.L", clock=clock)
    assert answers.found == {"A": "plan:A", "V.L": "two:V.L"}
    assert answers.failed == set()
    assert outcomes(answers, "Z.L") == [("plan", Outcome.NOT_ENTITLED), ("two", UNKNOWN)]
    assert plan.asked == [["A"]]
    # Another kind is another matter.
    assert (await ask(lines, "V.L", clock=clock, kind="others")).found == {"V.L": "two:V.L"}
    assert plan.asked == [["A"], ["V.L"]]
    clock.now += timedelta(days=1)
    plan.failure = None
    assert (await ask(lines, "V.L", clock=clock)).found == {"V.L": "plan:V.L"}


def london_is_not_included(keys):
    if any(key.endswith(".L") for key in keys):
        raise NotEntitledError("plan")


async def test_odd_symbols_do_not_take_their_market_away(clock):
    def odd(keys):
        if keys[0].startswith("ODD"):
            raise NotEntitledError("plan")

    plan = Scripted("plan", "A", batch=1)
    plan.failure = odd
    line = Line(plan, clock=clock)
    for _ in range(5):
        await ask([line], "ODD", clock=clock)
    # Several are odd, but what the market is known by is answered in between.
    for key in ("ODD2", "A", "ODD3", "ODD4", "A"):
        await ask([line], key, clock=clock)
    assert (await ask([line], "A", clock=clock)).found == {"A": "plan:A"}


async def test_a_mixed_batch_that_is_refused_is_asked_venue_by_venue(clock):
    plan = Scripted("plan", "A", "B", "V.L")
    plan.failure = london_is_not_included
    line = Line(plan, clock=clock)
    answers = await ask([line], "A", "V.L", "B", "W.L", "X.L", clock=clock)
    assert answers.found == {"A": "plan:A", "B": "plan:B"}
    assert outcomes(answers, "V.L") == [("plan", Outcome.NOT_ENTITLED)]
    assert plan.asked[1:] == [["A", "B"], ["V.L", "W.L", "X.L"]]
    await ask([line], "A", "V.L", clock=clock)
    assert plan.asked[3:] == [["A"]]


async def test_a_value_that_is_rejected_counts_as_missing_and_tells_why(lines, clock):
    def reject(line, key, value):
        return "odd" if value == "one:B" else None

    answers = await ask(lines, "A", "B", clock=clock, reject=reject)
    assert answers.found == {"A": "one:A", "B": "two:B"}
    first, second = answers.attempts["B"]
    assert (first.outcome, first.detail) == (Outcome.REJECTED, "odd")
    assert (second.outcome, second.detail) == (ANSWERED, None)


async def test_what_was_not_asked_for_is_not_taken(clock):
    class Talkative(Scripted):
        async def things(self, keys):
            return {"A": "a", "Z": "z"}

    answers = await ask([Line(Talkative("one"), clock=clock)], "A", clock=clock)
    assert answers.found == {"A": "a"}


async def test_a_caller_that_is_cancelled_gives_its_probe_back(clock):
    ill = Scripted("ill", "A")
    ill.failure = UnavailableError("down")
    line = Line(ill, clock=clock)
    for _ in range(5):
        await ask([line], "A", clock=clock)
    clock.now += timedelta(seconds=30)
    ill.failure, ill.hold = None, asyncio.Event()
    asking = asyncio.create_task(ask([line], "A", clock=clock))
    while len(ill.asked) < 6:
        await asyncio.sleep(0)
    # While it is probed, others go without.
    assert outcomes(await ask([line], "A", clock=clock), "A") == [("ill", Outcome.CIRCUIT_OPEN)]
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert line.breaker.state is BreakerState.HALF_OPEN
    ill.hold.set()
    assert (await ask([line], "A", clock=clock)).found == {"A": "ill:A"}
    assert line.breaker.state is BreakerState.CLOSED


async def test_an_open_circuit_says_so_and_calls_nobody(clock, one):
    one.failure = UnavailableError("down")
    line = Line(one, clock=clock)
    for _ in range(5):
        await ask([line], "A", clock=clock)
    with pytest.raises(CircuitOpenError):
        await line.call("things", ["A"], ask=lambda *_: None, venue_of=lambda _: "", seconds=1.0)
    state = line.state(["things"])
    assert (state.usable, state.breaker, state.calls) == (False, BreakerState.OPEN, 5)
    assert (state.last_error, state.last_error_at) == ("down", clock.now)
    assert state.probes_at == clock.now + timedelta(seconds=30)


async def test_a_state_tells_the_budgets_of_whoever_has_some(clock, one):
    budget = Budget([Limit(5, timedelta(minutes=1))], name="one", clock=clock)
    one.upstream = SimpleNamespace(budget=budget)
    await budget.take(2)
    (left,) = Line(one, clock=clock).state(["things"]).budgets
    assert (left.limit, left.left) == (5, 3)


async def test_an_outage_is_a_line_of_the_log_a_minute_and_not_one_a_question(lines, one, clock):
    one.failure = RateLimitedError("too many calls")
    with capture_logs() as logs:
        for _ in range(5):
            await ask(lines, "A", clock=clock)
        one.failure = UnavailableError("down")
        await ask(lines, "A", clock=clock)
        one.failure = RateLimitedError("too many calls")
        clock.now += timedelta(minutes=1)
        await ask(lines, "A", clock=clock)
    codes = [entry["code"] for entry in logs if entry["event"] == "provider_failed"]
    assert codes == ["RATE_LIMITED", "UNAVAILABLE", "RATE_LIMITED"]
