"""Limits of documents: each refused by its name, with the work in proportion to the document."""

import pytest
from graphql import Lexer, Source, TokenKind, get_introspection_query, parse

from gateway.documents import Documents, RefusedDocumentError
from gateway.limits import Limits, Meter, breaches_of, breaches_of_text, tokens_of
from gateway.schema import schema
from tests import hostile


def code_of(text, **limits):
    documents = Documents(schema._schema, limits=Limits(**limits), introspection=True)
    try:
        documents.operation(text, name="Q0" if "query Q0" in text else None)
    except RefusedDocumentError as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    ("make", "size", "code"),
    hostile.CASES,
    ids=[f"{make.__name__}-{size}" for make, size, _ in hostile.CASES],
)
def test_a_hostile_document_gets_its_answer(make, size, code):
    """Nothing else happens: no other exception, and no endless work."""
    assert code_of(make(size)) == code


@pytest.mark.parametrize(
    ("limits", "text", "message"),
    [
        ({"length": 9}, "{ a b c d }", "is 11 characters long; at most 9 are allowed."),
        ({"tokens": 4}, '{ a(b: "c d" # e\n) }', "has 8 tokens; at most 4 are allowed."),
        ({"operations": 1}, "query A { a } query B { a }", "has 2 operations; at most 1 are allowed."),
        ({"depth": 2}, "{ a { b { c } } }", "goes 3 levels deep; at most 2 are allowed."),
        ({"fields": 2}, "{ a { b c } }", "asks for 3 fields; at most 2 are allowed."),
        (
            {"root_fields": 1},
            "{ ... { a } ...F } fragment F on T { b }",
            "asks for 2 root fields in one operation; at most 1 are allowed.",
        ),
        (
            {"aliases": 2},
            "{ x: a ...F ...F } fragment F on T { y: b }",
            "gives 3 aliases; at most 2 are allowed.",
        ),
        (
            {"directives": 3},
            "query @a { b @c ... @d { e } ...F } fragment F on T @g { h }",
            "has 4 directives; at most 3 are allowed.",
        ),
        (
            {"fragments": 2},
            "{ ...F ...F } fragment F on T { a }",
            "has 3 fragments and spreads of them; at most 2 are allowed.",
        ),
        (
            {"introspection_depth": 1},
            "{ __schema { types { name } } }",
            "goes 2 levels into the schema; at most 1 are allowed.",
        ),
        (
            {"introspection_size": 0},
            "{ __schema { ...S } types { name } } fragment S on __Schema"
            " { types { name fields { type { name } } } queryType { name } }",
            # 300 types, each with 10 fields, each with a type; and the root
            "can read 6301 parts of the schema; at most 0 are allowed.",
        ),
    ],
)  # fmt: skip
def test_a_breach_names_the_limit_and_what_was_found(limits, text, message):
    """Whoever is refused learns by how much."""
    bounds = Limits(**limits)
    (breach,) = [*breaches_of_text(text, bounds), *breaches_of(parse(text), bounds)]
    ((name, limit),) = limits.items()
    assert breach.message == f"The document {message}"
    assert breach.code == f"MAX_{name.upper()}_LIMIT"
    assert breach.error().extensions["limit"] == limit
    assert breach.error().extensions["found"] == breach.found


@pytest.mark.parametrize(
    ("text", "depth", "fields"),
    [
        ("{ a { b c } d }", 2, 4),
        ("query A { a { b } } query B { a b c }", 2, 3),
        ("{ ...F ... { a ...F } } fragment F on Query { b { c } }", 2, 5),
        ("{ ...F } fragment F on Query { a ...F }", 10**6, 10**6),
    ],
)
def test_a_document_is_as_deep_as_its_deepest_field_and_as_large_as_all(text, depth, fields):
    """Fragments count wherever they are spread."""
    breaches = {one.code: one.found for one in breaches_of(parse(text), Limits(depth=0, fields=0))}
    assert breaches["MAX_DEPTH_LIMIT"] == depth
    assert breaches["MAX_FIELDS_LIMIT"] == fields


