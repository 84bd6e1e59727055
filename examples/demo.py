"""`make demo`: the whole job on a copy of the sample catalog, free, with the local stand-in.

Copies the sample into `demo/` beside this folder (or the folder named on the command line), runs it through
the real command line, and checks that exactly the two rows that are wrong on purpose are wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).resolve().parent
WRONG_ON_PURPOSE = {"BK310": "PHOTO_MISSING", "RG660": "REQUIRED_FIELD_MISSING"}


def main() -> int:
    """Run the demo; 0 if it went as it should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLE.parent / "demo")
    folder = parser.parse_args().folder.resolve()
    copy_sample(folder)
    # Neither the key, the store nor the server of real work may reach a demo.
    foreign = ("CATALOG3D_", "TRIPO_", "PREFECT_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    environment |= {"CATALOG3D_GENERATOR": "standin"}
    command = [sys.executable, "-m", "catalog3d.cli.app", "run", str(folder / "furniture.csv")]
    code = subprocess.run(command, env=environment, check=False).returncode
    if code not in {0, 1}:
        return code
    return verdict(folder, environment)


def copy_sample(folder: Path) -> None:
    """A copy to play with; what earlier demos made stays, so that a second demo shows a second run."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("furniture.csv", "catalog.yaml"):
        shutil.copyfile(SAMPLE / name, folder / name)
    shutil.copytree(SAMPLE / "photos", folder / "photos", dirs_exist_ok=True)


def verdict(folder: Path, environment: dict[str, str]) -> int:
    """Whether exactly the deliberate rows are wrong, said in a sentence."""
    command = [sys.executable, "-m", "catalog3d.cli.app", "status", "--json"]
    answer = subprocess.run(command, env=environment, cwd=folder, check=False, stdout=subprocess.PIPE)
    if answer.returncode:
        print("The demo did not end as it should: what it did cannot be read, see above.", file=sys.stderr)
        return 1
    skus = json.loads(answer.stdout)["skus"]
    wrong = {sku["sku"]: sku["reason"] for sku in skus if sku["status"] in {"invalid", "failed", "ready", "generating"}}
    if wrong != WRONG_ON_PURPOSE:
        print(f"The demo did not end as it should: {wrong} instead of {WRONG_ON_PURPOSE}.", file=sys.stderr)
        return 1
    made = len(skus) - len(wrong)
    print(f"Demo done: {made} models, and the 2 rows that are wrong on purpose ({', '.join(sorted(wrong))}) say why.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
