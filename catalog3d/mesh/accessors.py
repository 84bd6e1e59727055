"""Buffers and accessors: whether they stay inside the file, and their values as numpy arrays.

Khronos glTF 2.0 specification, sections 3.6 "Binary Data Storage" and 3.11 "Accessors".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from catalog3d.mesh.findings import error
from catalog3d.quality import Check

DTYPES: Mapping[int, np.dtype[Any]] = {
    5120: np.dtype("<i1"),
    5121: np.dtype("<u1"),
    5122: np.dtype("<i2"),
    5123: np.dtype("<u2"),
    5125: np.dtype("<u4"),
    5126: np.dtype("<f4"),
}
COMPONENTS: Mapping[str, int] = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
_COLUMNS = {"MAT2": 2, "MAT3": 3, "MAT4": 4}
_SPARSE_INDICES = (5121, 5123, 5125)
_INDEX_TARGET = 34963

# Proposals of the project's own check list; the floor lets a tiny test file have an ordinary accessor.
MAX_ALLOC_RATIO = 64
MAX_ALLOC_BYTES = 1024**3
MIN_ALLOC_BYTES = 1024**2

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the elements of an accessor lie in memory, in bytes; matrix columns are padded to 4."""

    dtype: np.dtype[Any]
    components: int
    columns: int
    element_bytes: int


