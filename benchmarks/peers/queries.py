"""The questions that every peer is asked."""

from dataclasses import dataclass

import orjson

DEPTH = 10
"""How many companies the deep question goes up from the first."""

MONEY = "{ amount currency }"
POSITION = f"""
id symbol quantity
averageCost {MONEY} costBasis {MONEY} marketValue {MONEY} unrealizedGain {MONEY}
quote {{ price currency change changeRatio previousClose volume asOf source quality }}
profile {{ name country exchange sector industry }}
"""
DASHBOARD = f"""
query Dashboard($name: String!) {{
  viewer(name: $name) {{
    username portfolios {{ id name baseCurrency positions {{ {POSITION} }} }}
  }}
}}
"""
LEAF = "query Leaf($name: String!) { viewer(name: $name) { username } }"
DEEP = f"""
query Deep($name: String!) {{
  viewer(name: $name) {{
    portfolios {{ positions {{ profile {{ {"parent { " * DEPTH} symbol {"} " * DEPTH} }} }} }}
  }}
}}
"""
FRAGMENTS = """
query Dashboard($name: String!) { ...Start }
fragment Start on Query { viewer(name: $name) { ...Owner } }
fragment Owner on Viewer { username ...Holdings }
fragment Holdings on Viewer { portfolios { ...Holding } }
fragment Holding on Portfolio { id name baseCurrency positions { ...Held } }
fragment Held on Position {
  id symbol quantity ...Amounts
  ... on Position { quote { ...Price } }
  profile { ...Company }
}
fragment Amounts on Position {
  averageCost { ...Amount } costBasis { ...Amount }
  marketValue { ...Amount } unrealizedGain { ...Amount }
}
fragment Amount on Money { amount currency }
fragment Price on Quote {
  price ... on Quote { currency change changeRatio } ...Session source quality
}
fragment Session on Quote { previousClose volume asOf }
fragment Company on Profile { name ...Place sector industry }
fragment Place on Profile { country exchange }
"""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, about whose holdings, and over how many connections at a time."""

    title: str
    document: str
    operation: str
    owner: str
    connections: int

    @property
    def body(self) -> bytes:
        """Return the body of the request."""
        return orjson.dumps(
            {
                "query": self.document,
                "operationName": self.operation,
                "variables": {"name": self.owner},
            }
        )


def _dashboard(title: str, owner: str, connections: int, document: str = DASHBOARD) -> Question:
    return Question(
        title=title,
        document=document,
        operation="Dashboard",
        owner=owner,
        connections=connections,
    )


QUESTIONS = {
    "leaf": Question(
        title="one leaf", document=LEAF, operation="Leaf", owner="ten", connections=16
    ),
    "10": _dashboard("dashboard of 10 positions", "ten", 16),
    "50": _dashboard("dashboard of 50 positions", "fifty", 8),
    "500": _dashboard("dashboard of 500 positions", "many", 2),
    "wide": _dashboard("100 portfolios of 20 positions", "wide", 1),
    "deep": Question(
        title="one position and ten companies up, each the parent of the one before",
        document=DEEP,
        operation="Deep",
        owner="deep",
        connections=16,
    ),
    "fragments": _dashboard("dashboard of 50, all through fragments", "fifty", 8, FRAGMENTS),
}
