"""How long answers may be kept: Apollo's `@cacheControl`, declared on the types that may be.

https://www.apollographql.com/docs/apollo-server/performance/caching. What says nothing of itself
may not be kept and is private; only a type that may be shown to everybody is declared at all.
"""

from enum import Enum

import strawberry
from strawberry import UNSET
from strawberry.schema_directive import Location

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@strawberry.enum(
    name="CacheControlScope", description="For whom an answer may be kept between here and there."
)
class CacheScope(Enum):
    """For whom an answer may be kept."""

    PUBLIC = strawberry.enum_value("PUBLIC", description="For everybody who asks the same.")
    PRIVATE = strawberry.enum_value("PRIVATE", description="Only for the one who asked.")


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    name="cacheControl",
    description="How many seconds answers with this may be kept, at most, and for whom. A quote is "
    "kept no longer than it stays fresh. What says nothing of itself is not kept.",
)
class CacheControl:
    """How long answers with a type or field may be kept, in seconds."""

    max_age: int = strawberry.directive_field(name="maxAge")
    scope: CacheScope | None = strawberry.directive_field(name="scope", default=UNSET)
