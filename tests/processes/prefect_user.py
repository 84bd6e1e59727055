"""A program that uses the Prefect server of a home as a run does; the tests start it as a process of its own.

Arguments: home folder, name of the task. It prints one JSON line when its flow has ended and Prefect has listed it, then
works on until it is killed or its stdin closes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from catalog3d.adapters.local_servers import client_environment, prefect_server
from catalog3d.home import Home

SKUS = ("CH1", "CH2", "BAD")


def main() -> None:
    home = Home(root=Path(sys.argv[1]), catalog="live")
    began = time.monotonic()
    with prefect_server(home) as api_url:
        ready_s = time.monotonic() - began
        os.environ.update(client_environment(home, api_url))
        listed = asyncio.run(_run_and_list(sys.argv[2]))
        sys.stdout.write(json.dumps({"api_url": api_url, "ready_s": ready_s, **listed}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()
        from tasks.farewell import send_what_is_left  # noqa: PLC0415 - after the environment is set

        send_what_is_left()


async def _run_and_list(name: str) -> dict[str, Any]:
    from prefect import flow, get_client, get_run_logger, task  # noqa: PLC0415 - after the environment is set

    @task(name=name, task_run_name=name + " {sku}")
    async def make(sku: str) -> None:
        get_run_logger().warning("making %s", sku)
        if sku == "BAD":
            raise ValueError(sku)

    @flow(name=name)
    async def everything() -> None:
        await asyncio.gather(*(make(sku) for sku in SKUS), return_exceptions=True)

    await everything()
    async with get_client() as client:
        for _ in range(100):  # the server records task runs and logs a moment later
            runs = {run.name: run.state_name for run in await client.read_task_runs() if run.name.startswith(name)}
            logs = [entry.message for entry in await client.read_logs()]
            if len(runs) == len(SKUS) and all(f"making {sku}" in logs for sku in SKUS):
                break
            await asyncio.sleep(0.2)
        return {
            "flow_runs": [run.state_name for run in await client.read_flow_runs()],
            "flows": [found.name for found in await client.read_flows()],
            "deployments": len(await client.read_deployments()),
            "task_runs": runs,
            "logs": logs,
        }


if __name__ == "__main__":
    main()
