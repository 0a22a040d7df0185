"""How work in the background says that it failed: it goes on, and nobody waits for its answer."""

from structlog.typing import FilteringBoundLogger

from models.database import lacks_tables


def say_failed(log: FilteringBoundLogger, event: str, error: Exception) -> None:
    """Log what failed; of a database without our tables what to do, in one line."""
    if lacks_tables(error):
        log.error(event, reason="the database is not migrated: run `folioql migrate`")
    else:
        log.error(event, exc_info=error)
