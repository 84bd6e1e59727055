"""The registry: the record of products, generations, assets, decisions and runs, over SQLAlchemy."""
