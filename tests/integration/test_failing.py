"""How work in the background says that it failed, by the errors of either database."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from structlog import get_logger
from structlog.testing import capture_logs

from services.failing import say_failed


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            select(text("1")).select_from(text("nowhere")),
            {"reason": "the database is not migrated: run `folioql migrate`"},
        ),
        (select(text("nothing")), None),
    ],
)
async def test_for_want_of_a_table_it_says_what_to_do_and_else_where_it_failed(
    database, statement, told
):
    with pytest.raises(DBAPIError) as failed:
        await database.scalars(statement)
    with capture_logs() as logs:
        say_failed(get_logger(), "work_failed", failed.value)
    told = told or {"exc_info": failed.value}
    assert logs == [{"event": "work_failed", "log_level": "error"} | told]
