"""The metadata that all tables share: constraint names that migrations can rely on."""

from sqlmodel import SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = SQLModel.metadata


class Base(SQLModel):
    """Parent of every table."""


def row_key(key: int | None) -> int:
    """Return the key of a stored row; raises ValueError for one that is not stored yet."""
    if key is None:
        raise ValueError("the row is not stored yet")
    return key
