"""Workbooks as a team has them, and what lies in them."""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from catalog3d.adapters.sheet_writeback import RowResult, WriteBack
from tests.adapters.sheet_desk import LAYOUT, Desk

MAIN = "xl/worksheets/sheet1.xml"
DONE = {"3D Status": "Generated", "3D Version": "V1", "3D Message": 'a < b & "c"', "3D Updated": "2026-11-22"}


def result(sku: str, **values: str) -> RowResult:
    return RowResult(sku=sku, values=values or DONE)


def write(sheet: Path, *results: RowResult, target: Path | None = None, **layout: str) -> WriteBack:
    return desk_of(sheet).write(*results, layout=replace(LAYOUT, **layout), target=target)


def desk_of(sheet: Path) -> Desk:
    return Desk(sheet.parent, name=sheet.name)


def team_workbook() -> Workbook:
    """What a team has: styles, widths, a table, a validation, conditional formats, comments, formulas, two sheets."""
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Products"
    sheet.append(["SKU", "Name", "Asset status", "Price"])
    for number in range(3):
        sheet.append([f"CH12{number}", f"Chair {number}", None, 10.5])
    sheet.append([7, "Lamp", "draft", "=D2*2"])
    sheet["A5"].number_format = "00000"
    sheet["A1"].font = sheet["D1"].font = Font(bold=True)
    sheet["C2"].fill = PatternFill("solid", fgColor="FFEE00")
    sheet["B2"].alignment = Alignment(wrap_text=True)
    sheet["B3"].comment = Comment("check the leg", "team")
    sheet.column_dimensions["B"].width = 40
    validation = DataValidation(type="list", formula1='"draft,Generated"')
    validation.add("C2:C9")
    sheet.add_data_validation(validation)
    sheet.conditional_formatting.add("D2:D9", CellIsRule(operator="greaterThan", formula=["11"]))
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = "A1:D5"
    other = workbook.create_sheet("Prices")
    other.append(["SKU", "EUR"])
    other.append(["CH120", "=SUM(1,2)"])
    return workbook


def save(workbook: Workbook, path: Path) -> Path:
    workbook.save(path)
    return path


def parts(path: Path) -> dict[str, bytes]:
    """Part name -> content of a workbook whose checksums hold."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def with_parts(path: Path, changes: dict[str, bytes]) -> Path:
    """The workbook with parts replaced or added, as another program would have saved it."""
    content = parts(path) | changes
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def table(path: Path, title: str = "Products") -> list[dict[str, Any]]:
    """The rows of a worksheet by header."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sheet = load_workbook(path)[title]
    header, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(header, row, strict=True)) for row in rows]
