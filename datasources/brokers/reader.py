"""The one door to import files: recognises a format by its header, and reads every row."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, localcontext
from typing import Any

from datasources.brokers import (
    degiro,
    fidelity,
    folioql,
    ghostfolio,
    ibkr_flex,
    interactive_brokers,
    mapped,
    portfolio_performance,
    questrade,
    robinhood,
    schwab,
    trading_212,
)
from datasources.brokers.layouts import Format, Found, Table, header_of, heads, names_of
from datasources.brokers.reading import DRAFT_FIELDS, Reading, join_splits, join_taxes, read_tables
from datasources.brokers.table import (
    DELIMITERS,
    Record,
    UnreadableError,
    check_size,
    decode,
    records,
    squash,
)

FORMATS: Sequence[Format] = tuple(
    module.FORMAT
    for module in (
        schwab,
        fidelity,
        robinhood,
        trading_212,
        degiro,
        interactive_brokers,
        ibkr_flex,
        questrade,
        ghostfolio,
        portfolio_performance,
        folioql,
    )
)
"""All formats, those with the most telling headers first."""

_EXACT = Context(prec=100)
"""Wide enough for products of the longest numbers that a cell may hold."""


class UnknownFormatError(UnreadableError):
    """No format has a header like the file's."""

    def __init__(self) -> None:
        known = ", ".join(form.name for form in FORMATS)
        super().__init__(
            f"The file has the header of no known format. Known are: {known}; "
            "or say which column holds what."
        )


def read(
    content: bytes, *, format: str | None = None, mapping: Mapping[str, str] | None = None
) -> Reading:
    """Read an import file; raises UnreadableError if it cannot be used as a whole.

    ``mapping`` names the column of each field, or its value for all rows after a ``=``. For a
    known format ``{"currency": "=EUR"}`` says what the file itself does not.
    """
    text = decode(content)
    if not text.strip():
        raise UnreadableError("The file is empty.")
    fixed = {
        name: value[1:].strip() for name, value in (mapping or {}).items() if value.startswith("=")
    }
    forms = _formats(format, mapping or {})
    with localcontext(_EXACT):
        form, found = _find(text, forms)
        for table in found.tables:
            _check_header(form, table)
        rows = read_tables(found, fixed)
        if form.joins:
            rows = join_taxes(join_splits(rows))
    columns = {
        DRAFT_FIELDS.get(name, name): table.header[place].strip()
        for table in reversed(found.tables)
        for name, place in table.fields.items()
    }
    return Reading(format=form.name, rows=rows, columns=columns)


def _formats(name: str | None, mapping: Mapping[str, str]) -> Sequence[Format]:
    columns = [name for name, value in mapping.items() if not value.startswith("=")]
    if name == mapped.NAME or (name is None and columns):
        return (mapped.format_of(mapping),)
    if columns or mapping.keys() - {"currency"}:
        raise UnreadableError("Of a known format only a fixed currency can be given.")
    chosen = [form for form in FORMATS if name in (None, form.name)]
    if not chosen:
        raise UnknownFormatError
    return chosen


def _find(text: str, forms: Sequence[Format]) -> tuple[Format, Found]:
    """Find the format that fits, and deal the file's rows out to its tables."""
    if text.lstrip()[:1] in {"{", "["}:
        return _find_in_json(text, forms)
    errors = []
    for delimiter in DELIMITERS:
        try:
            top = heads(records(text, delimiter))
        except UnreadableError as error:
            errors.append(error)
            continue
        for form in forms:
            found = form.tables(top)
            if found.tables or found.known:
                return form, form.tables(records(text, delimiter))
    raise errors[0] if len(errors) == len(DELIMITERS) else UnknownFormatError


def _find_in_json(text: str, forms: Sequence[Format]) -> tuple[Format, Found]:
    """Find the list of objects with the keys of a format, at the top or one level below."""
    # Counted before it is parsed: a value can take fifty times the room of its text.
    check_size(rows=text.count("{") - 1, cells=text.count(",") + text.count("["))
    try:
        document = json.loads(text, parse_float=str, parse_int=str)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"The file is not JSON: {str(error)[:80]}.") from error
    lists = list(document.values()) if isinstance(document, dict) else [document]
    for items in lists:
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            continue
        keys = list(dict.fromkeys(key for item in items for key in item))
        check_size(columns=len(keys))
        for form in forms:
            table = header_of(form.layouts, keys)
            if table is not None:
                _check_header(form, table)
                return form, Found(tables=[_filled(table, items)], facts={}, others=[])
    raise UnknownFormatError


def _filled(table: Table, items: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table with objects as rows, of what its fields need; their number is the line."""
    places = sorted(set(table.fields.values()))
    header = [table.header[place] for place in places]
    rows = [
        Record(number, ["" if item.get(key) is None else str(item[key]) for key in header])
        for number, item in enumerate(items, start=1)
    ]
    fields = {name: places.index(place) for name, place in table.fields.items()}
    return Table(layout=table.layout, fields=fields, header=header, rows=rows)


def _check_header(form: Format, table: Table) -> None:
    """Refuse columns that a strict format does not know: a misspelt one would be lost."""
    if not table.layout.strict:
        return
    names = names_of(table.header)
    twice = {name for name, count in Counter(names).items() if count > 1}
    known = {squash(name) for names in table.layout.columns.values() for name in names.split("|")}
    for word, wrong in (("repeated", twice), ("unknown", set(names) - known)):
        if wrong:
            cells = [cell for cell in table.header if squash(cell) in wrong]
            raise UnreadableError(
                f"Columns {word}: {', '.join(map(repr, cells))}. "
                f"Columns of {form.title} are: {', '.join(table.layout.columns)}."
            )
