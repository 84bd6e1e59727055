"""The small fields of a row: SKU, formats, channels, priority, action, kind of input, category, colour, material."""

from __future__ import annotations

import re
from collections.abc import Collection

from catalog3d.channel_rules import LIBRARY
from catalog3d.intake.dialects import Dialect
from catalog3d.intake.header_text import normalized
from catalog3d.intake.headers import Columns
from catalog3d.intake.plain_text import one_line
from catalog3d.intake.table import DAMAGE
from catalog3d.intake.variants import FoldedRow, option_values
from catalog3d.intake.vocabulary import SYNONYMS
from catalog3d.product import InputKind

# Shopify allows 255 and Google's feed 50 characters for an id; 100 keeps the file name below 120 (naming rule).
MAX_SKU_CHARS = 100
MAX_TEXT_CHARS = 1_000

BASE_FORMAT = "GLB"
OTHER_FORMATS = ("USDZ", "FBX", "OBJ", "STL", "3MF", "GLTF")

DESCRIBED = ("category", "material", "color")

# Shopify writes it where a product has no options.
_NO_OPTION = "default title"
_WORDS = {field: frozenset(map(normalized, SYNONYMS[field])) for field in ("material", "color")}
_CATEGORY_WORDS = frozenset({"category", "categories"})
# A facet begins after `|`; after a comma only where another `name:` follows, since values hold commas.
_FACET_LIST = re.compile(r"\||[,;](?=[^,;|:]+:)")
_LIST = re.compile(r"[\s,;|/+&]+")
_PRIORITY_WORDS = {
    "urgent": 20,
    "highest": 20,
    "high": 10,
    "hoch": 10,
    "medium": 0,
    "normal": 0,
    "low": -10,
    "lowest": -20,
}
_KINDS = {
    "photo": InputKind.PHOTO, "image": InputKind.PHOTO, "picture": InputKind.PHOTO, "foto": InputKind.PHOTO,
    "sketch": InputKind.SKETCH, "drawing": InputKind.SKETCH, "skizze": InputKind.SKETCH,
    "prompt": InputKind.PROMPT, "text": InputKind.PROMPT,
}  # fmt: skip


class FieldError(Exception):
    """A field that cannot be used.

    Attributes:
        code: Reason code.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def checked_sku(text: str) -> str:
    """The SKU as it is; case and leading zeros kept.

    Raises:
        FieldError: SKU_DAMAGED, SKU_BAD.
    """
    if re.fullmatch(r"\d+(?:[.,]\d+)?E\+\d+", text, re.IGNORECASE):
        raise FieldError(
            "SKU_DAMAGED",
            f"A spreadsheet has turned the number of this SKU into {text} and lost its last digits. "
            "Set the column to Text and enter the SKU again.",
        )
    if re.fullmatch(DAMAGE, text):
        raise FieldError("SKU_DAMAGED", f"The cell shows the spreadsheet error {text}. Correct its formula.")
    if "\ufffd" in text:
        raise FieldError("SKU_DAMAGED", "A letter of the SKU was lost when the file was saved. Enter the SKU again.")
    if len(text) > MAX_SKU_CHARS:
        raise FieldError("SKU_BAD", f"The SKU has {len(text)} characters; {MAX_SKU_CHARS} are allowed. Shorten it.")
    if not text.isprintable():
        raise FieldError("SKU_BAD", "The SKU holds a line break or an invisible character. Type it again.")
    return text


def formats_of(text: str) -> tuple[tuple[str, ...], list[str], list[str]]:
    """Formats asked for: (all, base first), those not made yet, those nobody knows.

    Every other format is converted from GLB, so GLB comes first even where the sheet does not say it.
    """
    asked = [word.lstrip(".").upper() for word in _LIST.split(text.strip()) if word.strip(".")]
    later = [word for word in dict.fromkeys(asked) if word in OTHER_FORMATS]
    unknown = [word for word in dict.fromkeys(asked) if word not in (BASE_FORMAT, *OTHER_FORMATS)]
    return (BASE_FORMAT, *later), later, unknown


def channels_of(text: str, known: Collection[str]) -> tuple[tuple[str, ...], list[str]]:
    """Channels, and the words that are none of the known ones; `library` alone means no channel."""
    words = dict.fromkeys(word.strip().casefold() for word in re.split(r"[,;|/\n]+", text) if word.strip())
    unknown = [word for word in words if word not in known]
    return tuple(word for word in words if word in known and word != LIBRARY), unknown


def priority_of(text: str) -> int | None:
    """A whole number (higher runs first) or a word such as high; None if it is neither."""
    if not text:
        return 0
    if re.fullmatch(r"[+-]?\d{1,6}", text, re.ASCII):
        return int(text)
    return _PRIORITY_WORDS.get(text.casefold())


def action_of(text: str) -> str | None:
    """hold, retake or nothing; None if it is something else."""
    word = text.strip().casefold()
    return word if word in ("", "hold", "retake") else None


def input_kind_of(text: str) -> InputKind | None:
    """The kind of input that a cell names; None if it names none."""
    return _KINDS.get(text.strip().casefold())


def name_of(row: FoldedRow, columns: Columns) -> str:
    """The product's name; a variant that has none of its own adds its options to it: `Laptop, 15 inch, 8GB`."""
    name = one_line(row.get("name"), MAX_TEXT_CHARS)
    if not name or row.named_in == row.number:
        return name
    options = dict.fromkeys(one_line(value) for _, value in option_values(row, columns))
    own = [value for value in options if value.casefold() != _NO_OPTION and not _holds_word(name, value)]
    return ", ".join([name, *own])[:MAX_TEXT_CHARS]


def _holds_word(name: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", name, re.IGNORECASE) is not None


def described(row: FoldedRow, columns: Columns, dialect: Dialect, field: str) -> str:
    """Category, material or colour, wherever the sheet says it."""
    text = _category(row, dialect) if field == "category" else _option_or_cell(row, columns, field)
    return one_line(text, MAX_TEXT_CHARS)


def _category(row: FoldedRow, dialect: Dialect) -> str:
    """The last step of the first category: `Furniture > Chairs` gives Chairs."""
    text = row.get("category")
    if text and dialect.category_list:
        text = re.split(rf"(?<!\\){re.escape(dialect.category_list)}", text)[0].replace("\\", "")
    steps = [step.strip() for step in text.split(dialect.category_path) if step.strip()]
    if not steps:
        steps = _facets(row.get("facets"), _CATEGORY_WORDS)
    return steps[-1] if steps else ""


def _option_or_cell(row: FoldedRow, columns: Columns, field: str) -> str:
    """The row's option of that name, else its cell, else its own facets, else those of the product."""
    words = _WORDS[field]
    options = [value for name, value in option_values(row, columns) if normalized(name) in words]
    if options or row.get(field):
        return options[0] if options else row.get(field)
    return ", ".join(_facets(row.get("variant facets"), words) or _facets(row.get("facets"), words))


def _facets(text: str, words: Collection[str]) -> list[str]:
    """The values of `name:value|name:value` pairs; commas and semicolons divide them as well."""
    pairs = (pair.partition(":") for pair in _FACET_LIST.split(text)) if text else ()
    return [value.strip() for name, _, value in pairs if value.strip() and normalized(name) in words]
