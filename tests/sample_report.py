"""A made-up run with a SKU in every status, and its pictures, for the tests of what people see."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from catalog3d.product import RowProblem, Severity
from catalog3d.quality import Check
from catalog3d.report import RunReport, SkuLine
from catalog3d.status import Status

NAMES = (
    ("CH123", "Modern Dining Chair"),
    ("TB201", "Round Oak Coffee Table"),
    ("LM310", "Arc Floor Lamp with Marble Base"),
    ("VS415", "Stoneware Vase"),
    ("SF520", "Three-Seat Linen Sofa"),
    ("MG101", "Speckled Mug"),
    ("BK330", "Low Bookcase"),
    ("PL042", "Plant Stand"),
    ("00731", "Ceramic Bowl"),
    ("ST612", "Bar Stool"),
    ("CL118", "Wall Clock"),
    ("BX077", "Storage Box"),
    ("OT205", "Velvet Ottoman"),
    ("DK900", "Writing Desk"),
    ("RG444", "Serving Tray"),
    ("PN001", "Pendant Light"),
)
OUTCOMES: tuple[tuple[Status, str, str], ...] = (
    (Status.GENERATED, "", ""),
    (Status.FLAGGED, "MESH_DOUBT", "The model is 2.4 times as tall as its declared proportions allow."),
    (Status.GENERATED, "", ""),
    (Status.FAILED, "TASK_FAILED", "The provider could not make a model from this photo (task failed, code 2018)."),
    (Status.GENERATED, "", ""),
    (Status.INVALID, "PHOTO_MISSING", "The photo mug-speckled.jpg is not in the folder photos."),
    (Status.APPROVED, "", ""),
    (Status.PUBLISHED, "", ""),
    (Status.REJECTED, "", "Rejected: the rim is torn."),
    (Status.STALE, "PHOTO_CHANGED", "Its photo changed since V1 was made."),
    (Status.READY, "OVER_BUDGET", "The run's budget of 390 credits is used up."),
    (Status.GENERATING, "RUN_STOPPED", "The provider is still working on it."),
    (Status.INVALID, "REQUIRED_FIELD_MISSING", "The required field category is empty."),
    (Status.FAILED, "SUBMISSION_UNKNOWN", "The request was sent, but no answer says whether a model was started."),
    (Status.GENERATED, "", ""),
    (Status.GENERATED, "", ""),
)
MODELLED = {
    Status.GENERATED,
    Status.FLAGGED,
    Status.APPROVED,
    Status.PUBLISHED,
    Status.REJECTED,
    Status.STALE,
}
CHECKS = (
    Check(
        code="TRIANGLES", severity=Severity.INFO, message="Triangles in the default scene.", value=24812, limit=100000
    ),
    Check(
        code="TEXTURE_SIZE",
        severity=Severity.INFO,
        message="Longest side of a texture in pixels.",
        value=1024,
        limit=4096,
    ),
)
DOUBT = Check(
    code="PROPORTIONS",
    severity=Severity.WARNING,
    message="Height against width differs from the sheet: a shopper would see it too tall.",
    value=2.4137,
    limit=1.25,
)


def sku_line(**fields: Any) -> SkuLine:
    """One line, generated unless said otherwise."""
    given: dict[str, Any] = {
        "sku": "CH123",
        "name": "Modern Dining Chair",
        "status": Status.GENERATED,
        "stage": "update_status",
        "reason": "",
        "message": "",
        "planned": True,
    }
    return SkuLine(**given | fields)


def run_report(*lines: SkuLine, **fields: Any) -> RunReport:
    """A small stand-in run around the given lines."""
    given: dict[str, Any] = {
        "run_id": "20261122-120000-7f3a",
        "generator": "standin",
        "home": "/shop",
        "sheet": "/shop/furniture.csv",
        "started_at": datetime(2026, 11, 22, 12, 0, tzinfo=UTC),
        "duration_s": 372.4,
        "credits_estimated": Decimal(420),
        "credits_spent": Decimal(390),
        "balance": Decimal("9610.00"),
        "lines": lines,
    }
    return RunReport(**given | fields)


def full_report(folder: Path, generator: str = "standin") -> RunReport:
    """Sixteen SKUs in all ten statuses, with pictures in `folder`."""
    lines = tuple(_line(number, folder) for number in range(len(NAMES)))
    problems = (
        _problem(9, "PL042", "Material", Severity.WARNING, "The cell is empty: the material is only said, not used."),
        _problem(
            7, "MG101", "Image", Severity.ERROR, "The photo is not in the folder photos.", value="mug-speckled.jpg"
        ),
        _problem(14, "OT205", "Category", Severity.ERROR, "The required field category is empty: fill it in."),
        _problem(0, "", "Colour 2", Severity.WARNING, "Nothing is known about this column: it is left alone."),
    )
    return dataclasses.replace(
        run_report(*lines, generator=generator, problems=problems),
        notes=("The workbook has a chart: results are in furniture.results.xlsx; `catalog3d sync` merges them.",),
        written_to="/shop/furniture.rehearsal.csv",
        html="/shop/reports/20261122-120000-7f3a/report.html",
    )


def _line(number: int, folder: Path) -> SkuLine:
    (sku, name), (status, reason, message) = NAMES[number], OUTCOMES[number]
    modelled = status in MODELLED
    prompt = "A slim brass pendant light with a frosted glass globe" if sku == "PN001" else ""
    file = f"{sku}_{name.title().replace(' ', '').replace('-', '')}_V1_GLB.glb" if modelled else ""
    has_photo = not prompt and reason != "PHOTO_MISSING"
    return sku_line(
        sku=sku,
        name=name,
        status=status,
        stage="update_status" if modelled else "generate_model",
        reason=reason,
        message=message,
        planned=status not in (Status.APPROVED, Status.PUBLISHED),
        row=number + 2,
        version=1 if modelled else None,
        file=file,
        key=f"models/{sku}/{file}" if modelled else "",
        location=str(_touch(folder / "models" / file)) if modelled else "",
        sha256="ab" * 32 if modelled else "",
        size_bytes=2_140_000 + number * 31_000 if modelled else 0,
        credits=Decimal(30) if status in (Status.GENERATED, Status.FLAGGED) else Decimal(0),
        task_id=f"standin-{number:04d}" if modelled else "",
        attempts=1 if modelled else 0,
        concept=sku in ("PN001", "RG444"),
        prompt=prompt,
        photo=draw(folder / f"{sku}-photo.jpg", number, plain=False) if has_photo else None,
        picture=draw(folder / f"{sku}-model.png", number, plain=True) if modelled else None,
        checks=((DOUBT, *CHECKS) if status is Status.FLAGGED else CHECKS) if modelled else (),
    )


def _problem(row: int, sku: str, column: str, severity: Severity, message: str, *, value: str = "") -> RowProblem:
    return RowProblem(row=row, sku=sku, column=column, value=value, code="SAMPLE", severity=severity, message=message)


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"glTF")
    return path


def draw(path: Path, number: int, *, plain: bool) -> Path:
    """A small coloured shape on a plain ground, standing for a photo or a model picture."""
    side = 480
    hue = (number * 47) % 360
    picture = Image.new("RGB", (side, side if plain else side * 3 // 4), "#ffffff" if plain else "#e9e4dc")
    pen = ImageDraw.Draw(picture)
    middle, floor = side // 2, picture.height * 4 // 5
    if not plain:
        pen.ellipse((middle - 150, floor - 20, middle + 150, floor + 25), fill="#cfc8bd")
    pen.rounded_rectangle((middle - 110, floor - 200, middle + 110, floor), 28, fill=f"hsl({hue}, 42%, 46%)")
    pen.rounded_rectangle((middle - 110, floor - 200, middle - 20, floor), 28, fill=f"hsl({hue}, 42%, 56%)")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path
