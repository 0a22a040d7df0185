"""Everything outside the process that is not our database: market data, feed, caches."""
