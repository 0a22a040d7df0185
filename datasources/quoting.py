"""Current prices: asked, compared with what was believed before, and told with how it went."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from datasources.chain import Answers, Line, Question, ask_chain
from datasources.policies import MINUTE, SETTLED, TRUSTED
from datasources.protocols import Clock, LastKnown
from datasources.sanity import agree, disagreement, doubt_of
from datasources.sessions import last_close, local_day, session_of
from datasources.symbols import class_of, venue_of
from models.market import Attempt, Outcome, PriceDoubt, Quote, QuoteQuality

REMEMBERED = 20_000
"""Of how many symbols the last believed price and the last attempts are kept."""

NEVER = datetime.min.replace(tzinfo=UTC)
TOLD = {Outcome.ANSWERED, Outcome.UNKNOWN, Outcome.REJECTED}
"""What a provider says of a symbol that it was really asked for."""


def venue_code(symbol: str) -> str:
    """Return the market of a symbol: what a vendor's plan may leave out."""
    return class_of(symbol) or venue_of(symbol).mic


def stale(quote: Quote) -> Quote:
    """Mark a quote as stale; a simulated one stays marked as what it is."""
    if quote.quality is QuoteQuality.SIMULATED:
        return quote
    return replace(quote, quality=QuoteQuality.STALE)


class Judge:
    """Decides which quotes of one question are believed."""

    def __init__(self, references: Mapping[str, Quote]) -> None:
        self._references = dict(references)
        self._suspects: defaultdict[str, list[tuple[Quote, PriceDoubt]]] = defaultdict(list)

    def reject(self, _: Line, symbol: str, quote: Quote) -> str | None:
        """Return why a quote is not believed; a second source that agrees clears it."""
        if quote.symbol != symbol:
            return "another symbol's price"
        if not quote.price.is_finite() or quote.price <= 0:
            return "zero is not a price"
        doubt = doubt_of(quote, self._references.get(symbol))
        if doubt is None:
            return None
        suspects = self._suspects[symbol]
        if any(confirms(quote, other) for other, _ in suspects):
            # Two sources against it: what was believed was wrong, or is over.
            suspects.clear()
            del self._references[symbol]
            return None
        suspects.append((quote, doubt))
        return f"{doubt.doubt.value}: {quote.price:f} after {doubt.against:f} {quote.currency}"

    def verdict(self, symbol: str, found: Quote | None) -> Quote | None:
        """Return what to show beside what was found: what a source doubted here is told.

        Where nobody had a better price it is the old one, or the new one marked.
        """
        reference = self._references.get(symbol)
        if found is not None and reference is not None and _newer(reference, found):
            found = stale(reference)
        if not self._suspects[symbol]:
            return found
        if found is not None and found.quality is QuoteQuality.SIMULATED:
            found = None  # what is made up is no better than what was believed
        quote, doubt = self._suspects[symbol][0]
        if not doubt.rejected and (found is None or found.as_of.date() < quote.as_of.date()):
            # An answer of an earlier day knows nothing of a split since.
            return replace(quote, doubt=doubt)
        shown = stale(self._references[symbol]) if found is None else found
        against = replace(
            doubt,
            rejected=True,
            against=shown.price,
            against_source=shown.source,
            against_as_of=shown.as_of,
        )
        return replace(shown, doubt=against)


def confirms(quote: Quote, other: Quote) -> bool:
    """Tell whether two sources say the same."""
    return (
        quote.source != other.source
        and quote.currency == other.currency
        and agree(quote.price, other.price)
    )


def _newer(known: Quote, found: Quote) -> bool:
    """Tell whether a price is the newer one though another one came after it.

    A source that lags must not turn prices back; for a day at most, should a time be wrong.
    """
    return (
        found.as_of < min(known.as_of, known.received_at)
        and known.price != found.price
        and known.currency == found.currency
        and QuoteQuality.SIMULATED not in {known.quality, found.quality}
        and found.received_at - known.received_at < timedelta(days=1)
    )


def _earlier(quote: Quote, known: Quote) -> bool:
    """Tell whether a price that was pushed is older than the one believed.

    For a day at most, should a time be wrong; a made-up price is no measure.
    """
    return (
        quote.as_of < min(known.as_of, known.received_at)
        and known.quality is not QuoteQuality.SIMULATED
        and quote.received_at - known.received_at < timedelta(days=1)
    )


