"""Works out by plain fractions what the example portfolio must show, without FolioQL's own code.

``python tests/scenarios/work_out.py`` rewrites real_trades_table.md and real_trades_expected.json
beside it from the example's trades, the real closes and the European Central Bank's rates.
"""

import csv
import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DAY, BEFORE = "2022-12-28", "2022-12-27"
CENTS = 2


def read(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def read_rates(path):
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    return {row["Date"]: row["USD"] for row in csv.DictReader(io.StringIO(text))}


TRADES = read(ROOT / "examples" / "real-trades.csv")
CLOSES = {row["Date"]: row for row in read(ROOT / "examples" / "prices.csv")}
RATES = read_rates(ROOT / "datasources" / "data" / "ecb-eurofxref-hist.zip")


def number(text):
    return Fraction(text or "0")


def rounded(value, places=CENTS):
    """Round half-even; round() of a fraction does."""
    whole = round(value * 10**places)
    return f"{Decimal(whole).scaleb(-places):.{places}f}"


def euros(amount, row_or_day):
    """Turn dollars into euros at a day's rate, which is dollars for one euro."""
    return amount / Fraction(RATES[row_or_day])


def table(head, rows):
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


class Portfolio:
    """The state that the rows add up to, and the table's lines on the way there."""

    def __init__(self):
        self.lots = {}
        self.cash = self.cash_before = Fraction(0)
        self.realized = {}
        self.income = self.charges = Fraction(0)
        self.flows = []
        self.steps = []
        self.sales = []

    def book(self, row):
        name = f"book_{row['type']}"
        words, amount = getattr(self, name)(row)
        self.cash += amount
        if row["date"] < DAY:
            self.cash_before = self.cash
        rate = RATES[row["date"]] if row["currency"] == "USD" else ""
        self.steps.append(
            (row["date"], row["type"], words, rate, rounded(amount, 4), rounded(self.cash, 4))
        )

    def book_deposit(self, row):
        amount = number(row["price"])
        self.flows.append((row["date"], amount))
        return f"{row['price']} EUR in", amount

    def book_withdrawal(self, row):
        amount = number(row["price"])
        self.flows.append((row["date"], -amount))
        return f"{row['price']} EUR out", -amount

    def book_fee(self, row):
        self.charges += number(row["price"])
        return f"{row['price']} EUR custody", -number(row["price"])

    def book_dividend(self, row):
        gross, tax = number(row["price"]), number(row["tax"])
        self.income += euros(gross, row["date"])
        self.charges += euros(tax, row["date"])
        words = f"{row['symbol']}: {row['price']} - {row['tax']} = {rounded(gross - tax)} USD"
        return words, euros(gross - tax, row["date"])

    def book_buy(self, row):
        quantity, price, fee = (number(row[name]) for name in ("quantity", "price", "fee"))
        cost = quantity * price + fee
        in_euros = euros(cost, row["date"])
        lot = {"day": row["date"], "quantity": quantity, "cost": cost, "euros": in_euros}
        self.lots.setdefault(row["symbol"], []).append(lot)
        sum_ = f"{row['quantity']} x {row['price']} + {row['fee']} = {rounded(cost)}"
        return f"{row['symbol']}: {sum_} USD", -in_euros

    def book_sell(self, row):
        symbol = row["symbol"]
        quantity, price, fee = (number(row[name]) for name in ("quantity", "price", "fee"))
        proceeds = quantity * price - fee
        in_euros = euros(proceeds, row["date"])
        left = quantity
        for lot in self.lots[symbol]:
            if not left or not lot["quantity"]:
                continue
            taken = min(left, lot["quantity"])
            share = taken / lot["quantity"]
            cost = lot["euros"] * share
            got = in_euros * taken / quantity
            self.realized[symbol] = self.realized.get(symbol, 0) + got - cost
            self.sales.append(
                (
                    row["date"],
                    symbol,
                    lot["day"],
                    str(taken),
                    f"{rounded(lot['euros'], 4)} x {taken}/{lot['quantity']} = {rounded(cost, 4)}",
                    f"{rounded(in_euros, 4)} x {taken}/{quantity} = {rounded(got, 4)}",
                    rounded(got - cost, 4),
                )
            )
            lot["quantity"] -= taken
            lot["cost"] -= lot["cost"] * share
            lot["euros"] -= cost
            left -= taken
        sum_ = f"{row['quantity']} x {row['price']} - {row['fee']} = {rounded(proceeds)}"
        return f"{symbol}: {sum_} USD", in_euros


def positions_of(portfolio):
    found = {}
    for symbol, lots in sorted(portfolio.lots.items()):
        quantity, cost, in_euros = (
            sum((lot[name] for lot in lots), Fraction(0)) for name in ("quantity", "cost", "euros")
        )
        value = quantity * number(CLOSES[DAY][symbol])
        found[symbol] = {
            "quantity": quantity,
            "cost_usd": cost,
            "cost": in_euros,
            "value_usd": value,
            "value": euros(value, DAY),
            "value_before": euros(quantity * number(CLOSES[BEFORE][symbol]), BEFORE),
            "unrealized": euros(value, DAY) - in_euros,
            "realized": portfolio.realized.get(symbol, Fraction(0)),
        }
    return found


def average_capital(flows):
    """Modified Dietz: money in counts from the start of its day, money out to the end of it."""
    first, last = date.fromisoformat(flows[0][0]), date.fromisoformat(DAY)
    days = (last - first).days + 1
    weighted, rows = Fraction(0), []
    for text, amount in flows:
        left = (last - date.fromisoformat(text)).days + (1 if amount > 0 else 0)
        weighted += amount * left
        product = rounded(amount * left, 0)
        rows.append((text, rounded(amount), str(left), product))
    return weighted / days, days, weighted, rows


def work_out():
    """Return the figures as fractions, and the table as text."""
    portfolio = Portfolio()
    for row in TRADES:
        portfolio.book(row)
    positions = positions_of(portfolio)

    def whole(name):
        return sum((position[name] for position in positions.values()), Fraction(0))

    value = whole("value") + portfolio.cash
    before = whole("value_before") + portfolio.cash_before
    contributed = sum((amount for _, amount in portfolio.flows), Fraction(0))
    flow = sum((amount for day, amount in portfolio.flows if day == DAY), Fraction(0))
    capital, days, weighted, flow_rows = average_capital(portfolio.flows)
    figures = {
        "value": value,
        "cash": portfolio.cash,
        "marketValue": whole("value"),
        "invested": whole("cost"),
        "unrealizedGain": whole("unrealized"),
        "realizedGain": whole("realized"),
        "income": portfolio.income,
        "charges": portfolio.charges,
        "netContributions": contributed,
        "totalGain": value - contributed,
        "totalReturn": (value - contributed) / capital,
        "dayChange": value - before - flow,
        "dayChangeRatio": (value - before - flow) / before,
    }
    parts = (
        whole("unrealized") + whole("realized") + portfolio.income - portfolio.charges,
        value - contributed,
    )
    assert parts[0] == parts[1], "the gain's parts must make up the gain"
    text = describe(
        portfolio,
        positions=positions,
        figures=figures,
        before=before,
        flow=flow,
        dietz=(capital, days, weighted, flow_rows),
    )
    return figures, positions, text


def describe(portfolio, *, positions, figures, before, flow, dietz):
    capital, days, weighted, flow_rows = dietz
    show = {name: rounded(value, 4) for name, value in figures.items()}
    now, then = RATES[DAY], RATES[BEFORE]
    lots = [
        (
            symbol,
            lot["day"],
            str(lot["quantity"]),
            rounded(lot["cost"], 4),
            rounded(lot["euros"], 4),
        )
        for symbol, found in sorted(portfolio.lots.items())
        for lot in found
        if lot["quantity"]
    ]
    rows = [
        (
            symbol,
            str(one["quantity"]),
            rounded(one["cost_usd"], 4),
            rounded(one["cost"], 4),
            f"{one['quantity']} x {CLOSES[DAY][symbol]} = {rounded(one['value_usd'], 3)}",
            f"/ {now} = {rounded(one['value'], 4)}",
            rounded(one["unrealized"], 4),
            rounded(one["realized"], 4),
        )
        for symbol, one in positions.items()
    ]
    yesterday = [
        (
            symbol,
            f"{one['quantity']} x {CLOSES[BEFORE][symbol]} / {then}",
            rounded(one["value_before"], 4),
        )
        for symbol, one in positions.items()
        if one["quantity"]
    ]
    parts = " + ".join(show[name] for name in ("unrealizedGain", "realizedGain", "income"))
    return f"""# What the example portfolio must show on {DAY}

The rows of `examples/real-trades.csv`, worked out one by one. Amounts are shown to four decimals
and carried in full, as fractions, by `work_out.py`, which writes this page. A rate is the European
Central Bank's of the day, dollars for one euro, so that euros are dollars divided by it.

## 1. Bookings

A fee is part of what a purchase costs, and comes off what a sale brings.

{table(("Day", "Type", "Own amount", "USD for 1 EUR", "EUR", "Cash, EUR"), portfolio.steps)}

## 2. Sales, first in first out

Cost at the rate of the day of purchase, proceeds at the rate of the day of sale.

{table(("Sold", "Symbol", "Bought", "Units", "Cost, EUR", "Proceeds, EUR", "Gain, EUR"), portfolio.sales)}

## 3. Lots that are left

{table(("Symbol", "Bought", "Units", "Cost, USD", "Cost, EUR"), lots)}

## 4. Positions at the closes and the rate of {DAY}

Unrealised gain is value at today's rate less cost at the rates of purchase.

{table(("Symbol", "Units", "Cost, USD", "Cost, EUR", "Value, USD", "Value, EUR", "Unrealised, EUR", "Realised, EUR"), rows)}

## 5. The whole

- Market value: {show["marketValue"]}; invested: {show["invested"]}; unrealised: {show["marketValue"]} - {show["invested"]} = {show["unrealizedGain"]}.
- Cash: {show["cash"]}, the last line of section 1.
- Value: {show["marketValue"]} + {show["cash"]} = {show["value"]}.
- Contributed: 20000 + 5000 - 3000 - 1000 = {show["netContributions"]}.
- Total gain: {show["value"]} - {show["netContributions"]} = {show["totalGain"]}.
- Income, before tax: 55.20 / {RATES["2018-12-13"]} = {show["income"]}.
- Charges: 8.28 / {RATES["2018-12-13"]} + 36 = {show["charges"]}.
- Check, exact in fractions: unrealised + realised + income - charges = {parts} - {show["charges"]} = {show["totalGain"]}.

## 6. Total return, Modified Dietz

{days} days from {portfolio.flows[0][0]} to {DAY}, both included. Money in counts from the start of its day,
money out to the end of it.

{table(("Day", "Flow, EUR", "Days at work", "Product"), flow_rows)}

Average capital: {rounded(weighted, 0)} / {days} = {rounded(capital, 4)}. Return: {show["totalGain"]} / {rounded(capital, 4)} = {rounded(figures["totalReturn"], 10)}.

## 7. Day change

At the closes and the rate of {BEFORE}, {then} USD for 1 EUR:

{table(("Symbol", "Value, EUR", "="), yesterday)}

With {rounded(portfolio.cash_before, 4)} in cash the value was {rounded(before, 4)}. Flow of the day: {rounded(flow)}.
Change: {show["value"]} - {rounded(before, 4)} + {rounded(-flow)} = {show["dayChange"]}, of {rounded(before, 4)} (no money came in): {rounded(figures["dayChangeRatio"], 10)}.
"""


def expected(figures, positions):
    ratios = {"totalReturn", "dayChangeRatio"}
    return {
        "asOf": DAY,
        "currency": "EUR",
        "overview": {
            name: rounded(value, 10 if name in ratios else CENTS) for name, value in figures.items()
        },
        "positions": {
            symbol: {
                "quantity": str(one["quantity"]),
                "costUsd": rounded(one["cost_usd"]),
                "cost": rounded(one["cost"]),
                "marketValueUsd": rounded(one["value_usd"]),
                "marketValue": rounded(one["value"]),
                "unrealizedGain": rounded(one["unrealized"]),
                "realizedGain": rounded(one["realized"]),
            }
            for symbol, one in positions.items()
        },
    }


def main():
    figures, positions, text = work_out()
    (HERE / "real_trades_table.md").write_text(text, encoding="utf-8")
    content = json.dumps(expected(figures, positions), indent=2)
    (HERE / "real_trades_expected.json").write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
