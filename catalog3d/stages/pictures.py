"""Where this machine keeps the pictures of assets for reports, so that showing them asks no store."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from catalog3d.asset import Asset
from catalog3d.stages.context import OpenCatalog


def picture_file(catalog: OpenCatalog, asset: Asset) -> Path:
    """The local picture of an asset; it may not exist."""
    return catalog.home.work / "pictures" / f"{asset.sha256}.png"


def keep_picture(catalog: OpenCatalog, asset: Asset, picture: Path) -> None:
    """Keep a picture for reports."""
    shown = picture_file(catalog, asset)
    shown.parent.mkdir(parents=True, exist_ok=True)
    part = shown.with_name(f".part-{os.getpid()}-{shown.name}")
    shutil.copyfile(picture, part)
    part.replace(shown)
