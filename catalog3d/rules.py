"""The team's rules, `catalog.yaml`: every value has a documented default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from catalog3d.errors import RunError
from catalog3d.naming import check_rule
from catalog3d.people import delegate_of, problem_of_delegates
from catalog3d.status import Status

FIELDS = (
    "sku", "name", "category", "material", "color", "dimensions", "image", "front", "left", "back", "right",
    "detail", "sketch", "prompt", "format", "channel", "owner", "priority", "status",
)  # fmt: skip
"""The field names that `mapping` and `required_fields` may use."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TripoRules(_Section):
    """Parameters sent with every generation. None means: not sent, the API's default applies.

    Limits and defaults: Tripo v3 model pages, read 2026-11.
    """

    model: str = "v3.1-20260211"
    texture: bool = True
    pbr: bool = True
    texture_quality: Literal["fast", "standard", "detailed", "extreme"] | None = "standard"
    texture_alignment: Literal["original_image", "geometry"] | None = None
    geometry_quality: Literal["standard", "detailed"] | None = None
    delight: bool | None = None
    # An upper bound below the 100k triangles that Khronos 3D Commerce Guidelines 1.0 ask for.
    face_limit: int | None = Field(default=80_000, ge=50, le=2_000_000)


class QualityRules(_Section):
    """Which profile judges a mesh, and the team's own limits by check code."""

    profile: str = "web-ar"
    limits: dict[str, float] = Field(default_factory=dict)


class NightlyRules(_Section):
    """What `catalog-nightly` runs. Without a budget of its own it refuses to spend on Tripo."""

    sheet: str = ""
    images: str = ""
    budget: float | None = Field(default=None, ge=0)


class Rules(_Section):
    """The whole of `catalog.yaml`.

    Attributes:
        naming: File name without extension; must contain {sku}, {version} and {format}; {name} is optional.
        required_fields: Fields that make a row unusable when blank, beside sku, name and one input.
        mapping: Our field name -> the team's header, where the known synonyms do not fit.
        status_labels: What the sheet shows for a status; default is the capitalised word.
        review_owner: One name, or a name by category.
        delegates: Who is away -> who reviews in their stead.
        regenerate_changed: Whether a changed photo or parameter may buy a new model by itself.
        categories: Tripo parameters that differ for a category (matched without case).
    """

    naming: str = "{sku}_{name}_V{version}_{format}"
    required_fields: tuple[str, ...] = ()
    mapping: dict[str, Text] = Field(default_factory=dict)
    status_labels: dict[Status, Text] = Field(default_factory=dict)
    review_owner: Text | dict[str, Text] = ""
    delegates: dict[str, Text] = Field(default_factory=dict)
    regenerate_changed: Literal["never", "auto"] = "never"
    quality: QualityRules = Field(default_factory=QualityRules)
    tripo: TripoRules = Field(default_factory=TripoRules)
    categories: dict[str, dict[str, Any]] = Field(default_factory=dict)
    nightly: NightlyRules = Field(default_factory=NightlyRules)

    @field_validator("delegates")
    @classmethod
    def _delegates_lead_somewhere(cls, delegates: dict[str, str]) -> dict[str, str]:
        if problem := problem_of_delegates(delegates):
            raise PydanticCustomError("delegates", "{problem}", {"problem": problem})
        return delegates

    def label(self, status: Status) -> str:
        """The word the team's sheet shows for a status."""
        return self.status_labels.get(status, status.value.capitalize())

    def tripo_for(self, category: str) -> TripoRules:
        """The Tripo parameters of a category: the general ones with the category's changes."""
        for name, changes in self.categories.items():
            if name.casefold() == category.casefold():
                return TripoRules.model_validate({**self.tripo.model_dump(), **changes})
        return self.tripo

    def owner_of(self, category: str) -> str:
        """Who reviews a category when the sheet names nobody."""
        if isinstance(self.review_owner, str):
            return self.review_owner
        named = {name.casefold(): owner for name, owner in self.review_owner.items()}
        return named.get(category.casefold(), "")

    def reviewer_of(self, owner: str, category: str) -> str:
        """In whose queue a product belongs: the sheet's owner or that of the rules, or who stands in; "" for nobody."""
        return delegate_of(self.delegates, owner.strip() or self.owner_of(category))


MAX_RULES_BYTES = 1_000_000


def parse_rules(text: str, where: str = "catalog.yaml") -> Rules:
    """Read rules from YAML text.

    Raises:
        RunError: RULES_INVALID, naming the key and what is wrong with it.
    """
    try:
        raw = yaml.safe_load(text) or {}
        rules = Rules.model_validate(raw)
        for category in rules.categories:
            rules.tripo_for(category)
    except yaml.YAMLError as exc:
        raise RunError(f"{where} is not valid YAML: {exc}", code="RULES_INVALID", fix="Correct that line.") from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        wrong = "there is no such rule" if first["type"] == "extra_forbidden" else first["msg"]
        fix = "Correct that key; `catalog3d init` writes a file with every rule explained."
        raise RunError(f"{where}: {key}: {wrong}.", code="RULES_INVALID", fix=fix) from exc
    _check_names(rules, where)
    return rules


def load_rules(path: Path | None) -> Rules:
    """Read the rules file, or the built-in rules where there is none."""
    if path is None or not path.is_file():
        return Rules()
    if path.stat().st_size > MAX_RULES_BYTES:
        raise RunError(f"{path} is larger than 1 MB.", code="RULES_INVALID", fix="It should be a few kilobytes.")
    return parse_rules(path.read_text(encoding="utf-8-sig"), str(path))


def _check_names(rules: Rules, where: str) -> None:
    check_rule(rules.naming)
    for field in (*rules.required_fields, *rules.mapping):
        if field not in FIELDS:
            raise RunError(
                f"{where}: there is no field called {field!r}.",
                code="RULES_INVALID",
                fix=f"Known fields: {', '.join(FIELDS)}.",
            )
