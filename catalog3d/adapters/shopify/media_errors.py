"""What Shopify found wrong with a model: every value of `MediaErrorCode` (shopify.dev, 2026-10, read 2026-11-24)."""

from __future__ import annotations

from collections.abc import Sequence

from catalog3d.adapters.shopify.answers import MediaError
from catalog3d.adapters.tripo.answers import clean_words
from catalog3d.errors import ProductError

_CHECK = "Run `catalog3d inspect` on the file; if it passes, ask for a retake or add a repaired file."
_AGAIN = "Publish again; if it fails a second time, ask Shopify's support."
_TYPE = "This error belongs to pictures and videos: check that the asset is a GLB, then publish again."

_KNOWN: dict[str, tuple[str, str]] = {
    "DUPLICATE_FILENAME_ERROR": (
        "the store already has a file of this name",
        "Delete that file under Content > Files if nobody uses it, then publish again.",
    ),
    "FILE_STORAGE_LIMIT_EXCEEDED": (
        "the store's file storage is full (Basic 100 GB, larger plans 300 GB)",
        "Delete files that nobody uses under Content > Files, or take a larger plan.",
    ),
    "GENERIC_FILE_DOWNLOAD_FAILURE": ("it could not read the uploaded file", _AGAIN),
    "GENERIC_FILE_INVALID_SIZE": (
        "the file is too large",
        "Models may have 500 MB; below 15 MB Shopify keeps them as they are. Ask for a lighter retake.",
    ),
    "INVALID_SIGNED_URL": ("the uploaded file was not found where it should be", _AGAIN),
    "MEDIA_TIMEOUT_ERROR": ("another operation was changing the file", "Publish again in a few minutes."),
    "MODEL3D_GLB_OUTPUT_CREATION_ERROR": ("it could not process the model", _CHECK),
    "MODEL3D_GLB_TO_USDZ_CONVERSION_ERROR": (
        "it could not convert the model to USDZ for iPhones",
        f"Large textures and rare extensions are the usual cause. {_CHECK}",
    ),
    "MODEL3D_PROCESSING_FAILURE": ("it could not process the model", _CHECK),
    "MODEL3D_THUMBNAIL_GENERATION_ERROR": ("it could not draw the model's preview picture", _CHECK),
    "MODEL3D_THUMBNAIL_REGENERATION_ERROR": ("it could not draw a new preview picture", _AGAIN),
    "MODEL3D_VALIDATION_ERROR": ("the model is not valid", _CHECK),
    "UNKNOWN": ("it does not say why", _AGAIN),
}
_OTHER_MEDIA: dict[str, str] = {
    "EXTERNAL_VIDEO_EMBED_DISABLED": "the video may not be embedded",
    "EXTERNAL_VIDEO_EMBED_NOT_FOUND_OR_TRANSCODING": "the video is not found or still being made",
    "EXTERNAL_VIDEO_INVALID_ASPECT_RATIO": "the video's shape is not allowed",
    "EXTERNAL_VIDEO_NOT_FOUND": "the video is not found",
    "EXTERNAL_VIDEO_UNLISTED": "the video is private",
    "IMAGE_DOWNLOAD_FAILURE": "the picture could not be read",
    "IMAGE_PROCESSING_FAILURE": "the picture could not be processed",
    "INVALID_IMAGE_ASPECT_RATIO": "the picture's shape is not allowed",
    "INVALID_IMAGE_FILE_SIZE": "the picture is too large",
    "INVALID_IMAGE_RESOLUTION": "the picture has too many pixels",
    "UNSUPPORTED_IMAGE_FILE_TYPE": "the picture's type is not supported",
    "VIDEO_INVALID_FILETYPE_ERROR": "the video's type is not supported",
    "VIDEO_MAX_DURATION_ERROR": "the video is too long",
    "VIDEO_MAX_HEIGHT_ERROR": "the video is too high",
    "VIDEO_MAX_WIDTH_ERROR": "the video is too wide",
    "VIDEO_METADATA_READ_ERROR": "the video's metadata could not be read",
    "VIDEO_MIN_DURATION_ERROR": "the video is too short",
    "VIDEO_MIN_HEIGHT_ERROR": "the video is too low",
    "VIDEO_MIN_WIDTH_ERROR": "the video is too narrow",
    "VIDEO_VALIDATION_ERROR": "the video is not valid",
}
MEDIA_ERRORS: dict[str, tuple[str, str]] = _KNOWN | {code: (what, _TYPE) for code, what in _OTHER_MEDIA.items()}
"""Code -> what is wrong, after "because", and what to do."""


def media_error(errors: Sequence[MediaError]) -> ProductError:
    """The error of a model that Shopify could not make ready, with its own words behind ours."""
    code = next((error.code for error in errors if error.code in MEDIA_ERRORS), "UNKNOWN")
    what, fix = MEDIA_ERRORS[code]
    said = ". ".join(clean_words(error.details or error.message).rstrip(".") for error in errors[:3])
    told = f" It says: {said} ({', '.join(clean_words(error.code) for error in errors[:3])})." if errors else ""
    return ProductError(
        f"Shopify could not make the model ready, because {what}.{told}", code=f"SHOPIFY_{code}", fix=fix
    )
