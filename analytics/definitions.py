"""What every measure is: its name, its formula and what it says, by the key that a measure has."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """A measure in the words and the signs of the field."""

    name: str
    formula: str
    words: str


DEFINITIONS = {
    "absoluteGain": Definition(
        "Gain",
        "V(end) - V(start) - inflows + outflows",
        "What was earned in money, whenever the capital came in.",
    ),
    "timeWeightedReturn": Definition(
        "Time-weighted return",
        "product over days of (V(t) + outflow(t)) / (V(t-1) + inflow(t)), less 1",
        "What one unit of money that stayed in all the time has earned: deposits and withdrawals "
        "do not change it. Money in works from the start of its day, money out until the end.",
    ),
    "moneyWeightedReturn": Definition(
        "Money-weighted return",
        "(1 + r) ^ (days / 365) - 1, with r: sum of flow(t) x (1 + r) ^ (-days(t) / 365) = 0",
        "What the money earned that was really there: the rate of an account with the same flows.",
    ),
    "annualMoneyWeightedReturn": Definition(
        "Money-weighted return a year",
        "r: sum of flow(t) x (1 + r) ^ (-days(t) / 365) = 0",
        "The yearly rate of an account with the same flows (XIRR). Of several rates the one "
        "nearest to zero counts, and all are named.",
    ),
    "modifiedDietz": Definition(
        "Modified Dietz return",
        "gain / (V(start) + sum of flow(t) x share of the days it was there)",
        "The gain over the capital at work on average.",
    ),
    "priceEffect": Definition(
        "Price effect",
        "(1 + time-weighted return) / (1 + currency effect) - 1",
        "What would have been earned if no exchange rate had moved, income and costs included.",
    ),
    "currencyEffect": Definition(
        "Currency effect",
        "product over days of (1 + sum over lines of local(t-1) x (s(t) - s(t-1)) / (V(t-1) + "
        "inflow(t))), less 1",
        "What exchange rates did to what was held overnight. It and the price effect compound to "
        "the time-weighted return.",
    ),
    "annualizedReturn": Definition(
        "Return a year",
        "(1 + R) ^ (365 / days) - 1",
        "The rate that compounds to the return in the days it took.",
    ),
    "annualReturn": Definition(
        "Annual return",
        "product of (1 + r), to the power of 365 / days (of periods / n without dates), less 1",
        "The rate that compounds to the return of the series.",
    ),
    "volatility": Definition(
        "Volatility",
        "std(r) x sqrt(P)",
        "How far returns spread around their mean, scaled to a year of P periods.",
    ),
    "downsideRisk": Definition(
        "Downside risk",
        "sqrt(mean(min(r - target, 0) ^ 2)) x sqrt(P)",
        "How far returns fall below the target, over all returns, scaled to a year.",
    ),
    "sharpe": Definition(
        "Sharpe ratio",
        "mean(r - rf) / std(r - rf) x sqrt(P)",
        "What was earned above the risk-free rate for each unit of spread.",
    ),
    "sortino": Definition(
        "Sortino ratio",
        "mean(r - target) x P / downside risk",
        "What was earned above the target for each unit of spread below it.",
    ),
    "calmar": Definition(
        "Calmar ratio",
        "annual return / abs(maximum drawdown)",
        "What a year brought for each unit of the deepest fall.",
    ),
    "maxDrawdown": Definition(
        "Maximum drawdown",
        "min over t of W(t) / max(W(s), s <= t) - 1, with W(0) = 1",
        "The deepest fall from a peak to a trough, as a negative fraction.",
    ),
    "beta": Definition(
        "Beta",
        "cov(r, b) / var(b)",
        "How far it moves when the benchmark moves.",
    ),
    "alpha": Definition(
        "Alpha",
        "P x (mean(r - rf) - beta x mean(b - rf))",
        "What was earned a year beyond what the benchmark's moves explain.",
    ),
    "alphaCompounded": Definition(
        "Alpha, compounded",
        "(1 + mean(r - rf) - beta x mean(b - rf)) ^ P - 1",
        "Alpha as if it had been earned again on what it had earned.",
    ),
    "trackingError": Definition(
        "Tracking error",
        "std(r - b) x sqrt(P)",
        "How far returns spread around the benchmark's, scaled to a year.",
    ),
    "informationRatio": Definition(
        "Information ratio",
        "mean(r - b) x P / tracking error",
        "What was earned beyond the benchmark for each unit of tracking error.",
    ),
    "upCapture": Definition(
        "Up capture",
        "annual return on days with b > 0 / that of b",
        "Which share of the benchmark's rises it took part in.",
    ),
    "downCapture": Definition(
        "Down capture",
        "annual return on days with b < 0 / that of b",
        "Which share of the benchmark's falls it took part in.",
    ),
    "valueAtRisk": Definition(
        "Value at risk, historical",
        "percentile 1 - confidence of r, linear between neighbours; sums of h returns for h",
        "The return that was fallen short of in so many of a hundred cases.",
    ),
    "conditionalValueAtRisk": Definition(
        "Conditional value at risk, historical",
        "mean of the k + 1 lowest r, k = int((n - 1) x (1 - confidence))",
        "What the worst cases came to on average.",
    ),
    "parametricValueAtRisk": Definition(
        "Value at risk, parametric",
        "mean x h + z x std x sqrt(h)",
        "The value at risk if returns were normally distributed.",
    ),
    "parametricConditionalValueAtRisk": Definition(
        "Conditional value at risk, parametric",
        "mean x h - std x sqrt(h) x phi(z) / (1 - confidence)",
        "The mean of the worst cases if returns were normally distributed.",
    ),
    "omega": Definition(
        "Omega ratio",
        "sum of max(r - target, 0) / sum of max(target - r, 0)",
        "Gains above the target for each unit of shortfalls below it.",
    ),
    "tailRatio": Definition(
        "Tail ratio",
        "abs(95th percentile) / abs(5th percentile)",
        "How the best days compare with the worst.",
    ),
    "stability": Definition(
        "Stability",
        "R squared of log wealth on time",
        "How straight the way up (or down) was: 1 is a straight line.",
    ),
    "winRate": Definition(
        "Win rate of days",
        "days with r > 0 / days with r <> 0",
        "Which share of the days brought a gain.",
    ),
    "tradeWinRate": Definition(
        "Win rate of trades",
        "closed trades with a gain / closed trades with a gain or a loss",
        "Which share of the closed trades won, after fees; break-evens count for neither.",
    ),
    "profitFactor": Definition(
        "Profit factor",
        "sum of gains / abs(sum of losses)",
        "What was won for each unit lost.",
    ),
    "expectancy": Definition(
        "Expectancy",
        "sum of gains and losses / closed trades",
        "What a trade brought on average.",
    ),
    "payoff": Definition(
        "Payoff ratio", "mean gain / abs(mean loss)", "How a typical win compares with a loss."
    ),
    "averageWin": Definition(
        "Average win", "sum of gains / trades with a gain", "What a win brought on average."
    ),
    "averageLoss": Definition(
        "Average loss", "sum of losses / trades with a loss", "What a loss took on average."
    ),
    "returnOnCost": Definition(
        "Return on cost",
        "sum of gains and losses / sum of cost",
        "What was gained on each unit put into the trades, however long it was there.",
    ),
    "holdingTime": Definition(
        "Holding time",
        "mean over closed trades of the days their units were held",
        "How long a trade took on average, in calendar days.",
    ),
    "benchmarkReturn": Definition(
        "Return of the benchmark",
        "I(end) / I(start) - 1, I: closes, splits applied, each dividend put back in at the close "
        "of its ex-day, or at the next one there is",
        "What the benchmark earned over the same days, dividends included where they are known.",
    ),
    "excessReturn": Definition(
        "Excess return",
        "(1 + R) / (1 + benchmark) - 1",
        "What was earned beyond the benchmark on the days with capital, compounding to the return.",
    ),
    "longNickelsValue": Definition(
        "Value in the benchmark",
        "sum of inflow(t) x I(T) / I(t) - sum of outflow(t) x I(T) / I(t)",
        "What would be left if the same flows had gone into the benchmark. Below zero it would "
        "have been sold short.",
    ),
    "longNickels": Definition(
        "LN-PME",
        "r: sum of flow(t) x (1 + r) ^ (-days(t) / 365) + N = 0, N = -sum of flow(t) x I(T) / I(t)",
        "The yearly rate that the same flows would have had in the benchmark.",
    ),
    "kaplanSchoar": Definition(
        "KS-PME",
        "(sum of outflow(t) x I(T) / I(t) + V(T)) / sum of inflow(t) x I(T) / I(t)",
        "What was got for each unit that the same flows would have got in the benchmark.",
    ),
    "herfindahl": Definition(
        "Herfindahl index",
        "sum of w ^ 2, with w: abs(value) / sum of abs(value)",
        "1 if all is in one slice, 1 / n if evenly in n slices.",
    ),
    "effectiveNumber": Definition(
        "Effective number",
        "1 / sum of w ^ 2, with w: abs(value) / sum of abs(value)",
        "How many slices of the same size would be as concentrated.",
    ),
    "topShare": Definition(
        "Share of the largest",
        "sum of the n largest w, with w: abs(value) / sum of abs(value)",
        "Which share the largest slices have of all.",
    ),
}
