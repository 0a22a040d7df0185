"""What a user does: plain async functions for writes and multi-step work."""
