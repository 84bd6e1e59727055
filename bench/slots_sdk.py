"""The run as one writes it with Tripo's own SDK: a job for each product, a semaphore around as many as there are slots.

Every sleep of the SDK (2 s between polls, doubling to 30) is scaled like the provider's time, nothing else of it is
changed. A refused upload or order is tried again as Tripo's documentation asks: after 1, 2, 4 .. 32 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bench.slots_catalog import Item, make_items

os.environ["TRIPO_DISABLE_GEO_DETECTION"] = "1"  # or importing the SDK asks strangers where this machine is
import tripo3d
import tripo3d.client

MODEL = "v3.1-20260211"
LIMITED = {1007, 2000}


async def patiently(call: Callable[[], Awaitable[Any]], scale: float) -> Any:
    """The result of a call that is tried again while the account's limits refuse it."""
    wait_s = 1.0
    while True:
        try:
            return await call()
        except tripo3d.TripoAPIError as error:
            if int(error.code) not in LIMITED:
                raise
        await asyncio.sleep(wait_s * scale)
        wait_s = min(2 * wait_s, 32.0)


async def product(client: tripo3d.TripoClient, item: Item, folder: Path, scale: float) -> None:
    """One product: uploaded, ordered, waited for, downloaded."""
    tokens = [
        (await patiently(lambda path=path: client.upload_file(path), scale))["file_token"]  # type: ignore[misc]
        for path in item.photos(folder)
    ]
    options = {"model_version": MODEL, "face_limit": 80_000}
    if len(tokens) == 1:
        task_id = await patiently(lambda: client.image_to_model(tokens[0], **options), scale)
    else:
        task_id = await patiently(lambda: client.multiview_to_model(tokens, **options), scale)
    task = await client.wait_for_task(task_id)
    if task.status != tripo3d.TaskStatus.SUCCESS:
        sys.exit(f"{item.sku}: {task.status}")
    files = await client.download_task_models(task, str(folder / "sdk"))
    if not files["model"]:
        sys.exit(f"{item.sku}: its model was not downloaded")


async def run(given: argparse.Namespace) -> None:
    """All products."""
    items = make_items(given.skus, given.seed)
    (given.folder / "sdk").mkdir()
    slots = asyncio.Semaphore(given.slots)
    async with tripo3d.TripoClient(api_key=given.key, v3_base_url=given.url) as client:

        async def one(item: Item) -> None:
            async with slots:
                await product(client, item, given.folder, given.scale)

        await asyncio.gather(*(one(item) for item in items))


def main() -> None:
    """Run to the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in (("skus", int), ("seed", int), ("slots", int), ("scale", float), ("url", str), ("key", str)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()

    async def scaled_sleep(seconds: float) -> None:
        await asyncio.sleep(seconds * given.scale)

    tripo3d.client.asyncio = SimpleNamespace(**{**vars(asyncio), "sleep": scaled_sleep})
    asyncio.run(run(given))
    print(json.dumps({"done": given.skus}))


if __name__ == "__main__":
    main()
