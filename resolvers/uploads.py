"""Files that come in with an operation, by GraphQL's multipart request specification."""

from dataclasses import dataclass
from typing import NewType

from graphql import GraphQLError


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file as it came in."""

    name: str
    content: bytes


Upload = NewType("Upload", UploadedFile)


def parse_upload(value: object) -> UploadedFile:
    """Accept what a multipart request put in the place of a null."""
    if not isinstance(value, UploadedFile):
        raise GraphQLError("Upload: send the file in a multipart request, with null in its place.")
    return value


def no_upload_out(value: object) -> str:
    """Refuse to answer with an upload: it is for inputs alone."""
    raise GraphQLError(f"Upload cannot be an answer, and {type(value).__name__} is none.")
