"""The command line: folioql serve, demo, migrate, import, export, verify, doctor and more."""

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TextIO

import click

if TYPE_CHECKING:
    from gateway.settings import Settings
    from models.database import Database

P = ParamSpec("P")


def asynchronous(command: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async command to its end."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(command(*args, **kwargs))

    return run


def settings_or_exit(**given: Any) -> "Settings":
    """Read the settings; exit with a plain message when they cannot be used."""
    from gateway.settings import SettingsError, load_settings

    try:
        return load_settings(**given)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


async def migrated_or_exit(database: "Database") -> None:
    """Exit with a plain message unless the database can be reached and is migrated."""
    from models.migrate import is_migrated

    try:
        ready = await is_migrated(database)
    except Exception as error:
        # Drivers raise what they like; none of it may show a traceback or a password.
        message = f"The database cannot be reached ({type(error).__name__})."
        raise click.ClickException(message) from error
    if not ready:
        raise click.ClickException("The database is not migrated: run `folioql migrate`.")


@click.group()
@click.version_option(package_name="folioql")
def main() -> None:
    """FolioQL: one GraphQL endpoint over portfolios, trades, quotes and company profiles."""


workers_option = click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many processes answer.",
)


def _serve(settings: "Settings", *, workers: int) -> None:
    from gateway.server import serve
    from gateway.settings import SettingsError

    try:
        serve(settings, workers=workers)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@workers_option
def serve(workers: int) -> None:
    """Serve the API. The database must be migrated."""
    _serve(settings_or_exit(), workers=workers)


@main.command()
@workers_option
def demo(workers: int) -> None:
    """Migrate, add the demo data, and serve with the simulated market."""
    settings = settings_or_exit(demo=True)
    asyncio.run(_prepare_demo(settings))
    click.echo(
        f"FolioQL demo: http://{settings.host}:{settings.port}/graphql  (demo / demo123)", err=True
    )
    _serve(settings, workers=workers)


async def _prepare_demo(settings: "Settings") -> None:
    from gateway.resources import open_services
    from models.database import Database
    from services.demo import seed_demo
    from services.verification import bring_up_to_date

    database = Database(settings.database_url)
    try:
        await bring_up_to_date(database)  # what runs beside the services reads it at once
    finally:
        await database.close()
    async with open_services(settings) as services:
        await seed_demo(
            services.database, services.market, services.passwords, now=services.clock()
        )


@main.command()
@click.option("--to", "target", default="head", help="Revision to go to; `base` empties all.")
@asynchronous
async def migrate(target: str) -> None:
    """Bring the database to the newest revision, or to another."""
    from models import migrate as migrations
    from models.database import Database
    from services.verification import bring_up_to_date

    database = Database(settings_or_exit().database_url)
    try:
        if target == "head":
            await bring_up_to_date(database)
        elif target == "base":
            await migrations.downgrade(database)
        else:
            await migrations.upgrade(database, target=target)
        click.echo(f"The database is at revision {await migrations.revision(database)}.")
    finally:
        await database.close()


@main.group()
def schema() -> None:
    """Print the GraphQL schema, or check the committed copy."""


@schema.command("print")
def schema_print() -> None:
    """Print the schema in GraphQL's own language."""
    from gateway.schema import schema as built

    click.echo(built.as_str())


@schema.command("check")
@click.argument("file", type=click.Path(path_type=Path), default=Path("schema.graphql"))
def schema_check(file: Path) -> None:
    """Fail when a committed schema is not the one that the code prints."""
    from gateway.schema import schema as built

    if not file.is_file() or file.read_text(encoding="utf-8").strip() != built.as_str().strip():
        raise click.ClickException(f"{file} is stale: run `folioql schema print > {file}`.")
    click.echo(f"{file} is up to date.")


@schema.command("changes")
@click.option(
    "--since",
    type=click.File(encoding="utf-8"),
    default="docs/published.graphql",
    show_default=True,
    help="The published schema; `-` reads it from standard input.",
)
def schema_changes(since: TextIO) -> None:
    """Fail when clients of the published schema would break who were not told in time."""
    from gateway.resources import utc_now
    from gateway.schema import schema as built
    from gateway.schema_changes import breaking_changes, dangerous_changes

    published, current = since.read(), built.as_str()
    for change in dangerous_changes(published, current):
        click.echo(f"may surprise: {change}")
    broken = breaking_changes(published, current, today=utc_now().date())
    for change in broken:
        click.echo(f"breaks: {change}")
    if broken:
        raise click.ClickException("Deprecate first: docs/decisions/0014-published-schema.md.")
    click.echo("Nothing that is published breaks.")


