"""The review page: people look at models beside their photos, and decide."""
