"""Who gets the same of a subscription: declared by its field, never guessed."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

AUDIENCE = "audience"
"""Where a subscription's metadata has its audience."""

PERSONAL = "personal"
"""What a field's metadata has where it depends on who asks, beside what its parent is."""

Arguments = Mapping[str, Any]


class Audience(Enum):
    """Whose executions of one document with the same variables may be one."""

    EVERYONE = "EVERYONE"
    """All who may subscribe, as long as nothing that is selected has a resolver of its own."""

    READERS = "READERS"
    """All who reach the portfolio that is asked for; one user, if anything selected is personal."""

    USER = "USER"
    """One user, by sessions or by the same API token."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A field's audience; of the events of one ``slot`` only the newest matters.

    If ``every`` one matters, none is left out, and each comes in its turn.

    Where there is ``each``, what is asked for is the sum of executions with arguments of their own,
    which it returns; it raises GraphQLError for what cannot be asked for.
    """

    audience: Audience
    slot: Callable[[Any], Hashable] = lambda _: None
    every: bool = False
    each: Callable[[Arguments], Sequence[Arguments]] | None = None
    portfolio: Callable[[Arguments], int] | None = None
    """The key of the portfolio whose readers are the audience."""
