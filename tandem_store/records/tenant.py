"""Whose a run is, and which part of the store a caller may see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from tandem_store.errors import TenantScopeError
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


class AnyDeployment(Enum):
    """The type of ``ANY_DEPLOYMENT``."""

    ANY_DEPLOYMENT = "any deployment"


#: In a scope: every deployment of the workspace, and the workspace itself.
ANY_DEPLOYMENT: Final = AnyDeployment.ANY_DEPLOYMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantScope:
    """The only tenant whose runs a store shows and accepts.

    ``deployment_id=None`` means only runs without a deployment, a string only runs of that
    deployment, and ``ANY_DEPLOYMENT`` all runs of the workspace.

    Raises:
        TenantScopeError: an id is blank, or not a string.

    >>> TenantScope(org_id="acme", workspace_id="north").deployment_id is None
    True
    """

    org_id: str
    workspace_id: str
    deployment_id: str | AnyDeployment | None = None

    def __post_init__(self) -> None:
        names = ["org_id", "workspace_id"]
        if not (self.deployment_id is None or self.deployment_id is ANY_DEPLOYMENT):
            names.append("deployment_id")
        for name in names:
            # A subclass of str may compare equal to other texts, or print as something else.
            object.__setattr__(self, name, _exact_id(name, getattr(self, name)))

    def covers(self, tenant: TenantContext) -> bool:
        """Whether the tenant is within this scope."""
        return (tenant.org_id, tenant.workspace_id) == (self.org_id, self.workspace_id) and (
            self.deployment_id is ANY_DEPLOYMENT or tenant.deployment_id == self.deployment_id
        )


def _exact_id(name: str, value: object) -> str:
    text = str.__str__(value) if isinstance(value, str) else ""
    if not text.strip():
        raise TenantScopeError(
            f"the {name} of a tenant scope must be a string that is not blank, not {value!r}"
        )
    return text
