"""The brief: everything that decides a model, as canonical JSON with a digest.

No upgrade may change the digest of an unchanged product, or a whole catalog would be billed again:
a golden test pins it. It holds no SKU, token, URL, seed, retry or budget.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from catalog3d.rules import TripoRules

SCHEMA_VERSION = 1
Endpoint = Literal["image-to-model", "multiview-to-model", "text-to-model", "models/texture"]
TEXTURE: Endpoint = "models/texture"
"""Another surface for a model that was made before: its shape stays."""

Pool = Literal["H", "P", "processing"]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of a brief.

    Attributes:
        slot: front, left, back or right.
        pixels_sha256: sha256 of the decoded pixels (`adapters.pictures` defines them).
    """

    slot: str
    pixels_sha256: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """The model that a texture is made for, by what decides it: a task id means nothing on another machine.

    Attributes:
        digest: Of the brief that it was made from.
        raw_sha256: Of the provider's file: tells the models of one brief apart.
    """

    digest: str
    raw_sha256: str


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What is asked of the generator.

    Attributes:
        params: Every sent parameter except seeds, as sorted (name, value) pairs.
        prompt: Only for text-to-model and models/texture, else "".
        pictures: In the order front, left, back, right.
        source: Only for models/texture.
    """

    endpoint: Endpoint
    model: str
    params: tuple[tuple[str, Any], ...]
    prompt: str = ""
    pictures: tuple[Picture, ...] = ()
    source: Source | None = None

    def canonical(self) -> str:
        """The stored form: sorted keys, no spaces, ASCII. `source` is there only where there is one."""
        document: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "endpoint": self.endpoint,
            "model": self.model,
            "params": dict(self.params),
            "prompt": self.prompt,
            "pictures": [[picture.slot, picture.pixels_sha256] for picture in self.pictures],
        }
        if self.source is not None:
            document["source"] = [self.source.digest, self.source.raw_sha256]
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.canonical().encode("ascii")).hexdigest()

    @property
    def pool(self) -> Pool:
        """The account's slot pool that it counts against."""
        return "processing" if self.endpoint == TEXTURE else pool_of(self.model)

    @classmethod
    def parse(cls, canonical: str) -> Brief:
        """The brief of a stored canonical form."""
        document = json.loads(canonical)
        source = document.get("source")
        return cls(
            endpoint=document["endpoint"],
            model=document["model"],
            params=tuple(sorted(document["params"].items())),
            prompt=document["prompt"],
            pictures=tuple(Picture(slot=slot, pixels_sha256=sha) for slot, sha in document["pictures"]),
            source=Source(digest=source[0], raw_sha256=source[1]) if source else None,
        )


TEXTURE_MODEL = "v3.0-20250812"
"""The server's own default (migration guide, 2026-07); always sent, so that a new default changes nothing."""

_MULTIVIEW_ORDER = ("front", "left", "back", "right")


def make_brief(rules: TripoRules, pictures: tuple[Picture, ...], prompt: str = "") -> Brief:
    """The brief of a product: multiview when there is a front and another side, text when there is no picture.

    Args:
        pictures: Any slots; `detail` and anything beyond the four sides is not sent.
    """
    by_slot = {picture.slot: picture for picture in pictures}
    sent = tuple(by_slot[slot] for slot in _MULTIVIEW_ORDER if slot in by_slot)
    endpoint: Endpoint
    if not sent:
        endpoint = "text-to-model"
    elif len(sent) > 1 and "front" in by_slot:
        endpoint = "multiview-to-model"
    else:
        endpoint, sent = "image-to-model", sent[:1]
    return Brief(
        endpoint=endpoint,
        model=rules.model,
        params=_params(rules, endpoint),
        prompt=prompt if endpoint == "text-to-model" else "",
        pictures=sent,
    )


def texture_brief(
    source: Source, prompt: str, *, model: str = TEXTURE_MODEL, quality: str = "standard", pbr: bool = True
) -> Brief:
    """Another surface for a model that is there, steered by words.

    Args:
        model: Of the texture, which has versions of its own.
    """
    return Brief(
        endpoint=TEXTURE,
        model=model,
        params=(("pbr", pbr), ("texture_quality", quality)),
        prompt=prompt,
        source=source,
    )


def task_type_of(endpoint: str) -> str:
    """What the provider calls a task of an endpoint."""
    return "texture_model" if endpoint == TEXTURE else endpoint.replace("-", "_")


def pool_of(model: str) -> Literal["H", "P"]:
    """The account's slot pool that a model version counts against."""
    return "P" if model.startswith("P") else "H"


def _params(rules: TripoRules, endpoint: Endpoint) -> tuple[tuple[str, Any], ...]:
    sent = {name: value for name, value in rules.model_dump(exclude={"model"}).items() if value is not None}
    if not rules.texture:  # pbr=true would force the texture and its price (Tripo v3 docs)
        sent["pbr"] = False
        sent.pop("texture_quality", None)
    if pool_of(rules.model) == "P":
        sent.pop("geometry_quality", None)
    if endpoint == "text-to-model":
        sent.pop("texture_alignment", None)
    return tuple(sorted(sent.items()))
