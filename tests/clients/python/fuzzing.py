"""Values of our scalars for Schemathesis: all kinds that are valid in themselves."""

from datetime import UTC

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4).map("{:f}".format)
SYMBOLS = st.sampled_from(["AAPL", "MSFT", "SAP.DE", "BRK.B", "NONE"]) | st.text(max_size=12)
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat())

STRATEGIES = {
    "CurrencyCode": st.sampled_from(["EUR", "USD", "JPY", "XXX", "usd", ""]).map(nodes.String),
    "Date": st.dates().map(lambda day: day.isoformat()).map(nodes.String),
    "DateTime": MOMENTS.map(nodes.String),
    "Decimal": DECIMALS.map(nodes.String),
    "Ratio": st.floats(allow_nan=False, allow_infinity=False).map(nodes.Float),
    "Symbol": SYMBOLS.map(nodes.String),
    "Upload": st.just(nodes.Null),
}

for name, values in STRATEGIES.items():
    schemathesis.graphql.scalar(name, values)
