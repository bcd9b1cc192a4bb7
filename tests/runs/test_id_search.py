"""Ids are found by how they begin, in the order of their code points."""

from __future__ import annotations

import pytest

from tandem_store import Store, TenantScope
from tests.support.run_records import add_all, new_run

ACME = {"org_id": "acme", "workspace_id": "north"}
IDS = [
    "",
    "a",
    "a\0z",
    "ab",
    "aé",
    "a\U0010ffff",
    "a\U0010ffffz",
    "b",
    "\ud7ff",
    "\ue000",
    "automation-v2-run-7815",
    "automation-v2-7815",
    "7815",
    "7816",
]


@pytest.fixture
def filled(store: Store) -> Store:
    """Runs with ids at the edges of what text can be."""
    add_all(store, [new_run(run_id, tenant_context=ACME) for run_id in IDS])
    return store


@pytest.mark.parametrize(
    ("beginning", "expected"),
    [
        ("a", sorted(run_id for run_id in IDS if run_id.startswith("a"))),
        ("a\0", ["a\0z"]),
        ("A", []),
        ("a%", []),
        ("_", []),
        ("a\U0010ffff", ["a\U0010ffff", "a\U0010ffffz"]),
        ("\U0010ffff", []),
        ("\ud7ff", ["\ud7ff"]),
        ("\udcff", []),
        ("7815", ["7815", "automation-v2-7815", "automation-v2-run-7815"]),
        ("run-78", ["automation-v2-run-7815"]),
        ("", []),
    ],
)
def test_all_that_begin_so_are_found(filled: Store, beginning: str, expected: list[str]) -> None:
    """Nothing else, whatever signs are in it; also behind the engine's prefix."""
    with filled.read() as tx:
        assert list(tx.runs.find_ids(beginning, limit=100)) == expected


def test_no_more_are_found_than_asked_for(filled: Store) -> None:
    """The first ones."""
    with filled.read() as tx:
        assert tx.runs.find_ids("a", limit=2) == ("a", "a\0z")


def test_a_tenant_finds_its_own(filled: Store) -> None:
    """Of others it does not learn that there are any."""
    other, own = TenantScope(org_id="other", workspace_id="north"), TenantScope(**ACME)

    with filled.for_tenant(other).read() as tx:
        assert tx.runs.find_ids("a", limit=9) == ()
    with filled.for_tenant(own).read() as tx:
        assert tx.runs.find_ids("ab", limit=9) == ("ab",)
