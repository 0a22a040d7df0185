"""What may be shared with everybody: attributes, and nothing that could look at the caller."""

import strawberry

from gateway.schema import schema
from gateway.transports.terms import is_plain


def test_of_a_price_everything_is_plain_but_what_has_a_resolver():
    fields = schema._schema.type_map["Quote"].fields
    assert {name for name, field in fields.items() if not is_plain(field)} == {"attempts"}


def test_a_permission_or_an_extension_makes_an_attribute_anything_but_plain():
    class Allowed(strawberry.BasePermission):
        def has_permission(self, source, info, **_):
            return True

    class Shown(strawberry.extensions.FieldExtension):
        def resolve(self, next_, source, info, **arguments):
            return next_(source, info, **arguments)

    @strawberry.type
    class Query:
        free: str
        guarded: str = strawberry.field(permission_classes=[Allowed])
        changed: str = strawberry.field(extensions=[Shown()])

    fields = strawberry.Schema(Query)._schema.query_type.fields
    assert {name: is_plain(field) for name, field in fields.items()} == {
        "free": True,
        "guarded": False,
        "changed": False,
    }
