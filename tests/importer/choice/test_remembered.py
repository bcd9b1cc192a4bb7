"""Copies that are not read again: what the ledger or the store remembers decides as they did."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from tandem_store import open_store
from tandem_store.importer.choice.entries import entry_of_stored
from tandem_store.importer.source.kinds import Source
from tandem_store.ledger import Kind
from tests.support.importing import imported
from tests.support.legacy_runs import (
    checkpoint,
    context_stub,
    corrupt_stub,
    damaged,
    full_run,
    run,
)
from tests.support.state_directories import StateDir

RECORDS: dict[str, Any] = {
    "full": full_run("r"),
    "bare": run("r", status="running", checkpoint=checkpoint()),
    "corrupt entry": corrupt_stub("r"),
    "context stub": context_stub("r"),
    "of a tenant": full_run("r", tenant_context={"org_id": "o", "workspace_id": "w"}),
}


#: What the choice compares.
FACTS = (
    "run_id",
    "digest",
    "month",
    "kind",
    "tenant",
    "automation",
    "updated_at_ms",
    "outputs",
    "parts",
)


@pytest.mark.parametrize("name", RECORDS)
def test_the_ledger_remembers_the_facts(store_url: str, state: StateDir, name: str) -> None:
    """A later import chooses between new copies and those that only the ledger has."""
    record = RECORDS[name]
    state.hot({"other": full_run("other"), "r": record})
    imported(store_url, state.root)

    with open_store(store_url) as store, store.read() as tx:
        (entry,) = tx.ledger.origins("r")

    assert {name: getattr(entry, name) for name in FACTS} == {
        name: getattr(entry_of_stored(record), name) for name in FACTS
    }


def test_the_ledger_remembers_damage(store_url: str, state: StateDir) -> None:
    """With the digest of its bytes, because nobody can read the record."""
    hot = state.hot({"r": damaged("r")})
    imported(store_url, state.root)

    with open_store(store_url) as store, store.read() as tx:
        (entry,) = tx.ledger.origins("r")

    assert (entry.kind, entry.run_id) == (Kind.DAMAGED, "r")
    start, stop = entry.start, entry.stop
    assert entry.digest == sha256(hot.read_bytes()[start:stop]).digest()


def test_a_remembered_copy_knows_where_it_came_from(store_url: str, state: StateDir) -> None:
    """Ties are broken by the source, then by file and position."""
    hot = state.hot({"other": full_run("other"), "r": full_run("r")})
    state.shard(full_run("r", detail="older", updated_at_ms=1))
    imported(store_url, state.root)

    with open_store(store_url) as store, store.read() as tx:
        entries = {entry.source: entry for entry in tx.ledger.origins("r")}

    assert set(entries) == {"hot", "shard"}
    assert entries["hot"].path == str(hot.relative_to(state.root))
    assert entries["hot"].ordinal == hot.read_bytes().index(b'"r"')
    assert entries["shard"].ordinal == 0


def test_the_stored_run_is_a_copy_too() -> None:
    """It counts as one from the hot file, unless its source is known."""
    record = RECORDS["full"]

    one, other = entry_of_stored(record), entry_of_stored(record, Source.ARCHIVE.value)

    assert (one.source, one.path, one.ordinal, one.id) == ("hot", "", 0, 0)
    assert other == one._replace(source="archive")
