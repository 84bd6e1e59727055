"""Reading what a request brings: a JSON object, or an uploaded file and what it really is."""

from __future__ import annotations

import io
import json
import warnings
from typing import Any

from fastapi import Request
from PIL import Image, UnidentifiedImageError

from catalog3d.standin.answers import Refusal
from catalog3d.standin.config import MAX_IMAGE_PIXELS, MAX_UPLOAD_BYTES, MIN_IMAGE_SIDE_PX

_KINDS = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        Refusal: 1003 (415 for another content type).
    """
    content_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Refusal(1003, "application/json is needed", http=415)
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as exc:
        raise Refusal(1003, "not JSON") from exc
    if not isinstance(body, dict):
        raise Refusal(1003, "not a JSON object")
    return body


def kind_of(content: bytes) -> str:
    """What an upload is by its content: png, jpg, webp or glb.

    Raises:
        Refusal: 2003 empty or broken, 2004 another type, 2021 too many bytes, 2022 too many pixels.
    """
    if not content:
        raise Refusal(2003, "the file is empty")
    if len(content) > MAX_UPLOAD_BYTES:
        raise Refusal(2021, f"at most {MAX_UPLOAD_BYTES} bytes")
    if content[:4] == b"glTF":
        return "glb"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked below
            image = Image.open(io.BytesIO(content), formats=tuple(_KINDS))
            width, height = image.size
            if width * height <= MAX_IMAGE_PIXELS:
                image.verify()
    except UnidentifiedImageError as exc:
        raise Refusal(2004, "not a PNG, JPEG, WebP or GLB file") from exc
    except Image.DecompressionBombError as exc:
        raise Refusal(2022, f"at most {MAX_IMAGE_PIXELS} pixels") from exc
    except (OSError, ValueError, SyntaxError, EOFError) as exc:
        raise Refusal(2003, "the picture is broken") from exc
    if width * height > MAX_IMAGE_PIXELS or min(width, height) < MIN_IMAGE_SIDE_PX:
        raise Refusal(2022, f"at most {MAX_IMAGE_PIXELS} pixels, sides of at least {MIN_IMAGE_SIDE_PX}")
    return _KINDS[image.format or ""]
