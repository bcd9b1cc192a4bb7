"""Which tenants a scope covers."""

from __future__ import annotations

from typing import Any

import pytest

from tandem_store.errors import TenantScopeError
from tandem_store.records import ANY_DEPLOYMENT, AnyDeployment, TenantContext, TenantScope


@pytest.mark.parametrize("value", ["", " ", "\t", 5, b"acme", ["acme"], ANY_DEPLOYMENT, None])
@pytest.mark.parametrize("field", ["org_id", "workspace_id", "deployment_id"])
def test_an_id_is_a_text_that_is_not_blank(field: str, value: Any) -> None:
    """A scope that was filled from an empty setting must not match by accident."""
    if field == "deployment_id" and value in (None, ANY_DEPLOYMENT):
        return  # these two have a meaning
    ids: dict[str, Any] = {"org_id": "acme", "workspace_id": "north"} | {field: value}

    with pytest.raises(TenantScopeError, match=field):
        TenantScope(**ids)


@pytest.mark.parametrize(
    ("scope", "deployment", "covered"),
    [
        (None, None, True), (None, "d", False), ("d", "d", True), ("d", None, False),
        ("d", "e", False), (ANY_DEPLOYMENT, None, True), (ANY_DEPLOYMENT, "d", True),
    ],
)  # fmt: skip
def test_a_deployment_is_covered_exactly_or_all_are(
    scope: str | AnyDeployment | None, deployment: str | None, covered: bool
) -> None:
    """None means no deployment, not any."""
    tenant = TenantContext(org_id="acme", workspace_id="north", deployment_id=deployment)

    assert (
        TenantScope(org_id="acme", workspace_id="north", deployment_id=scope).covers(tenant)
        is covered
    )


def test_another_workspace_is_never_covered() -> None:
    """Organisation and workspace have to be the same."""
    scope = TenantScope(org_id="acme", workspace_id="north", deployment_id=ANY_DEPLOYMENT)

    assert not scope.covers(TenantContext(org_id="acme", workspace_id="south"))
    assert not scope.covers(TenantContext(org_id="acne", workspace_id="north"))
