"""Examines settings, services and providers, and says what is usable and why not."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from datasources.shared import probe
from gateway.resources import chains_of, utc_now
from gateway.settings import Settings, SettingsError
from models.database import Database
from models.market import RateQuestion
from models.migrate import head, revision


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined."""

    what: str
    usable: bool
    how: str


async def examine(settings: Settings) -> list[Finding]:
    """Examine everything, each on its own, so that one failure hides no other."""
    return [
        _secret(settings),
        await _database(settings),
        await _cache(settings),
        *[finding async for finding in _providers(settings)],
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


async def _providers(settings: Settings) -> AsyncIterator[Finding]:
    chains = chains_of(settings, clock=utc_now)
    for provider in chains.search:
        what = f"provider {provider.name}"
        try:
            matches = await provider.search("A", limit=1)
        except Exception as error:  # noqa: BLE001  # any reason is the answer
            yield Finding(what, usable=False, how=str(error))
        else:
            yield Finding(
                what, usable=True, how=f"answers, such as {matches[0].symbol if matches else None}"
            )
    question = RateQuestion(base="USD", target="EUR", day=utc_now().date())
    for rates in chains.rates:
        what = f"provider {rates.name}"
        try:
            found = await rates.rates([question])
        except Exception as error:  # noqa: BLE001  # any reason is the answer
            yield Finding(what, usable=False, how=str(error))
        else:
            newest = found[question].day if question in found else None
            yield Finding(what, usable=newest is not None, how=f"newest rate of {newest}")
