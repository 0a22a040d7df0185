"""Statistics of closed trades, by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from analytics.events import Amounts, Conversion, Fill
from analytics.holdings import Closing
from analytics.lots import fold
from analytics.measures import Reason
from analytics.trade_results import (
    average_loss,
    average_win,
    expectancy,
    holding_time,
    payoff,
    profit_factor,
    return_on_cost,
    trade_results,
    trade_win_rate,
    unknown_trades,
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
    assert average_win(TRADES).value == (50 + 30) / 2
    assert average_loss(TRADES).value == -40
    assert return_on_cost(TRADES).value == 40 / 400


def won_and_lost(wins, won, losses, lost):
    """Return so many wins, and losses, that come to so much together."""
    gains = [*[won / wins] * wins, *[-lost / losses] * losses]
    return trade_results(
        closing(number, 1000, Decimal(1000) + Decimal(gain))
        for number, gain in enumerate(gains, start=1)
    )


PUBLISHED = [
    # trades, figure, what is printed, to how many decimals
    ("Learn Forex: Calculate your expectancy", (6, 2400, 4, 1200), trade_win_rate, 0.6, 4),
    ("Learn Forex: Calculate your expectancy", (6, 2400, 4, 1200), average_win, 400, 2),
    ("Learn Forex: Calculate your expectancy", (6, 2400, 4, 1200), average_loss, -300, 2),
    # Its expectancy is for each unit of the average loss: 0.40.
    (
        "Learn Forex: Calculate your expectancy",
        (6, 2400, 4, 1200),
        lambda trades: expectancy([replace(one, gain=one.gain / 300) for one in trades]),
        0.4,
        2,
    ),
    ("liaoningmovie.net: 2009 in review", (60, 60 * 1598, 8, 8 * 534), trade_win_rate, 0.8824, 4),
    ("liaoningmovie.net: 2009 in review", (60, 60 * 1598, 8, 8 * 534), payoff, 2.99, 2),
    ("liaoningmovie.net: 2009 in review", (60, 60 * 1598, 8, 8 * 534), expectancy, 1347, 0),
    ("Profit factor in forex", (10, 10_000, 5, 5_000), profit_factor, 2, 4),
]


@pytest.mark.parametrize(("where", "trades", "figure", "expected", "places"), PUBLISHED)
def test_a_published_figure_is_found(where, trades, figure, expected, places):
    assert round(figure(won_and_lost(*trades)).value, places) == expected, where


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
    closings = [closing(1, 10, 20, units=0), closing(2, None, 20), closing(3, 10, 20)]
    assert [trade.event_id for trade in trade_results(closings)] == [3]
    assert unknown_trades(closings) == 1


def test_cash_for_a_fraction_closes_no_trade_of_its_own():
    # Five units for 50 become 2.5, of which the half is paid with 9; the two are sold at 30.
    at = OPENED + timedelta(days=3)
    bought = Fill(1, OPENED, (1, 7), Decimal(5), Amounts(Decimal(50), Decimal(50)))
    merged = Conversion(
        2, at, (1, 7), (1, 7), old=Decimal(2), in_lieu=Amounts(Decimal(9), Decimal(9))
    )
    sold = Fill(3, at, (1, 7), Decimal(-2), Amounts(Decimal(-60), Decimal(-60)))
    held = fold([bought, merged, sold])[1, 7]
    assert [one.gain for one in held.closings] == [-1, 20]
    assert [(one.event_id, one.gain) for one in trade_results(held.closings)] == [(3, 20)]


def test_without_trades_wins_or_losses_the_reason_is_told():
    winning, losing, even = TRADES[:1], TRADES[1:2], TRADES[3:]
    for figure in (
        trade_win_rate,
        profit_factor,
        expectancy,
        payoff,
        average_win,
        average_loss,
        return_on_cost,
        holding_time,
    ):
        assert figure([]).reason is Reason.NO_TRADES
    assert average_win(losing).reason is Reason.NO_WINS
    assert average_loss(winning).reason is Reason.NO_LOSSES
    free = trade_results([closing(1, 0, 10)])
    assert return_on_cost(free).reason is Reason.ZERO_COST
    assert trade_win_rate(even).reason is Reason.NO_TRADES
    assert profit_factor(winning).reason is Reason.NO_LOSSES
    assert payoff(winning).reason is Reason.NO_LOSSES
    assert payoff(losing).reason is Reason.NO_WINS
    assert profit_factor(losing).value == 0
