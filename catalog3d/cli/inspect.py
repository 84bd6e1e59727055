"""`inspect`: the mesh report of any GLB, alone: no sheet, no home, nothing spent."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from catalog3d.adapters.mesh_process import MeshInspector, is_file
from catalog3d.cli.errors import COULD_NOT_START, console, print_json, sentence_on_error
from catalog3d.errors import RunError
from catalog3d.mesh.profiles import DEFAULT_PROFILE, PROFILES
from catalog3d.mesh.report_json import files_json
from catalog3d.product import Dimensions, Product, Severity
from catalog3d.quality import Check, MeshFacts, MeshReport, Verdict
from catalog3d.wording import plain, size_text, value_text

MAX_PRODUCT_BYTES = 1_000_000
_STYLES = {Verdict.PASS: "bold green", Verdict.WARN: "bold yellow", Verdict.FAIL: "bold red"}
_SIGNS = {Severity.ERROR: ("✕ ", "red"), Severity.WARNING: ("! ", "yellow"), Severity.INFO: ("i ", "dim")}

Metres = Annotated[float, Field(allow_inf_nan=False, le=1000)]


def inspect(
    files: Annotated[list[Path], typer.Argument(help="GLB files.", metavar="FILE.glb..")],
    profile: Annotated[str, typer.Option(help=f"Limits to judge by: {', '.join(PROFILES)}.")] = DEFAULT_PROFILE,
    product: Annotated[
        Path | None,
        typer.Option(help='JSON with the declared size in metres: {"dimensions": {"width", "height", "depth"}}.'),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Judge GLB files: is the file sound, light enough, whole, and of the declared proportions?

    Exit code: 0 nothing blocks, 1 something blocks, 2 no such file.
    """
    with sentence_on_error(json_=json_, exit_code=COULD_NOT_START):
        for path in files:
            if not is_file(path):
                raise RunError(f"There is no file {_shown(path)}.", code="FILE_MISSING", fix="Check the path.")
        declared = None if product is None else read_product(product)
        reports = [
            (_shown(path), report) for path, report in zip(files, _reports(files, profile, declared), strict=True)
        ]
        if json_:
            print_json(files_json(reports))
        else:
            out = console()
            for shown, report in reports:
                out.print(report_view(shown, report))
    raise typer.Exit(1 if any(report.verdict is Verdict.FAIL for _, report in reports) else 0)


def _shown(path: Path) -> str:
    """A path as text; a name that is none gets question marks, for JSON has no other way to say it."""
    return os.fsencode(path).decode("utf-8", "replace")


def _reports(files: list[Path], profile: str, product: Product | None) -> list[MeshReport]:
    inspector = MeshInspector(workers=1)
    try:
        return [inspector.inspect(path, profile, product) for path in files]
    finally:
        inspector.close()


class _Sides(BaseModel):
    """Ours (width, height, depth), or the Khronos auditor's: length = X, height = Y, width = Z."""

    model_config = ConfigDict(strict=True)

    width: Metres | None = None
    height: Metres | None = None
    depth: Metres | None = None
    length: Metres | None = None


class _ProductFile(BaseModel):
    dimensions: _Sides


def read_product(path: Path) -> Product:
    """The declared size from a product file.

    Raises:
        RunError: PRODUCT_INVALID.
    """
    fix = 'It should read {"dimensions": {"width": 0.45, "height": 0.9, "depth": 0.5}}, in metres.'
    try:
        text = _text_of(path)
        sides = _ProductFile.model_validate(json.loads(text)).dimensions
    except (OSError, ValueError, RecursionError) as exc:
        what = exc.errors(include_url=False)[0]["msg"] if isinstance(exc, ValidationError) else str(exc)
        message = f"The product file {path} cannot be used: {plain(what)}."
        raise RunError(message, code="PRODUCT_INVALID", fix=fix) from exc
    if sides.length is not None and sides.depth is not None:
        message = f"The product file {path} has both a length and a depth: which one is the width is not clear."
        raise RunError(message, code="PRODUCT_INVALID", fix=fix)
    width, depth = (sides.width, sides.depth) if sides.length is None else (sides.length, sides.width)
    dimensions = Dimensions(
        width_m=_said(width), height_m=_said(sides.height), depth_m=_said(depth), text=plain(text, 200)
    )
    return Product(sku="", name=path.stem, row=0, dimensions=dimensions)


def _text_of(path: Path) -> str:
    # Read, not asked for its size: what a shell pipes in has none.
    with path.open("rb") as file:
        content = file.read(MAX_PRODUCT_BYTES + 1)
    if len(content) > MAX_PRODUCT_BYTES:
        raise ValueError("it is larger than 1 MB")
    return content.decode("utf-8-sig")


def _said(side: float | None) -> float | None:
    # The auditor writes -1 for a side that is not to be tested.
    return side if side is not None and side > 0 else None


def report_view(path: str, report: MeshReport) -> RenderableType:
    """One file for a person: verdict, facts, findings."""
    title = Text.assemble(
        (report.verdict.value.upper(), _STYLES[report.verdict]),
        "  ",
        (plain(path, 300), "bold"),
        (f"  profile {plain(report.profile, 60)}", "dim"),
    )
    facts = [] if report.facts is None else [Text(_facts_line(report.facts), style="dim")]
    return Group(title, *facts, _findings(report.checks), Text())


def _facts_line(facts: MeshFacts) -> str:
    size = "size unknown"
    if facts.extents_m is not None:
        size = " x ".join(f"{side:.3g}" for side in facts.extents_m) + " m (X x Y x Z)"
    closed = {True: "closed surface", False: "open surface", None: "surface not checked"}[facts.watertight]
    parts = [
        size_text(facts.size_bytes),
        f"{facts.triangles:,} triangles",
        f"{facts.materials} materials",
        f"{facts.textures} textures up to {facts.largest_texture_px} px",
        size,
        closed,
    ]
    if facts.standin:
        parts.append("made by the stand-in, not by Tripo")
    return " · ".join(parts)


def _findings(checks: tuple[Check, ...]) -> RenderableType:
    if not checks:
        return Text("✓ Nothing to complain about.", style="green")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, expand=True)
    table.add_column("Check", no_wrap=True)
    table.add_column("Value", max_width=18, overflow="fold", justify="right")
    table.add_column("Limit", max_width=14, overflow="fold", justify="right")
    table.add_column("What it means", ratio=1, overflow="fold")
    for check in checks:
        sign = _SIGNS[check.severity]
        table.add_row(
            Text.assemble(sign, check.code),
            Text(value_text(check.value)),
            Text(value_text(check.limit)),
            Text(plain(check.message, 600)),
        )
    return table
