"""The world: files, servers, processes. Implements `catalog3d.ports` and maps foreign errors once, here."""
