"""The servers that the serving benchmark compares: one process each, the same schema and data."""
