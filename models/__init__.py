"""SQLModel tables, column types, statements, sessions and migrations."""
