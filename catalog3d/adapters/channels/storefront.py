"""A storefront: every SKU's model under one address that never changes, with feeds and product snippets.

models/<sku>.glb     the model that is live, replaced as a whole
models/<sku>.html    a page that shows it, to be framed or copied from
feed.json            all of it, for whoever builds on it
google.tsv           Google's supplemental feed
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from catalog3d.adapters.channels.feeds import google_feed, json_feed
from catalog3d.adapters.channels.snippet import snippet
from catalog3d.channel_rules import StorefrontRules
from catalog3d.channels import Item, Listed, Placed
from catalog3d.errors import ProductError
from catalog3d.naming import asset_folder
from catalog3d.ports import ObjectStore

MODELS = "models/"
FEED, GOOGLE = "feed.json", "google.tsv"
GLB_TYPE = "model/gltf-binary"


class Storefront:
    """A `Channel` that keeps lists, over any store of its own: a folder or a bucket.

    Args:
        store: Nothing else may write there.
    """

    def __init__(self, name: str, rules: StorefrontRules, store: ObjectStore) -> None:
        self.name = name
        self._rules = rules
        self._store = store

    def describe(self, item: Item) -> str:
        verb = "replace" if item.previous else "put"
        return f"Would {verb} {self._store.location(_model_key(item.sku))} and list it in {FEED} and {GOOGLE}."

    def publish(self, item: Item) -> Placed:
        key, page = _model_key(item.sku), _page_key(item.sku)
        self._store.replace(key, _whole(item), content_type=GLB_TYPE)
        stored = self._store.stat(key)
        if stored is None or stored.sha256 not in {"", item.sha256}:
            raise ProductError(
                f"Another file lies at {self._store.location(key)} than the one that was put there.",
                code="CONTENT_CHANGED",
                fix="Does something else write to the storefront? Publish again.",
                sku=item.sku,
            )
        address = self._address(key) or Path(key).name
        shown = snippet(name=item.name, model=address, viewer=self._rules.viewer_url)
        self._store.replace(page, shown, content_type="text/html; charset=utf-8")
        return Placed(
            channel=self.name,
            sku=item.sku,
            version=item.version,
            sha256=item.sha256,
            destination=self._store.location(key),
            link=self._address(key) or self._store.location(key),
            remote={"model": key, "page": page},
        )

    def unpublish(self, placed: Placed) -> None:
        """Remove the model and its page; what a killed `publish` may have left has the same keys."""
        for key in (
            placed.remote.get("page") or _page_key(placed.sku),
            placed.remote.get("model") or _model_key(placed.sku),
        ):
            self._store.delete(key)

    def write_lists(self, listed: Sequence[Listed]) -> tuple[str, ...]:
        feed, notes = google_feed(listed)
        for key, content, kind in (
            (FEED, json_feed(listed), "application/json"),
            (GOOGLE, feed, "text/tab-separated-values; charset=utf-8"),
        ):
            self._store.replace(key, content, content_type=kind)
        if not self._rules.base_url and any(entry.link for entry in listed):
            said = f"{self.name} has no base_url in catalog.yaml: its links lead to files, and {GOOGLE} has no rows."
            return (said, *notes)
        return notes

    def _address(self, key: str) -> str:
        """Where the web finds a key, "" if that is not known."""
        return f"{self._rules.base_url.rstrip('/')}/{key}" if self._rules.base_url else ""


def _model_key(sku: str) -> str:
    return f"{MODELS}{asset_folder(sku)}.glb"


def _page_key(sku: str) -> str:
    return f"{MODELS}{asset_folder(sku)}.html"


def _whole(item: Item) -> bytes:
    return item.model.read_bytes()
