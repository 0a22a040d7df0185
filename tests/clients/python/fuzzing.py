"""Values of our scalars for Schemathesis: all kinds that are valid in themselves."""

from datetime import UTC

import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4).map("{:f}".format)
SYMBOLS = st.sampled_from(["AAPL", "MSFT", "SAP.DE", "BRK.B", "NONE"]) | st.text(max_size=12)
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat())

for name, values in {
    "Decimal": DECIMALS,
    "Date": st.dates().map(lambda day: day.isoformat()),
    "DateTime": MOMENTS,
    "CurrencyCode": st.sampled_from(["EUR", "USD", "JPY", "XXX", "usd", ""]),
    "Symbol": SYMBOLS,
    "Upload": st.none(),
}.items():
    as_node = nodes.String if name != "Upload" else lambda _: nodes.Null
    schemathesis.graphql.scalar(name, values.map(as_node))
