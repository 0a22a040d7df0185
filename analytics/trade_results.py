"""Statistics of closed trades: how often, how much and how long."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from analytics.holdings import Closing
from analytics.measures import Measure, Part, Reason, parts
from analytics.money import total_known


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeResult:
    """What one sale, or one purchase that covered a short, came to after fees.

    ``entry`` is what the units closed had cost, fees included (for a short: had brought), ``days``
    how long they were held on average.
    """

    event_id: int
    closed_at: datetime
    gain: float
    entry: float
    days: float

    @property
    def growth(self) -> float | None:
        """Return the gain over what was put in."""
        return self.gain / self.entry if self.entry else None


def trade_results(closings: Iterable[Closing]) -> list[TradeResult]:
    """Put closings of one pool together by trade, in base currency; unknown gains are left out.

    Capital paid back and cash for fractions close no trade.
    """
    groups = _by_trade(closings)
    found = []
    for event_id, group in groups.items():
        gain = total_known(closing.gain_base for closing in group)
        entry = total_known(closing.cost_base for closing in group)
        if gain is None or entry is None:
            continue
        units = [float(abs(closing.quantity)) for closing in group]
        found.append(
            TradeResult(
                event_id=event_id,
                closed_at=group[0].closed_at,
                gain=float(gain),
                entry=float(abs(entry)),
                days=sum(
                    many * (closing.holding_days or 0)
                    for many, closing in zip(units, group, strict=True)
                )
                / sum(units),
            )
        )
    return found


def unknown_trades(closings: Iterable[Closing]) -> int:
    """Count the trades of which the gain is not known."""
    return sum(
        any(closing.gain_base is None for closing in group)
        for group in _by_trade(closings).values()
    )


def _by_trade(closings: Iterable[Closing]) -> dict[int, list[Closing]]:
    groups: dict[int, list[Closing]] = {}
    for closing in closings:
        if closing.quantity and not closing.in_lieu:
            groups.setdefault(closing.event_id, []).append(closing)
    return groups


def _begin(definition: str, trades: Sequence[TradeResult]) -> Measure:
    wins = [trade.gain for trade in trades if trade.gain > 0]
    losses = [-trade.gain for trade in trades if trade.gain < 0]
    begun = Measure(
        definition=definition,
        inputs=parts(
            trades=float(len(trades)),
            wins=float(len(wins)),
            losses=float(len(losses)),
            break_evens=float(len(trades) - len(wins) - len(losses)),
            sum_of_wins=sum(wins),
            sum_of_losses=sum(losses),
        ),
    )
    return begun if trades else begun.because(Reason.NO_TRADES)


def _inputs(begun: Measure) -> dict[str, float]:
    return {part.name: part.value for part in begun.inputs if isinstance(part.value, float | int)}


def trade_win_rate(trades: Sequence[TradeResult]) -> Measure:
    """Divide the number of wins by that of wins and losses; break-evens count for neither."""
    begun = _begin("tradeWinRate", trades)
    given = _inputs(begun)
    if begun.reason is not None:
        return begun
    decided = given["wins"] + given["losses"]
    if not decided:
        return begun.because(Reason.NO_TRADES)
    return replace(begun, value=given["wins"] / decided)


def profit_factor(trades: Sequence[TradeResult]) -> Measure:
    """Divide the sum of the wins by that of the losses."""
    begun = _begin("profitFactor", trades)
    given = _inputs(begun)
    if begun.reason is not None:
        return begun
    if not given["losses"]:
        return begun.because(Reason.NO_LOSSES)
    return replace(begun, value=given["sum of wins"] / given["sum of losses"])


def expectancy(trades: Sequence[TradeResult]) -> Measure:
    """Return the mean gain of a trade."""
    begun = _begin("expectancy", trades)
    if begun.reason is not None:
        return begun
    return replace(begun, value=sum(trade.gain for trade in trades) / len(trades))


def payoff(trades: Sequence[TradeResult]) -> Measure:
    """Divide the mean win by the mean loss."""
    begun = _begin("payoff", trades)
    given = _inputs(begun)
    if begun.reason is not None:
        return begun
    if not given["losses"]:
        return begun.because(Reason.NO_LOSSES)
    if not given["wins"]:
        return begun.because(Reason.NO_WINS)
    win, loss = given["sum of wins"] / given["wins"], given["sum of losses"] / given["losses"]
    steps = (Part(name="mean win", value=win), Part(name="mean loss", value=loss))
    return replace(begun, value=win / loss, steps=steps)


def average_win(trades: Sequence[TradeResult]) -> Measure:
    """Return the mean gain of the wins."""
    begun = _begin("averageWin", trades)
    given = _inputs(begun)
    if begun.reason is not None:
        return begun
    if not given["wins"]:
        return begun.because(Reason.NO_WINS)
    return replace(begun, value=given["sum of wins"] / given["wins"])


def average_loss(trades: Sequence[TradeResult]) -> Measure:
    """Return the mean gain of the losses, which is below zero."""
    begun = _begin("averageLoss", trades)
    given = _inputs(begun)
    if begun.reason is not None:
        return begun
    if not given["losses"]:
        return begun.because(Reason.NO_LOSSES)
    return replace(begun, value=-given["sum of losses"] / given["losses"])


def return_on_cost(trades: Sequence[TradeResult]) -> Measure:
    """Divide what all trades gained by what was put into them."""
    begun = _begin("returnOnCost", trades)
    if begun.reason is not None:
        return begun
    gain, cost = (
        sum(amounts) for amounts in zip(*((one.gain, one.entry) for one in trades), strict=True)
    )
    begun = replace(begun, steps=parts(gain=gain, cost=cost))
    if not cost:
        return begun.because(Reason.ZERO_COST)
    return replace(begun, value=gain / cost)


def holding_time(trades: Sequence[TradeResult]) -> Measure:
    """Return for how many days the units of a trade were held, on average over the trades."""
    begun = _begin("holdingTime", trades)
    if begun.reason is not None:
        return begun
    return replace(begun, value=sum(trade.days for trade in trades) / len(trades))
