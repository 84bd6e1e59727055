"""What is read of Shopify's answers. Nothing is taken for granted but the shapes here."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from catalog3d.errors import TransientError

Gid = Annotated[str, Field(pattern=r"^gid://shopify/[A-Za-z0-9]{1,40}/[0-9A-Za-z_-]{1,60}$")]
Text = Annotated[str, Field(max_length=100_000)]


class Read(BaseModel):
    """Base of all: camelCase outside, unknown fields ignored, values never shown in errors."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )


T = TypeVar("T", bound=Read)


class UserError(Read):
    """Why a mutation did nothing. `code` is there for files, not for products."""

    message: Text
    code: Text | None = None


class MediaError(Read):
    """Why a model could not be made ready."""

    code: Text
    message: Text = ""
    details: Text | None = None


class Vector(Read):
    """Metres, Y up."""

    x: float = Field(allow_inf_nan=False)
    y: float = Field(allow_inf_nan=False)
    z: float = Field(allow_inf_nan=False)


class Box(Read):
    """Smallest box around a model."""

    size: Vector


class Media(Read):
    """One entry of a product's gallery; `filename` only of 3D models.

    Attributes:
        status: UPLOADED, PROCESSING, READY or FAILED.
    """

    id: Gid
    alt: Text | None = None
    status: Text
    media_content_type: Text
    filename: Text = ""


class PageInfo(Read):
    """Whether there is more, and where it begins."""

    has_next_page: bool
    end_cursor: Text | None = None


class MediaPage(Read):
    """Part of a gallery."""

    nodes: list[Media]
    page_info: PageInfo


class Gallery(Read):
    """A product, for its gallery only."""

    media: MediaPage


class GalleryAnswer(Read):
    """`product`: None if there is none of this id."""

    product: Gallery | None


class Model(Read):
    """How far Shopify is with one model."""

    id: Gid
    status: Text
    media_errors: list[MediaError] = Field(default_factory=list)
    bounding_box: Box | None = None


class ModelAnswer(Read):
    """`node`: None if it is gone, or is no model."""

    node: Model | None

    @field_validator("node", mode="before")
    @classmethod
    def _no_model(cls, value: Any) -> Any:
        return None if value == {} else value


class Product(Read):
    """A product of the store."""

    id: Gid
    handle: Text
    title: Text
    online_store_url: Text | None = None


class ProductAnswer(Read):
    """The product of an id or a handle."""

    product: Product | None


class Variant(Read):
    """A variant and the product it belongs to."""

    sku: Text | None
    product: Product


class VariantPage(Read):
    """What a search found."""

    nodes: list[Variant]
    page_info: PageInfo


class VariantsAnswer(Read):
    """Variants that a search found: not all of them are what was asked for."""

    product_variants: VariantPage


class Parameter(Read):
    """A form field of an upload."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    value: Annotated[str, Field(max_length=20_000)]


class Target(Read):
    """Where to send a file, and what it is called afterwards."""

    url: Annotated[str, Field(max_length=4000)]
    resource_url: Annotated[str, Field(max_length=4000)]
    parameters: list[Parameter] = Field(max_length=50)


class Staged(Read):
    """Targets in the order of the files."""

    staged_targets: list[Target] | None = None
    user_errors: list[UserError]


class StagedAnswer(Read):
    """Answer to `stagedUploadsCreate`."""

    staged_uploads_create: Staged


class Attached(Read):
    """Whether a product took new media."""

    user_errors: list[UserError]


class AttachedAnswer(Read):
    """Answer to `productUpdate`."""

    product_update: Attached


class Deleted(Read):
    """Which files are gone."""

    deleted_file_ids: list[Text] | None = None
    user_errors: list[UserError]


class DeletedAnswer(Read):
    """Answer to `fileDelete`."""

    file_delete: Deleted


def read_as(shape: type[T], data: Any) -> T:
    """An answer's data in its shape.

    Raises:
        TransientError: SHOPIFY_ANSWER; after a mutation it may have been done all the same.
    """
    try:
        return shape.model_validate(data)
    except (ValidationError, RecursionError) as exc:
        raise TransientError(
            "Shopify's answer could not be understood.",
            code="SHOPIFY_ANSWER",
            fix="Publish again; if it stays, set `api_version` to a version that Shopify supports.",
        ) from exc
