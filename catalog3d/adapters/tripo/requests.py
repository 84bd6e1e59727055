"""From a brief to the request that buys its model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from catalog3d.brief import TEXTURE, Brief
from catalog3d.errors import ProductError
from catalog3d.ledger import SOURCE
from catalog3d.lookup import seed_name

# Tripo v3 documentation, text-to-model.
MAX_PROMPT_CHARACTERS = 1024
# A full version such as v3.1-20260211: an alias may mean another model, and another price, tomorrow.
_PINNED_MODEL = re.compile(r"(v\d+\.\d+|P\d+)-\d{8}")
# The P1 family answers 400 to these keys even when they are false; P2 knows only `quad` (migration guide).
_NOT_FOR_P1 = frozenset({"quad", "smart_low_poly", "generate_parts", "geometry_quality"})
_NOT_FOR_P2 = _NOT_FOR_P1 - {"quad"}
_CONVERT_FORMATS = frozenset({"GLTF", "USDZ", "FBX", "OBJ", "STL", "3MF"})


def generation_request(brief: Brief, tokens: Mapping[str, str], model_seed: int) -> tuple[str, dict[str, Any]]:
    """Path and JSON body of a create POST.

    The API's 1004 names no field, so that what can be known to be wrong is refused here.

    Args:
        tokens: Slot -> file token, for every picture of the brief; `SOURCE` -> task id, for one that has a source.

    Raises:
        ProductError: REQUEST_INVALID; nothing was sent.
    """
    _check_model(brief.model)
    if brief.endpoint == TEXTURE:
        return "/v3/models/texture", _texture_body(brief, tokens, model_seed)
    body: dict[str, Any] = {"model": brief.model, **_options(brief), "model_seed": model_seed}
    if brief.endpoint == "text-to-model":
        body["prompt"] = _prompt(brief.prompt)
    elif brief.endpoint == "image-to-model":
        if len(brief.pictures) != 1:
            raise _invalid(f"one picture is needed, there are {len(brief.pictures)}")
        body["input"] = _token(tokens, brief.pictures[0].slot)
    else:
        slots = [picture.slot for picture in brief.pictures]
        if "front" not in slots or len(slots) < 2 or not set(slots) <= {"front", "left", "back", "right"}:
            raise _invalid("several views need a front and at least one of left, back, right")
        body["inputs"] = [{slot: _token(tokens, slot)} for slot in slots]
    return f"/v3/generation/{brief.endpoint}", body


def convert_request(source: str, target_format: str, params: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Path and JSON body of a conversion.

    Args:
        source: Task id or file token.
        target_format: GLTF, USDZ, FBX, OBJ, STL or 3MF; "GLTF" gives a .glb.

    Raises:
        ProductError: REQUEST_INVALID; nothing was sent.
    """
    if target_format not in _CONVERT_FORMATS:
        raise _invalid(f"{target_format} is not a format that Tripo converts to")
    sent = {name: value for name, value in params.items() if value is not None}
    return "/v3/models/convert", {"input": source, "format": target_format, **sent}


def _texture_body(brief: Brief, tokens: Mapping[str, str], seed: int) -> dict[str, Any]:
    source = tokens.get(SOURCE, "")
    if not source:
        raise _invalid("the model that is to get another surface has no task")
    options = {name: value for name, value in brief.params if value is not None}
    prompt = {"text": _prompt(brief.prompt)}
    return {"input": source, "model": brief.model, **options, "texture_prompt": prompt, seed_name(TEXTURE): seed}


def _options(brief: Brief) -> dict[str, Any]:
    options = {name: value for name, value in brief.params if value is not None}
    if brief.model.startswith("P"):
        forbidden = _NOT_FOR_P1 if brief.model.startswith("P1-") else _NOT_FOR_P2
        options = {name: value for name, value in options.items() if name not in forbidden}
    if options.get("texture") is False and options.get("pbr", True):
        raise _invalid("pbr without texture would be billed as textured: turn both off, or both on")
    limit = options.get("face_limit")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit <= 0):
        raise _invalid(f"face_limit {limit} is not a positive whole number")
    return options


def _check_model(model: str) -> None:
    if not _PINNED_MODEL.fullmatch(model):
        raise _invalid(f"{model!r} is not a full model version such as v3.1-20260211")


def _prompt(prompt: str) -> str:
    if not prompt.strip():
        raise _invalid("the prompt is empty")
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise _invalid(f"the prompt has {len(prompt)} characters, at most {MAX_PROMPT_CHARACTERS} are allowed")
    return prompt


def _token(tokens: Mapping[str, str], slot: str) -> str:
    token = tokens.get(slot, "")
    if not token:
        raise _invalid(f"the {slot} view was not uploaded")
    return token


def _invalid(what: str) -> ProductError:
    return ProductError(
        f"The request to Tripo would not be valid: {what}.",
        code="REQUEST_INVALID",
        fix="Correct the product's row or the Tripo parameters in the rules.",
    )
