"""Whose a run is."""

from __future__ import annotations

from tandem_store.records.base import Named, Record
from tandem_store.records.enums import TenantSource


class TenantContext(Record):
    """The tenant that a run or a queue entry belongs to."""

    #: The organisation.
    org_id: str
    #: The workspace within the organisation.
    workspace_id: str
    #: The deployment within the workspace; ``None`` for the workspace itself.
    deployment_id: str | None = None
    #: The person or service that acted.
    actor_id: str | None = None
    #: Whether the tenant was named, or is the local one by default.
    source: Named[TenantSource] = TenantSource.LOCAL_IMPLICIT


def local_tenant() -> TenantContext:
    """Return the implicit local tenant: the owner of a record that names no tenant."""
    return TenantContext(org_id="local", workspace_id="local")
