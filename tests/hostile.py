"""Requests that are meant to hurt, each with the code of the answer it must get.

Those of one kind are made from a size, so that a test can double it and a benchmark can time it.
None is special to FolioQL: they are what public tools and advisories send to GraphQL servers.
"""

from dataclasses import dataclass, field
from typing import Any

INTROSPECTION_STEP = "fields { type { "


@dataclass(frozen=True)
class Hostile:
    """One request, and the code of its answer; a null code means that it is answered."""

    name: str
    query: str
    code: str | None
    variables: dict[str, Any] = field(default_factory=dict)


def spread_fragments(size: int) -> str:
    """Fragments that each spread the next one twice: 2 to the power of ``size`` fields."""
    chain = "".join(
        f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} a{n}: __typename }}"
        for n in range(size)
    )
    return f"{{ ...F0 }} {chain} fragment F{size} on Query {{ __typename }}"


def doubled_fragments(size: int) -> str:
    """Fragments that each hold the next one below two fields: 2 to the power of ``size`` fields."""
    chain = "".join(
        f"fragment F{n} on Portfolio {{ a: trades {{ nodes {{ portfolio {{ ...F{n + 1} }} }} }} "
        f"b: trades {{ nodes {{ portfolio {{ ...F{n + 1} }} }} }} }}"
        for n in range(size)
    )
    return (
        f"{{ viewer {{ portfolios {{ ...F0 }} }} }} {chain} fragment F{size} on Portfolio {{ id }}"
    )


def repeated_fields(size: int) -> str:
    """One field over and over: each pair of them has to be found mergeable."""
    return f"{{ viewer {{ {'id ' * size}}} }}"


def repeated_objects(size: int) -> str:
    """One object over and over, with an object in it."""
    return f"{{ {'viewer { portfolios { id } } ' * size}}}"


def repeated_arguments(size: int) -> str:
    """One field over and over with arguments, which have to be compared too."""
    call = 'exchangeRate(base: "EUR", target: "USD", on: "2024-01-02") { rate } '
    return f"{{ {call * size}}}"


def repeated_fragments(size: int) -> str:
    """Many fragments with the same fields, all spread in one place."""
    names = range(size)
    spreads = " ".join(f"...F{n}" for n in names)
    fragments = " ".join(f"fragment F{n} on Query {{ viewer {{ id }} }}" for n in names)
    return f"{{ {spreads} }} {fragments}"


def aliases(size: int) -> str:
    """One field under many names."""
    return "{ viewer { " + " ".join(f"a{n}: id" for n in range(size)) + " } }"


def root_aliases(size: int) -> str:
    """One root field under many names: as many sign-ins in one request."""
    call = 'signIn(input: {username: "demo", password: "guess"}) { session { accessToken } }'
    return "mutation { " + " ".join(f"a{n}: {call}" for n in range(size)) + " }"


def nesting(size: int) -> str:
    """Objects within objects."""
    steps = "portfolios { trades { nodes { portfolio { "
    return (
        "{ viewer { portfolios { "
        + "trades { nodes { portfolio { " * size
        + "id"
        + (" } } }" * size)
        + " } } }"
        if steps
        else ""
    )


def inline_nesting(size: int) -> str:
    """Inline fragments within inline fragments: deep without a single field more."""
    return "{ " + "... { " * size + "__typename" + " }" * size + " }"


def list_value(size: int) -> str:
    """A list within a list within a list, as a value."""
    return f"{{ nodes(ids: {'[' * size}{']' * size}) {{ id }} }}"


def object_value(size: int) -> str:
    """An object within an object, as a value."""
    value = "{a: " * size + "1" + "}" * size
    return f"mutation {{ signIn(input: {value}) {{ userErrors {{ code }} }} }}"


def list_type(size: int) -> str:
    """A variable of a list of lists of lists."""
    return f"query($a: {'[' * size}Int{']' * size}) {{ viewer {{ id }} }}"


def digits(size: int) -> str:
    """A whole number of many digits."""
    return f'{{ searchInstruments(text: "a", first: {"9" * size}) {{ symbol }} }}'


def long_string(size: int) -> str:
    """A long text."""
    return f'{{ searchInstruments(text: "{"a" * size}") {{ symbol }} }}'


def block_string(size: int) -> str:
    """A block string of many lines, whose indentation has to be found."""
    lines = "\n".join(" " * (n % 20) + "x" for n in range(size))
    return f'{{ searchInstruments(text: """{lines}""") {{ symbol }} }}'


def escapes(size: int) -> str:
    """A string of nothing but escapes."""
    return f'{{ searchInstruments(text: "{chr(92)}u0041{(chr(92) + "u{1F600}") * size}") {{ symbol }} }}'


def comments(size: int) -> str:
    """Nothing but comments before the operation."""
    return "# nothing\n" * size + "{ viewer { id } }"


def blanks(size: int) -> str:
    """Nothing but commas and blanks before the operation."""
    return ", \t" * size + "{ viewer { id } }"


def directives(size: int) -> str:
    """One field with many directives."""
    return f"{{ viewer {{ id {'@include(if: true) ' * size}}} }}"


def unknown_directives(size: int) -> str:
    """One field with many directives that do not exist."""
    return "{ viewer { id " + " ".join(f"@nothing{n}" for n in range(size)) + " } }"


def fragment_cycle(size: int) -> str:
    """Fragments that spread one another in a ring."""
    ring = "".join(f"fragment F{n} on Query {{ ...F{(n + 1) % size} }}" for n in range(size))
    return f"{{ ...F0 }} {ring}"


