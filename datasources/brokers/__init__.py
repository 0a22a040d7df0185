"""Import files of brokers and other programs, read as drafts; one file each format."""

from datasources.brokers.reader import UnknownFormatError, read
from datasources.brokers.reading import ParsedRow, Problem, Reading
from datasources.brokers.table import UnreadableError

__all__ = ["ParsedRow", "Problem", "Reading", "UnknownFormatError", "UnreadableError", "read"]
