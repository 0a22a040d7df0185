"""Current prices: asked, compared with what was believed before, and told with how it went."""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from datasources.chain import Answers, Line, Question, ask_chain
from datasources.policies import SETTLED
from datasources.protocols import Clock, LastKnown
from datasources.sanity import agree, disagreement, doubt_of
from datasources.sessions import last_close, local_day
from datasources.symbols import venue_of
from models.market import Attempt, PriceDoubt, Quote, QuoteQuality

REMEMBERED = 20_000
"""Of how many symbols the last believed price and the last attempts are kept."""


def venue_code(symbol: str) -> str:
    """Return the market of a symbol: what a vendor's plan may leave out."""
    return venue_of(symbol).mic


def stale(quote: Quote) -> Quote:
    """Mark a quote as stale; a simulated one stays marked as what it is."""
    if quote.quality is QuoteQuality.SIMULATED:
        return quote
    return replace(quote, quality=QuoteQuality.STALE)


class Judge:
    """Decides which quotes of one question are believed."""

    def __init__(self, references: Mapping[str, Quote]) -> None:
        self._references = references
        self.suspects: dict[str, tuple[Quote, PriceDoubt]] = {}

    def reject(self, _: Line, symbol: str, quote: Quote) -> str | None:
        """Return why a quote is not believed; a second source that agrees clears it."""
        if quote.price <= 0:
            return "zero is not a price"
        doubt = doubt_of(quote, self._references.get(symbol))
        if doubt is None:
            return None
        known = self.suspects.get(symbol)
        if known is not None and known[0].source != quote.source:
            confirmed = known[0].currency == quote.currency and agree(known[0].price, quote.price)
            if confirmed:
                return None
        self.suspects.setdefault(symbol, (quote, doubt))
        return f"{doubt.doubt.value}: {quote.price:f} after {doubt.against:f} {quote.currency}"

    def verdict(self, symbol: str) -> Quote | None:
        """Return what to show when nobody had a better price: the old one, or the new marked."""
        if symbol not in self.suspects:
            return None
        quote, doubt = self.suspects[symbol]
        shown = stale(self._references[symbol]) if doubt.rejected else quote
        return replace(shown, doubt=doubt)


class Quoting:
    """Loads quotes; keeps the last believed one of each symbol to judge the next by."""

    def __init__(
        self,
        lines: Sequence[Line],
        *,
        clock: Clock,
        deadline: timedelta,
        memory: LastKnown | None,
        cross_check: bool = False,
    ) -> None:
        self._lines = lines
        self._clock = clock
        self._seconds = deadline.total_seconds()
        self._memory = memory
        self._cross_check = cross_check
        self._believed: OrderedDict[str, Quote] = OrderedDict()
        self._attempts: OrderedDict[str, tuple[Attempt, ...]] = OrderedDict()

    def attempts(self, symbol: str) -> tuple[Attempt, ...]:
        """Return how the last question for a symbol went here, provider by provider."""
        return self._attempts.get(symbol, ())

    def forget(self, symbols: Collection[str]) -> None:
        """Forget what was believed, so that the next price is judged by nothing."""
        for symbol in symbols:
            self._believed.pop(symbol, None)

    def outdated(self, quote: Quote) -> Quote:
        """Mark a quote as stale, with the attempts that brought nothing newer."""
        return replace(stale(quote), attempts=self.attempts(quote.symbol) or quote.attempts)

    async def load(self, symbols: Collection[str]) -> Answers[str, Quote]:
        """Ask the providers; what none could give in a believable form is judged at the end."""
        judge = Judge(await self._references(symbols))
        answers = await ask_chain(
            Question(kind="quotes", ask=_ask, venue_of=venue_code, reject=judge.reject),
            list(symbols),
            lines=self._lines,
            clock=self._clock,
            seconds=self._seconds,
        )
        for symbol in symbols:
            if symbol not in answers.found and (shown := judge.verdict(symbol)) is not None:
                answers.found[symbol] = shown
                answers.failed.discard(symbol)
        if self._cross_check:
            await self._compare(answers)
        for symbol, attempts in answers.attempts.items():
            _keep(self._attempts, symbol, tuple(attempts))
            if symbol in answers.found:
                answers.found[symbol] = replace(answers.found[symbol], attempts=tuple(attempts))
        for symbol, quote in answers.found.items():
            if quote.doubt is None:
                _keep(self._believed, symbol, quote)
            answers.found[symbol] = _aged(quote)
        return answers

    async def _references(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the last believed quotes; after a restart they come from the lasting memory."""
        known = {symbol: self._believed[symbol] for symbol in symbols if symbol in self._believed}
        missing = [symbol for symbol in symbols if symbol not in known]
        if missing and self._memory is not None and any(line.remote for line in self._lines):
            known |= await self._memory.quotes(missing)
        return known

    async def _compare(self, answers: Answers[str, Quote]) -> None:
        """Ask a second source for what the first answered, and mark where they disagree."""
        for place, line in enumerate(self._lines[:-1]):
            mine = [
                symbol
                for symbol, quote in answers.found.items()
                if quote.source == line.name and quote.doubt is None
            ]
            if not mine:
                continue
            others = await ask_chain(
                Question(kind="quotes", ask=_ask, venue_of=venue_code),
                mine,
                lines=self._lines[place + 1 :],
                clock=self._clock,
                seconds=self._seconds,
            )
            for symbol in mine:
                answers.attempts[symbol] += others.attempts.get(symbol, [])
            for symbol, other in others.found.items():
                doubt = disagreement(answers.found[symbol], other)
                if doubt is not None:
                    answers.found[symbol] = replace(answers.found[symbol], doubt=doubt)


def _aged(quote: Quote) -> Quote:
    """Mark a quote as stale whose market has closed since, and whose vendor should know better."""
    if quote.quality not in {QuoteQuality.FRESH, QuoteQuality.DELAYED}:
        return quote
    closed = last_close(quote.symbol, quote.received_at - SETTLED)
    old = local_day(quote.symbol, quote.as_of) < local_day(quote.symbol, closed)
    return stale(quote) if old else quote


async def _ask(provider: Any, symbols: list[str]) -> dict[str, Quote]:
    found: dict[str, Quote] = await provider.quotes(symbols)
    return found


def _keep(kept: "OrderedDict[str, Any]", symbol: str, value: object) -> None:
    kept[symbol] = value
    kept.move_to_end(symbol)
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)
