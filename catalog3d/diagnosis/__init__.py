"""What `catalog3d doctor` says: findings about an installation, and what was observed at the provider. Pure."""
