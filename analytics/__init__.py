"""Pure functions over frozen dataclasses: money, lots, valuation. No input or output."""
