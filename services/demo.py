"""The demo's user and portfolios."""

from datetime import UTC, datetime
from decimal import Decimal

from datasources.market import Market
from models.database import Database
from models.drafts import Draft
from models.transactions import Kind
from models.users import user_by_name
from services.accounts import create_user
from services.booking import book, hold_portfolio
from services.drafts import check_draft
from services.passwords import Passwords
from services.portfolios import create_portfolio
from services.preparing import prepare

USERNAME = "demo"
PASSWORD = "demo123"  # noqa: S105  # public: it opens nothing but made-up data


def _at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T15:00:00").replace(tzinfo=UTC)


def _trade(day: str, kind: Kind, symbol: str, quantity: int, price: str, fee: str = "0") -> Draft:
    return Draft(
        kind=kind,
        occurred_at=_at(day),
        symbol=symbol,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
    )


def _cash(day: str, kind: Kind, amount: str, currency: str | None = None) -> Draft:
    return Draft(kind=kind, occurred_at=_at(day), amount=Decimal(amount), currency=currency)


def _dividend(day: str, symbol: str, amount: str, tax: str = "0") -> Draft:
    return Draft(
        kind=Kind.DIVIDEND,
        occurred_at=_at(day),
        symbol=symbol,
        amount=Decimal(amount),
        tax=Decimal(tax),
    )


GROWTH = (
    _cash("2024-01-02", Kind.DEPOSIT, "100000"),
    _trade("2024-01-16", Kind.BUY, "AAPL", 50, "175.50"),
    _trade("2024-01-17", Kind.BUY, "MSFT", 30, "380.25"),
    _trade("2024-01-18", Kind.BUY, "GOOGL", 25, "142.30"),
    _trade("2024-01-19", Kind.BUY, "TSLA", 20, "245.80"),
    _trade("2024-01-22", Kind.BUY, "NVDA", 15, "495.60"),
    _trade("2024-01-10", Kind.BUY, "AMZN", 10, "144.00"),
    _trade("2024-02-12", Kind.SELL, "AMZN", 10, "158.50", "1.50"),
)
"""In US dollars: five holdings and a closed round trip."""

INCOME = (
    _cash("2024-01-03", Kind.DEPOSIT, "60000"),
    _cash("2024-01-03", Kind.DEPOSIT, "15000", "EUR"),
    _cash("2024-01-03", Kind.DEPOSIT, "20000", "USD"),
    _trade("2024-01-09", Kind.BUY, "RY.TO", 120, "134.20", "9.99"),
    _trade("2024-01-09", Kind.BUY, "ENB.TO", 300, "48.60", "9.99"),
    _trade("2024-01-11", Kind.BUY, "SAP.DE", 40, "142.10", "12.50"),
    _trade("2024-01-11", Kind.BUY, "KO", 150, "60.10", "4.95"),
    _trade("2024-02-06", Kind.BUY, "JPM", 30, "174.80", "4.95"),
    _dividend("2024-02-23", "RY.TO", "165.60"),
    _dividend("2024-03-01", "ENB.TO", "274.50"),
    _dividend("2024-04-01", "KO", "72.75", "10.91"),
    _dividend("2024-05-17", "SAP.DE", "88.00", "23.21"),
)
"""In Canadian dollars, with holdings in euros and US dollars, and dividends."""

PORTFOLIOS = (("Growth", "USD", GROWTH), ("Global income", "CAD", INCOME))


async def seed_demo(
    database: Database, market: Market, passwords: Passwords, *, now: datetime
) -> bool:
    """Add the demo's data in one transaction; false when the demo user is there already."""
    async with database.reading() as session:
        if await session.scalar(user_by_name(USERNAME)) is not None:
            return False
    prepared = [
        await prepare(
            database,
            market,
            base_currency=currency,
            drafts=[check_draft(draft, now=now) for draft in drafts],
        )
        for _, currency, drafts in PORTFOLIOS
    ]
    password_hash = await passwords.hash(PASSWORD)
    async with database.writing() as session:
        user = await create_user(
            session, USERNAME, password_hash=password_hash, base_currency="USD", now=now
        )
        for (name, currency, drafts), ready in zip(PORTFOLIOS, prepared, strict=True):
            owner_id = user.id or 0
            row = await create_portfolio(
                session, name, owner_id=owner_id, base_currency=currency, now=now
            )
            held = await hold_portfolio(session, user_id=owner_id, portfolio_id=row.id or 0)
            places = range(len(drafts))
            await book(session, held, prepared=ready, places=places, now=now)
    return True
