"""The parts of a workbook: opened under caps, searched for what a spreadsheet library would drop, copied whole."""

from __future__ import annotations

import copy
import io
import re
import zipfile

from catalog3d.errors import RunError

MAX_PARTS = 5_000
MAX_UNPACKED_BYTES = 400_000_000
"""Four times the largest sheet file we read; a zip bomb unpacks to more."""

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # ECMA-376 part 2 allows no other
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # [MS-CFB]: an old .xls, or a password-protected .xlsx

# Part name -> what it is to a person. Found by loading and saving workbooks with openpyxl 3.1 and from its reader.
_LOSSY_PARTS = (
    (r"xl/charts/|xl/chartsheets/", "charts"),
    (r"xl/media/", "pictures"),
    (r"xl/drawings/[^/]+\.xml$|xl/diagrams/", "drawings"),
    (r"xl/pivotTables/|xl/pivotCache/", "pivot tables"),
    (r"xl/vbaProject|xl/vbaData|xl/macrosheets/|xl/dialogsheets/", "macros"),
    (r"xl/slicers/|xl/slicerCaches/|xl/timelines/|xl/timelineCaches/", "slicers"),
    (r"xl/ctrlProps/|xl/activeX/", "form controls"),
    (r"xl/embeddings/", "embedded files"),
    (r"xl/threadedComments/", "threaded comments"),
    (r"xl/connections\.xml|xl/queryTables/|xl/model/", "data connections"),
    (r"xl/richData/", "rich data types"),
    (r"_xmlsignatures/", "a digital signature"),
)

# Extension lists of worksheets: [MS-XLSX] 2.3.1, "Worksheet extensions".
_EXTENSIONS = {
    b"78C0D931-6437-407D-A8EE-F0AAD7539E65": "extended conditional formats",
    b"CCE6A557-97BC-4B89-ADB6-D9C93CAAB3DF": "extended data validations",
    b"05C60535-1F16-4FD2-B633-F4F36F0B64E0": "sparklines",
}
_EXTENSION_URI = re.compile(rb"<(?:\w+:)?ext\b[^>]*?\buri\s*=\s*[\"']\{?([0-9A-Fa-f-]{1,60})\}?[\"']")
_WORKSHEET = re.compile(r"xl/worksheets/[^/]+\.xml$")


def open_parts(data: bytes) -> zipfile.ZipFile:
    """Open a workbook's zip under caps.

    Raises:
        RunError: SHEET_UNREADABLE.
    """
    if data.startswith(_OLE_MAGIC):
        raise _unreadable("is protected by a password, or is an old .xls file", "Save it as a plain .xlsx file.")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except Exception as exc:  # zipfile raises anything on a damaged archive
        raise _unreadable("is damaged", "Open it in your spreadsheet program and save it again.") from exc
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(infos) > MAX_PARTS or sum(info.file_size for info in infos) > MAX_UNPACKED_BYTES:
        raise _unreadable("unpacks to more than 400 MB", "Move large content to another workbook.")
    odd = any(info.flag_bits & 0x1 or info.compress_type not in _PACKINGS for info in infos)
    if odd or len(set(names)) != len(names):
        raise _unreadable("is packed in an unusual way", "Open it in your spreadsheet program and save it again.")
    return archive


def read_part(archive: zipfile.ZipFile, name: str) -> bytes:
    """One part's content, checksum verified.

    Raises:
        RunError: SHEET_UNREADABLE.
    """
    try:
        return archive.read(name)
    except Exception as exc:  # zipfile raises anything on a damaged archive
        raise _unreadable("is damaged", "Open it in your spreadsheet program and save it again.") from exc


def lossy_content(archive: zipfile.ZipFile) -> tuple[str, ...]:
    """What a load and save by openpyxl would drop, in words for people; empty for a plain workbook."""
    found: dict[str, None] = {}
    for name in archive.namelist():
        for pattern, word in _LOSSY_PARTS:
            if re.match(pattern, name):
                found[word] = None
        if _WORKSHEET.match(name):
            for uri in _EXTENSION_URI.findall(read_part(archive, name)):
                found[_EXTENSIONS.get(uri.upper(), "extensions that only Excel knows")] = None
    return tuple(found)


def with_part(archive: zipfile.ZipFile, name: str, content: bytes) -> bytes:
    """The same workbook with one part replaced; every other part keeps its bytes, its place and its date."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copied:
        copied.comment = archive.comment
        for info in archive.infolist():
            part = content if info.filename == name else read_part(archive, info.filename)
            copied.writestr(copy.copy(info), part, compress_type=info.compress_type)
    return target.getvalue()


def _unreadable(what: str, fix: str) -> RunError:
    return RunError(f"The workbook {what}.", code="SHEET_UNREADABLE", fix=fix)
