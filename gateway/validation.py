"""Validation of documents, within bounds: few errors are told, and few suggestions looked for."""

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OverlappingFieldsCanBeMergedRule,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from gateway.overlaps import MergedFieldsRule

MAX_ERRORS = 5
"""Errors after which validation ends: who writes a document reads no more of them."""

MAX_WORDS = 500
"""Characters of a message that are told: some repeat all of a value that is wrong."""

RULES = (
    *(
        MergedFieldsRule if rule is OverlappingFieldsCanBeMergedRule else rule
        for rule in specified_rules
    ),
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


def mistakes_in(
    document: DocumentNode, *, schema: GraphQLSchema, introspection: bool
) -> list[GraphQLError]:
    """Return what is wrong with a document; what was meant is suggested where errors are few."""
    rules = RULES if introspection else (*RULES, NoSchemaIntrospectionCustomRule)
    errors = validate(schema, document, rules, MAX_ERRORS, hide_suggestions=True)
    if 0 < len(errors) <= MAX_ERRORS:
        errors = validate(schema, document, rules, MAX_ERRORS)
    # Without the exceptions behind some of them, such as Python's own refusal of a number
    # of thousands of digits: the mistake is the document's, and no failure of ours.
    return [GraphQLError(_bounded(error.message), error.nodes) for error in errors]


def _bounded(message: str) -> str:
    return message if len(message) <= MAX_WORDS else message[:MAX_WORDS] + "…"
