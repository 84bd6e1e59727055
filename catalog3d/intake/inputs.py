"""What a row's model is made from: photos, else a sketch, else a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from catalog3d.intake.fields import input_kind_of
from catalog3d.intake.headers import Columns
from catalog3d.intake.plain_text import one_line
from catalog3d.intake.variants import FoldedRow
from catalog3d.intake.views import Fault, Gathered, Viewer, as_views
from catalog3d.product import InputKind, Severity, Slot, ViewSource

# text-to-model takes "≤1024 chars" (Tripo v3 docs, read 2026-11).
MAX_PROMPT_CHARS = 1_024
_PHOTOS = ("variant image", "image", "front", "left", "back", "right", "detail")


@dataclass(frozen=True, kw_only=True)
class MadeFrom:
    """What a model is made from, and what is wrong with it; unusable if one of the faults is an error.

    Attributes:
        borrowed: The pictures are those of the product, not of this variant.
    """

    kind: InputKind = InputKind.PHOTO
    views: tuple[ViewSource, ...] = ()
    prompt: str = ""
    borrowed: bool = False
    faults: tuple[Fault, ...] = ()


class InputReader:
    """Finds the input of every row of one sheet."""

    def __init__(self, columns: Columns, viewer: Viewer) -> None:
        self._columns = columns
        self._viewer = viewer

    def read(self, row: FoldedRow, sku: str) -> MadeFrom:
        """Photo, else sketch, else prompt, unless the sheet names the kind of input.

        Files that are called like a variant's SKU are its own, before what it could take from the product.
        """
        asked = row.get("input kind")
        kind = input_kind_of(asked)
        prompt = one_line(row.get("prompt"))
        own = self._viewer.for_sku(sku) if row.borrows and kind is not InputKind.PROMPT else []
        if kind is InputKind.PROMPT:
            found = _from_prompt(prompt)
        elif own:
            found = _from_pictures(kind or InputKind.PHOTO, Gathered(pictures=own), "", ())
        else:
            found = replace(self._pictured(row, sku, kind, prompt), borrowed=row.borrows)
        if not asked or kind is not None:
            return found
        unknown = _fault("INPUT_KIND_UNKNOWN", "input kind", "Write photo, sketch or prompt.", Severity.WARNING, asked)
        return replace(found, faults=(unknown, *found.faults))

    def _pictured(self, row: FoldedRow, sku: str, kind: InputKind | None, prompt: str) -> MadeFrom:
        photos, sketch = self._photos(row, sku), self._gather(row, ["sketch"])
        if kind is InputKind.SKETCH and not sketch.pictures and not sketch.faults:
            photos, sketch = Gathered(), photos
        faults = (*photos.faults, *sketch.faults)
        if photos.pictures and kind is not InputKind.SKETCH:
            if sketch.pictures:
                text = "There is a photo and a sketch: the photo is used."
                faults = (*faults, _fault("SKETCH_IGNORED", "sketch", text, Severity.INFO))
            return _from_pictures(InputKind.PHOTO, photos, prompt, faults)
        if sketch.pictures:
            return _from_pictures(InputKind.SKETCH, sketch, prompt, faults)
        if faults:
            return MadeFrom(faults=faults)
        if prompt and kind is None:
            return _from_prompt(prompt)
        text = "There is no photo, sketch or prompt. Name a picture file, or put one called like the SKU into the picture folder."
        return MadeFrom(faults=(_fault("PHOTO_MISSING", ("image", "front"), text),))

    def _photos(self, row: FoldedRow, sku: str) -> Gathered:
        """What the sheet names; where it names nothing, files that are called like the SKU, or like the product's."""
        gathered = self._gather(row, [*_PHOTOS, *self._columns.pictures(extra=True)])
        more = self._viewer.gather(("image", text) for text in row.gallery)
        gathered.pictures += more.pictures
        gathered.faults += more.faults
        if not gathered.pictures and not gathered.faults and not row.get("sketch"):
            gathered.pictures = self._viewer.for_sku(sku) or self._viewer.for_sku(row.head_sku)
        return gathered

    def _gather(self, row: FoldedRow, names: Sequence[str]) -> Gathered:
        return self._viewer.gather((name, row.get(name)) for name in names if row.get(name))


def _from_prompt(prompt: str) -> MadeFrom:
    faults: tuple[Fault, ...] = ()
    if not prompt:
        text = "The prompt is blank. Describe the product, or name a picture."
        faults = (_fault("PROMPT_MISSING", "prompt", text),)
    elif len(prompt) > MAX_PROMPT_CHARS:
        text = f"The prompt has {len(prompt):,} characters; {MAX_PROMPT_CHARS:,} are allowed. Shorten it."
        faults = (_fault("PROMPT_TOO_LONG", "prompt", text, value=prompt),)
    return MadeFrom(kind=InputKind.PROMPT, prompt=prompt, faults=faults)


def _from_pictures(kind: InputKind, gathered: Gathered, prompt: str, faults: tuple[Fault, ...]) -> MadeFrom:
    views = as_views(gathered.pictures)
    slots = {view.slot for view in views}
    found = list(faults)
    if slots <= {Slot.DETAIL}:
        text = "There are only close-ups. Add a picture of the whole product from the front."
        found.append(_fault("PHOTO_ONLY_DETAILS", ("front", "image"), text))
    elif Slot.FRONT not in slots:
        text = "There is no picture of the front: the model is made from another side."
        found.append(_fault("PHOTO_FRONT_MISSING", ("front", "image"), text, Severity.WARNING))
    if prompt:
        text = "There is a picture and a prompt: the picture is used, the prompt is not sent."
        found.append(_fault("PROMPT_IGNORED", "prompt", text, Severity.INFO))
    return MadeFrom(kind=kind, views=views, faults=tuple(found))


def _fault(
    code: str, fields: str | tuple[str, ...], message: str, severity: Severity = Severity.ERROR, value: str = ""
) -> Fault:
    return Fault(
        fields=(fields,) if isinstance(fields, str) else fields,
        value=value,
        code=code,
        message=message,
        severity=severity,
    )
