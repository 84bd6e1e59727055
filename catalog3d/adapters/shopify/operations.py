"""The GraphQL operations: few fields each, because a store grants only so many cost points a second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        repeatable: Doing it twice is as good as once, so that a lost answer may be asked for again.
    """

    name: str
    text: str
    repeatable: bool = True


_PRODUCT = "id handle title onlineStoreUrl"

PRODUCT_BY_ID = Operation(
    name="productById",
    text=f"query productById($id: ID!) {{ product(id: $id) {{ {_PRODUCT} }} }}",
)
PRODUCT_BY_HANDLE = Operation(
    name="productByHandle",
    text=f"""query productByHandle($identifier: ProductIdentifierInput!) {{
  product: productByIdentifier(identifier: $identifier) {{ {_PRODUCT} }}
}}""",
)
VARIANTS_BY_SKU = Operation(
    name="variantsBySku",
    text=f"""query variantsBySku($query: String!) {{
  productVariants(first: 100, query: $query) {{
    nodes {{ sku product {{ {_PRODUCT} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}""",
)
GALLERY = Operation(
    name="gallery",
    text="""query gallery($id: ID!, $after: String) {
  product(id: $id) {
    media(first: 100, after: $after) {
      nodes { id alt status mediaContentType ... on Model3d { filename } }
      pageInfo { hasNextPage endCursor }
    }
  }
}""",
)
MODEL = Operation(
    name="model",
    text="""query model($id: ID!) {
  node(id: $id) {
    ... on Model3d { id status mediaErrors { code details message } boundingBox { size { x y z } } }
  }
}""",
)
STAGE = Operation(
    name="stage",
    text="""mutation stage($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url resourceUrl parameters { name value } }
    userErrors { field message }
  }
}""",
)
ATTACH = Operation(
    name="attach",
    text="""mutation attach($product: ProductUpdateInput!, $media: [CreateMediaInput!]) {
  productUpdate(product: $product, media: $media) { product { id } userErrors { field message } }
}""",
    repeatable=False,
)
DELETE = Operation(
    name="delete",
    text="""mutation delete($ids: [ID!]!) {
  fileDelete(fileIds: $ids) { deletedFileIds userErrors { field message code } }
}""",
)
