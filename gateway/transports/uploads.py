"""Reads requests with files, by GraphQL's multipart request specification.

https://github.com/jaydenseric/graphql-multipart-request-spec
"""

from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from gateway.transports.asgi import RefusedRequestError
from gateway.transports.reading import read_json
from resolvers.uploads import UploadedFile

MULTIPART = "multipart/form-data"
MAX_FILES = 10


async def read_upload(request: Request, *, max_bytes: int) -> Any:
    """Return the operation of a multipart request, its files in their places.

    Raises RefusedRequestError for one that is too large, or not as specified.
    """
    length = request.headers.get("content-length", "")
    if not length.isdigit():
        raise RefusedRequestError(411, "A request with files needs its length.")
    if int(length) > max_bytes:
        message = f"The request is larger than {max_bytes} bytes."
        raise RefusedRequestError(413, message, code="BODY_TOO_LARGE")
    try:
        async with request.form(max_files=MAX_FILES, max_fields=MAX_FILES) as form:
            body, places = _json(form, "operations"), _json(form, "map")
            if not isinstance(body, dict) or not isinstance(places, dict):
                raise RefusedRequestError(400, "`operations` and `map` must be JSON objects.")
            for name, paths in places.items():
                part = form.get(name)
                if not isinstance(part, UploadFile) or not isinstance(paths, list):
                    raise RefusedRequestError(400, f"`map` names no file: {name[:40]!r}.")
                file = UploadedFile(name=part.filename or "", content=await part.read())
                for path in paths:
                    _put(body, path, file)
    except MultiPartException as error:
        raise RefusedRequestError(400, error.message) from error
    return body


def _json(form: FormData, name: str) -> Any:
    fields = form.getlist(name)
    if len(fields) > 1:
        raise RefusedRequestError(400, f"The form has `{name}` twice.")
    if not fields or not isinstance(fields[0], str):
        raise RefusedRequestError(400, f"The form has no field `{name}`.")
    try:
        return read_json(fields[0].encode())
    except RefusedRequestError as error:
        raise RefusedRequestError(400, f"`{name}`: {error}") from error


def _put(body: Any, path: object, file: UploadedFile) -> None:
    """Put a file where a path such as variables.input.file leads to a null."""
    wrong = RefusedRequestError(400, f"`map` leads to no null of `operations`: {path!r:.80}.")
    steps = str(path).split(".")
    place = body
    try:
        for step in steps[:-1]:
            place = place[_key(place, step)]
        last = _key(place, steps[-1])
        if steps[0] != "variables" or place[last] is not None:
            raise wrong
        place[last] = file
    except (LookupError, TypeError, ValueError) as error:
        raise wrong from error


def _key(place: Any, step: str) -> Any:
    """Return what a step is called in a place; raises ValueError for no index of a list."""
    if not isinstance(place, list):
        return step
    if not step.isdecimal():
        raise ValueError(step)
    return int(step)
