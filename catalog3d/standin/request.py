"""What the stand-in asks of whoever makes its models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ShapeRequest:
    """Everything that decides a stand-in model: no seed, no task id, so equal requests give equal bytes.

    Attributes:
        pictures: Slot -> encoded PNG, JPEG or WebP; front first. Empty for a text request.
        prompt: Only for a text request, else "".
        face_limit: Upper bound of triangles, or None for the maker's own.
        textured: Whether the picture's colours are wanted on the model.
    """

    pictures: Mapping[str, bytes]
    prompt: str
    face_limit: int | None
    textured: bool
