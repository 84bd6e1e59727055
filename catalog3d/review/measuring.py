"""What a model measures, and how it looks from around: by bounded child processes, once for each file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from catalog3d.adapters.mesh_process import MeshInspector
from catalog3d.asset import Asset
from catalog3d.errors import ProductError
from catalog3d.quality import MeshFacts
from catalog3d.review.shelves import Shelves, put

TURN_STEP_DEG = 45
TURNS = tuple(range(0, 360, TURN_STEP_DEG))
"""Eight sides: drawing one takes a second or so on one core, and only those that are looked at are drawn."""
_TURN_PX = 512
_FACTS: TypeAdapter[MeshFacts] = TypeAdapter(MeshFacts)


class Measurements:
    """Facts and turned pictures of models, kept beside the shelves' copies.

    Args:
        profile: Quality profile of the rules; only its name matters here, for nothing is judged anew.
    """

    def __init__(self, folder: Path, shelves: Shelves, inspector: MeshInspector, profile: str) -> None:
        self._folder = folder
        self._shelves = shelves
        self._inspector = inspector
        self._profile = profile

    def known(self, asset: Asset) -> MeshFacts | None:
        """What was measured before, without any work."""
        try:
            return _FACTS.validate_json(self._facts_file(asset).read_bytes())
        except (FileNotFoundError, ValidationError):  # a damaged file is measured anew
            return None

    def facts(self, asset: Asset) -> MeshFacts | None:
        """What a model measures; None for a file that cannot be read. Blocks for about a second.

        Raises:
            ProductError: As `Shelves.model`.
        """
        with self._shelves.once(self._facts_file(asset).name):
            found = self.known(asset)
            if found is None:
                report = self._inspector.inspect(self._shelves.model(asset), self._profile)
                found = report.facts
                if found is not None:
                    put(self._facts_file(asset), json.dumps(asdict(found)).encode())
            return found

    def turned(self, asset: Asset, yaw_deg: int) -> Path:
        """A picture of the model, turned; blocks for about a second the first time.

        Raises:
            ProductError: NOT_DRAWABLE, and as `Shelves.model`.
        """
        file = self._folder / "turned" / f"{asset.sha256}-{yaw_deg:03}.jpg"

        def draw() -> None:
            file.parent.mkdir(parents=True, exist_ok=True)
            model = self._shelves.model(asset)
            self._inspector.inspect(model, self._profile, picture=file, size_px=_TURN_PX, yaw_deg=yaw_deg)

        self._shelves.made(file, draw)
        if not file.exists():
            raise ProductError(f"{asset.file} cannot be drawn.", code="NOT_DRAWABLE", sku=asset.sku)
        return file

    def _facts_file(self, asset: Asset) -> Path:
        return self._folder / "facts" / f"{asset.sha256}.json"
