"""The commented `catalog.yaml` that a new folder starts with: every rule, at its default."""

from __future__ import annotations

STARTER_RULES = """\
# The rules of this catalog. Every value below is the built-in default: a line that you delete changes nothing.
# Text after a # is a remark. Write values like those of the remarks to change a rule, then run `catalog3d check`.

# How model files are named. {sku}, {version} and {format} must be in it; {name} may be left out.
# Gives for example CH123_ModernDiningChair_V1_GLB.glb.
naming: "{sku}_{name}_V{version}_{format}"

# Fields without which a row is not used, beside the SKU, the name and one photo, sketch or prompt.
# For example: [category, material, dimensions]
required_fields: []

# Which column of your sheet holds a field, where its header is not recognised by itself. For example:
#   mapping:
#     sku: Our Ref.
#     image: Packshot
mapping: {}

# What the sheet shows for a status, if not the capitalised word (Generated, Flagged, Approved). For example:
#   status_labels:
#     generated: To be reviewed
#     published: Live
status_labels: {}

# Who reviews a model when the sheet names nobody: one name, or a name for each category. For example:
#   review_owner:
#     Chairs: Mia
#     Lamps: Jonas
review_owner: ""

# Who reviews in the stead of somebody who is away, from whatever sheet or rule the name comes. For example:
#   delegates:
#     Mia: Jonas
delegates: {}

# Whether a changed photo or parameter may buy a new model by itself (auto, within the budget of the run),
# or only waits in the list for a person (never).
regenerate_changed: never

# How finished models are checked.
quality:
  # The set of limits: web-ar, shopify or google-merchant.
  profile: web-ar
  # Your own limits by the code of the check. For example: {TRIANGLES: 60000, FILE_TOO_LARGE: 8000000}
  limits: {}

# What is asked of Tripo for every model. null means: not sent, Tripo's own default applies.
# A change makes the finished models of the same kind stale: they are listed, and nothing is bought by itself.
tripo:
  # The version of Tripo's model. Pinned, so that a new version never changes the catalog unnoticed.
  model: v3.1-20260211
  # Whether the model gets colors, and with them the materials of physically based rendering.
  texture: true
  pbr: true
  # fast, standard, detailed or extreme: finer textures cost more credits.
  texture_quality: standard
  # original_image keeps the texture true to the photo, geometry true to the shape.
  texture_alignment: null
  # standard or detailed: finer shapes cost more credits.
  geometry_quality: null
  # true removes the light and shadows of the photo from the texture.
  delight: null
  # The most triangles a model may have.
  face_limit: 80000

# Tripo's parameters that differ for a category, as the sheet spells it. For example:
#   categories:
#     Lamps:
#       texture_quality: detailed
categories: {}

# What the nightly run works on.
nightly:
  # The sheet, and a folder with more photos; both seen from this folder.
  sheet: ""
  images: ""
  # The most credits of one night. Without a budget the nightly run buys nothing from Tripo.
  budget: null
"""
