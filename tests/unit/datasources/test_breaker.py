"""The circuit breaker: what opens it, and the one question that closes it."""

from datetime import timedelta

import pytest

from datasources.breaker import Admission, Breaker
from models.market import BreakerState


def fail(breaker, times=1):
    for _ in range(times):
        breaker.settle(breaker.admit(), faulty=True)


@pytest.fixture
def breaker(clock):
    return Breaker(clock=clock)


def test_five_failures_in_a_row_open_it_and_one_success_between_starts_anew(breaker, clock):
    fail(breaker, 4)
    breaker.settle(breaker.admit(), faulty=False)
    fail(breaker, 4)
    assert breaker.state is BreakerState.CLOSED
    assert breaker.probes_at is None
    fail(breaker)
    assert breaker.state is BreakerState.OPEN
    assert breaker.admit() is None
    assert breaker.probes_at == clock.now + timedelta(seconds=30)


def test_a_refusal_counts_neither_for_nor_against(breaker):
    fail(breaker, 4)
    breaker.settle(breaker.admit(), faulty=None)
    assert breaker.state is BreakerState.CLOSED
    fail(breaker)
    assert breaker.state is BreakerState.OPEN


def test_after_its_pause_one_question_is_let_through_and_its_success_closes_it(breaker, clock):
    fail(breaker, 5)
    clock.now += timedelta(seconds=29)
    assert breaker.admit() is None
    clock.now += timedelta(seconds=1)
    assert breaker.state is BreakerState.HALF_OPEN
    probe = breaker.admit()
    assert probe is Admission.PROBE
    assert breaker.admit() is None
    breaker.settle(probe, faulty=False)
    assert breaker.admit() is Admission.CALL
    fail(breaker, 4)
    assert breaker.state is BreakerState.CLOSED


def test_each_failed_probe_doubles_the_pause_up_to_a_quarter_of_an_hour(breaker, clock):
    fail(breaker, 5)
    pauses = []
    for _ in range(7):
        pause = breaker.probes_at - clock.now
        pauses.append(pause.total_seconds())
        clock.now += pause
        fail(breaker)
    assert pauses == [30, 60, 120, 240, 480, 900, 900]
    clock.now += timedelta(minutes=15)
    breaker.settle(breaker.admit(), faulty=False)
    fail(breaker, 5)
    assert breaker.probes_at - clock.now == timedelta(seconds=30)


def test_a_probe_that_tells_nothing_lets_the_next_one_probe(breaker, clock):
    fail(breaker, 5)
    clock.now += timedelta(seconds=30)
    breaker.settle(breaker.admit(), faulty=None)
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.admit() is Admission.PROBE


@pytest.mark.parametrize("faulty", [True, False])
def test_a_late_result_from_before_it_opened_changes_nothing(breaker, clock, faulty):
    late = breaker.admit()
    fail(breaker, 5)
    clock.now += timedelta(seconds=10)
    breaker.settle(late, faulty=faulty)
    assert breaker.state is BreakerState.OPEN
    assert breaker.probes_at == clock.now + timedelta(seconds=20)


def test_a_clock_that_is_put_back_does_not_keep_it_open(breaker, clock):
    fail(breaker, 5)
    clock.now -= timedelta(hours=2)
    assert breaker.admit() is Admission.PROBE
