"""One picture of a textured model by the software renderer, against trimesh merely loading the same file.

Run: python bench/pictures.py [SUBDIVISIONS]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from catalog3d.adapters.mesh_process import MeshInspector

REPEATS = 3


def textured_sphere(folder: Path, subdivisions: int) -> Path:
    """A GLB of 20 * 4**subdivisions triangles with a 1024 px texture."""
    ball = trimesh.creation.icosphere(subdivisions=subdivisions)
    vertices = np.asarray(ball.vertices)
    uv = np.column_stack([np.arctan2(vertices[:, 0], vertices[:, 2]) / (2 * np.pi) + 0.5, vertices[:, 1] / 2 + 0.5])
    noise = np.random.default_rng(1).integers(0, 255, (1024, 1024, 3), dtype=np.uint8)
    ball.visual = trimesh.visual.TextureVisuals(uv=uv, image=Image.fromarray(noise))  # type: ignore[no-untyped-call]
    target = folder / "ball.glb"
    target.write_bytes(ball.export(file_type="glb"))
    return target


def seconds(work: Callable[[], object]) -> float:
    """Median wall seconds of a few repeats."""
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subdivisions", nargs="?", type=int, default=6)
    subdivisions = parser.parse_args().subdivisions
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, picture = textured_sphere(folder, subdivisions), folder / "front.png"
        inspector = MeshInspector(workers=1)
        try:
            inspector.inspect(model, "web-ar", None)  # the child process is started once a run
            judged = seconds(lambda: inspector.inspect(model, "web-ar", None))
            shown = seconds(lambda: inspector.inspect(model, "web-ar", None, picture=picture))
        finally:
            inspector.close()
        loaded = seconds(lambda: trimesh.load(model))
    print(f"python bench/pictures.py {subdivisions}")
    print(f"  triangles                      {20 * 4**subdivisions:>8,}")
    print(f"  trimesh.load                   {1e3 * loaded:8.1f} ms")
    print(f"  all checks, in a child         {1e3 * judged:8.1f} ms   ratio {judged / loaded:6.1f}")
    print(f"  all checks and the picture     {1e3 * shown:8.1f} ms   ratio {shown / loaded:6.1f}")


if __name__ == "__main__":
    main()
