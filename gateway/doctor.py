"""Examines settings, services and providers, and says what is usable and why not."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import Any

from datasources.errors import ProviderError
from datasources.http import Remote, open_client
from datasources.protocols import Provider
from datasources.shared import probe
from gateway.resources import utc_now
from gateway.settings import Settings, SettingsError
from gateway.sources import Sources
from models.database import Database
from models.market import KINDS, Quote, RateQuestion
from models.migrate import head, revision

ASKED = "AAPL"
"""What every vendor of prices knows."""

LATELY = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined."""

    what: str
    usable: bool
    how: str


async def examine(settings: Settings, *, vendors: bool = False) -> list[Finding]:
    """Examine everything, each on its own, so that one failure hides no other.

    With ``vendors`` each vendor is asked once under its key.
    """
    return [
        _secret(settings),
        await _database(settings),
        await _cache(settings),
        *[finding async for finding in _providers(settings, vendors=vendors)],
    ]


def _secret(settings: Settings) -> Finding:
    try:
        settings.signing_secret()
    except SettingsError as error:
        return Finding("secret", usable=False, how=str(error))
    return Finding("secret", usable=True, how="set")


async def _database(settings: Settings) -> Finding:
    database = Database(settings.database_url)
    what = f"database ({database.url.get_backend_name()})"
    try:
        at = await revision(database)
    except Exception as error:  # noqa: BLE001  # any reason is the answer
        return Finding(what, usable=False, how=f"cannot be reached: {type(error).__name__}")
    finally:
        await database.close()
    if at != head():
        return Finding(what, usable=False, how=f"at revision {at}: run `folioql migrate`")
    return Finding(what, usable=True, how=f"migrated, revision {at}")


async def _cache(settings: Settings) -> Finding:
    url = settings.cache_url.get_secret_value()
    if not url:
        return Finding("cache", usable=True, how="in the memory of each process")
    try:
        await probe(url)
    except Exception as error:  # noqa: BLE001  # any reason is the answer
        return Finding("cache", usable=False, how=f"cannot be used: {type(error).__name__}")
    return Finding("cache", usable=True, how="shared, can be written and read")


async def _providers(settings: Settings, *, vendors: bool) -> AsyncIterator[Finding]:
    """Ask each provider one question; vendors, whose calls are counted, only if wanted."""
    async with open_client() as client:
        chains = Sources(settings, clock=utc_now, client=client).chains()
        kinds: dict[str, list[str]] = {}
        providers: dict[str, Provider] = {}
        for kind in KINDS:
            for provider in getattr(chains, kind):
                providers[provider.name] = provider
                kinds.setdefault(provider.name, []).append(kind)
        for name, provider in providers.items():
            serves = ", ".join(kinds[name])
            if isinstance(provider, Remote) and not vendors:
                how = f"set up for {serves}; `folioql doctor --providers` asks it"
                yield Finding(f"provider {name}", usable=True, how=how)
                continue
            yield await _provider(provider, kinds[name])


async def _provider(provider: Provider, kinds: list[str]) -> Finding:
    what = f"provider {provider.name}"
    started = perf_counter()
    try:
        answer = await _question(provider, kinds)
    except ProviderError as error:
        return Finding(what, usable=False, how=f"{error.code}: {error}")
    except Exception as error:  # noqa: BLE001  # any reason is the answer
        return Finding(what, usable=False, how=type(error).__name__)
    spent = round((perf_counter() - started) * 1000)
    how = f"{answer}, in {spent} ms; set up for {', '.join(kinds)}"
    return Finding(what, usable=True, how=how)


async def _question(provider: Any, kinds: list[str]) -> str:
    """Ask for something that every provider should know, of a kind that it is set up for."""
    today = utc_now().date()
    if "rates" in kinds:
        question = RateQuestion(base="USD", target="EUR", day=today)
        rates = await provider.rates([question])
        return f"newest rate of {rates[question].day if question in rates else None}"
    if not hasattr(provider, "upstream"):
        matches = await provider.search("A", limit=1)
        return f"knows {matches[0].symbol if matches else 'no symbol'}"
    if "quotes" not in kinds:
        asks: dict[str, Callable[[], Awaitable[Any]]] = {
            "profiles": lambda: provider.profiles([ASKED]),
            "bars": lambda: provider.bars(ASKED, first=today - LATELY, last=today),
            "actions": lambda: provider.actions(ASKED, first=today - LATELY, last=today),
            "search": lambda: provider.find([ASKED]),
        }
        found = await asks[kinds[0]]()
        return f"{'knows' if found else 'does not know'} {kinds[0]} of {ASKED}"
    quotes: dict[str, Quote] = await provider.quotes([ASKED])
    quote = quotes.get(ASKED)
    if quote is None:
        return f"does not know {ASKED}"
    return f"{ASKED} at {quote.price:f} {quote.currency} as of {quote.as_of:%Y-%m-%d %H:%M} UTC"
