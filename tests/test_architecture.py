"""The rules that keep the project in one piece."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from catalog3d.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("catalog3d", "tasks", "flows")
OUTSIDE = ("adapters", "stages", "cli", "standin", "review")
"""Parts of catalog3d that touch the world, or bring it together; the rest is the domain."""


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def part(path: Path) -> str:
    """Which part of catalog3d a module belongs to; "domain" for what is neither adapter, stage, stand-in nor CLI."""
    first = path.relative_to(ROOT / "catalog3d").parts[0]
    return first if first in OUTSIDE else "domain"


def reaches(path: Path, *forbidden: str) -> set[str]:
    return {name for name in imports(path) if any(name == bad or name.startswith(f"{bad}.") for bad in forbidden)}


@pytest.mark.parametrize("path", modules("catalog3d"), ids=lambda path: str(path.relative_to(ROOT)))
def test_catalog3d_never_imports_the_orchestrator(path: Path) -> None:
    assert not reaches(path, "prefect")
    if part(path) != "cli":  # the command line starts the flows: what it runs goes through them
        assert not reaches(path, "tasks", "flows")


@pytest.mark.parametrize("path", modules("catalog3d"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_inward(path: Path) -> None:
    if part(path) == "domain":
        assert not reaches(path, *(f"catalog3d.{name}" for name in OUTSIDE))
        assert not reaches(path, "httpx", "minio", "sqlalchemy", "fastapi", "typer", "rich", "subprocess", "socket")
    if part(path) == "standin":  # it plays a foreign server: it may not know our ledger or library
        assert not reaches(path, "catalog3d.stages", "catalog3d.cli", "catalog3d.adapters.registry")


@pytest.mark.parametrize("path", modules("tasks"), ids=lambda path: path.name)
def test_tasks_never_import_flows(path: Path) -> None:
    assert not reaches(path, "flows", "catalog3d.cli")


@pytest.mark.parametrize("path", modules("flows"), ids=lambda path: path.name)
def test_flow_files_define_flows_and_functions_only(path: Path) -> None:
    assert not [node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)]


@pytest.mark.parametrize("path", [path for path in modules("flows") if path.stem != "__init__"], ids=lambda p: p.name)
def test_a_flow_file_is_not_named_like_anything_importable(path: Path) -> None:
    """Prefect puts `flows/` first on the import path, so such a file would shadow the other."""
    code = f"import importlib.util as u; raise SystemExit(u.find_spec({path.stem!r}) is not None)"
    assert subprocess.run([sys.executable, "-P", "-c", code], cwd=ROOT, check=False).returncode == 0


def deployments() -> list[dict[str, str]]:
    return list(yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"])


@pytest.mark.parametrize("deployment", deployments(), ids=lambda deployment: deployment["name"])
def test_every_entrypoint_of_prefect_yaml_loads(deployment: dict[str, str]) -> None:
    file, _, name = deployment["entrypoint"].partition(":")
    spec = importlib.util.spec_from_file_location("loaded_by_path", ROOT / file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert getattr(module, name).name


def test_the_readme_names_every_command_and_deployment() -> None:
    readme = (ROOT / "README.md").read_text()
    named = {command.name for command in app.registered_commands} | {entry["name"] for entry in deployments()}
    assert not {name for name in named if name and name not in readme}


def test_the_starting_page_of_the_docs_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_no_module_is_named_after_a_layer() -> None:
    banned = {"utils", "helpers", "manager", "common", "classes", "misc"}
    assert not [path for package in PACKAGES for path in modules(package) if path.stem in banned]


def test_the_environment_is_read_in_one_place() -> None:
    """Settings have one reader; what is handed on to child processes is a copy of the whole, not a setting."""
    readers = []
    for package in PACKAGES:
        for path in modules(package):
            text = path.read_text()
            if re.search(r"os\.(getenv\(|environ(\.get\(|\[))", text) and path.name != "settings.py":
                readers.append(str(path.relative_to(ROOT)))
    assert not readers