@main.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--portfolio", required=True, help="Name of the portfolio; created if missing.")
@click.option("--currency", default=None, help="Base currency of a portfolio that is created.")
@click.option("--user", default="demo", show_default=True, help="Whose portfolio it is.")
@click.option("--format", default=None, help="Format of the file; recognised if left out.")
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="FIELD=COLUMN",
    help="Which column holds a field, such as date=Datum; FIELD==VALUE for all rows.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would happen, and change nothing.")
@click.option("--skip-refused", is_flag=True, help="Book the good rows although others are bad.")
@asynchronous
async def import_(
    file: Path,
    portfolio: str,
    currency: str | None,
    user: str,
    format: str | None,
    mapping: tuple[str, ...],
    dry_run: bool,
    skip_refused: bool,
) -> None:
    """Import transactions from a file, row by row, all or nothing."""
    from gateway.resources import open_services
    from services.batches import Fate
    from services.errors import RefusedError
    from services.imports import ImportFile, Target, import_file

    pairs = [pair.partition("=") for pair in mapping]
    for name, sign, column in pairs:
        if not (name and sign and column):
            raise click.ClickException(f"--map {name} must be FIELD=COLUMN.")
    content = await asyncio.to_thread(file.read_bytes)
    async with open_services(settings_or_exit(demo=True)) as services:
        await migrated_or_exit(services.database)
        try:
            report = await import_file(
                services.database,
                services.market,
                file=ImportFile(
                    content=content,
                    format=format,
                    mapping={name: column for name, _, column in pairs},
                    skip_refused=skip_refused,
                ),
                into=Target(username=user, portfolio=portfolio, base_currency=currency),
                dry_run=dry_run,
                now=services.clock(),
                progress=lambda words: click.echo(f"{words} …", err=True),
            )
        except RefusedError as error:
            raise click.ClickException(str(error)) from error
    words = {fate: fate.value.lower().replace("_", " ") for fate in Fate}
    for outcome in report.outcomes:
        reasons = [outcome.skipped] if outcome.skipped else []
        reasons += [
            f"{'.'.join(mistake.field)}: {mistake.message}" if mistake.field else mistake.message
            for mistake in outcome.mistakes
        ]
        click.echo(" - ".join([f"line {outcome.line}: {words[outcome.fate]}", *reasons]))
    counts = ", ".join(
        f"{report.count(fate)} {words[fate]}"
        for fate in Fate
        if report.count(fate) or fate in {Fate.ADDED, Fate.KNOWN, Fate.REFUSED}
    )
    if report.booked:
        click.echo(f"{counts}.")
    else:
        click.echo(f"{counts}. Nothing was changed{': a dry run' if dry_run else ''}.")
    if report.count(Fate.REFUSED) and not skip_refused:
        sys.exit(1)


@main.command()
@click.option("--portfolio", required=True, help="Name of the portfolio.")
@click.option("--user", default="demo", show_default=True, help="Whose portfolio it is.")
@click.option(
    "--format", "written", type=click.Choice(["csv", "json"]), default="csv", show_default=True
)
@asynchronous
async def export(portfolio: str, user: str, written: str) -> None:
    """Write a portfolio's ledger to standard output, as a file that `import` reads."""
    from models.database import Database
    from services.errors import RefusedError
    from services.exports import as_csv, as_json, export_named

    database = Database(settings_or_exit(demo=True).database_url)
    try:
        await migrated_or_exit(database)
        drafts = await export_named(database, username=user, portfolio=portfolio)
    except RefusedError as error:
        raise click.ClickException(str(error)) from error
    finally:
        await database.close()
    click.echo(as_csv(drafts) if written == "csv" else as_json(drafts), nl=False)


@main.command("load-bars")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--source", default="loaded", show_default=True, help="Where the prices are from.")
@click.option("--currency", default="USD", show_default=True, help="What they are in.")
@click.option(
    "--adjusted/--raw",
    default=None,
    help="Whether splits are applied to them; told by the form of a file if left out.",
)
@asynchronous
async def load_bars(
    files: tuple[Path, ...], source: str, currency: str, adjusted: bool | None
) -> None:
    """Load price files into the stored history, all or nothing; loading again changes nothing."""
    from datasources.errors import BadPayloadError
    from gateway.resources import utc_now
    from models.database import Database
    from services.bar_files import Loading
    from services.bar_files import load_bars as load

    database = Database(settings_or_exit().database_url)
    how = Loading(source=source, currency=currency, adjusted=adjusted)
    try:
        await migrated_or_exit(database)
        report = await load(database, files, how=how, now=utc_now())
    except BadPayloadError as error:
        raise click.ClickException(str(error)) from error
    finally:
        await database.close()
    click.echo(
        f"{report.symbols} symbols: {report.added} bars added, {report.changed} changed, "
        f"{report.unchanged} known."
    )


