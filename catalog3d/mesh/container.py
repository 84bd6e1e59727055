"""The GLB container: header, chunks and JSON, read under caps before any parser sees the file.

Layout: Khronos glTF 2.0 specification, section 4 "GLB File Format".
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from catalog3d.mesh.findings import error, warning
from catalog3d.quality import Check

Buffer = bytes | bytearray | memoryview
"""What a file is handed in as; a memory map comes wrapped in a memoryview."""

# Safety caps: proposals of the project's own check list, far above what a product model needs.
MAX_JSON_BYTES = 16 * 1024**2
MAX_JSON_DEPTH = 64
MAX_NODES = 10_000
# A viewer makes something of each of them; a product model has some dozens.
MAX_JSON_OBJECTS = 50_000
# JSON numbers beyond 2**53 do not survive a viewer written in JavaScript.
MAX_JSON_INT = 2**53

HEADER = struct.Struct("<4sII")
CHUNK_HEADER = struct.Struct("<I4s")
JSON_CHUNK = b"JSON"
BIN_CHUNK = b"BIN\x00"
FIX = "The file is damaged: export or generate it again."

# Never fails and never goes back, so an unfinished string cannot make it slow.
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Container:
    """What the container holds.

    Attributes:
        document: The JSON as Python values; None if it could not be read.
        binary: The BIN chunk without copying; None if there is none.
        faults: What is wrong with the container. With an error among them nothing may be read further.
    """

    document: dict[str, Any] | None
    binary: memoryview | None
    faults: tuple[Check, ...]


class _FaultError(Exception):
    def __init__(self, check: Check) -> None:
        super().__init__(check.message)
        self.check = check


def read_container(data: Buffer) -> Container:
    """Read header, chunks and JSON of a GLB. Never raises for what the bytes hold."""
    notes: list[Check] = []
    try:
        raw_json, binary = _chunks(memoryview(data).cast("B"), notes)
        document = _document(raw_json)
    except _FaultError as fault:
        return Container(document=None, binary=None, faults=(*notes, fault.check))
    return Container(document=document, binary=binary, faults=tuple(notes))


def _malformed(what: str) -> NoReturn:
    raise _FaultError(error("GLB_MALFORMED", f"This is not a sound GLB file: {what}. {FIX}"))


def _chunks(data: memoryview, notes: list[Check]) -> tuple[memoryview, memoryview | None]:
    if len(data) < HEADER.size:
        _malformed(f"it has {len(data)} bytes, fewer than the 12 of a GLB header")
    magic, version, declared = HEADER.unpack_from(data)
    if magic != b"glTF":
        _malformed("it does not begin with the letters glTF")
    if version != 2:
        _malformed(f"its version is {version} and not 2")
    if declared > len(data):
        _malformed(f"it ends after {len(data):,} of {declared:,} bytes")
    if declared < HEADER.size + CHUNK_HEADER.size:
        _malformed(f"its header declares only {declared} bytes")
    if declared < len(data):
        notes.append(
            warning(
                "GLB_EXTRA_DATA",
                f"{len(data) - declared:,} bytes follow the end of the model: some viewers refuse such a file, and "
                "something else may be hidden there. Export it again.",
                value=len(data) - declared,
                limit=0,
            )
        )
    return _json_and_binary(list(_walk(data[:declared])), notes)


def _walk(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    offset = HEADER.size
    while offset < len(data):
        if offset + CHUNK_HEADER.size > len(data):
            _malformed("it ends inside a chunk header")
        length, kind = CHUNK_HEADER.unpack_from(data, offset)
        offset += CHUNK_HEADER.size
        if length % 4:
            _malformed(f"a chunk of {length} bytes is not padded to 4 bytes")
        if offset + length > len(data):
            _malformed(f"a chunk declares {length:,} bytes, more than the file has left")
        yield kind, data[offset : offset + length]
        offset += length


def _json_and_binary(
    chunks: list[tuple[bytes, memoryview]], notes: list[Check]
) -> tuple[memoryview, memoryview | None]:
    kinds = [kind for kind, _ in chunks]
    if not chunks or kinds[0] != JSON_CHUNK:
        _malformed("its first chunk is not JSON")
    if not len(chunks[0][1]):
        _malformed("its JSON chunk is empty")
    if JSON_CHUNK in kinds[1:] or BIN_CHUNK in kinds[2:]:
        _malformed("a chunk occurs twice or in the wrong place")
    if any(kind not in (JSON_CHUNK, BIN_CHUNK) for kind in kinds):
        notes.append(warning("GLB_UNKNOWN_CHUNK", "The file has a chunk that viewers do not know and will skip."))
    return chunks[0][1], chunks[1][1] if kinds[1:2] == [BIN_CHUNK] else None


def _document(raw: memoryview) -> dict[str, Any]:
    if len(raw) > MAX_JSON_BYTES:
        message = f"The description of the scene is {len(raw):,} bytes of JSON: a product page would hang on it. "
        raise _FaultError(error("JSON_TOO_LARGE", message + "Merge parts and materials.", len(raw), MAX_JSON_BYTES))
    encoded = bytes(raw)
    _check_shape(encoded)
    try:
        document = json.loads(encoded.decode("utf-8"), parse_int=_whole, parse_float=_number, parse_constant=_constant)
    except UnicodeDecodeError:
        _malformed("its JSON is not UTF-8 text")
    except json.JSONDecodeError as exc:
        _malformed(f"its JSON cannot be read ({exc.msg} at character {exc.pos})")
    except RecursionError:
        _malformed("its JSON is nested too deeply")
    if not isinstance(document, dict):
        _malformed("its JSON is not an object")
    nodes = document.get("nodes")
    if isinstance(nodes, list) and len(nodes) > MAX_NODES:
        message = f"The scene has {len(nodes):,} nodes: a product page would hang on it. Merge the parts."
        raise _FaultError(error("NODE_COUNT", message, len(nodes), MAX_NODES))
    return document


def _check_shape(encoded: bytes) -> None:
    """Depth and number of objects, counted on the bytes: building them is what the caps prevent."""
    plain = np.frombuffer(_STRINGS.sub(b"", encoded), dtype=np.uint8)
    opening = (plain == ord("{")) | (plain == ord("["))
    closing = (plain == ord("}")) | (plain == ord("]"))
    depth = int(np.max(np.cumsum(opening.astype(np.int32) - closing.astype(np.int32)), initial=0))
    if depth > MAX_JSON_DEPTH:
        message = f"The description of the scene is nested {depth:,} levels deep: viewers may crash on it. {FIX}"
        raise _FaultError(error("JSON_DEPTH", message, depth, MAX_JSON_DEPTH))
    objects = int(np.count_nonzero(plain == ord("{")))
    if objects > MAX_JSON_OBJECTS:
        message = f"The scene is described by {objects:,} objects: a product page would hang on it. Merge parts. "
        raise _FaultError(error("JSON_TOO_LARGE", message, f"{objects} objects", f"{MAX_JSON_OBJECTS} objects"))


def _whole(text: str) -> int:
    # The length first: int() of a few thousand digits is slow, of more it raises.
    if len(text) > 17 or abs(int(text)) > MAX_JSON_INT:
        _malformed("its JSON has a whole number beyond 2^53")
    return int(text)


def _number(text: str) -> float:
    value = float(text) if len(text) <= 400 else math.inf
    if not math.isfinite(value):
        _malformed("its JSON has a number that is too large")
    # JSON Schema: 1.0 is an integer.
    return int(value) if value.is_integer() and abs(value) <= MAX_JSON_INT else value


def _constant(text: str) -> NoReturn:
    _malformed(f"its JSON has {text}, which is not a number of JSON")
