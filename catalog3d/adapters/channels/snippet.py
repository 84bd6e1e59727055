"""The piece of a product page that shows a model: model-viewer with AR at true size."""

from __future__ import annotations

import html

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>html, body {{ margin: 0; height: 100%; }} model-viewer {{ width: 100%; height: 100%; }}</style>
</head>
<body>
<!-- To embed: copy from here ... -->
<script type="module" src="{viewer}"></script>
<model-viewer src="{model}" alt="{name} in 3D" camera-controls touch-action="pan-y"
  ar ar-modes="webxr scene-viewer quick-look" ar-scale="fixed" tone-mapping="neutral" shadow-intensity="1"></model-viewer>
<!-- ... to here. The address of the model never changes. -->
</body>
</html>
"""


def snippet(*, name: str, model: str, viewer: str) -> bytes:
    """A page of its own that can be put into a frame, with the fragment to copy marked in it.

    Args:
        model: Address of the model: absolute where it is known, else beside the page.
    """
    told = {
        key: html.escape(value, quote=True) for key, value in (("name", name), ("model", model), ("viewer", viewer))
    }
    return _PAGE.format(**told).encode()