@main.command()
@click.option("--rebuild", is_flag=True, help="Rebuild what differs from the ledger.")
@asynchronous
async def verify(rebuild: bool) -> None:
    """Derive positions, lots, cash and totals anew and compare them with what is stored."""
    from models.database import Database
    from services.verification import verify_all

    database = Database(settings_or_exit().database_url)
    try:
        await migrated_or_exit(database)
        checked, differences = await verify_all(database, rebuild=rebuild)
    finally:
        await database.close()
    for difference in differences:
        click.echo(
            f"{difference.portfolio}: {difference.figure} is {difference.stored}, "
            f"the ledger says {difference.derived}"
        )
    click.echo(f"{checked} portfolios checked, {len(differences)} differences.")
    if differences and not rebuild:
        sys.exit(1)


@main.group()
def symbol() -> None:
    """How vendors call single instruments, where their usual way is not it."""


@symbol.command("set")
@click.argument("provider")
@click.argument("symbol")
@click.argument("vendor_symbol")
@click.option("--note", default=None, help="Why, for whoever reads the list.")
@asynchronous
async def symbol_set(provider: str, symbol: str, vendor_symbol: str, note: str | None) -> None:
    """Ask PROVIDER for SYMBOL by VENDOR_SYMBOL."""
    await _set_symbol(provider, symbol, vendor_symbol, note)
    click.echo(f"{provider} will be asked for {symbol} as {vendor_symbol}.")


@symbol.command("remove")
@click.argument("provider")
@click.argument("symbol")
@asynchronous
async def symbol_remove(provider: str, symbol: str) -> None:
    """Ask PROVIDER for SYMBOL in its usual way again."""
    await _set_symbol(provider, symbol, None, None)
    click.echo(f"{provider} will be asked for {symbol} in its usual way.")


@symbol.command("list")
@asynchronous
async def symbol_list() -> None:
    """Show what is set."""
    from models.database import Database
    from models.vendor_symbols import vendor_symbols

    database = Database(settings_or_exit().database_url)
    try:
        await migrated_or_exit(database)
        async with database.reading() as session:
            for row in await session.scalars(vendor_symbols()):
                note = f"  ({row.note})" if row.note else ""
                click.echo(f"{row.provider}  {row.symbol}  {row.vendor_symbol}{note}")
    finally:
        await database.close()


async def _set_symbol(
    provider: str, symbol: str, vendor_symbol: str | None, note: str | None
) -> None:
    from datasources.symbols import InvalidSymbolError, canonical
    from gateway.settings import VENDORS
    from models.database import Database
    from services.vendor_symbols import set_vendor_symbol

    if provider not in VENDORS:
        raise click.ClickException(f"{provider[:40]} is none of {', '.join(VENDORS)}.")
    try:
        known = canonical(symbol)
    except InvalidSymbolError as error:
        raise click.ClickException(str(error)) from error
    if vendor_symbol is not None and not re.fullmatch(r"[!-~]{1,40}", vendor_symbol):
        raise click.ClickException(f"{vendor_symbol[:40]!r} cannot be a vendor's symbol.")
    database = Database(settings_or_exit().database_url)
    try:
        await migrated_or_exit(database)
        async with database.writing() as session:
            await set_vendor_symbol(
                session, provider=provider, symbol=known, vendor_symbol=vendor_symbol, note=note
            )
    finally:
        await database.close()


@main.command()
@click.option("--providers", is_flag=True, help="Ask each vendor once, under its key.")
@asynchronous
async def doctor(providers: bool) -> None:
    """Tell which settings, services and providers are usable, and why not."""
    from gateway.doctor import examine

    healthy = True
    for finding in await examine(settings_or_exit(demo=False), vendors=providers):
        click.echo(f"{'ok  ' if finding.usable else 'FAIL'}  {finding.what}: {finding.how}")
        healthy = healthy and finding.usable
    if not healthy:
        sys.exit(1)


if __name__ == "__main__":
    main()
