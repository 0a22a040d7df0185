"""The stand-ins: one module a vendor, each with a STAND_IN."""