def fragment_mesh(size: int) -> str:
    """Fragments that each spread all others: a cycle through each pair."""
    spreads = " ".join(f"...F{n}" for n in range(size))
    mesh = "".join(f"fragment F{n} on Query {{ {spreads} }}" for n in range(size))
    return f"{{ ...F0 }} {mesh}"


def unused_fragments(size: int) -> str:
    """Fragments that nobody spreads."""
    return "{ __typename } " + "".join(
        f"fragment F{n} on Query {{ __typename }}" for n in range(size)
    )


def unknown_fragments(size: int) -> str:
    """Spreads of fragments that do not exist."""
    return "{ " + " ".join(f"...F{n}" for n in range(size)) + " }"


def fragment_chain(size: int) -> str:
    """Fragments that each spread the next one, once."""
    chain = "".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(size))
    return f"{{ ...F0 }} {chain} fragment F{size} on Query {{ __typename }}"


def fragments_of_operations(size: int) -> str:
    """Many operations that each use the same many fragments with variables in them."""
    operations = "".join(f"query Q{n}($a: Boolean!) {{ ...F0 }}" for n in range(size))
    chain = "".join(
        f"fragment F{n} on Query {{ ...F{n + 1} a{n}: __typename @include(if: $a) }}"
        for n in range(size)
    )
    return f"{operations} {chain} fragment F{size} on Query {{ __typename }}"


def fragments_times_operations(size: int) -> str:
    """As many operations as fragments, each of which goes through all of them."""
    operations = "".join(f"query Q{n} {{ ...F0 }}" for n in range(size))
    chain = "".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(size))
    return f"{operations} {chain} fragment F{size} on Query {{ __typename }}"


def type_circles(size: int) -> str:
    """Introspection that goes round from types to fields to types."""
    step = "fields { type { "
    return "{ __schema { types { " + step * size + "name" + " } }" * size + " } } }"


def type_chains(size: int) -> str:
    """Introspection through a chain of ofType."""
    return "{ __schema { types { " + "ofType { " * size + "name" + " }" * size + " } } }"


def possible_types(size: int) -> str:
    """Introspection that asks for all types of all interfaces of all types."""
    step = "possibleTypes { interfaces { "
    return "{ __schema { types { " + step * size + "name" + " } }" * size + " } } }"


def operations(size: int) -> str:
    """Many operations, without saying which to run."""
    return " ".join(f"query Q{n} {{ __typename }}" for n in range(size))


def same_operations(size: int) -> str:
    """Many operations of one name."""
    return "query Q { __typename } " * size


def unknown_fields(size: int) -> str:
    """Fields that do not exist, each near to one that does."""
    return "{ viewer { " + " ".join(f"portfolioz{n}" for n in range(size)) + " } }"


def unknown_arguments(size: int) -> str:
    """Arguments that do not exist."""
    given = ", ".join(f"syymbol{n}: 1" for n in range(size))
    return f'{{ instrument(symbol: "A", {given}) {{ id }} }}'


def unknown_types(size: int) -> str:
    """Types that do not exist."""
    return "{ " + " ".join(f"... on Portfolioo{n} {{ id }}" for n in range(size)) + " }"


def unknown_enum_values(size: int) -> str:
    """Enum values that do not exist, each near to one that does."""
    call = "lots(lotMethod: FIFFO{0}) {{ totalCount }}"
    calls = " ".join(f"a{n}: " + call.format(n) for n in range(size))
    return f"{{ viewer {{ combined {{ {calls} }} }} }}"


def unknown_input_fields(size: int) -> str:
    """Input fields that do not exist."""
    given = ", ".join(f"usernamee{n}: 1" for n in range(size))
    return (
        f'mutation {{ signIn(input: {{username: "a", password: "b", {given}}}) '
        "{ userErrors { code } } }"
    )


def long_names(size: int) -> str:
    """A name of many letters, which is compared with all fields for a suggestion."""
    return f"{{ viewer {{ {'portfolio' * size} }} }}"


def unused_variables(size: int) -> str:
    """Variables that nobody uses."""
    return "query(" + " ".join(f"$v{n}: Int" for n in range(size)) + ") { viewer { id } }"


def undefined_variables(size: int) -> str:
    """Variables that nobody defined."""
    calls = " ".join(f"a{n}: node(id: $v{n}) {{ id }}" for n in range(size))
    return f"{{ {calls} }}"


def repeated_input_fields(size: int) -> str:
    """One input field over and over."""
    given = ", ".join('username: "a"' for _ in range(size))
    return f'mutation {{ signIn(input: {{{given}, password: "b"}}) {{ userErrors {{ code }} }} }}'


def conflicting_fields(size: int) -> str:
    """Different fields under one name: each pair of them is a conflict."""
    fields = ("username", "baseCurrency", "createdAt", "id")
    return "{ viewer { " + " ".join(f"a: {fields[n % 4]}" for n in range(size)) + " } }"


def conflicting_depths(size: int) -> str:
    """A conflict far down, to be found by going down two ways at every level."""
    down = "trades { nodes { portfolio { "
    up = " } } } "
    one = down * size + "a: id" + up * size
    other = down * size + "a: name" + up * size
    return "{ viewer { portfolios { " + one + other + " } } }"


def large_answer(size: int) -> str:
    """Lists within lists, which would multiply."""
    step = "transactions(first: 100) { nodes { portfolio { "
    return "{ viewer { portfolios { " + step * size + "id" + " } } }" * size + " } } }"


def deep_json(size: int) -> Any:
    """Build a list within a list within a list."""
    value: Any = []
    for _ in range(size):
        value = [value]
    return value


UNICODE = "\u202e\u0000\ufeff\U0001f4a9 \ud800".encode("utf-16", "surrogatepass").decode(
    "utf-16", "replace"
)
