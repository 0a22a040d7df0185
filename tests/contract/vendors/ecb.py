"""The European Central Bank's site: files of rates, made up in the layout of the published ones."""

import io
import zipfile

from datasources.errors import BadPayloadError
from datasources.providers.ecb import EcbOnline
from datasources.symbols import Dialect, Names
from tests.contract.stand_in import StandIn
from tests.vendors import HTML, reply

RATES = {
    "2026-11-20": {"USD": "1.1160", "JPY": "175.10", "GBP": "0.83500"},
    "2026-11-19": {"USD": "1.1170", "JPY": "175.65", "GBP": "0.83410", "ISK": "142.00"},
    "2026-11-18": {"USD": "1.1181", "JPY": "175.40", "GBP": "0.83600"},
    "2026-11-13": {"USD": "1.1200", "JPY": "174.00", "GBP": "0.84000"},
    "2026-08-24": {"USD": "1.1500", "JPY": "171.00", "GBP": "0.85000"},
}


def document(days):
    """Write rates as the XML files have them, newest day first."""
    cubes = "".join(
        f"<Cube time='{day}'>"
        + "".join(
            f"<Cube currency='{currency}' rate='{rate}'/>" for currency, rate in RATES[day].items()
        )
        + "</Cube>\n"
        for day in days
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
        'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">'
        "<gesmes:subject>Reference rates</gesmes:subject>"
        "<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>"
        f"<Cube>{cubes}</Cube></gesmes:Envelope>"
    )


def history():
    """Pack the CSV: no blanks, N/A, a comma at the end, trailing zeros gone."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "eurofxref-hist.csv",
            "Date,USD,JPY,BGN,GBP,\n"
            "2026-11-19,1.117,175.65,N/A,0.8341,\n"
            "2025-12-31,1.175,184.09,1.9558,0.8726,\n",
        )
    return packed.getvalue()


FILES = {
    "/eurofxref-hist-90d.xml": document(RATES),
    "/eurofxref-hist.zip": history(),
}


def handler(request):
    return reply(FILES[request.path], content_type="text/xml")


STAND_IN = StandIn(
    vendor=EcbOnline.vendor,
    make=lambda upstream, clock: EcbOnline(upstream, names=Names(Dialect()), clock=clock),
    handler=handler,
    serves=frozenset({"rates"}),
    faults={
        "maintenance, with status 200": (HTML, BadPayloadError),
        "a page that is not there": (
            reply("<html><body>404</body></html>", status=404, content_type="text/html"),
            BadPayloadError,
        ),
        "a file cut off": (reply(document(RATES)[:-40]), BadPayloadError),
        "another root": (reply("<error/>"), BadPayloadError),
        "no days": (reply(document([])), BadPayloadError),
    },
)
