"""What is believed of a symbol's past when not all that were asked could tell."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from datasources.chain import Line
from datasources.errors import NotEntitledError, UnavailableError
from datasources.learning import Learner
from datasources.past import Past
from models.market import Actions, Bar, DividendEvent

DAY = date(2024, 6, 13)
BAR = Bar(symbol="A", day=DAY, close=Decimal(1), currency="USD", source="one")
PAID = Actions(
    dividends=(
        DividendEvent(symbol="A", ex_day=DAY, amount=Decimal(1), currency="USD", source="one"),
    )
)
NOTHING, DOWN, REFUSED = None, UnavailableError("down"), NotEntitledError("plan")


class Scripted:
    """Knows a bar and a dividend, knows nothing, or fails."""

    batch = {}  # noqa: RUF012

    def __init__(self, name, says):
        self.name = name
        self.says = says

    async def bars(self, symbol, *, first, last):
        return self._answer([BAR], [])

    async def actions(self, symbol, *, first, last):
        return self._answer(PAID, Actions())

    def _answer(self, known, nothing):
        if isinstance(self.says, Exception):
            raise self.says
        return nothing if self.says is NOTHING else known


@pytest.fixture
def past(clock):
    def make(*says):
        lines = [
            Line(Scripted(name, one), clock=clock)
            for name, one in zip(("one", "two"), says, strict=False)
        ]
        return Past(
            bars=lines,
            actions=lines,
            store=None,
            learner=Learner(None, interval=timedelta(hours=1)),
            clock=clock,
            deadline=timedelta(seconds=2),
        )

    return make


@pytest.mark.parametrize(
    ("says", "bars", "actions"),
    [
        (("all", NOTHING), [BAR], ("one", PAID)),
        ((DOWN, "all"), [BAR], ("two", PAID)),
        ((REFUSED, "all"), [BAR], ("two", PAID)),
        ((NOTHING, NOTHING), [], ("one", Actions())),
        # What a plan leaves out, the others may still tell.
        ((REFUSED, NOTHING), [], ("two", Actions())),
        # The one that failed may know of a split: that there was none is not believed.
        ((DOWN, NOTHING), UnavailableError, UnavailableError),
        ((NOTHING, DOWN), UnavailableError, UnavailableError),
        ((DOWN, DOWN), UnavailableError, UnavailableError),
        # A refusal is no word about the symbol, however often it comes.
        ((REFUSED, REFUSED), UnavailableError, UnavailableError),
        ((REFUSED,), UnavailableError, UnavailableError),
        ((), UnavailableError, None),
    ],
)
async def test_that_there_was_nothing_is_believed_of_those_who_could_tell(
    past, says, bars, actions
):
    asked = past(*says)
    for fetch, expected in ((asked._fetch_bars, bars), (asked._fetch_actions, actions)):
        for _ in range(2):
            if expected is UnavailableError:
                with pytest.raises(UnavailableError):
                    await fetch("A", first=DAY, last=DAY, source=None)
            else:
                assert await fetch("A", first=DAY, last=DAY, source=None) == expected
