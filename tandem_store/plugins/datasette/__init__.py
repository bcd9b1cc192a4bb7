"""The plugin of Datasette: documents as JSON in queries and cells, and a page for each run."""

from tandem_store.plugins.datasette.hooks import prepare_connection, register_routes, render_cell

__all__ = ["prepare_connection", "register_routes", "render_cell"]
