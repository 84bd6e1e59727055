"""Products, their views and dimensions, and the problems of a sheet's rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class InputKind(StrEnum):
    """What a model is made from. What came from a sketch or a prompt is a *concept*."""

    PHOTO = "photo"
    SKETCH = "sketch"
    PROMPT = "prompt"


class Slot(StrEnum):
    """Which side of the product a view shows, as the shopper sees it."""

    FRONT = "front"
    LEFT = "left"
    BACK = "back"
    RIGHT = "right"
    DETAIL = "detail"


@dataclass(frozen=True, kw_only=True)
class ViewSource:
    """Where one picture of a product is.

    Attributes:
        location: Absolute path of an existing file, or an http(s) URL.
    """

    slot: Slot
    location: str

    @property
    def is_url(self) -> bool:
        return self.location.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, kw_only=True)
class Dimensions:
    """Declared outer size in metres: width = X, height = Y, depth = Z; None where not said.

    Attributes:
        text: What the sheet says, unchanged.
    """

    width_m: float | None
    height_m: float | None
    depth_m: float | None
    text: str

    @property
    def complete(self) -> bool:
        return None not in (self.width_m, self.height_m, self.depth_m)


@dataclass(frozen=True, kw_only=True)
class Product:
    """One SKU's checked fields: the row can run.

    Attributes:
        sku: As the sheet has it, trimmed; case and leading zeros kept.
        formats: Upper case, first is the base format; "GLB" if the sheet says nothing.
        channels: Where an approved asset goes; empty = library only.
        handle: What a shop calls the product, "" if the sheet does not say.
        priority: Higher runs first; 0 if the sheet says nothing.
        action: The team's own `3D Action`: "", "hold" or "retake".
        row: The row as a person counts it in the spreadsheet (header = 1).
    """

    sku: str
    name: str
    row: int
    category: str = ""
    material: str = ""
    color: str = ""
    dimensions: Dimensions | None = None
    input_kind: InputKind = InputKind.PHOTO
    views: tuple[ViewSource, ...] = ()
    prompt: str = ""
    formats: tuple[str, ...] = ("GLB",)
    channels: tuple[str, ...] = ()
    handle: str = ""
    owner: str = ""
    priority: int = 0
    action: str = ""

    @property
    def is_concept(self) -> bool:
        return self.input_kind is not InputKind.PHOTO

    @property
    def sides(self) -> tuple[ViewSource, ...]:
        """The views that a model is made from: a broken close-up must not hold the product up."""
        return tuple(view for view in self.views if view.slot is not Slot.DETAIL)


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, kw_only=True)
class RowProblem:
    """One thing wrong with one row (an error makes the row unusable, a warning does not).

    Attributes:
        row: As a person counts it in the spreadsheet (header = 1); 0 = the whole sheet.
        sku: "" where the row has none.
        column: The team's own header, or "" where no column fits.
        value: The cell's text, shortened.
        message: What is wrong and how to fix it.
    """

    row: int
    sku: str
    column: str
    code: str
    severity: Severity
    message: str
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class InvalidRow:
    """A row that has a SKU but cannot run: it is reported, and gets the status `invalid`."""

    sku: str
    row: int
    name: str
    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class SheetReading:
    """What intake made of a sheet.

    Attributes:
        sheet: Absolute path.
        dialect: What it was recognised as, such as "team sheet".
        mapping: Our field name -> the team's own header.
        rows: Data rows that are not blank.
        products: Usable rows, in sheet order, one per SKU.
        invalid: Rows with a SKU that cannot run.
        left_out: Numbers of the rows that have no SKU of their own: it is missing, unusable or taken. Reported.
        picture_rows: Numbers of the rows that hold only a further picture of a product.

    Every row is exactly one of these four: a product, invalid, left out, or a picture.
    """

    sheet: str
    dialect: str
    mapping: dict[str, str]
    rows: int
    products: tuple[Product, ...]
    invalid: tuple[InvalidRow, ...]
    problems: tuple[RowProblem, ...]
    left_out: tuple[int, ...] = ()
    picture_rows: tuple[int, ...] = ()
