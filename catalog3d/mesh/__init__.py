"""Reading and judging GLB files: bytes in, values out.

The order is the safety: `container` checks header, chunks and JSON under caps before any parser sees
them, `schema` says whether the JSON may be believed, `document` then gives it to pygltflib, `scan`
measures (numpy for accessors, trimesh for the welded surface) and `checks` judges the measures by a
profile. Whoever reads a foreign file goes through `catalog3d.adapters.mesh_process`, which runs all of
this in a bounded child process.
"""
