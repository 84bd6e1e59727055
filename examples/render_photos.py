"""Render the sample catalog's product photos from procedural models.

    python -m examples.render_photos

A few seconds of one core per picture. Equal code gives equal pictures.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from examples.procedural import furniture, homeware
from examples.procedural.scene import Scene
from examples.procedural.studio import Camera, Studio, sketch

MAX_FILE_BYTES = 120_000
"""The pictures are committed: all of examples/ stays under 5 MB."""

LEFT, BACK, RIGHT = 90.0, 180.0, 270.0
"""How far the product is turned to show that side, left and right as the shopper sees them from the front."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture to take."""

    model: Callable[[], Scene]
    yaw_deg: float = 0.0
    drawn: bool = False
    camera: Camera = field(default_factory=Camera)


def _sides(
    sku: str, model: Callable[[], Scene], front: str = "_front", camera: Camera | None = None
) -> dict[str, Shot]:
    """Four pictures; `front` is what the name of the first says after the SKU."""
    sides = {front: 0.0, "_left": LEFT, "_back": BACK, "_right": RIGHT}
    return {
        f"{sku}{side}.jpg": Shot(model=model, yaw_deg=yaw, camera=camera or Camera()) for side, yaw in sides.items()
    }


_WIDE = Camera(fill=0.82)

SHOTS: dict[str, Shot] = {
    **_sides("CH123", furniture.dining_chair),
    **_sides("AC720", furniture.armchair),
    **_sides("BK550", furniture.bookshelf),
    **_sides("TB204", furniture.dining_table, front="", camera=_WIDE),
    **_sides("SF310", furniture.sofa, front="", camera=_WIDE),
    **_sides("NT060", furniture.bedside_table, front=""),
    "BN140.jpg": Shot(model=furniture.bench, camera=_WIDE),
    "LM045.jpg": Shot(model=homeware.table_lamp),
    "00412.jpg": Shot(model=homeware.vase),
    "MG017.jpg": Shot(model=homeware.mug, camera=Camera(elevation_deg=9.0)),
    "BW077.jpg": Shot(model=homeware.bowl, camera=Camera(elevation_deg=10.0)),
    "PL088.jpg": Shot(model=homeware.pot_plant),
    "CU301.jpg": Shot(model=homeware.cushion, camera=Camera(elevation_deg=5.0)),
    "CK015.jpg": Shot(model=homeware.clock, camera=Camera(elevation_deg=5.0)),
    "CD033.jpg": Shot(model=homeware.candle_holder),
    "BS220_sketch.jpg": Shot(model=furniture.bar_stool, drawn=True),
}


def take(name: str, out: Path, size_px: int) -> tuple[str, int]:
    """Render one picture to a file; returns its name and size in bytes."""
    shot = SHOTS[name]
    camera = Camera(
        size_px=size_px,
        elevation_deg=shot.camera.elevation_deg,
        fill=shot.camera.fill,
        distance=shot.camera.distance,
    )
    studio = Studio(shot.model(), camera, yaw_deg=shot.yaw_deg)
    picture = sketch(studio.buffers()) if shot.drawn else studio.photograph()
    encoded = _jpeg(picture)
    (out / name).write_bytes(encoded)
    return name, len(encoded)


def _jpeg(picture: Image.Image) -> bytes:
    for quality in (91, 88, 85, 80, 74):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= MAX_FILE_BYTES:
            break
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "photos", help="folder to write to")
    parser.add_argument("--size", type=int, default=1024, help="side of the pictures in pixels")
    parser.add_argument("--only", default="", help="comma-separated file names, such as CH123_front.jpg")
    parser.add_argument("--jobs", type=int, default=1, help="processes to use")
    options = parser.parse_args()
    names = [name for name in SHOTS if not options.only or name in options.only.split(",")]
    options.out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(max_workers=options.jobs) as pool:
        waiting = [pool.submit(take, name, options.out, options.size) for name in names]
        for job in waiting:
            name, size = job.result()
            print(f"{name}  {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
