"""What can go wrong with a provider, by what the chain does about it.

Each class sends the chain on to the next provider for what is still missing; they differ in what
an operator has to do and in what later calls to the same provider are worth.
"""


class ProviderError(Exception):
    """A provider could not answer."""


class UnavailableError(ProviderError):
    """The provider cannot be reached or fails: a later try may work."""


class BadPayloadError(ProviderError):
    """The answer, or a file, is not in the form it should have."""


class InvalidRequestError(ProviderError):
    """The provider refused the question itself: repeating it does not help."""
