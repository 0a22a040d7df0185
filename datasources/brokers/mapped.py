"""Any table at all, with the user's word on which column holds what."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import available_timezones

from datasources.brokers import folioql
from datasources.brokers.layouts import Format, Layout
from datasources.brokers.table import ISO, Row, UnreadableError
from models.drafts import Draft

NAME = "mapped"
DATES = (ISO, "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")
"""Dates that can be meant in one way only; all others take a ``date_format``."""

_A_DAY = datetime(2001, 2, 28, 13, 4, 5, tzinfo=UTC)

OPTIONS = frozenset({"date_format", "decimal", "timezone"})


def _tells_days(form: str) -> bool:
    """Tell whether dates of a format can be read: a day that was written in it comes back."""
    try:
        return datetime.strptime(_A_DAY.strftime(form), form).date() == _A_DAY.date()  # noqa: DTZ007
    except (ValueError, re.error):
        return False


def format_of(mapping: Mapping[str, str]) -> Format:
    """Return the format of a table by its mapping; raises UnreadableError for a wrong one."""
    unknown = sorted(mapping.keys() - folioql.COLUMNS.keys() - OPTIONS)
    if unknown:
        known = ", ".join([*folioql.COLUMNS, *sorted(OPTIONS)])
        raise UnreadableError(f"Fields unknown: {', '.join(unknown)}. Known are: {known}.")
    missing = sorted({"date", "type"} - mapping.keys())
    if missing:
        raise UnreadableError(f"The mapping lacks: {', '.join(missing)}.")
    options = {name: mapping[name].removeprefix("=").strip() for name in mapping.keys() & OPTIONS}
    fields = {name: value for name, value in mapping.items() if name not in OPTIONS}
    fixed = {name: value[1:].strip() for name, value in fields.items() if value.startswith("=")}
    columns = {name: value for name, value in fields.items() if name not in fixed}
    if not columns:
        raise UnreadableError("The mapping names no column.")
    point = options.get("decimal") or None
    if point not in {None, ".", ","}:
        raise UnreadableError("The decimal sign is . or a comma.")

    dates = (options["date_format"],) if options.get("date_format") else DATES
    if dates is not DATES and not _tells_days(*dates):
        raise UnreadableError(f"{dates[0][:40]!r} is not a date format, like %d.%m.%Y.")
    zone = options.get("timezone") or "UTC"
    if zone not in available_timezones():
        raise UnreadableError(f"{zone[:40]!r} is not a time zone, like Europe/Berlin.")

    def book(row: Row) -> tuple[Draft, ...]:
        return folioql.book(row.having(**fixed))

    return Format(
        name=NAME,
        title="Mapped columns",
        layouts=[
            Layout(
                columns=columns,
                needs=frozenset(columns),
                book=book,
                point=point,
                dates=dates,
                zone=zone,
            )
        ],
    )
