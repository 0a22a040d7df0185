"""Countries in one form, ISO 3166's two letters, however a vendor writes them."""

import re
from functools import cache

from holidays.registry import COUNTRIES


def _plain(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


@cache
def _codes() -> dict[str, str]:
    """Return the two letters by code of three letters and by English name."""
    codes = {"usa": "US", "uk": "GB", "korea": "KR", "russianfederation": "RU", "turkiye": "TR"}
    for name, (_, two, three, *_) in COUNTRIES.items():
        codes |= {_plain(name): two, three.lower(): two, two.lower(): two}
    return codes


def country_code(text: str | None) -> str | None:
    """Return a country's two letters; a name that is not known stays as it is."""
    return text and _codes().get(_plain(text), text)
