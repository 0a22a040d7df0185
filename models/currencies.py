"""Currencies by ISO 4217: which codes exist and how many decimals their cash has."""

from iso4217 import Currency

EXPONENTS: dict[str, int] = {
    currency.code: currency.exponent
    for currency in Currency
    if currency.exponent is not None  # metals, funds and test codes have none
}
"""Decimals of each currency in circulation: USD 2, JPY 0, KWD 3."""


def is_currency(code: str) -> bool:
    """Tell whether a code is a currency in circulation, in capitals."""
    return code in EXPONENTS


def exponent(code: str) -> int:
    """Return the decimals of a currency's cash; 2 for one that is no longer in the list."""
    return EXPONENTS.get(code, 2)
