"""Size and format of images from their headers, without decoding a pixel.

Sources: PNG specification (IHDR), ITU T.81 (JPEG markers), RFC 9649 (WebP), Khronos KTX 2.0, ISO 23008-12
"ispe" (AVIF).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
KTX2_MAGIC = b"\xabKTX 20\xbb\r\n\x1a\n"
# JPEG start-of-frame markers: C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_MAX_MARKERS = 1000
_END_WINDOW = 4096


@dataclass(frozen=True, kw_only=True)
class ImageHeader:
    """What an image says of itself.

    Attributes:
        complete: Whether the file's own end mark is there (True where the format has none).
    """

    mime: str
    width_px: int
    height_px: int
    complete: bool

    @property
    def pixels(self) -> int:
        return self.width_px * self.height_px


def read_header(data: memoryview) -> ImageHeader | None:
    """Read the header of a PNG, JPEG, WebP, AVIF or KTX2 image; None if it is none of them or broken."""
    try:
        return _read(data)
    except (struct.error, IndexError):
        return None


def _read(data: memoryview) -> ImageHeader | None:
    start = bytes(data[:16])
    for belongs, read in (
        (start.startswith(PNG_MAGIC), _png),
        (start.startswith(b"\xff\xd8\xff"), _jpeg),
        (start[:4] == b"RIFF" and start[8:12] == b"WEBP", _webp),
        (start[4:12] in (b"ftypavif", b"ftypavis"), _avif),
        (start.startswith(KTX2_MAGIC), _ktx2),
    ):
        if belongs:
            return read(data)
    return None


def _png(data: memoryview) -> ImageHeader | None:
    if bytes(data[12:16]) != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    ended = b"IEND" in bytes(data[-_END_WINDOW:])
    return ImageHeader(mime="image/png", width_px=width, height_px=height, complete=ended)


def _ktx2(data: memoryview) -> ImageHeader:
    width, height = struct.unpack_from("<II", data, 20)
    return ImageHeader(mime="image/ktx2", width_px=width, height_px=max(height, 1), complete=True)


def _avif(data: memoryview) -> ImageHeader | None:
    box = bytes(data[:_END_WINDOW]).find(b"ispe")
    if box < 0:
        return None
    width, height = struct.unpack_from(">II", data, box + 8)
    return ImageHeader(mime="image/avif", width_px=width, height_px=height, complete=True)


def _jpeg(data: memoryview) -> ImageHeader | None:
    offset = 2
    for _ in range(_JPEG_MAX_MARKERS):
        while data[offset] == 0xFF and data[offset + 1] == 0xFF:
            offset += 1
            if offset > len(data) - 4:
                return None
        mark, marker, length = struct.unpack_from(">BBH", data, offset)
        if mark != 0xFF or length < 2:
            return None
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, offset + 5)
            ended = b"\xff\xd9" in bytes(data[-_END_WINDOW:])
            return ImageHeader(mime="image/jpeg", width_px=width, height_px=height, complete=ended)
        offset += 2 + length
    return None


def _webp(data: memoryview) -> ImageHeader | None:
    kind = bytes(data[12:16])
    complete = struct.unpack_from("<I", data, 4)[0] + 8 <= len(data)
    if kind == b"VP8X":
        width = int.from_bytes(data[24:27], "little") + 1
        height = int.from_bytes(data[27:30], "little") + 1
    elif kind == b"VP8L" and data[20] == 0x2F:
        bits = struct.unpack_from("<I", data, 21)[0]
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 " and bytes(data[23:26]) == b"\x9d\x01\x2a":
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", data, 26))
    else:
        return None
    return ImageHeader(mime="image/webp", width_px=width, height_px=height, complete=complete)