def layout_of(component_type: int, kind: str) -> Layout | None:
    """The layout of an accessor's elements; None for a type that glTF 2.0 does not have."""
    dtype, components = DTYPES.get(component_type), COMPONENTS.get(kind)
    if dtype is None or components is None:
        return None
    columns = _COLUMNS.get(kind, 1)
    rows = components // columns
    column_bytes = rows * dtype.itemsize
    if columns > 1:
        column_bytes = -(-column_bytes // 4) * 4
    element = column_bytes * (columns - 1) + (column_bytes if columns == 1 else rows * dtype.itemsize)
    return Layout(dtype=dtype, components=components, columns=columns, element_bytes=element)


def is_external(uri: str) -> bool:
    """Whether a URI points out of the file."""
    return not uri.startswith("data:")


def decode_data_uri(uri: str) -> memoryview | None:
    """The bytes of a data: URI (RFC 2397); None if it is broken."""
    head, comma, body = uri.partition(",")
    if not comma:
        return None
    try:
        content = base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
    except (binascii.Error, ValueError):
        return None
    return memoryview(content)


def resolve_buffers(
    buffers: Sequence[Mapping[str, Any]], binary: memoryview | None
) -> tuple[tuple[memoryview | None, ...], tuple[Check, ...]]:
    """The bytes of each buffer (None where the file has none), and what is wrong with them."""
    found: list[memoryview | None] = []
    faults: list[Check] = []
    for number, buffer in enumerate(buffers):
        content: memoryview | None = None
        if "uri" in buffer:
            if is_external(buffer["uri"]):
                faults.append(_external(f"buffer {number}"))
            else:
                content = decode_data_uri(buffer["uri"])
                if content is None:
                    faults.append(error("KHR_INVALID_URI", f"Buffer {number} is damaged text. Export it again."))
        elif number == 0:
            content = binary
            if content is None:
                message = (
                    "The file says that it holds geometry data, but it holds none: nothing would show. Export it again."
                )
                faults.append(error("KHR_BUFFER_MISSING_GLB_DATA", message))
        if content is not None and len(content) < buffer["byteLength"]:
            message = f"Buffer {number} declares {buffer['byteLength']:,} bytes and has {len(content):,}: parts are missing. Export it again."
            faults.append(error("KHR_BUFFER_BYTE_LENGTH_MISMATCH", message, len(content), buffer["byteLength"]))
            content = None
        found.append(None if content is None else content[: buffer["byteLength"]])
    return tuple(found), tuple(faults)


def _external(what: str) -> Check:
    message = f"The {what} lies outside the file: a shopper would see a model with missing parts. Export everything into one GLB."
    return error("EXTERNAL_URI", message, what)


def external_image(number: int) -> Check:
    """The finding for an image that is not in the file."""
    return _external(f"image {number}")


class Accessors:
    """Reads the accessors of one file. Call `check` first: `read` trusts what it has passed.

    Args:
        accessors: Of JSON that schema and references have passed; likewise `views`.
        buffers: The bytes of each buffer, or None.
        size_bytes: Of the whole file: what allocations are held against.
    """

    def __init__(
        self,
        accessors: Sequence[Mapping[str, Any]],
        views: Sequence[Mapping[str, Any]],
        buffers: Sequence[memoryview | None],
        size_bytes: int,
    ) -> None:
        self._accessors = accessors
        self._views = views
        self._buffers = buffers
        self._size_bytes = size_bytes
        self._finite: dict[int, bool] = {}

    def __len__(self) -> int:
        return len(self._accessors)

    def check(self) -> tuple[Check, ...]:
        """Whether every accessor and view stays inside its buffer, is aligned and is not absurdly large."""
        faults = list(self._view_faults())
        total = 0
        for number, accessor in enumerate(self._accessors):
            layout = layout_of(accessor["componentType"], accessor["type"])
            if layout is None:
                faults.append(_fault("VALUE_NOT_IN_LIST", f"accessor {number} has an unknown type"))
                continue
            total += accessor["count"] * layout.element_bytes
            faults += self._accessor_faults(number, accessor, layout)
        limit = min(MAX_ALLOC_BYTES, max(MIN_ALLOC_BYTES, MAX_ALLOC_RATIO * self._size_bytes))
        if total > limit:
            message = (
                f"A small file asks for {total:,} bytes of memory: a shopper's phone would run out. Export it again."
            )
            faults.append(error("ACCESSOR_ALLOC", message, total, limit))
        return tuple(faults)

    def view(self, number: int) -> memoryview | None:
        """The bytes of a buffer view; None if its buffer is not there or too short."""
        view = self._views[number]
        buffer = self._buffers[int(view["buffer"])]
        start, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        if buffer is None or start + length > len(buffer):
            return None
        return buffer[start : start + length]

    def count(self, number: int) -> int:
        return int(self._accessors[number]["count"])

    def declared(self, number: int) -> Mapping[str, Any]:
        """The accessor's own JSON."""
        return self._accessors[number]

    def read(self, number: int) -> Array:
        """Values of an accessor : (count, components), in the file's own number type; sparse values applied."""
        accessor = self._accessors[number]
        layout = layout_of(accessor["componentType"], accessor["type"])
        if layout is None:
            raise ValueError(f"accessor {number} was not checked")
        count = accessor["count"]
        if "bufferView" in accessor:
            values = self._strided(accessor["bufferView"], accessor.get("byteOffset", 0), count, layout)
        else:
            values = np.zeros((count, layout.components), dtype=layout.dtype)
        if "sparse" in accessor:
            values = self._with_sparse(values.copy(), accessor["sparse"], layout)
        return values

    def read_float(self, number: int) -> NDArray[np.float32]:
        """Values as float32; normalized integers are mapped to 0..1 or -1..1 (specification 3.11)."""
        values = self.read(number)
        floats = values.astype(np.float32, copy=False)
        if self._accessors[number].get("normalized") and values.dtype.kind in "iu":
            floats = np.maximum(floats / np.float32(np.iinfo(values.dtype).max), np.float32(-1.0))
        return floats

    def is_finite(self, number: int) -> bool:
        """Whether an accessor holds no NaN and no infinity; remembered, since many primitives may share one."""
        if number not in self._finite:
            self._finite[number] = bool(np.isfinite(self.read(number)).all())
        return self._finite[number]

    def _strided(self, view: int, offset: int, count: int, layout: Layout) -> Array:
        content = self.view(view)
        if content is None:
            raise ValueError(f"buffer view {view} was not checked")
        stride = self._views[view].get("byteStride", _packed(layout))
        rows, size = layout.components // layout.columns, layout.dtype.itemsize
        column_stride = rows * size if layout.columns == 1 else -(-rows * size // 4) * 4
        values = np.ndarray((count, layout.columns, rows), layout.dtype, content, offset, (stride, column_stride, size))
        return values.reshape(count, layout.components)

    def _with_sparse(self, values: Array, sparse: Mapping[str, Any], layout: Layout) -> Array:
        places, replaced = sparse["indices"], sparse["values"]
        index_layout = layout_of(places["componentType"], "SCALAR")
        if index_layout is None:
            raise ValueError("sparse indices were not checked")
        indices = self._strided(places["bufferView"], places.get("byteOffset", 0), sparse["count"], index_layout)
        changes = self._strided(replaced["bufferView"], replaced.get("byteOffset", 0), sparse["count"], layout)
        inside = indices[:, 0] < len(values)
        values[indices[inside, 0]] = changes[inside]
        return values

    def _view_faults(self) -> Iterator[Check]:
        for number, view in enumerate(self._views):
            buffer = self._buffers[view["buffer"]]
            if buffer is not None and view.get("byteOffset", 0) + view["byteLength"] > len(buffer):
                yield _fault("BUFFER_VIEW_TOO_LONG", f"buffer view {number} reaches beyond its buffer")
            if view.get("byteStride", 4) > view["byteLength"]:
                yield _fault("BUFFER_VIEW_TOO_BIG_BYTE_STRIDE", f"the stride of buffer view {number} exceeds it")
            if view.get("target") == _INDEX_TARGET and "byteStride" in view:
                yield _fault("BUFFER_VIEW_INVALID_BYTE_STRIDE", f"buffer view {number} has a stride for indices")

    def _accessor_faults(self, number: int, accessor: Mapping[str, Any], layout: Layout) -> Iterator[Check]:
        what = f"accessor {number}"
        if "bufferView" in accessor:
            offset = accessor.get("byteOffset", 0)
            yield from self._range_faults(what, accessor["bufferView"], offset, accessor["count"], layout)
        for bound in ("min", "max"):
            if len(accessor.get(bound, ())) not in (0, layout.components):
                yield _fault("ACCESSOR_BOUNDS_LENGTH", f"{what} has bounds of the wrong length")
        if accessor.get("normalized") and accessor["componentType"] in (5125, 5126):
            yield _fault("ACCESSOR_NORMALIZED_INVALID", f"{what} cannot be normalized")
        if "sparse" in accessor:
            yield from self._sparse_faults(what, accessor, layout)

    def _sparse_faults(self, what: str, accessor: Mapping[str, Any], layout: Layout) -> Iterator[Check]:
        sparse = accessor["sparse"]
        places, values, count = sparse["indices"], sparse["values"], sparse["count"]
        if count > accessor["count"]:
            yield _fault("ACCESSOR_SPARSE_COUNT_OUT_OF_RANGE", f"{what} replaces more values than it has")
        if places["componentType"] not in _SPARSE_INDICES:
            yield _fault("ACCESSOR_SPARSE_INDICES_INVALID", f"{what} has sparse indices of an unknown type")
            return
        index_layout = layout_of(places["componentType"], "SCALAR")
        if index_layout is None:
            return
        yield from self._range_faults(what, places["bufferView"], places.get("byteOffset", 0), count, index_layout)
        yield from self._range_faults(what, values["bufferView"], values.get("byteOffset", 0), count, layout)

    def _range_faults(self, what: str, view: int, offset: int, count: int, layout: Layout) -> Iterator[Check]:
        if self.view(view) is None:
            yield _fault("ACCESSOR_WITHOUT_DATA", f"{what} has no data in the file")
            return
        stride = self._views[view].get("byteStride", _packed(layout))
        if stride < layout.element_bytes:
            yield _fault("ACCESSOR_SMALL_BYTESTRIDE", f"{what} has values that overlap")
        if offset + stride * (count - 1) + layout.element_bytes > self._views[view]["byteLength"]:
            yield _fault("ACCESSOR_TOO_LONG", f"{what} reaches beyond its buffer view")
        if offset % layout.dtype.itemsize:
            yield _fault("ACCESSOR_OFFSET_ALIGNMENT", f"{what} is not aligned")
        elif (offset + self._views[view].get("byteOffset", 0)) % layout.dtype.itemsize:
            yield _fault("ACCESSOR_TOTAL_OFFSET_ALIGNMENT", f"{what} is not aligned")


def _packed(layout: Layout) -> int:
    # Padded to whole columns for matrices, packed otherwise.
    if layout.columns == 1:
        return layout.element_bytes
    column = layout.components // layout.columns * layout.dtype.itemsize
    return -(-column // 4) * 4 * layout.columns


def _fault(code: str, what: str) -> Check:
    message = f"The file breaks the glTF format, viewers fail or show torn geometry ({what}). Export it again."
    return error(f"KHR_{code}", message)
