"""Market-data providers, one file each; none knows another."""
