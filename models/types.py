"""Column types that keep money exact and times aware on SQLite and PostgreSQL alike."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, Numeric, String
from sqlalchemy.types import TypeDecorator, TypeEngine

Identifier = BigInteger().with_variant(Integer(), "sqlite")
"""Type of surrogate keys: SQLite only numbers rows by itself for a plain INTEGER."""

OPTIONAL_JSON: Any = JSON(none_as_null=True)
"""Type of what is kept as it is; nothing is NULL and not a JSON null."""


class ExactDecimal(TypeDecorator[Decimal]):
    """A decimal that comes back digit for digit: NUMERIC on PostgreSQL, text on SQLite.

    SQLite's own NUMERIC is floating point. Text sorts by characters, so nothing may be compared
    or summed in SQL; FolioQL does its arithmetic in Python anyway. NaN and infinity are refused.
    """

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Decimal] | TypeEngine[str]:
        """Choose the storage form of the database at hand."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String())
        return dialect.type_descriptor(Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Decimal | str | None:
        """Refuse what is not a finite decimal; write plain notation without an exponent."""
        if value is None:
            return None
        if not isinstance(value, Decimal) or not value.is_finite():
            raise ValueError(f"not a finite Decimal: {value!r}")
        return f"{value:f}" if dialect.name == "sqlite" else value

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], Decimal | None] | None:
        """Read the digits back as they were written; PostgreSQL's driver does so by itself."""
        del coltype
        return _decimal if dialect.name == "sqlite" else None


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; naive ones are refused, other zones are converted."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime: {value!r}")
        return value.astimezone(UTC)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None] | None:
        """Restore the zone that SQLite does not keep; PostgreSQL's driver answers in UTC."""
        if dialect.name != "sqlite":
            return None
        read = self.impl_instance.result_processor(dialect, coltype)

        def restored(value: Any) -> datetime | None:
            moment = value if read is None else read(value)
            return None if moment is None else moment.replace(tzinfo=UTC)

        return restored