def test_what_tools_ask_of_the_schema_is_within_all_limits():
    """Explorers and code generators send this document, with more or less of its options."""
    text = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    assert code_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *(make(8) for make, *_ in hostile.CASES),
        '{ a(b: "\\"\\\\ # no comment", c: """ \\""" "" " """, d: -1.5e+3, e: ...F) } # end',
        "",
    ],
)
def test_tokens_are_counted_as_the_lexer_does(text):
    """The quick count refuses no document that the parser would count fewer tokens of."""
    lexer, count = Lexer(Source(text)), 0
    while lexer.advance().kind is not TokenKind.EOF:
        count += 1
    assert tokens_of(text) == count


@pytest.mark.parametrize(
    ("text", "tokens"),
    [('"' + '\\"' * 20_000, 1), ('"""' + '\\"""' * 20_000, 1), ('"' * 40_001, 6_667)],
)
def test_strings_without_an_end_are_read_once(text, tokens):
    """Each takes in the rest of the line or document: no token begins within it."""
    assert tokens_of(text) == tokens


KINDS = list(dict.fromkeys(make for make, *_ in hostile.CASES))


@pytest.mark.parametrize("make", KINDS, ids=[make.__name__ for make in KINDS])
def test_twice_the_document_is_at_most_twice_the_work(make):
    """Each selection is looked at once, whatever is spread into whatever."""
    # A mesh grows by the square of its size.
    sizes = (14, 20) if make is hostile.fragment_mesh else (20, 40)
    once, twice = (make(size) for size in sizes)
    visits = []
    for text in (once, twice):
        document = parse(text)
        meter = Meter(document)
        for node in document.definitions:
            if node.kind == "operation_definition":
                meter.size(node.selection_set)
        visits.append(meter.visits)
        assert meter.visits <= tokens_of(text)
    assert visits[1] <= 2.2 * visits[0] + 10


def test_few_mistakes_are_told_and_in_few_words():
    """An answer is no longer than its reader's patience, whatever was sent."""
    documents = Documents(schema._schema, limits=Limits(), introspection=True)
    with pytest.raises(RefusedDocumentError) as caught:
        documents.operation(hostile.unknown_input_fields(1_600), name=None)
    messages = [error.message for error in caught.value.errors]
    assert len(messages) == 6
    assert messages[-1] == ("Too many validation errors, error limit reached. Validation aborted.")
    assert max(map(len, messages)) == 501


def test_one_mistake_comes_with_what_was_meant():
    """Suggestions cost a comparison with all names, which one mistake is worth."""
    documents = Documents(schema._schema, limits=Limits(), introspection=True)
    with pytest.raises(RefusedDocumentError) as caught:
        documents.operation("{ viewerr { id } }", name=None)
    (error,) = caught.value.errors
    assert error.message == "Cannot query field 'viewerr' on type 'Query'. Did you mean 'viewer'?"


def test_limits_that_only_warn_serve_the_document_and_say_so():
    """What would be refused is counted, and told with the answer."""
    limits = Limits(depth=1, aliases=0, enforced=False)
    documents = Documents(schema._schema, limits=limits, introspection=True)
    for _ in range(2):
        operation = documents.operation("{ v: viewer { id } }", name=None)
    assert [breach.code for breach in operation.warnings] == [
        "MAX_DEPTH_LIMIT",
        "MAX_ALIASES_LIMIT",
    ]
    assert documents.beyond_limits == {
        ("MAX_DEPTH_LIMIT", "warned"): 2,
        ("MAX_ALIASES_LIMIT", "warned"): 2,
    }


def test_a_refusal_is_counted_whenever_it_is_answered():
    """Kept verdicts count like new ones."""
    documents = Documents(schema._schema, limits=Limits(depth=1), introspection=True)
    for _ in range(2):
        with pytest.raises(RefusedDocumentError):
            documents.operation("{ viewer { id } }", name=None)
    assert documents.beyond_limits == {("MAX_DEPTH_LIMIT", "refused"): 2}
