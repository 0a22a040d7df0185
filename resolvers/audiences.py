"""Who gets the same of a subscription: declared by its field, never guessed."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any

AUDIENCE = "audience"
"""Where a field's metadata has it."""


class Audience(Enum):
    """Whose executions of one document with the same variables may be one."""

    EVERYONE = "EVERYONE"
    """All who may subscribe, as long as nothing that is selected has a resolver of its own."""

    USER = "USER"
    """One user, by sessions or by the same API token."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A field's audience; of the events of one ``slot`` only the newest matters."""

    audience: Audience
    slot: Callable[[Any], Hashable] = lambda _: None
