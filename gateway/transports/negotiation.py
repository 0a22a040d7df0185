"""Media types: what a client wants to read, and what it says that it sends."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from graphql import OperationType
from python_multipart.multipart import parse_options_header

from gateway.documents import Operation

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
EVENTS = "text/event-stream"
MIXED = "multipart/mixed"
HTML = "text/html"
UTF_8 = {"utf-8", "utf8"}

KEPT_HEADERS = 200
LONGEST_HEADER = 1_000
"""What a header says beyond so many characters is not read."""


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One of the media types that a client accepts, ``type/*`` and ``*/*`` among them."""

    kind: str
    parameters: dict[str, str]
    quality: float
    position: int

    def covers(self, kind: str) -> bool:
        """Tell whether a media type is in this range."""
        return self.kind in {kind, kind.partition("/")[0] + "/*", "*/*"}

    @property
    def rank(self) -> tuple[float, int]:
        """Return how much it is wanted: the greater the better, first by quality, then by order."""
        return self.quality, -self.position


class Accepted:
    """The media types of one Accept header; without any, everything is accepted."""

    def __init__(self, header: str) -> None:
        parts = [part for part in header.split(",") if part.strip()] or ["*/*"]
        self._ranges = [_media_range(part, position) for position, part in enumerate(parts)]
        wanted = [(match.rank, kind) for kind in (JSON, GRAPHQL) if (match := self.match(kind))]
        self.json = max(wanted, key=lambda one: one[0])[1] if wanted else None
        """How one whole answer is written; null where the client would not read it."""

    @cached_property
    def events(self) -> MediaRange | None:
        """Return what is said of events where they are wanted rather than JSON."""
        events = self.named(EVENTS)
        if events is None:
            return None
        whole = self.best((GRAPHQL, JSON))
        return events if whole is None or events.rank > whole.rank else None

    @cached_property
    def mixed(self) -> MediaRange | None:
        """Return what is said of parts that come one after the other."""
        return self.named(MIXED)

    def named(self, kind: str) -> MediaRange | None:
        """Return what is said of a media type by its own name; none if it is not wanted."""
        found = [one for one in self._ranges if one.kind == kind and one.quality > 0]
        return max(found, key=lambda one: one.rank, default=None)

    def match(self, kind: str) -> MediaRange | None:
        """Return the most specific range with a media type in it; none if it is not wanted."""
        found = [one for one in self._ranges if one.covers(kind)]
        best = max(found, key=lambda one: (-one.kind.count("*"), one.rank), default=None)
        return best if best is not None and best.quality > 0 else None

    def best(self, kinds: Sequence[str]) -> MediaRange | None:
        """Return the range of the most wanted of media types; none if none is wanted."""
        found = [match for kind in kinds if (match := self.match(kind)) is not None]
        return max(found, key=lambda one: one.rank, default=None)


def _media_range(text: str, position: int) -> MediaRange:
    kind, *rest = (part.strip() for part in text.split(";"))
    parameters = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    try:
        quality = min(max(float(parameters.pop("q", "1")), 0.0), 1.0)
    except ValueError:
        quality = 0.0
    if parameters.get("charset", "utf-8").lower() not in UTF_8:
        quality = 0.0  # we write no other
    return MediaRange(kind.lower(), parameters, quality, position)


def accepted(header: str) -> Accepted:
    """Read an Accept header; clients send few different ones."""
    return _accepted(header[:LONGEST_HEADER])


_accepted = lru_cache(KEPT_HEADERS)(Accepted)


def wants_page(header: str) -> bool:
    """Tell whether a client, such as a browser, wants a page rather than JSON."""
    accept = accepted(header)
    page, whole = accept.named(HTML), accept.best((GRAPHQL, JSON))
    return page is not None and (whole is None or page.rank > whole.rank)


def wanted_stream(accept: Accepted, operation: Operation) -> MediaRange | None:
    """Return the range of the stream to answer with; none for one whole answer in JSON.

    A subscription needs a stream. Anything else comes as JSON unless events are wanted more, or
    the operation has parts to come later and the client takes them as ``multipart/mixed``.
    """
    mixed = accept.mixed
    if operation.type is OperationType.SUBSCRIPTION:
        events = accept.named(EVENTS)
        if mixed is not None and "subscriptionspec" not in mixed.parameters:
            mixed = None
        found = [one for one in (events, mixed) if one is not None]
        return max(found, key=lambda one: one.rank, default=None)
    if mixed is not None:
        others = [
            one.quality
            for one in (accept.best((GRAPHQL, JSON)), accept.named(EVENTS))
            if one is not None
        ]
        if mixed.quality >= max(others, default=0.0) and (operation.in_parts or not others):
            return mixed
    return accept.events


def content_type(header: str) -> tuple[str, str]:
    """Return the media type and the charset that a Content-Type names, both in small letters."""
    return _content_type(header[:LONGEST_HEADER])


@lru_cache(KEPT_HEADERS)
def _content_type(header: str) -> tuple[str, str]:
    name, options = parse_options_header(header)
    charset = options.get(b"charset", b"utf-8").decode("latin-1").lower()
    return name.decode("latin-1").lower(), charset


def accepts_gzip(header: str) -> bool:
    """Tell whether an Accept-Encoding header allows gzip; naming it outranks the wildcard."""
    return _accepts_gzip(header[:LONGEST_HEADER])


@lru_cache(KEPT_HEADERS)
def _accepts_gzip(header: str) -> bool:
    weights: dict[str, bool] = {}
    for item in header.lower().split(","):
        coding, _, parameters = item.partition(";")
        weight = parameters.replace(" ", "").removeprefix("q=")
        weights[coding.strip()] = weight.strip("0.") != "" if weight else True
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))
