"""From a request body to an order: what to make, what it costs, what is echoed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from catalog3d.brief import TEXTURE, pool_of, task_type_of
from catalog3d.errors import ProductError
from catalog3d.lookup import seed_name
from catalog3d.prices import price
from catalog3d.standin.answers import Refusal
from catalog3d.standin.options import (
    SEEDS,
    check_options,
    check_prompt,
    check_texture_options,
    check_texture_prompt,
    model_of,
    texture_model_of,
    with_defaults,
    with_texture_defaults,
)
from catalog3d.standin.store import FileRow

SLOTS = ("front", "left", "back", "right")
_INPUT_NAMES = frozenset({"input", "inputs", "file", "files", "prompt", "model", "model_version"})
FindFile = Callable[[str], FileRow]
"""Token -> file; raises Refusal 1004 for an unknown or expired one."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """A valid create request.

    Attributes:
        brief: Canonical JSON of what decides the model: no seeds, pictures by digest.
        echo: What the task's `input` will show.
        work: What has to be made, for `making`.
        pictures: Slot -> sha256 of the uploaded file.
    """

    endpoint: str
    type: str
    model: str
    pool: str
    credits: Decimal
    echo: Mapping[str, Any]
    brief: str
    work: Mapping[str, Any]
    extension: str
    pictures: Mapping[str, str]
    prompt: str = ""

    @property
    def seed(self) -> int | None:
        seed = self.echo.get(seed_name(self.endpoint))
        return seed if isinstance(seed, int) else None


def generation_order(endpoint: str, body: Mapping[str, Any], find: FindFile) -> Order:
    """An order for a model.

    Args:
        endpoint: text-to-model, image-to-model or multiview-to-model.

    Raises:
        Refusal: As Tripo would refuse it.
    """
    model = model_of(body)
    check_options(model, body)
    prompt = check_prompt(body) if endpoint == "text-to-model" else ""
    pictures: dict[str, str] = {}
    if endpoint == "image-to-model":
        pictures = {"front": _picture(body.get("input", body.get("file")), find)}
    elif endpoint == "multiview-to-model":
        pictures = _views(body.get("inputs", body.get("files")), find)
    options = {name: value for name, value in body.items() if name not in SEEDS | _INPUT_NAMES}
    echo = with_defaults(body, model, lambda: random.SystemRandom().getrandbits(31))
    return Order(
        endpoint=endpoint,
        type=endpoint.replace("-", "_"),
        model=model,
        pool=pool_of(model),
        credits=_price(endpoint, model, options),
        echo=echo,
        brief=_canonical(
            {"endpoint": endpoint, "model": model, "params": options, "prompt": prompt, "pictures": pictures}
        ),
        work={
            "kind": "shape",
            "pictures": pictures,
            "prompt": prompt,
            "face_limit": body.get("face_limit"),
            "textured": bool(echo["texture"] or echo["pbr"]),
        },
        extension=".glb",
        pictures=pictures,
        prompt=prompt,
    )


def token_of(value: Any) -> str:
    """The file token of an input: a plain string, or the older object form.

    Raises:
        Refusal: 1004 for embedded data and other forms; 2020 for a URL, which the stand-in does not fetch.
    """
    if isinstance(value, Mapping):
        if isinstance(value.get("url"), str):
            raise Refusal(2020, "the stand-in fetches no URLs; upload the picture")
        value = value.get("file_token")
    if not isinstance(value, str) or not value.strip():
        raise Refusal(1004, "file must specify url, object, or file_token")
    token = value.strip()
    if token.lower().startswith("data:"):
        raise Refusal(1004, "embedded images are not accepted; upload the picture")
    if token.lower().startswith(("http://", "https://")):
        raise Refusal(2020, "the stand-in fetches no URLs; upload the picture")
    return token


def _picture(value: Any, find: FindFile) -> str:
    row = find(token_of(value))
    if row.kind == "glb":
        raise Refusal(2004, "a picture is needed, this is a model")
    return row.sha256


def _views(inputs: Any, find: FindFile) -> dict[str, str]:
    """Named one-key objects in any order, or positions front, left, back, right with gaps as null, "" or {}."""
    if not isinstance(inputs, list) or not inputs or len(inputs) > len(SLOTS):
        raise Refusal(1004, "inputs must be a list of 2 to 4 views")
    views: dict[str, str] = {}
    for place, item in enumerate(inputs):
        slot, value = SLOTS[place], item
        if isinstance(item, Mapping) and len(item) == 1:
            ((name, inner),) = item.items()
            if name == "task_id":
                raise Refusal(2002, "the stand-in makes no views of its own; upload them")
            if name in SLOTS:
                slot, value = name, inner
            elif name not in {"file_token", "url"}:
                raise Refusal(1004, f"there is no view {name!r}")
        if value in (None, "", {}):
            continue
        if slot in views:
            raise Refusal(1004, f"the {slot} view is given twice")
        views[slot] = _picture(value, find)
    if "front" not in views or len(views) < 2:
        raise Refusal(1004, "a front view and at least one other are needed")
    return {slot: views[slot] for slot in SLOTS if slot in views}


def _price(endpoint: str, model: str, options: Mapping[str, Any]) -> Decimal:
    try:
        return price(endpoint, model, options)
    except ProductError as exc:
        raise Refusal(2002, exc.message) from exc


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


# Options of a conversion that only say how a file is written, or what the stand-in does anyway.
_CONVERT_KNOWN = {
    "quad": False, "force_symmetry": False, "face_limit": None, "flatten_bottom": False,
    "flatten_bottom_threshold": 0.01, "texture_size": 4096, "texture_format": "JPEG", "with_animation": True,
    "pack_uv": False, "bake": True, "part_names": None, "export_vertex_colors": False, "fbx_preset": "blender",
    "export_orientation": "+x", "animate_in_place": False, "auto_size": False,
}  # fmt: skip
_FORMATS = {"GLTF": ".glb", "OBJ": ".zip", "STL": ".stl"}
_NOT_MADE = ("USDZ", "FBX", "3MF")


def convert_order(body: Mapping[str, Any], source: str) -> Order:
    """An order for a conversion.

    Args:
        source: Name of the stored GLB, `results/<name>` or `files/<name>`.

    Raises:
        Refusal: 1004 for a wrong format or value; 2002 for what the stand-in does not convert.
    """
    target = str(body.get("format", "")).upper()
    if target not in (*_FORMATS, *_NOT_MADE):
        raise Refusal(1004, f"format {target!r} is not one of {', '.join((*_FORMATS, *_NOT_MADE))}")
    if target in _NOT_MADE:
        raise Refusal(2002, f"the stand-in does not make {target}", message=f"Format {target} is not supported here")
    options = {name: value for name, value in body.items() if name not in {"input", "format"} and value is not None}
    scale, pivot = options.get("scale_factor", 1.0), options.get("pivot_to_center_bottom", False)
    if not isinstance(scale, int | float) or isinstance(scale, bool) or not 1e-6 <= scale <= 1e6:
        raise Refusal(1004, "scale_factor must be a positive number")
    if not isinstance(pivot, bool):
        raise Refusal(1004, "pivot_to_center_bottom must be true or false")
    for name, usual in _CONVERT_KNOWN.items():
        if options.get(name, usual) != usual:
            raise Refusal(2002, f"the stand-in does not convert with {name}", message=f"{name} is not supported here")
    return Order(
        endpoint="convert",
        type="convert_model",
        model="",
        pool="processing",
        credits=_price("convert", "", options),
        echo={**body, "format": target},
        brief=_canonical({"endpoint": "convert", "format": target, "params": options, "source": source}),
        work={"kind": "convert", "source": source, "format": target, "scale": float(scale), "pivot": pivot},
        extension=_FORMATS[target],
        pictures={},
    )


def texture_order(body: Mapping[str, Any], source: str) -> Order:
    """An order for another surface on a model.

    Args:
        source: Name of the stored GLB, `results/<name>` or `files/<name>`.

    Raises:
        Refusal: 1004 for a wrong value; 2002 for a surface that the stand-in does not make.
    """
    model = texture_model_of(body)
    check_texture_options(model, body)
    prompt = check_texture_prompt(body)
    options = {name: value for name, value in body.items() if name not in SEEDS | _INPUT_NAMES and value is not None}
    return Order(
        endpoint=TEXTURE,
        type=task_type_of(TEXTURE),
        model=model,
        pool="processing",
        credits=_price(TEXTURE, model, options),
        echo=with_texture_defaults(body, model, lambda: random.SystemRandom().getrandbits(31)),
        brief=_canonical({"endpoint": TEXTURE, "model": model, "params": options, "source": source}),
        work={"kind": "texture", "source": source, "prompt": prompt},
        extension=".glb",
        pictures={},
        prompt=prompt,
    )
