"""Statistics of closed trades, by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from analytics.events import Amounts
from analytics.holdings import Closing
from analytics.measures import Reason
from analytics.trade_results import (
    expectancy,
    holding_time,
    payoff,
    profit_factor,
    trade_results,
    trade_win_rate,
)

OPENED = datetime(2024, 1, 1, tzinfo=UTC)


def closing(event, cost, proceeds, *, units=1, days=10, lot=1):
    return Closing(
        event_id=event,
        lot_fill_id=lot,
        opened_at=OPENED,
        closed_at=OPENED + timedelta(days=days),
        quantity=Decimal(units),
        paid=None if cost is None else Amounts(own=Decimal(cost), base=Decimal(cost)),
        received=Amounts(own=Decimal(proceeds), base=Decimal(proceeds)),
        rate=Decimal(1),
    )


TRADES = trade_results(
    [
        closing(1, 100, 150, days=10),
        closing(2, 100, 60, days=20),
        closing(3, 100, 130, days=30),
        closing(4, 100, 100, days=40),
    ]
)


def test_break_evens_count_neither_as_wins_nor_as_losses():
    assert trade_win_rate(TRADES).value == pytest.approx(2 / 3)


def test_wins_are_set_against_losses():
    assert profit_factor(TRADES).value == 80 / 40
    assert payoff(TRADES).value == 40 / 40
    assert expectancy(TRADES).value == (50 - 40 + 30) / 4
    assert holding_time(TRADES).value == 25


def test_one_sale_of_several_lots_is_one_trade_whose_days_are_weighed_by_units():
    (trade,) = trade_results(
        [closing(1, 100, 90, units=1, days=10), closing(1, 100, 150, units=3, days=30, lot=2)]
    )
    assert (trade.gain, trade.entry, trade.days) == (40, 200, 25)


def test_the_return_of_a_trade_is_over_what_was_put_in_with_fees():
    # PP: 2,700 gained on 5,150 paid with fees; a short of 60 bought back for 15 gains 75 %.
    (trade,) = trade_results([closing(1, 5150, 7850)])
    assert trade.growth == 2700 / 5150
    (short,) = trade_results([closing(1, -60, -15, units=-1)])
    assert (short.gain, short.growth) == (45, 0.75)


def test_money_paid_back_and_unknown_gains_are_no_trades():
    assert trade_results([closing(1, 10, 20, units=0), closing(2, None, 20)]) == []


def test_without_trades_wins_or_losses_the_reason_is_told():
    winning, losing, even = TRADES[:1], TRADES[1:2], TRADES[3:]
    for figure in (trade_win_rate, profit_factor, expectancy, payoff, holding_time):
        assert figure([]).reason is Reason.NO_TRADES
    assert trade_win_rate(even).reason is Reason.NO_TRADES
    assert profit_factor(winning).reason is Reason.NO_LOSSES
    assert payoff(winning).reason is Reason.NO_LOSSES
    assert payoff(losing).reason is Reason.NO_WINS
    assert profit_factor(losing).value == 0
