"""catalog3d: a product sheet and photos in, checked, named, approvable 3D models out.

The words used all over the project:

* sheet: the team's own table of products, theirs and never ours
* product: one SKU's checked fields; view: one source picture of it
* brief: everything that decides a model; generation: one paid task for a brief
* asset: one named, versioned model file; library: where assets live
* registry: the record of products, generations, assets, decisions and runs
* home: the workspace of one catalog; realm: who made a model
"""

__version__ = "0.1.0"
