"""Puts approved models on the product pages of a Shopify store, through its Admin GraphQL API.

Relied on, all read 2026-11-24 at shopify.dev (API version 2026-10 unless said):

* "Manage media for products" and "Manage media for products and collections": the steps, form upload of 3D models, at
  most 500 MB, models and videos per plan (Basic 250, Shopify 1,000, Advanced 5,000), scopes.
* `stagedUploadsCreate`, `StagedUploadInput`: a 3D model needs its size, sent as a string.
* `productUpdate` with `media`; `productCreateMedia` and `productDeleteMedia` are deprecated.
* `fileDelete` (2026-07): also removes the file from products; files being processed are refused.
* `fileUpdate` cannot rename a model: its name is a mark that stays, while its alt text may be edited.
* `Model3d`, `Model3dBoundingBox` (metres), `MediaErrorCode`, `FilesErrorCode`, `MediaUserErrorCode`.
* "Authenticate an app for stores in your organization": client credentials grant, tokens for 24 hours.
* "API limits" and "Response status and error codes"; "About API versioning": a retired version is not refused but
  answered by the oldest one that is left.
"""

from catalog3d.adapters.shopify.channel import ShopifyChannel
from catalog3d.adapters.shopify.opening import open_shopify
from catalog3d.adapters.shopify.settings import ShopifySettings

__all__ = ["ShopifyChannel", "ShopifySettings", "open_shopify"]
