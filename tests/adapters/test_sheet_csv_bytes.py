"""The claim of write-back into text, on wild input: take our cells away again, and the file is what it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog3d.adapters.sheet_csv import CsvSheet
from catalog3d.sheet_columns import OUR_COLUMNS
from tests.adapters.sheet_desk import DONE, Desk, result

CELLS = st.text(st.sampled_from("aZ0 ;,\t\"'=\u00e9\u6905\n\r"), max_size=6)


def raw_cell(draw: st.DrawFn, delimiter: str) -> str:
    text = draw(CELLS)
    quoted = '"' + text.replace('"', '""') + '"' + draw(st.sampled_from(["", " ", "x"]))
    plain = "".join(character for character in text if character not in f'\r\n"{delimiter}')
    return draw(st.sampled_from([quoted, plain, f" {plain}"]))


@st.composite
def sheets(draw: st.DrawFn) -> tuple[bytes, str]:
    """A wild sheet and its delimiter."""
    delimiter = draw(st.sampled_from(",;\t"))
    header = ["Name", "SKU", *draw(st.lists(st.sampled_from(["", '"Size; W, H"', " Note "]), max_size=2))]
    lines = [delimiter.join(header)]
    for _ in range(draw(st.integers(0, 5))):
        cells = [raw_cell(draw, delimiter) for _ in range(draw(st.integers(0, 6)))]
        if len(cells) > 1:
            cells[1] = draw(st.sampled_from(["A1", ' "B2" ', '"B2"', "", "C3"]))
        lines.append(delimiter.join(cells))
    text = "".join(line + draw(st.sampled_from(["\n", "\r\n", "\r"])) for line in lines)
    if draw(st.booleans()):
        text = text.rstrip("\r\n")
    codec, bom = draw(st.sampled_from([("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe")]))
    return bom + text.encode(codec), delimiter


def decoded(data: bytes) -> tuple[bytes, str]:
    for bom, codec in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le")):
        if data.startswith(bom):
            return bom, data[len(bom) :].decode(codec, "surrogateescape")
    try:
        return b"", data.decode()
    except UnicodeDecodeError:
        return b"", data.decode("cp1252")


def raw_records(text: str, delimiter: str) -> list[tuple[list[str], str]]:
    """Raw cells and line ending of every record, one character at a time, as the csv module sees them."""
    records: list[tuple[list[str], str]] = []
    cells: list[str] = []
    cell, position, in_quotes = "", 0, False
    while position < len(text):
        character = text[position]
        if in_quotes:
            if text.startswith('""', position):
                cell, position = cell + '""', position + 2
                continue
            in_quotes = character != '"'
        elif character == '"' and not cell:
            in_quotes = True
        elif character == delimiter:
            cells, cell, position = [*cells, cell], "", position + 1
            continue
        elif character in "\r\n":
            ending = "\r\n" if text.startswith("\r\n", position) else character
            records.append(([*cells, cell], ending))
            cells, cell, position = [], "", position + len(ending)
            continue
        cell, position = cell + character, position + 1
    if cells or cell:
        records.append(([*cells, cell], ""))
    return records


def assert_only_our_cells_changed(before: bytes, after: bytes, delimiter: str, status: str = "3D Status") -> None:
    old_bom, old_text = decoded(before)
    new_bom, new_text = decoded(after)
    old, new = raw_records(old_text, delimiter), raw_records(new_text, delimiter)
    assert (old_bom, len(old)) == (new_bom, len(new))
    header = next(cells for cells, _ in new if status in [cell.strip() for cell in cells])
    ours = {index for index, cell in enumerate(header) if cell.strip() in (status, *OUR_COLUMNS)}
    assert len(ours) == len(OUR_COLUMNS)
    for (old_cells, old_ending), (new_cells, new_ending) in zip(old, new, strict=True):
        assert old_ending == new_ending
        assert len(new_cells) >= len(old_cells)
        for index in set(range(len(new_cells))) - ours:
            assert new_cells[index] == (old_cells[index] if index < len(old_cells) else "")


@settings(max_examples=150, deadline=None)
@given(data=sheets())
def test_on_any_sheet_only_our_cells_change(data: tuple[bytes, str]) -> None:
    before, delimiter = data
    results = {"A1": DONE, "B2": {"3D Status": "Failed", "3D Message": '=a, "b"; c\td'}}
    for status in ("3D Status", "Name"):
        after = written(before, "SKU", results, status)
        if after != before:
            assert_only_our_cells_changed(before, after, delimiter, status)
            again = written(after, "SKU", {"A1": {"3D Version": "V2"}}, status)
            assert_only_our_cells_changed(after, again, delimiter, status)
            assert written(after, "SKU", results, status) == after


def written(data: bytes, sku_header: str, results: dict[str, dict[str, str]], status: str) -> bytes:
    """What a write makes of the bytes, without the disk."""
    document = CsvSheet(data, sku_header)
    names = {column: status if column == "3D Status" else column for column in OUR_COLUMNS}
    cells = {row: {names[c]: text for c, text in results[sku].items()} for row, sku in document.skus if sku in results}
    new = [name for name in names.values() if not document.has(name)] if cells else []
    return document.render(cells, new)


@pytest.mark.parametrize(
    ("delimiter", "data"),
    [
        (";", b'\xef\xbb\xbfSKU;Name\r\n\r\nA1;"two\r\nlines; and ""quotes"""   \r\nA2;x\nA3'),
        ("\t", "SKU\tName\r\nA1\tB\u00fcro\r\n".encode("cp1252")),
        (";", b"\xff\xfe" + "SKU;Name\r\nA1;\u6905\u5b50\r\n".encode("utf-16-le")),
        (";", b"sep=;\r\nSKU;Name;;\r\nA1;x;;\r\nshort\r\n;;;;;;;\r\n"),
        (",", b'  SKU  ,Name,\r\r\nA1 , "x" ,,,extra\n'),
        (",", b"\xef\xbb\xbfSKU,Name\nA1,\xff\xfe broken\n"),
        (",", b"SKU\nA1"),
    ],
)
def test_everything_else_stays_byte_for_byte(tmp_path: Path, delimiter: str, data: bytes) -> None:
    desk = Desk(tmp_path, data)
    desk.write(result("A1"))
    written = desk.sheet.read_bytes()
    assert written != data
    assert_only_our_cells_changed(data, written, delimiter)
