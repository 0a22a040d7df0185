"""Documents that are meant to hurt, with the code that each must be answered with.

Each kind is made from a size, so that a test can double it and a benchmark can time it. They are
what public tools and advisories send to GraphQL servers, in the words of FolioQL's schema.
"""

from collections.abc import Callable

from graphql import get_introspection_query


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
    down = "trades { nodes { portfolio { " * size
    return "{ viewer { portfolios { " + down + "id" + " } } }" * size + " } } }"


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


def fields_of_fields(size: int) -> str:
    """Introspection that asks for the fields of the types of the fields of all types."""
    step = "fields { type { "
    return "{ __schema { types { " + step * size + "name" + " } }" * size + " } } }"


def whole_schemas(size: int) -> str:
    """The usual question about the schema, several times over."""
    text = get_introspection_query(descriptions=False)
    start, _, fragments = text.partition("fragment FullType")
    asked = start[start.index("__schema") : start.rindex("}")]
    copies = " ".join(f"s{number}: {asked}" for number in range(size))
    return "{ " + copies + " } fragment FullType" + fragments


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


PARSE = "GRAPHQL_PARSE_FAILED"
VALIDATION = "GRAPHQL_VALIDATION_FAILED"

CASES: list[tuple[Callable[[int], str], int, str | None]] = [
    (spread_fragments, 2, None),
    (spread_fragments, 15, "MAX_FIELDS_LIMIT"),
    (spread_fragments, 90, "MAX_FIELDS_LIMIT"),
    (doubled_fragments, 2, None),
    (doubled_fragments, 90, "MAX_DEPTH_LIMIT"),
    (repeated_fields, 499, None),
    (repeated_fields, 4_900, "MAX_FIELDS_LIMIT"),
    (repeated_objects, 50, None),
    (repeated_objects, 700, "MAX_FIELDS_LIMIT"),
    (repeated_arguments, 50, None),
    (repeated_arguments, 200, "MAX_ROOT_FIELDS_LIMIT"),
    (repeated_fragments, 50, None),
    (repeated_fragments, 400, "MAX_FIELDS_LIMIT"),
    (aliases, 100, None),
    (aliases, 1_600, "MAX_FIELDS_LIMIT"),
    (root_aliases, 50, None),
    (root_aliases, 51, "MAX_ROOT_FIELDS_LIMIT"),
    (nesting, 5, None),
    (nesting, 20, "MAX_DEPTH_LIMIT"),
    (nesting, 400, PARSE),
    (inline_nesting, 150, None),
    (inline_nesting, 1_600, PARSE),
    (list_value, 150, VALIDATION),
    (list_value, 2_000, PARSE),
    (object_value, 150, VALIDATION),
    (object_value, 1_200, PARSE),
    (list_type, 150, VALIDATION),
    (list_type, 2_000, PARSE),
    (digits, 40_000, VALIDATION),
    (long_string, 40_000, None),
    (long_string, 60_000, "MAX_LENGTH_LIMIT"),
    (block_string, 3_000, None),
    (escapes, 4_800, None),
    (comments, 4_800, None),
    (blanks, 16_000, None),
    (directives, 100, VALIDATION),
    (directives, 700, "MAX_DIRECTIVES_LIMIT"),
    (unknown_directives, 100, VALIDATION),
    (unknown_directives, 2_000, "MAX_DIRECTIVES_LIMIT"),
    (fragment_cycle, 100, "MAX_DEPTH_LIMIT"),
    (fragment_mesh, 40, "MAX_DEPTH_LIMIT"),
    (unused_fragments, 200, VALIDATION),
    (unused_fragments, 600, "MAX_FRAGMENTS_LIMIT"),
    (unknown_fragments, 200, VALIDATION),
    (unknown_fragments, 2_400, "MAX_FRAGMENTS_LIMIT"),
    (fragment_chain, 90, None),
    (fragment_chain, 400, "MAX_DEPTH_LIMIT"),
    (fragments_of_operations, 20, None),
    (fragments_of_operations, 150, "MAX_ROOT_FIELDS_LIMIT"),
    (fragments_times_operations, 20, None),
    (fragments_times_operations, 90, "MAX_OPERATIONS_LIMIT"),
    (type_circles, 5, "MAX_INTROSPECTION_SIZE_LIMIT"),
    (type_circles, 50, "MAX_DEPTH_LIMIT"),
    (type_chains, 14, None),
    (fields_of_fields, 2, None),
    (fields_of_fields, 3, "MAX_INTROSPECTION_SIZE_LIMIT"),
    (whole_schemas, 2, None),
    (whole_schemas, 3, "MAX_FIELDS_LIMIT"),
    (type_chains, 15, "MAX_INTROSPECTION_DEPTH_LIMIT"),
    (possible_types, 5, "MAX_INTROSPECTION_SIZE_LIMIT"),
    (operations, 700, "MAX_OPERATIONS_LIMIT"),
    (same_operations, 20, VALIDATION),
    (unknown_fields, 498, VALIDATION),
    (unknown_arguments, 1_600, VALIDATION),
    (unknown_types, 50, VALIDATION),
    (unknown_enum_values, 100, VALIDATION),
    (unknown_input_fields, 1_600, VALIDATION),
    (long_names, 4_000, VALIDATION),
    (unused_variables, 1_200, VALIDATION),
    (undefined_variables, 50, VALIDATION),
    (repeated_input_fields, 1_600, VALIDATION),
    (conflicting_fields, 100, VALIDATION),
    (conflicting_depths, 4, VALIDATION),
    (large_answer, 4, None),
]
"""Kinds, sizes and codes; no code where the document itself is in order."""
