"""The registry's schema: what the migrations build is what the tables say."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from catalog3d.adapters.registry.registry import Registry
from catalog3d.adapters.registry.tables import Base


def test_the_migrations_build_exactly_the_tables(registry: Registry) -> None:
    with registry.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
