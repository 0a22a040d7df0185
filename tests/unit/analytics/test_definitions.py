"""Every measure has a definition, and every definition is of a measure."""

import re
from pathlib import Path

import analytics
from analytics.definitions import DEFINITIONS
from analytics.risk import Statistic

SOURCES = Path(analytics.__file__).parent
MEASURING = {
    *("returns.py", "attribution.py", "benchmarks.py", "trade_results.py", "allocation.py"),
}


def test_what_measures_name_is_defined_and_nothing_else():
    pattern = re.compile(r'"([a-z]+[A-Z]\w+|expectancy|payoff|herfindahl)"')
    named = {
        name
        for source in SOURCES.glob("*.py")
        if source.name in MEASURING
        for name in pattern.findall(source.read_text(encoding="utf-8"))
    }
    assert named | {statistic.value for statistic in Statistic} == set(DEFINITIONS)
