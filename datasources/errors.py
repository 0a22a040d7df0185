"""What can go wrong with a provider, by what the chain does about it.

Every class sends the chain on to the next provider for what is still missing. They differ in what
later calls to the same provider are worth: whether to try again at once, to wait, to stop asking,
or to count the failure against the breaker. A symbol that a provider does not know is no error at
all: it is absent from the answer.
"""

from datetime import datetime
from typing import ClassVar


class ProviderError(Exception):
    """A provider could not answer.

    ``retryable``: one more try soon is worth it. ``faulty``: it tells of a provider that is ill,
    so that the breaker counts it.
    """

    code: ClassVar[str] = "FAILED"
    retryable: ClassVar[bool] = False
    faulty: ClassVar[bool] = False


class UnavailableError(ProviderError):
    """The provider cannot be reached, is too slow, or fails inside: a later try may work."""

    code = "UNAVAILABLE"
    retryable = True
    faulty = True


class BadPayloadError(ProviderError):
    """The answer, or a file, is not in the form it should have."""

    code = "BAD_PAYLOAD"
    retryable = True
    faulty = True


class RateLimitedError(ProviderError):
    """Too many calls for now; ``until`` is when the provider may be asked again."""

    code = "RATE_LIMITED"

    def __init__(self, message: str, *, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class QuotaExhaustedError(RateLimitedError):
    """The calls of a long window, such as a day, are used up; ``until`` is when it ends."""

    code = "QUOTA_EXHAUSTED"


class NotEntitledError(ProviderError):
    """The plan does not include this: asking again never helps, another provider may."""

    code = "NOT_ENTITLED"


class InvalidCredentialsError(ProviderError):
    """The key is missing or wrong: the provider is of no use until somebody repairs it."""

    code = "INVALID_CREDENTIALS"


class AuthExpiredError(ProviderError):
    """A session ran out: renewing it once may help."""

    code = "AUTH_EXPIRED"


class InvalidRequestError(ProviderError):
    """The provider refused the question itself: repeating it does not help."""

    code = "INVALID_REQUEST"


class CircuitOpenError(ProviderError):
    """The provider failed so often lately that it is left alone for a while."""

    code = "CIRCUIT_OPEN"
