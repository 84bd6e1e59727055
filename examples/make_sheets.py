"""Write the sample catalog's sheet, as CSV and as an Excel workbook with the same rows.

    python -m examples.make_sheets

Two rows are wrong on purpose: BK310 names a photo that is not there, RG660 has no material.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from catalog3d.rules import Rules
from catalog3d.status import Status

WIDTHS = {
    "SKU": 10, "Product Name": 30, "Category": 13, "Material": 28, "Color": 26, "Dimensions (W x D x H)": 22,
    "Images": 66, "Sketch": 20, "Prompt": 60, "Target Format": 14, "Channel": 20, "Owner": 14, "Priority": 9,
    "Status": 13,
}  # fmt: skip
"""Header -> width of the column in characters."""

HEADER = tuple(WIDTHS)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One row: what the team knows about a product."""

    sku: str
    name: str
    category: str
    material: str
    color: str
    size: str
    images: str = ""
    sketch: str = ""
    prompt: str = ""
    channel: str = "storefront"
    owner: str = ""
    priority: int = 0

    def cells(self) -> tuple[str, ...]:
        """In the order of HEADER; the status is ours to write."""
        priority = str(self.priority) if self.priority else ""
        described = (self.sku, self.name, self.category, self.material, self.color, self.size)
        return (*described, self.images, self.sketch, self.prompt, "GLB", self.channel, self.owner, priority, "")


def _four_sides(sku: str, front: str = "_front") -> str:
    return "; ".join(f"{sku}{side}.jpg" for side in (front, "_left", "_back", "_right"))


ITEMS = (
    Item(
        sku="CH123", name="Modern Dining Chair", category="Chairs", material="Beech, woven cloth",
        color="Natural, slate gray", size="45 x 50 x 90 cm", images=_four_sides("CH123"),
        channel="storefront, shopify", priority=10,
    ),
    Item(
        sku="AC720", name="Lounge Armchair", category="Chairs", material="Walnut, woven cloth",
        color="Walnut brown, mustard", size="71 x 76 x 86 cm", images=_four_sides("AC720"),
        channel="storefront, shopify", priority=10,
    ),
    Item(
        sku="BS220", name="Bar Stool with Foot Ring", category="Chairs", material="Oak, steel", color="Natural, black",
        size="42 x 42 x 75 cm", sketch="BS220_sketch.jpg", channel="library",
    ),
    Item(
        sku="BN140", name="Hallway Bench", category="Chairs", material="Walnut, powder-coated steel",
        color="Walnut brown, black", size="47 x 14 x 18 in", images="BN140.jpg",
    ),
    Item(
        sku="TB204", name="Dining Table for Six", category="Tables", material="Oak", color="Natural oak",
        size="160 x 90 x 75 cm", images=_four_sides("TB204", front=""), priority=5,
    ),
    Item(
        sku="NT060", name="Bedside Table with Two Drawers", category="Tables", material="Oak, lacquered MDF, brass",
        color="Natural oak, white", size="45 x 40 x 55 cm", images=_four_sides("NT060", front=""),
    ),
    Item(
        sku="SF310", name="Two-Seat Sofa", category="Sofas", material="Wool cloth, oak", color="Sage green",
        size="170 x 87 x 86 cm", images=_four_sides("SF310", front=""), channel="storefront, shopify", owner="Lena Vogt", priority=5,
    ),
    Item(
        sku="BK550", name="Bookshelf with Steel Frame", category="Storage", material="Oak, powder-coated steel",
        color="Natural oak, graphite", size="80 x 30 x 180 cm", images=_four_sides("BK550"),
    ),
    Item(
        sku="BK310", name="Lidded Seagrass Basket", category="Storage", material="Seagrass", color="Straw yellow",
        size="40 x 40 x 45 cm", images="BK310_front.jpg",
    ),
    Item(
        sku="LM045", name="Table Lamp with Linen Shade", category="Lighting", material="Stoneware, linen, brass",
        color="Petrol, cream", size="32 x 32 x 52 cm", images="LM045.jpg",
    ),
    Item(
        sku="00412", name="Two-Tone Vase", category="Decor", material="Stoneware, half glazed",
        color="Coral red, sand", size="18 x 18 x 38 cm", images="00412.jpg",
    ),
    Item(
        sku="PL088", name="Plant in Terracotta Pot", category="Decor", material="Terracotta, artificial leaves",
        color="Green, terracotta", size="47 x 45 x 61 cm", images="PL088.jpg",
    ),
    Item(
        sku="CU301", name="Piped Cushion", category="Decor", material="Cotton weave", color="Wine red",
        size="45 x 16 x 45 cm", images="CU301.jpg",
    ),
    Item(
        sku="CK015", name="Mantel Clock", category="Decor", material="Beech, steel, brass",
        color="Natural, white, black", size="30 x 5 x 30 cm", images="CK015.jpg",
    ),
    Item(
        sku="CD033", name="Candle Holder", category="Decor", material="Brushed steel, wax", color="Silver, ivory",
        size="10 x 10 x 26 cm", images="CD033.jpg",
    ),
    Item(
        sku="RG660", name="Flat-Woven Rug", category="Decor", material="", color="Off-white, indigo",
        size="170 x 240 x 1 cm", prompt="A rectangular flat-woven rug, off-white with thin indigo stripes and short fringes",
        channel="library",
    ),
    Item(
        sku="MG017", name="Speckled Mug", category="Tableware", material="Stoneware, half glazed",
        color="Light blue, sand", size="12 x 9 x 10 cm", images="MG017.jpg",
    ),
    Item(
        sku="BW077", name="Salad Bowl", category="Tableware", material="Walnut", color="Walnut brown",
        size="30 x 30 x 11 cm", images="BW077.jpg",
    ),
    Item(
        sku="GC150", name="Ribbed Carafe", category="Tableware", material="Glass", color="Smoke gray",
        size="13 x 13 x 25 cm", prompt="A ribbed carafe of smoke-gray glass with a round belly, a slim neck and a flat lip",
        channel="library",
    ),
)  # fmt: skip


