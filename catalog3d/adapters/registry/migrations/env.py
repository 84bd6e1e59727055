"""Alembic's environment: the engine is handed over by `registry.engine`."""

from alembic import context
from sqlalchemy import text

from catalog3d.adapters.registry.tables import Base

engine = context.config.attributes["engine"]

with engine.begin() as connection:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = 0"))  # whoever upgrades is waited for
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('catalog3d-upgrade'))"))
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    context.run_migrations()
