"""Reading one field of a form before the application reads the form."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, FormParser, parse_options_header
from starlette.types import Message, Receive

MAX_HEAD_BYTES = 65_536
"""The field must come within these: first in its form, before notes and files."""

_FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}


async def field_of(request: Request, name: str) -> tuple[str, Receive]:
    """The first value of a field near the start of the body ("" if there is none), and the whole body to be read again.

    No more of the body than that is read, so that an upload is not held in memory.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    found: list[str] = []

    def look(field: Field) -> None:
        if field.field_name == name.encode():
            found.append((field.value or b"").decode("latin-1"))

    seen: list[Message] = []
    if kind.decode("latin-1") in _FORMS:
        try:
            parser = FormParser(kind.decode("latin-1"), look, lambda _file: None, boundary=options.get(b"boundary"))
            await _read_until(found, parser, request.receive, seen)
        except FormParserError:
            found.clear()
    return (found[0] if found else ""), _again(seen, request.receive)


async def _read_until(found: list[str], parser: FormParser, receive: Receive, seen: list[Message]) -> None:
    read_bytes = 0
    while not found and read_bytes < MAX_HEAD_BYTES:
        message = await receive()
        seen.append(message)
        if message["type"] != "http.request":
            return
        body: bytes = message.get("body", b"")
        read_bytes += len(body)
        parser.write(body[:MAX_HEAD_BYTES])
        if not message.get("more_body", False):
            parser.finalize()
            return


def _again(seen: list[Message], receive: Receive) -> Receive:
    async def messages() -> MutableMapping[str, Any]:
        return seen.pop(0) if seen else await receive()

    return messages
