"""What the store has, and what its operations do to it."""

from __future__ import annotations

import base64
import io
import itertools
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import trimesh

PAGE = 100
MAX_ALT = 512


@dataclass
class File:
    """One file of the store, which products may show."""

    id: str
    kind: str
    filename: str = ""
    alt: str = ""
    content: bytes = b""
    status: str = "READY"
    polls_left: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    fails_with: str = ""


@dataclass
class Product:
    """A product, its variants' SKUs and its gallery: ids of files in order."""

    id: str
    handle: str
    title: str
    skus: list[str]
    gallery: list[str] = field(default_factory=list)
    online_url: str | None = None


@dataclass
class Staged:
    """A place for an upload; `content` once it came."""

    key: str
    filename: str
    size_bytes: int
    url: str
    policy: str
    content: bytes | None = None


class Store:
    """A store in memory.

    Attributes:
        polls: How often a new model is asked for until it is ready.
        model_cap: Models that the plan allows.
        fails_next: MediaErrorCode of the next new model, or "".
        measures: Metres by which the size that is told is multiplied.
        did: Every mutation that was done, as (operation, subject).
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.products: dict[str, Product] = {}
        self.files: dict[str, File] = {}
        self.staged: dict[str, Staged] = {}
        self.polls = 2
        self.model_cap = 250
        self.fails_next = ""
        self.measures: float | None = 1.0
        self.did: list[tuple[str, str]] = []
        self._numbers = itertools.count(1001)

    def add_product(self, handle: str, *skus: str) -> Product:
        number = next(self._numbers)
        product = Product(
            id=f"gid://shopify/Product/{number}",
            handle=handle,
            title=handle.replace("-", " ").title(),
            skus=list(skus),
            online_url=f"https://shop.example/products/{handle}",
        )
        self.products[product.id] = product
        return product

    def add_file(self, product: Product, kind: str = "MODEL_3D", **fields: Any) -> File:
        """A file that the merchant put there, not we."""
        type_name = "Model3d" if kind == "MODEL_3D" else "MediaImage"
        file = File(id=f"gid://shopify/{type_name}/{next(self._numbers)}", kind=kind, **fields)
        self.files[file.id] = file
        product.gallery.append(file.id)
        return file

    def models_of(self, product: Product) -> list[File]:
        return [self.files[name] for name in product.gallery if self.files[name].kind == "MODEL_3D"]

    def count(self, operation: str) -> int:
        return sum(done == operation for done, _ in self.did)

    def root(self, kind: str) -> Mapping[str, Callable[..., Any]]:
        if kind == "query":
            return {
                "product": lambda id: self._product(self.products.get(id)),  # noqa: A006 - Shopify's name
                "productByIdentifier": self._by_identifier,
                "productVariants": self._variants,
                "node": lambda id: self._media(self.files.get(id), asked=True),  # noqa: A006
            }
        return {
            "stagedUploadsCreate": self._stage,
            "productUpdate": self._update,
            "fileDelete": self._delete,
        }

    def _by_identifier(self, identifier: Mapping[str, str]) -> Any:
        named = identifier.get("handle") or identifier.get("id")
        found = [product for product in self.products.values() if named in (product.handle, product.id)]
        return self._product(found[0] if found else None)

    def _variants(self, query: str, first: int = 50) -> Any:
        """Like Shopify's search: whole words, any case."""
        wanted = query.removeprefix("sku:").strip('"').replace('\\"', '"').replace("\\\\", "\\").lower()
        found = [
            {"id": product.id.replace("Product", "ProductVariant"), "sku": sku, "product": self._product(product)}
            for product in self.products.values()
            for sku in product.skus
            if wanted == sku.lower() or wanted in sku.lower().replace("-", " ").split()
        ]
        return {"nodes": found[:first], "pageInfo": {"hasNextPage": len(found) > first, "endCursor": None}}

    def _product(self, product: Product | None) -> Any:
        if product is None:
            return None

        def media(first: int, after: str | None = None) -> Any:
            start = int(after or 0)
            shown = product.gallery[start : start + first]
            more = start + first < len(product.gallery)
            return {
                "nodes": [self._media(self.files[name]) for name in shown],
                "pageInfo": {"hasNextPage": more, "endCursor": str(start + first) if more else None},
            }

        return {
            "__typename": "Product",
            "id": product.id,
            "handle": product.handle,
            "title": product.title,
            "onlineStoreUrl": product.online_url,
            "media": media,
        }

    def _media(self, file: File | None, *, asked: bool = False) -> Any:
        if file is None:
            return None
        if asked:
            self._go_on(file)
        box = None
        if file.kind == "MODEL_3D" and file.status == "READY" and self.measures and file.content:
            box = {"size": dict(zip("xyz", [self.measures * length for length in extents(file.content)], strict=True))}
        return {
            "__typename": "Model3d" if file.kind == "MODEL_3D" else "MediaImage",
            "id": file.id,
            "alt": file.alt,
            "status": file.status,
            "mediaContentType": file.kind,
            "mediaErrors": file.errors,
            "filename": file.filename,
            "boundingBox": box,
        }

    def _go_on(self, file: File) -> None:
        """Processing, one step for every time it is asked for."""
        if file.status not in {"UPLOADED", "PROCESSING"}:
            return
        file.status = "PROCESSING"
        file.polls_left -= 1
        if file.polls_left > 0:
            return
        code = file.fails_with or ("" if extents(file.content) else "MODEL3D_VALIDATION_ERROR")
        file.status = "FAILED" if code else "READY"
        file.errors = [{"code": code, "message": f"said by Shopify: {code}", "details": None}] if code else []

    def _stage(self, input: list[dict[str, Any]]) -> Any:  # noqa: A002 - Shopify's name
        targets = []
        for wanted in input:
            if wanted["resource"] == "MODEL_3D" and wanted.get("fileSize") is None:
                errors = [{"field": ["input", "0", "fileSize"], "message": "File size is required"}]
                return {"stagedTargets": None, "userErrors": errors}
            key = f"models/{uuid.uuid4().hex[:16]}/{wanted['filename']}"
            size = int(wanted["fileSize"])
            conditions = [["eq", "$key", key], ["content-length-range", size, size]]
            policy = base64.b64encode(json.dumps({"conditions": conditions}).encode()).decode()
            url = f"{self.url}/storage/{key}?external_model3d_id={uuid.uuid4().hex}"
            self.staged[key] = Staged(key=key, filename=wanted["filename"], size_bytes=size, url=url, policy=policy)
            parameters = {"GoogleAccessId": "models@example", "key": key, "policy": policy, "signature": f"s-{key}"}
            targets.append(
                {
                    "url": url,
                    "resourceUrl": url,
                    "parameters": [{"name": name, "value": value} for name, value in parameters.items()],
                }
            )
            self.did.append(("stagedUploadsCreate", wanted["filename"]))
        return {"stagedTargets": targets, "userErrors": []}

    def _update(self, product: Mapping[str, Any], media: list[Mapping[str, Any]]) -> Any:
        changed = self.products.get(product["id"])
        if changed is None:
            return _refused("product", "Product does not exist")
        for wanted in media:
            problem = self._problem(changed, wanted)
            if problem:
                return _refused("media", problem)
        for wanted in media:
            self._attach(changed, wanted)
        return {"product": self._product(changed), "userErrors": []}

    def _problem(self, product: Product, wanted: Mapping[str, Any]) -> str:
        source = next((found for found in self.staged.values() if found.url == wanted["originalSource"]), None)
        if source is None or source.content is None:
            return "Invalid model 3d url"
        if len(wanted.get("alt") or "") > MAX_ALT:
            return "The alt value exceeds the maximum limit of 512 characters"
        if len(product.gallery) >= 250:
            return "Exceeded the limit of media per product"
        if sum(file.kind == "MODEL_3D" for file in self.files.values()) >= self.model_cap:
            return "Exceeded the limit of non-image media per shop"
        return ""

    def _attach(self, product: Product, wanted: Mapping[str, Any]) -> None:
        source = next(found for found in self.staged.values() if found.url == wanted["originalSource"])
        assert source.content is not None
        name = source.filename
        if any(file.filename == name for file in self.files.values()):
            stem, dot, suffix = name.rpartition(".")
            name = f"{stem}_{uuid.uuid4()}{dot}{suffix}"
        self.add_file(
            product,
            filename=name,
            alt=wanted.get("alt") or "",
            content=source.content,
            status="UPLOADED",
            polls_left=self.polls,
            fails_with=self.fails_next,
        )
        self.fails_next = ""
        self.did.append(("productUpdate", source.filename))

    def _delete(self, fileIds: list[str]) -> Any:  # noqa: N803 - Shopify's name
        for name in fileIds:
            file = self.files.get(name)
            if file is None:
                return _undeleted(f"File id {name} does not exist.", "FILE_DOES_NOT_EXIST")
            if file.status == "PROCESSING":
                return _undeleted("File is locked by another operation.", "FILE_LOCKED")
        for name in fileIds:
            del self.files[name]
            self.did.append(("fileDelete", name))
            for product in self.products.values():
                product.gallery = [kept for kept in product.gallery if kept != name]
        return {"deletedFileIds": fileIds, "userErrors": []}


def extents(content: bytes) -> list[float]:
    """Metres of a GLB's box, or [] if it is none."""
    if content[:4] != b"glTF":
        return []
    scene = trimesh.load_scene(io.BytesIO(content), file_type="glb")
    return [float(length) for length in scene.extents]


def _refused(what: str, message: str) -> Any:
    return {"product": None, "userErrors": [{"field": [what], "message": message}]}


def _undeleted(message: str, code: str) -> Any:
    return {"deletedFileIds": None, "userErrors": [{"field": ["fileIds"], "message": message, "code": code}]}
