"""The options of a generation request: which values Tripo's v3 documentation allows, and its defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from catalog3d.standin.answers import Refusal

H_MODELS = ("v3.1-20260211", "v3.0-20250812", "v2.5-20250123")
P1, P2 = "P1-20260311", "P2-20260801"
MODELS = (*H_MODELS, P1, P2)
TEXTURE_MODELS = ("v3.5-20260815", "v3.0-20250812", "v2.5-20250123")
MAX_PROMPT, MAX_NEGATIVE_PROMPT = 1024, 255
SEEDS = frozenset({"model_seed", "texture_seed", "image_seed"})


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _one_of(*allowed: str) -> Callable[[Any], bool]:
    return lambda value: value in allowed


_RULES: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(
        (
            "texture", "pbr", "auto_size", "quad", "smart_low_poly", "generate_parts", "export_uv", "delight",
            "enable_image_autofix", "image_autofix",
        ),
        _is_bool,
    ),
    **dict.fromkeys(SEEDS, _is_int),
    "face_limit": _is_int,
    "texture_quality": _one_of("fast", "standard", "detailed", "extreme"),
    "texture_version": _one_of(*TEXTURE_MODELS),
    "texture_alignment": _one_of("original_image", "geometry"),
    "geometry_quality": _one_of("standard", "detailed"),
    "orientation": _one_of("default", "align_image"),
    "export_orientation": _one_of("+x", "-x", "+y", "-y"),
    "compress": _one_of("geometry"),
}  # fmt: skip
_ONLY_V3 = ("geometry_quality", "auto_size", "quad", "smart_low_poly", "generate_parts", "compress")
_NOT_P2 = ("smart_low_poly", "generate_parts", "geometry_quality")
_NOT_P1 = ("quad", *_NOT_P2)
_DEFAULTS: dict[str, Any] = {"texture": True, "pbr": True, "export_uv": True}
_MAX_FACES = {H_MODELS[0]: 1_500_000, H_MODELS[1]: 1_000_000, H_MODELS[2]: 500_000, P1: 20_000, P2: 50_000}
_MAX_FACES_DETAILED, _MAX_FACES_QUAD, _MIN_FACES_P = 2_000_000, 150_000, 48


def model_of(body: Mapping[str, Any]) -> str:
    """The pinned model version.

    Raises:
        Refusal: 1004 for a missing one or an alias.
    """
    model = body.get("model", body.get("model_version"))
    if model not in MODELS:
        raise Refusal(1004, f"model {model!r} is not one of {', '.join(MODELS)}")
    return str(model)


def check_options(model: str, body: Mapping[str, Any]) -> None:
    """Refuse wrong values; unknown names pass, as they do at Tripo.

    Raises:
        Refusal: 1004; or 2002 for what the stand-in can not make.
    """
    given = {name: value for name, value in body.items() if value is not None}
    for name, rule in _RULES.items():
        if name in given and not rule(given[name]):
            raise Refusal(1004, f"{name} has a wrong value")
    forbidden = [name for name in {P1: _NOT_P1, P2: _NOT_P2}.get(model, ()) if name in body]  # even when false
    if model == H_MODELS[2]:
        forbidden = [name for name in _ONLY_V3 if given.get(name, False) not in (False, "standard")]
    if forbidden:
        raise Refusal(1004, f"{', '.join(forbidden)}: not for {model}")
    if given.get("texture_quality") == "fast" and given.get("texture_version") != "v3.5-20260815":
        raise Refusal(1004, "texture_quality fast needs texture_version v3.5-20260815")
    if given.get("generate_parts") and (given.get("texture", True) or given.get("pbr", True)):
        raise Refusal(1004, "generate_parts needs texture and pbr to be false")
    _check_faces(model, given)
    for name in ("quad", "compress", "generate_parts"):
        if given.get(name):
            raise Refusal(2002, f"the stand-in does not make models with {name}")


def with_defaults(body: Mapping[str, Any], model: str, seed: Callable[[], int]) -> dict[str, Any]:
    """The request as a task echoes it: with the server's defaults and its own seed where none was given."""
    echo = {**_DEFAULTS, **body, "model": model}
    echo.pop("model_version", None)
    if echo["texture"] or echo["pbr"]:
        echo.setdefault("texture_quality", "standard")
    echo.setdefault("model_seed", seed())
    return echo


def texture_model_of(body: Mapping[str, Any]) -> str:
    """The version of a texture request: textures have versions of their own, and a default.

    Raises:
        Refusal: 1004.
    """
    model = body.get("model", TEXTURE_MODELS[1])
    if model not in TEXTURE_MODELS:
        raise Refusal(1004, f"model {model!r} is not one of {', '.join(TEXTURE_MODELS)}")
    return str(model)


def check_texture_options(model: str, body: Mapping[str, Any]) -> None:
    """Refuse wrong values of a texture request.

    Raises:
        Refusal: 1004; or 2002 for what the stand-in can not make.
    """
    given = {name: value for name, value in body.items() if value is not None}
    for name, rule in _RULES.items():
        if name in given and not rule(given[name]):
            raise Refusal(1004, f"{name} has a wrong value")
    if given.get("texture_quality") == "fast" and model != TEXTURE_MODELS[0]:
        raise Refusal(1004, f"texture_quality fast needs {TEXTURE_MODELS[0]}")
    for name in ("compress", "part_names"):
        if given.get(name):
            raise Refusal(2002, f"the stand-in does not make surfaces with {name}")


def check_texture_prompt(body: Mapping[str, Any]) -> str:
    """The words of a texture request, "" without any.

    Raises:
        Refusal: 1004; 2002 for guidance by pictures.
    """
    given = body.get("texture_prompt")
    if given is None:
        return ""
    if not isinstance(given, Mapping):
        raise Refusal(1004, "texture_prompt must be an object")
    if set(given) - {"text"}:
        raise Refusal(2002, "the stand-in makes surfaces by words only")
    text = given.get("text")
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_PROMPT:
        raise Refusal(1004, f"texture_prompt.text must have 1 to {MAX_PROMPT} characters")
    return text


def with_texture_defaults(body: Mapping[str, Any], model: str, seed: Callable[[], int]) -> dict[str, Any]:
    """A texture request as its task echoes it."""
    echo = {"pbr": True, "texture_quality": "standard", **body, "model": model}
    echo.setdefault("texture_seed", seed())
    return echo


def check_prompt(body: Mapping[str, Any]) -> str:
    """The prompt of a text request.

    Raises:
        Refusal: 1004.
    """
    prompt, negative = body.get("prompt"), body.get("negative_prompt", "")
    if not isinstance(prompt, str) or not prompt.strip() or len(prompt) > MAX_PROMPT:
        raise Refusal(1004, f"prompt must have 1 to {MAX_PROMPT} characters")
    if not isinstance(negative, str) or len(negative) > MAX_NEGATIVE_PROMPT:
        raise Refusal(1004, f"negative_prompt may have at most {MAX_NEGATIVE_PROMPT} characters")
    return prompt


def _check_faces(model: str, given: Mapping[str, Any]) -> None:
    if "face_limit" not in given:
        return
    most = _MAX_FACES[model]
    if model.startswith("v3.") and given.get("geometry_quality") == "detailed":
        most = _MAX_FACES_DETAILED
    if given.get("quad") and model in H_MODELS:
        most = _MAX_FACES_QUAD
    least = _MIN_FACES_P if model in (P1, P2) else 1
    if not least <= given["face_limit"] <= most:
        raise Refusal(1004, f"face_limit must lie between {least} and {most} for {model}")