def _completed(quote: Quote, known: Quote) -> Quote:
    """Add what is known of the day: what is pushed is often no more than a price.

    Prices outside a session do not widen its range.
    """
    symbol = quote.symbol
    if (
        known.quality is QuoteQuality.SIMULATED
        or known.currency != quote.currency
        or local_day(symbol, known.as_of) != local_day(symbol, quote.as_of)
    ):
        return quote
    high, low = known.high, known.low
    if session_of(symbol, quote.as_of).is_open:
        high = None if high is None else max(high, quote.price)
        low = None if low is None else min(low, quote.price)
    return replace(
        quote,
        previous_close=quote.previous_close or known.previous_close,
        open=quote.open or known.open,
        high=quote.high or high,
        low=quote.low or low,
        volume=quote.volume or known.volume,
    )


def _lasts(quote: Quote, *, shown: Quote, known: Quote | None) -> bool:
    """Tell whether a quote may be kept as believed: shown as it came, and not made up over real."""
    if shown.price != quote.price or (shown.doubt is not None and not shown.doubt.rejected):
        return False
    made_up = quote.quality is QuoteQuality.SIMULATED
    return not made_up or known is None or known.quality is QuoteQuality.SIMULATED


class Quoting:
    """Loads quotes; keeps the last believed one of each symbol to judge the next by.

    ``learn`` takes what is believed, for the lasting ``memory`` that is asked after a restart.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        *,
        clock: Clock,
        deadline: timedelta,
        memory: LastKnown | None,
        learn: Callable[[list[Quote]], None],
        cross_check: bool = False,
    ) -> None:
        self._lines = lines
        self._clock = clock
        self._seconds = deadline.total_seconds()
        self._memory = memory
        self._learn = learn
        self._cross_check = cross_check
        # Null for what was forgotten: nor does the lasting memory know better.
        self._believed: OrderedDict[str, Quote | None] = OrderedDict()
        self._attempts: OrderedDict[str, tuple[Attempt, ...]] = OrderedDict()
        self._told_at: OrderedDict[str, datetime] = OrderedDict()
        self._pushed: OrderedDict[str, Quote] = OrderedDict()

    def attempts(self, symbol: str) -> tuple[Attempt, ...]:
        """Return how the last question for a symbol went here, provider by provider."""
        return self._attempts.get(symbol, ())

    def forget(self, symbols: Collection[str]) -> None:
        """Forget what was believed, so that the next price is judged by nothing."""
        for symbol in symbols:
            _keep(self._believed, symbol, None)
            self._pushed.pop(symbol, None)

    def outdated(self, quote: Quote) -> Quote:
        """Mark a quote as stale, with the attempts that brought nothing newer."""
        return replace(stale(quote), attempts=self.attempts(quote.symbol) or quote.attempts)

    async def take(self, line: Line, quote: Quote) -> Quote | None:
        """Judge a quote that was pushed like one that was asked for; null if it is not shown.

        What is rejected is dropped, and the next question asks a second source. What is older than
        the price believed is not shown either.
        """
        symbol = quote.symbol
        known = (await self.believed([symbol])).get(symbol)
        if known is not None:
            _keep(self._believed, symbol, known)
            if _earlier(quote, known):
                return None
        judge = Judge({} if known is None else {symbol: known})
        believed = judge.reject(line, symbol, quote) is None
        shown = judge.verdict(symbol, quote if believed else None)
        if shown is None or (shown.doubt is not None and shown.doubt.rejected):
            return None
        if believed:
            shown = shown if known is None else _completed(shown, known)
            if _lasts(shown, shown=shown, known=known):
                _keep(self._believed, symbol, shown)
                self._learn([shown])
        shown = _aged(shown)
        _keep(self._pushed, symbol, shown)
        return shown

    def hear(self, quote: Quote) -> None:
        """Take a price that another replica has judged: it answers here as there."""
        _keep(self._pushed, quote.symbol, quote)

    def live(
        self, symbols: Collection[str], *, max_age: timedelta | None = None
    ) -> dict[str, Quote]:
        """Return what was pushed just now and tells all: nobody need be asked for it."""
        return {
            symbol: quote
            for symbol in symbols
            if (quote := self._pushed.get(symbol)) is not None
            and self._is_recent(quote, MINUTE if max_age is None else min(max_age, MINUTE))
            and quote.quality in TRUSTED
            and quote.doubt is None
            and quote.previous_close is not None
        }

    def _is_recent(self, quote: Quote, age: timedelta = MINUTE) -> bool:
        # A clock that was put back must not make it last.
        return abs(self._clock() - quote.received_at) < age

    def newest(self, symbols: Collection[str], found: Mapping[str, Quote]) -> dict[str, Quote]:
        """Return what was found of symbols, or what was pushed since."""
        newest = dict(found)
        for symbol in symbols:
            pushed, asked = self._pushed.get(symbol), found.get(symbol)
            if pushed is None or (asked is not None and not self._outdoes(pushed, asked)):
                continue
            outdated = asked is None or asked.quality is QuoteQuality.STALE
            recent = self._is_recent(pushed)
            newest[symbol] = self.outdated(pushed) if outdated and not recent else pushed
        return newest

    def _outdoes(self, pushed: Quote, asked: Quote) -> bool:
        """Tell whether what was pushed is the newer price: a real one, as long as it is recent."""
        made_up = QuoteQuality.SIMULATED
        if asked.quality is made_up and pushed.quality is not made_up:
            return self._is_recent(pushed)
        return pushed.as_of >= asked.as_of and pushed.received_at >= asked.received_at

    async def load(self, symbols: Collection[str]) -> Answers[str, Quote]:
        """Ask the providers; what none could give in a believable form is judged at the end."""
        vendors = any(line.remote for line in self._lines)
        references = await self.believed(symbols) if vendors else {}
        judge = Judge(references)
        # Where a budget does not do for all, those go first that have waited longest.
        answers = await ask_chain(
            Question(kind="quotes", ask=_ask, venue_of=venue_code, reject=judge.reject),
            sorted(symbols, key=lambda symbol: self._told_at.get(symbol, NEVER)),
            lines=self._lines,
            clock=self._clock,
            seconds=self._seconds,
        )
        believed = dict(answers.found)
        for symbol in symbols:
            shown = judge.verdict(symbol, answers.found.get(symbol))
            if shown is not None:
                answers.found[symbol] = shown
                answers.failed.discard(symbol)
        if self._cross_check:
            await self._compare(answers)
        for symbol, attempts in answers.attempts.items():
            _keep(self._attempts, symbol, tuple(attempts))
            if any(attempt.outcome in TOLD for attempt in attempts):
                _keep(self._told_at, symbol, self._clock())
            if symbol in answers.found:
                answers.found[symbol] = replace(answers.found[symbol], attempts=tuple(attempts))
        lasting = [
            quote
            for symbol, quote in believed.items()
            if _lasts(quote, shown=answers.found[symbol], known=references.get(symbol))
        ]
        for quote in lasting:
            _keep(self._believed, quote.symbol, quote)
        self._learn(lasting)
        answers.found = {symbol: _aged(quote) for symbol, quote in answers.found.items()}
        return answers

    async def believed(self, symbols: Collection[str]) -> dict[str, Quote]:
        """Return the last believed quotes; after a restart they come from the lasting memory."""
        believed = {symbol: self._believed.get(symbol) for symbol in symbols}
        known = {symbol: quote for symbol, quote in believed.items() if quote is not None}
        missing = [symbol for symbol in symbols if symbol not in self._believed]
        if missing and self._memory is not None:
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
                last_seconds=self._seconds,
            )
            for symbol in mine:
                answers.attempts[symbol] += others.attempts.get(symbol, [])
            for symbol, other in others.found.items():
                quote = answers.found[symbol]
                same_day = local_day(symbol, quote.as_of) == local_day(symbol, other.as_of)
                doubt = disagreement(quote, other) if same_day else None
                if doubt is not None:
                    answers.found[symbol] = replace(quote, doubt=doubt)


def _aged(quote: Quote) -> Quote:
    """Mark a quote as stale whose market has closed since, and whose vendor should know better."""
    if quote.quality not in {QuoteQuality.FRESH, QuoteQuality.DELAYED}:
        return quote
    # The day of currencies ends where the next begins.
    closed = last_close(quote.symbol, quote.received_at - SETTLED) - timedelta.resolution
    old = local_day(quote.symbol, quote.as_of) < local_day(quote.symbol, closed)
    return stale(quote) if old else quote


async def _ask(provider: Any, symbols: list[str]) -> dict[str, Quote]:
    found: dict[str, Quote] = await provider.quotes(symbols)
    # A vendor's clock may be ahead of ours.
    return {
        symbol: replace(quote, as_of=min(quote.as_of, quote.received_at))
        for symbol, quote in found.items()
    }


def _keep(kept: "OrderedDict[str, Any]", symbol: str, value: object) -> None:
    kept[symbol] = value
    kept.move_to_end(symbol)
    if len(kept) > REMEMBERED:
        kept.popitem(last=False)
