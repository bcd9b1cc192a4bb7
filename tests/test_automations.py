"""The current definitions."""

from __future__ import annotations

import pytest

from tandem_store import AutomationSpec, Store, UnstorableError
from tests.support.legacy_runs import definition


def spec(automation_id: str, **fields: object) -> AutomationSpec:
    """A definition with the fields that matter to the test."""
    return AutomationSpec.model_validate(definition(automation_id, **fields))


def test_a_definition_comes_back_whole(store: Store) -> None:
    """Every field survives, unknown ones among them."""
    given = spec("a\0", name="N\0", newer={"x": 1.0})

    with store.begin() as tx:
        assert tx.automations.put(given)

    with store.read() as tx:
        found = tx.automations.get("a\0")
        assert tx.automations.get("nobody") is None
    assert found is not None
    assert found.to_legacy() == given.to_legacy()


def test_putting_the_same_definition_writes_nothing(store: Store) -> None:
    """Only a change is a write."""
    with store.begin() as tx:
        assert tx.automations.put(spec("a"))
        assert not tx.automations.put(spec("a"))
        assert tx.automations.put(spec("a", name="Other"))
        assert [found.name for found in tx.automations.iterate()] == ["Other"]


def test_ids_come_in_the_order_of_their_code_points(store: Store) -> None:
    """On both databases."""
    with store.begin() as tx:
        for name in ("b", "B", "é", "a\0"):
            tx.automations.put(spec(name))

        assert tx.automations.ids() == ("B", "a\0", "b", "é")


def test_a_time_that_no_column_holds_is_refused(store: Store) -> None:
    """It is for the quarantine, not for a silent change."""
    with store.begin() as tx, pytest.raises(UnstorableError) as refused:
        tx.automations.put(spec("a", updated_at_ms=2**64 - 1))

    assert refused.value.reason == "out_of_range"
