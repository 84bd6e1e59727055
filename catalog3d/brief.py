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
Endpoint = Literal["image-to-model", "multiview-to-model", "text-to-model"]


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
class Brief:
    """What is asked of the generator.

    Attributes:
        params: Every sent parameter except seeds, as sorted (name, value) pairs.
        prompt: Only for text-to-model, else "".
        pictures: In the order front, left, back, right.
    """

    endpoint: Endpoint
    model: str
    params: tuple[tuple[str, Any], ...]
    prompt: str = ""
    pictures: tuple[Picture, ...] = ()

    def canonical(self) -> str:
        """The stored form: sorted keys, no spaces, ASCII."""
        document = {
            "schema": SCHEMA_VERSION,
            "endpoint": self.endpoint,
            "model": self.model,
            "params": dict(self.params),
            "prompt": self.prompt,
            "pictures": [[picture.slot, picture.pixels_sha256] for picture in self.pictures],
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.canonical().encode("ascii")).hexdigest()

    @classmethod
    def parse(cls, canonical: str) -> Brief:
        """The brief of a stored canonical form."""
        document = json.loads(canonical)
        return cls(
            endpoint=document["endpoint"],
            model=document["model"],
            params=tuple(sorted(document["params"].items())),
            prompt=document["prompt"],
            pictures=tuple(Picture(slot=slot, pixels_sha256=sha) for slot, sha in document["pictures"]),
        )


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
