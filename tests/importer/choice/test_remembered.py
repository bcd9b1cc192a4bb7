"""Copies that are not read again: what the ledger or the store remembers decides as they did."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tandem_store import open_store
from tandem_store.importer.choice.choose import Candidate
from tandem_store.importer.choice.facts import Facts
from tandem_store.importer.source.kinds import Source
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


@pytest.mark.parametrize("name", RECORDS)
def test_the_ledger_remembers_the_facts(store_url: str, state: StateDir, name: str) -> None:
    """A later import chooses between new copies and those that only the ledger has."""
    record = RECORDS[name]
    state.hot({"other": full_run("other"), "r": record})
    imported(store_url, state.root)

    with open_store(store_url) as store, store.read() as tx:
        (entry,) = tx.ledger.origins("r")

    # The ledger dates a run by its last update alone, which is all that the choice compares.
    facts = Facts.of_record(record)
    assert Facts.of_entry(entry) == replace(facts, month_at_ms=facts.updated_at_ms)


def test_the_ledger_remembers_damage(store_url: str, state: StateDir) -> None:
    """With the digest of its bytes, because nobody can read the record."""
    state.hot({"r": damaged("r")})
    imported(store_url, state.root)

    with open_store(store_url) as store, store.read() as tx:
        (entry,) = tx.ledger.origins("r")

    facts = Facts.of_entry(entry)
    assert (facts.kind, facts.run_id, facts.digest) == (entry.kind, "r", entry.digest)
    assert not facts.ignored


def test_a_remembered_copy_knows_where_it_came_from(store_url: str, state: StateDir) -> None:
    """Ties are broken by the source, then by file and position."""
    hot = state.hot({"other": full_run("other"), "r": full_run("r")})
    state.shard(full_run("r", detail="older", updated_at_ms=1))
    imported(store_url, state.root)

    with open_store(store_url) as store, store.read() as tx:
        entries = {entry.source: entry for entry in tx.ledger.origins("r")}

    of = {source: Candidate.of_entry(entry) for source, entry in entries.items()}
    assert set(of) == {"hot", "shard"}
    assert of["hot"].source is Source.HOT
    assert of["hot"].path == str(hot.relative_to(state.root))
    assert of["hot"].ordinal == hot.read_bytes().index(b'"r"')
    assert of["shard"].source is Source.SHARD
    assert of["shard"].ordinal == 0
    for source, one in of.items():
        assert one.entry == entries[source]
        assert one.facts == Facts.of_entry(entries[source])
        assert not one.stored
        assert not one.written_by_service


@pytest.mark.parametrize("by_service", [True, False])
def test_the_stored_run_is_a_candidate_too(by_service: bool) -> None:
    """It counts as a copy from the hot file, unless its source is known."""
    one = Candidate.of_stored(RECORDS["full"], written_by_service=by_service)
    other = Candidate.of_stored(
        RECORDS["full"], written_by_service=by_service, source=Source.ARCHIVE
    )

    assert one == Candidate(
        Facts.of_record(RECORDS["full"]),
        Source.HOT,
        "",
        0,
        stored=True,
        written_by_service=by_service,
    )
    assert other == replace(one, source=Source.ARCHIVE)
