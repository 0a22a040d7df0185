"""What a file format is made of: the columns of its tables, and how a row becomes drafts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from datasources.brokers.table import CODE_AT_END, ISO, Record, squash
from models.drafts import Draft

HEADER_WITHIN = 20
"""A file is recognised by a header within its first lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One kind of table: ``columns`` gives each field's header names, parted by ``|``.

    A header may end in a currency code, and a column without a name counts as the second of the
    one before: ``Price (2)``. ``needs`` are the fields by which the table is recognised. ``point``
    null means that the numbers themselves must show their decimal sign. A ``strict`` one refuses
    columns that it does not know; ``spare`` cells may follow the last title.
    """

    columns: Mapping[str, str]
    needs: frozenset[str]
    book: Callable[..., tuple[Draft, ...]]
    point: str | None = "."
    dates: tuple[str, ...] = (ISO,)
    zone: str = "UTC"
    strict: bool = False
    spare: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A header and its rows, as they were found in a file."""

    layout: Layout
    fields: Mapping[str, int]
    header: Sequence[str]
    rows: list[Record]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a file is made of: tables, what its rows say of all, and rows that are no entries.

    ``known`` files show their format even before the first table.
    """

    tables: Sequence[Table]
    facts: Mapping[str, str]
    others: Sequence[tuple[Record, str]]
    known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A format by name, its tables, and how its rows are dealt out to them.

    One that ``joins`` has rows that belong together: a tax and its dividend, both sides of a split.
    """

    name: str
    title: str
    layouts: Sequence[Layout]
    joins: bool = False
    find: "Callable[[Format, Iterable[Record]], Found] | None" = None

    def tables(self, records: Iterable[Record]) -> Found:
        """Deal rows out to tables; rows before the first header are no entries."""
        return (self.find or find_tables)(self, records)


def names_of(header: Sequence[str]) -> list[str]:
    """Return the names of columns as they are compared, none of them empty."""
    names: list[str] = []
    for cell in header:
        name = squash(cell)
        names.append(name or (f"{names[-1]}2" if names else "2"))
    return names


def fields_of(layout: Layout, header: Sequence[str]) -> dict[str, int] | None:
    """Return the place of each field that a header has, null if it is not of this layout."""
    places: dict[str, int] = {}
    for place, name in enumerate(names_of(header)):
        places.setdefault(name, place)
    for place, cell in enumerate(header):
        places.setdefault(squash(CODE_AT_END.sub("", cell)), place)
    found: dict[str, int] = {}
    for field, synonyms in layout.columns.items():
        for name in synonyms.split("|"):
            if squash(name) in places:
                found[field] = places[squash(name)]
                break
    return found if layout.needs <= found.keys() else None


def find_tables(form: Format, records: Iterable[Record]) -> Found:
    """Find the tables of a file without sections: each begins with its header.

    After the first one, only a row that begins like a header is looked at as one.
    """
    tables: list[Table] = []
    others: list[tuple[Record, str]] = []
    begins: set[str] = set()
    for record in records:
        table = None
        first = squash(record.cells[0]) if record.cells else ""
        if not tables or first in begins:
            table = header_of(form.layouts, record.cells)
        if table is not None:
            tables.append(table)
            begins.add(first)
        elif tables:
            tables[-1].rows.append(record)
        else:
            others.append((record, "Stands before the table."))
    return Found(tables=tables, facts={}, others=others)


def header_of(layouts: Iterable[Layout], header: Sequence[str]) -> Table | None:
    """Begin a table if a row is the header of one."""
    for layout in layouts:
        fields = fields_of(layout, header)
        if fields is not None:
            return Table(layout=layout, fields=fields, header=header, rows=[])
    return None


def heads(records: Iterator[Record]) -> list[Record]:
    """Return the rows on the first lines of a file, among which its header must be."""
    found: list[Record] = []
    for record in records:
        found.append(record)
        if len(found) == HEADER_WITHIN:
            break
    return found
