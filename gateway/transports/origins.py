"""Which pages may use us: a browser sends what any page makes it send, and says whose page it is.

Nothing here keeps anybody out but browsers, and they only when a page of another site uses them.
"""

from collections.abc import Collection

from gateway.transports.asgi import Call

PREFLIGHT = (b"graphql-require-preflight", b"apollo-require-preflight", b"x-apollo-operation-name")
"""Headers that no browser sends to another site before that site has agreed."""

PORTS = {"http": ":80", "https": ":443"}


def is_welcome(origin: str, *, host: str, origins: Collection[str]) -> bool:
    """Tell whether pages of an origin may use us: our own, and those of the settings."""
    if origin in origins:
        return True
    scheme, _, place = origin.partition("://")
    # Whether we are reached by TLS only the proxy before us knows: both standard ports are ours.
    return scheme in PORTS and _plain(place) == _plain(host)


def _plain(host: str) -> str:
    for port in PORTS.values():
        host = host.removesuffix(port)
    return host.lower()


def may_be_forged(call: Call, origins: Collection[str]) -> bool:
    """Tell whether a page of an unknown site may have made its visitor's browser send a request.

    A browser asks us before it sends JSON to us for another site, but not before a GET or a form.
    """
    if any(call.header(name) for name in PREFLIGHT):
        return False
    origin = call.header(b"origin")
    if origin:
        return not is_welcome(origin, host=call.header(b"host"), origins=origins)
    return call.header(b"sec-fetch-site") == "cross-site"
