"""Frankfurter's first version; the figures are those of the stand-in for the ECB."""

from datasources.errors import BadPayloadError, InvalidRequestError
from datasources.providers.frankfurter import Frankfurter
from datasources.symbols import Dialect, Names
from tests.contract.stand_in import StandIn
from tests.contract.vendors.ecb import RATES
from tests.vendors import Reply, reply


def handler(request):
    first, _, last = request.path.removeprefix("/").partition("..")
    symbols = request.query["symbols"].split(",")
    # Numbers are JSON's: the zeros at the end of the published ones are gone.
    found = {
        day: {one: float(rate) for one, rate in rates.items() if one in symbols}
        for day, rates in sorted(RATES.items())
        if first <= day <= last
    }
    found = {day: rates for day, rates in found.items() if rates}
    if not found:
        return reply({"message": "not found"}, status=404)
    return reply(
        {
            "amount": 1.0,
            "base": "EUR",
            "start_date": min(found),
            "end_date": max(found),
            "rates": found,
        }
    )


def unprocessable(message: str) -> Reply:
    return reply({"message": message}, status=422)


STAND_IN = StandIn(
    vendor=Frankfurter.vendor,
    make=lambda upstream, clock: Frankfurter(upstream, names=Names(Dialect()), clock=clock),
    handler=handler,
    serves=frozenset({"rates"}),
    faults={
        "a pair of one currency": (unprocessable("bad currency pair"), InvalidRequestError),
        "another amount": (unprocessable("invalid amount"), InvalidRequestError),
        "a page that is not there": (
            reply("<html>404</html>", status=404, content_type="text/html"),
            BadPayloadError,
        ),
        "rates of another base": (
            reply({"amount": 1.0, "base": "USD", "rates": {"2026-11-19": {"EUR": 0.9}}}),
            BadPayloadError,
        ),
    },
)
