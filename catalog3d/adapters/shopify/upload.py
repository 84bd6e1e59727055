"""Sends a model to the place that Shopify names for it: a form with the given fields and the file last."""

from __future__ import annotations

import os
from io import BufferedReader
from pathlib import Path

from catalog3d.adapters.shopify.answers import StagedAnswer, Target, read_as
from catalog3d.adapters.shopify.client import AdminApi
from catalog3d.adapters.shopify.errors import user_error
from catalog3d.adapters.shopify.operations import STAGE
from catalog3d.adapters.shopify.settings import ShopifySettings
from catalog3d.adapters.shopify.wire import Wire, World, unreachable
from catalog3d.channels import Item
from catalog3d.errors import ProductError, TransientError

MIME_TYPES = {"GLB": "model/gltf-binary", "USDZ": "model/vnd.usdz+zip"}
MAX_MODEL_BYTES = 500_000_000
"""Of a 3D model: "Manage media for products", shopify.dev, read 2026-11-24."""


def require_sendable(item: Item) -> None:
    """Stop before anything is sent that Shopify surely refuses.

    Raises:
        ProductError: SHOPIFY_FORMAT, SHOPIFY_TOO_LARGE.
    """
    if item.format.upper() not in MIME_TYPES:
        raise ProductError(
            f"Shopify shows GLB and USDZ files, not {item.format}.",
            code="SHOPIFY_FORMAT",
            fix="Publish the GLB of this product to Shopify.",
        )
    if not 0 < item.size_bytes <= MAX_MODEL_BYTES:
        raise ProductError(
            f"Shopify takes models up to 500 MB; this one has {item.size_bytes / 1_000_000:.1f} MB.",
            code="SHOPIFY_TOO_LARGE",
            fix="Ask for a retake with fewer triangles or smaller textures.",
        )


class Uploader:
    """Uploads files that nobody sees until they are attached."""

    def __init__(self, settings: ShopifySettings, *, api: AdminApi, wire: Wire, world: World) -> None:
        self._settings = settings
        self._api = api
        self._wire = wire
        self._world = world

    def upload(self, model: Path, *, name: str, format_: str, size_bytes: int) -> str:
        """Send a file and return the address by which Shopify knows it.

        Raises:
            ProductError: The file or its target is refused.
            TransientError: It did not arrive.
        """
        target = self._target(name, format_, size_bytes)
        if not self._settings.takes_uploads(target.url):
            raise ProductError(
                "Shopify named an upload address that is not one of its own.",
                code="SHOPIFY_UPLOAD_HOST",
                fix="Nothing was sent. If Shopify uses a new host, add it to the setting `upload_hosts`.",
            )
        with _opened(model, size_bytes) as file:
            paced = _Paced(file, self._world, self._world.now() + self._settings.upload_s)
            answer = self._wire.send(
                "Shopify's storage",
                target.url,
                data={parameter.name: parameter.value for parameter in target.parameters},
                files={"file": (name, paced, MIME_TYPES[format_])},
            )
        if answer.status in {408, 429} or answer.status >= 500:
            raise TransientError(
                f"Shopify's storage failed (HTTP {answer.status}).", code="SHOPIFY_STORAGE", fix="Publish again."
            )
        if not 200 <= answer.status < 300:
            raise ProductError(
                f"Shopify's storage refuses the file (HTTP {answer.status}).",
                code="SHOPIFY_UPLOAD_REFUSED",
                fix="Check this machine's clock, then publish again.",
            )
        return target.resource_url

    def _target(self, name: str, format_: str, size_bytes: int) -> Target:
        wanted = {
            "filename": name,
            "mimeType": MIME_TYPES[format_],
            "resource": "MODEL_3D",
            "fileSize": str(size_bytes),
            "httpMethod": "POST",
        }
        staged = read_as(StagedAnswer, self._api.ask(STAGE, {"input": [wanted]})).staged_uploads_create
        if staged.user_errors:
            raise user_error(staged.user_errors, "take the upload", self._api.hide)
        if len(staged.staged_targets or ()) != 1:
            raise TransientError("Shopify named no place for the upload.", code="SHOPIFY_ANSWER", fix="Publish again.")
        return (staged.staged_targets or [])[0]


class _Paced:
    """A file that stops being read when time is up: a slow receiver must not hold a run for hours."""

    def __init__(self, file: BufferedReader, world: World, until: float) -> None:
        self._file = file
        self._world = world
        self._until = until

    def read(self, size: int = -1) -> bytes:
        if self._world.now() > self._until:
            raise unreachable("Shopify's storage took the file too slowly.")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def fileno(self) -> int:
        return self._file.fileno()


def _opened(model: Path, size_bytes: int) -> BufferedReader:
    try:
        file = model.open("rb")
    except OSError as exc:
        raise ProductError(
            f"The model's file could not be read ({exc.strerror}).", code="MODEL_UNREADABLE", fix="Publish again."
        ) from exc
    if os.fstat(file.fileno()).st_size != size_bytes:
        file.close()
        raise ProductError(
            "The model's local copy is not the approved file: its size is another.",
            code="MODEL_CHANGED",
            fix="Publish again, so that it is fetched from the library anew.",
        )
    return file
