"""Every reason code of intake, and the list that collects them for all rows at once."""

from __future__ import annotations

import re

from catalog3d.intake.plain_text import shortened
from catalog3d.product import RowProblem, Severity

MAX_MESSAGE_CHARS = 1_000
# User name and password in a web address. A password may hold anything, so all up to the last @ counts.
_LOGIN = re.compile(r"(?<=://)\S*@")

CODES: dict[str, str] = {
    # the whole sheet: RunError
    "SHEET_MISSING": "There is no such file.",
    "SHEET_UNREADABLE": "The file is damaged, or is not a table.",
    "SHEET_FORMAT_UNKNOWN": "The file is of a kind that is not read: old Excel, OpenDocument, Numbers, web page.",
    "SHEET_PROTECTED": "The workbook is protected with a password.",
    "SHEET_TOO_LARGE": "The sheet is beyond the limits of size, rows, columns or cells.",
    "SHEET_EMPTY": "The sheet has no data rows.",
    "SKU_COLUMN_MISSING": "No column holds the SKU.",
    "NAME_COLUMN_MISSING": "No column holds the product name.",
    "IMAGES_FOLDER_MISSING": "The picture folder that was given does not exist.",
    "TOO_MANY_PICTURES": "A picture folder holds more files than are indexed.",
    # the whole sheet: said once, row 0
    "ENCODING_GUESSED": "The file is not UTF-8; which encoding was used is a guess.",
    "TITLE_ROWS": "There are rows above the headers; they are not read.",
    "HEADER_REPEATED": "Two columns have the same header; the first is used.",
    "COLUMN_NOT_FOUND": "The mapping in the rules names a column that the sheet does not have.",
    "COLUMN_MISSING": "The sheet has no column for this field.",
    "STATUS_COLUMN_NOT_OURS": "The status column holds shop states, so it is not used for ours.",
    "PICTURES_PASTED": "Pictures pasted into the workbook are not read.",
    "VARIANTS_FOLDED": "Rows without a name take it, and what else they leave blank, from the product above.",
    "PICTURE_ROWS": "Rows that hold only a picture count as further views of the product above.",
    # rows
    "ROW_TOO_LONG": "The row has more cells than there are headers.",
    "CELL_TOO_LONG": "The cell's text is longer than a cell can hold; the rest was dropped.",
    "CELL_DAMAGED": "The cell shows a spreadsheet error instead of its value.",
    "SKU_MISSING": "The row has no SKU.",
    "SKU_FROM_HANDLE": "The row has no SKU, so its handle is used.",
    "SKU_DAMAGED": "A spreadsheet has changed the SKU.",
    "SKU_BAD": "The SKU is too long, or has characters that cannot be used.",
    "SKU_DUPLICATE": "The SKU stands in an earlier row already.",
    "NAME_MISSING": "The row has no product name, and no row above to take it from.",
    "REQUIRED_FIELD_MISSING": "The rules require a field that is blank.",
    "FIELD_MISSING": "A field that helps is blank.",
    "PHOTO_MISSING": "A picture that the sheet names is not there, or the row has none.",
    "PHOTO_OUTSIDE": "A picture lies outside the folders that may be read.",
    "PHOTO_AMBIGUOUS": "Several picture files fit; the first is used.",
    "PHOTO_LOCATION_BAD": "The cell is neither a file name nor a web address.",
    "PHOTO_FOUND_BY_NAME": "The path does not exist here; a file of that name in the picture folders is used.",
    "PHOTO_FRONT_MISSING": "There are pictures, but none of the front.",
    "PHOTO_ONLY_DETAILS": "There are only close-ups.",
    "COLOR_OF_ANOTHER": "A variant takes the photo of a product in another color, so its model shows that one.",
    "SKETCH_IGNORED": "There is a photo and a sketch; the photo is used.",
    "PROMPT_IGNORED": "There is a picture and a prompt; the picture is used.",
    "PROMPT_MISSING": "The row asks for a model from a prompt and has none.",
    "PROMPT_TOO_LONG": "The prompt is longer than Tripo takes.",
    "INPUT_KIND_UNKNOWN": "The kind of input is not photo, sketch or prompt.",
    "DIMENSIONS_UNREADABLE": "The dimensions cannot be read.",
    "DIMENSIONS_NO_UNIT": "The dimensions name no unit.",
    "DIMENSIONS_AMBIGUOUS": "It is not sure which number is which.",
    "DIMENSIONS_GUESSED": "A comma or dot may separate thousands or decimals; the likely reading is used.",
    "FORMAT_UNKNOWN": "The target format is not known.",
    "FORMAT_NOT_MADE_YET": "The target format is kept as asked, and is not made yet.",
    "CHANNEL_UNKNOWN": "The channel is not known.",
    "ACTION_UNKNOWN": "3D Action is neither hold nor retake.",
    "PRIORITY_UNREADABLE": "The priority is not a number.",
}
"""Reason code -> one sentence."""


class ProblemList:
    """Collects problems; refuses codes that nobody has explained."""

    def __init__(self) -> None:
        self._problems: list[RowProblem] = []

    def add(
        self,
        code: str,
        message: str,
        *,
        row: int = 0,
        sku: str = "",
        column: str = "",
        value: str = "",
        severity: Severity = Severity.ERROR,
    ) -> RowProblem:
        """Record one problem; its texts are made short and safe to show.

        Raises:
            KeyError: `code` is not in CODES.
        """
        CODES[code]
        problem = RowProblem(
            row=row,
            sku=sku,
            column=column,
            code=code,
            severity=severity,
            message=shortened(_LOGIN.sub("…@", message), MAX_MESSAGE_CHARS),
            value=shortened(_LOGIN.sub("…@", value)),
        )
        self._problems.append(problem)
        return problem

    def in_order(self) -> tuple[RowProblem, ...]:
        """By row; the whole sheet first."""
        return tuple(sorted(self._problems, key=lambda problem: problem.row))
