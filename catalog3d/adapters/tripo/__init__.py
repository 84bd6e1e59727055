"""Tripo's API v3 over httpx, and nothing above it sees httpx."""

from catalog3d.adapters.tripo.addresses import extension_of
from catalog3d.adapters.tripo.channel import Patience
from catalog3d.adapters.tripo.client import TripoClient

__all__ = ["Patience", "TripoClient", "extension_of"]