def csv_sheet() -> bytes:
    """The sheet as CSV: UTF-8, one line a product."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(item.cells() for item in ITEMS)
    return text.getvalue().encode("utf-8")


def xlsx_sheet() -> bytes:
    """The sheet as a team would keep it in Excel; equal rows give equal bytes."""
    book = Workbook()
    sheet = book.active
    if not isinstance(sheet, Worksheet):
        raise TypeError("a new workbook has a worksheet")
    sheet.title = "Products"
    sheet.append(HEADER)
    for item in ITEMS:
        sheet.append(
            [
                int(text) if header == "Priority" and text else text or None
                for header, text in zip(HEADER, item.cells(), strict=True)
            ]
        )
    _dress(sheet)
    saved = io.BytesIO()
    book.save(saved)
    return _without_dates(saved.getvalue())


def _dress(sheet: Worksheet) -> None:
    for number, width in enumerate(WIDTHS.values(), start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    for cell in sheet[1]:
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor="3D4F5C")
        cell.alignment = Alignment(vertical="center")
    sheet.row_dimensions[1].height = 22
    sheet.freeze_panes = "C2"
    sheet.auto_filter.ref = sheet.dimensions
    for (sku,) in sheet.iter_rows(min_row=2, max_col=1):
        sku.number_format = "@"  # as text, so that 00412 keeps its zeros when it is typed again
    labels = ",".join(Rules().label(status) for status in Status)
    allowed = DataValidation(type="list", formula1=f'"{labels}"', allow_blank=True)
    letter = get_column_letter(HEADER.index("Status") + 1)
    allowed.add(f"{letter}2:{letter}500")
    sheet.add_data_validation(allowed)


def _without_dates(workbook: bytes) -> bytes:
    """The same workbook with one fixed date, so that writing it again changes nothing."""
    fixed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as source, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", content)
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return fixed.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write to")
    out = parser.parse_args().out
    for name, content in (("furniture.csv", csv_sheet()), ("furniture.xlsx", xlsx_sheet())):
        (out / name).write_bytes(content)
        print(f"{name}  {len(ITEMS)} products")


if __name__ == "__main__":
    main()
