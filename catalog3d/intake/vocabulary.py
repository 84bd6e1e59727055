"""Which headers mean which field. The words come from real exports and team sheets."""

from __future__ import annotations

SYNONYMS: dict[str, tuple[str, ...]] = {
    "sku": (
        "sku", "sku code", "sku number", "product sku", "item sku", "variant sku", "item code", "item no",
        "item number", "item #", "article number", "article no", "article code", "artikelnummer", "artikel nr", "art nr",
        "product code", "product number", "product no", "part number", "part no", "style number", "style code",
        "model no", "model number", "référence", "reference", "ref no", "ref", "article", "artikel", "style",
        "product id", "item id",
    ),
    "name": (
        "name", "product name", "product title", "item name", "title", "display name", "produktname",
        "artikelname", "bezeichnung", "artikelbezeichnung", "nom du produit", "nom", "désignation", "model name",
        "product", "produkt", "produit", "item",
    ),
    "category": (
        "category", "categories", "product category", "product type", "category name", "item type", "kategorie",
        "kategorien", "produktkategorie", "catégorie", "catégories", "warengruppe", "type",
    ),
    "material": (
        "material", "materials", "main material", "fabric", "composition", "matériau", "matière", "materialien",
        "stoff", "werkstoff",
    ),
    "color": (
        "color", "colour", "colors", "colours", "main color", "main colour", "product color", "product colour",
        "color name", "colour name", "farbe", "farben", "farbton", "couleur", "couleurs", "coloris", "finish",
    ),
    "dimensions": (
        "dimensions", "dimension", "dims", "product dimensions", "item dimensions", "overall dimensions",
        "measurements", "maße", "masse", "abmessungen", "abmessung", "produktmaße", "maße produkt",
        "dimensions du produit", "encombrement",
    ),
    "width": ("width", "product width", "item width", "overall width", "breite", "largeur"),
    "height": ("height", "product height", "item height", "overall height", "höhe", "hoehe", "hauteur"),
    "depth": ("depth", "product depth", "item depth", "overall depth", "tiefe", "profondeur"),
    "length": ("length", "product length", "item length", "overall length", "länge", "laenge", "longueur"),
    "diameter": ("diameter", "product diameter", "durchmesser", "diamètre"),
    "dimension unit": (
        "dimensions unit", "dimension unit", "dimensions units", "unit of measure", "item dimensions unit of measure",
        "size unit", "maßeinheit",
    ),
    "image": (
        "image", "product image", "main image", "image file", "image url", "image link", "image name", "image src",
        "image path", "images", "product images", "photo", "product photo", "photos", "photo file", "photo url",
        "picture", "product picture", "pictures", "picture file", "picture url", "main image url", "base image",
        "product image url", "featured image", "thumbnail", "assets", "bild", "bilder", "produktbild", "foto",
        "produktfoto", "photo produit", "image produit",
    ),
    "extra images": (
        "additional images", "additional image link", "additional image", "more images", "other images",
        "extra images", "gallery", "gallery images", "weitere bilder",
    ),
    "variant image": ("variant image", "variant image url", "variant assets"),
    "sketch": ("sketch", "sketch file", "sketch url", "drawing", "concept sketch", "skizze", "zeichnung", "croquis"),
    "prompt": ("prompt",),
    "input kind": ("input kind", "input type", "input", "source type"),
    "format": (
        "target format", "format", "output format", "3d format", "file format", "output", "zielformat", "dateiformat",
    ),
    "channel": (
        "channel", "channels", "destination", "destinations", "publish to", "sales channel", "kanal", "ziel", "canal",
    ),
    "owner": (
        "owner", "reviewer", "review owner", "asset owner", "assigned to", "assignee", "responsible", "prüfer",
        "verantwortlich", "responsable",
    ),
    "priority": ("priority", "prio", "priorität", "priorité"),
    "status": ("asset status", "3d status", "generation status", "model status", "3d asset status", "status"),
    "action": ("3d action",),
    "handle": ("handle", "url handle", "slug", "url key"),
    "facets": ("facets",),
    "variant facets": ("variant facets",),
    "option names": ("option groups", "option names"),
    "option values": ("option values",),
}  # fmt: skip
"""Field -> headers, the most telling first. `prompt` has one word only: notes are never a prompt."""

OUR_COLUMNS = (
    "3D Status", "3D Version", "3D File", "3D Live Version", "3D Link", "3D Message", "3D Updated", "3D Action",
)  # fmt: skip
"""Columns that catalog3d writes (the action it reads): never taken for a field of the team's."""

SIDES: dict[str, tuple[str, ...]] = {
    "front": ("front", "vorne", "vorderseite", "avant", "face", "main", "hero"),
    "back": ("back", "rear", "hinten", "rückseite", "rueckseite", "arrière", "dos"),
    "left": ("left", "links", "gauche"),
    "right": ("right", "rechts", "droite"),
    "detail": ("detail", "details", "closeup", "zoom", "top", "bottom", "oben", "unten", "angle", "perspective"),
}
"""Words that say which side a picture shows, in headers and in file names."""

PICTURE_WORDS = (
    "product image", "image", "img", "photo", "picture", "pic", "view", "bild", "foto", "ansicht", "vue",
)  # fmt: skip

DIMENSION_FIELDS = ("width", "height", "depth", "length", "diameter")
PICTURE_FIELDS = ("image", "extra images", "front", "left", "back", "right", "detail", "sketch")
