"""Exchange rates from Frankfurter, which serves the European Central Bank's as JSON.

Asked per euro only: other bases it works out itself, and rounds. https://frankfurter.dev
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from typing import ClassVar

from datasources.errors import BadPayloadError
from datasources.http import Answer, Remote, Vendor, price
from datasources.pacing import Limit
from datasources.rates import CARRY, FIRST_DAY, cross, days_back, is_fixed
from models.market import EuroRate, Rate, RateQuestion

REACH = timedelta(days=90)
"""The most days of one call: of more, some versions answer the means of weeks."""

Legs = Mapping[tuple[str, date], EuroRate]


class Frankfurter(Remote):
    """Serves cross rates through the euro, both legs of the same day."""

    vendor = Vendor(
        name="frankfurter",
        url="https://api.frankfurter.dev/v1",
        limits=(Limit(60, timedelta(minutes=1)),),  # none is published
    )
    batch: ClassVar[Mapping[str, int]] = {"rates": 500}

    async def rates(self, questions: Collection[RateQuestion]) -> dict[RateQuestion, Rate]:
        """Return each rate of the last published day within a week on or before the day."""
        today = self._clock().date()
        legs: dict[tuple[str, date], EuroRate] = {}
        asked = {question: min(question.day, today) for question in questions}
        for days in _spans({day for day in asked.values() if day >= FIRST_DAY}):
            wanted = {
                currency
                for question, day in asked.items()
                if days[0] <= day <= days[-1]
                for currency in (question.base, question.target)
                if not is_fixed(currency, day - CARRY)
            }
            if wanted:
                legs |= await self._legs(wanted, first=days[0] - CARRY, last=days[-1])
        found = {
            question: cross(
                question,
                days=days_back(day),
                look=lambda currency, on: legs.get((currency, on)),
            )
            for question, day in asked.items()
            if day >= FIRST_DAY
        }
        return {question: rate for question, rate in found.items() if rate is not None}

    async def _legs(self, currencies: set[str], *, first: date, last: date) -> Legs:
        return await self.upstream.get(
            f"/{max(first, FIRST_DAY)}..{last}",
            {"base": "EUR", "symbols": ",".join(sorted(currencies))},
            read=read_range,
        )


def _spans(days: Collection[date]) -> Iterator[list[date]]:
    """Yield days in order, in runs that one call can answer, with the days before that count."""
    run: list[date] = []
    for day in sorted(days):
        if run and day - (run[0] - CARRY) > REACH:
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def read_range(answer: Answer) -> Legs:
    """Read the rates of a range of days; none where it knows neither currency nor day."""
    if answer.status == 404:
        answer.json(dict)
        return {}
    payload = answer.json(dict)
    if payload["base"] != "EUR" or payload["amount"] != 1:
        raise BadPayloadError("rates per something other than one euro")
    found: dict[tuple[str, date], EuroRate] = {}
    for text, rates in payload["rates"].items():
        day = date.fromisoformat(text)
        for currency, rate in rates.items():
            value = price(rate)
            if value is not None:
                found[currency, day] = EuroRate(
                    currency=currency, day=day, value=value, source="frankfurter"
                )
    return found
