"""Which part of the store a caller may see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from tandem_store.errors import TenantScopeError

if TYPE_CHECKING:
    from tandem_store.records.tenant import TenantContext


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
