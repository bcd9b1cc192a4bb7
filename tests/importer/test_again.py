"""Importing again: the store takes part with what it has, and what people did stays done."""

from __future__ import annotations

import os
from pathlib import Path

from tandem_store import open_store
from tests.support.databases import NewStore
from tests.support.importing import imported
from tests.support.json_values import exact
from tests.support.state_directories import StateDir, full_run
from tests.support.stored import dump, stored_runs


def rewrite_later(path: Path, seconds: int = 10) -> None:
    """Move the file's time on, as a write would, so that it is read again."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + seconds * 1_000_000_000))


def test_a_newer_copy_replaces_the_stored_run(state: StateDir, new_store: NewStore) -> None:
    """The engine went on after the first import; the second brings the store up to date."""
    url = new_store()
    state.shard(full_run("again"))
    imported(url, state.root)
    newer = full_run("again", hours=2, detail="went on")
    rewrite_later(state.shard(newer))

    report = imported(url, state.root)

    assert report["outcomes"]["imported"] == 1
    assert exact(stored_runs(url)) == exact({"again": newer})


def test_an_older_copy_does_not(state: StateDir, new_store: NewStore) -> None:
    """A restored backup of the source takes nothing back."""
    url = new_store()
    newer = full_run("again", hours=2)
    state.shard(newer)
    imported(url, state.root)
    rewrite_later(state.shard(full_run("again")))

    report = imported(url, state.root)

    assert report["outcomes"]["superseded"] == 1
    assert exact(stored_runs(url)) == exact({"again": newer})


def test_a_revision_of_a_service_wins_when_times_are_equal(
    state: StateDir, new_store: NewStore
) -> None:
    """What a service wrote is never overwritten by an equal or older copy, however full."""
    url = new_store()
    path = state.shard(full_run("again"))
    imported(url, state.root)
    with open_store(url) as store, store.begin() as tx:
        found = tx.runs.get_versioned("again")
        assert found is not None
        edited = found.run.model_copy(update={"detail": "by the service"})
        tx.runs.save(edited, expected_revision=found.revision)
    state.shard(full_run("again", nodes=("draft", "review", "publish")))
    rewrite_later(path)

    imported(url, state.root)

    assert stored_runs(url)["again"]["detail"] == "by the service"


def test_a_run_of_another_tenant_is_not_overwritten(state: StateDir, new_store: NewStore) -> None:
    """An id that another tenant's run has in the store is a conflict, even if the copy is newer."""
    url = new_store()
    first = full_run("again")
    state.shard(first)
    imported(url, state.root)
    acme = {"org_id": "acme", "workspace_id": "north", "source": "explicit"}
    rewrite_later(state.shard(full_run("again", hours=2, tenant_context=acme)))

    report = imported(url, state.root)

    assert [one["reason"] for one in report["quarantined"]] == ["tenant_conflict"]
    assert exact(stored_runs(url)) == exact({"again": first})


def test_new_files_are_imported_beside_unchanged_ones(state: StateDir, new_store: NewStore) -> None:
    """Only what is new is read; together the outcomes are still all copies."""
    url = new_store()
    state.shard(full_run("first"))
    imported(url, state.root)
    state.shard(full_run("second"))

    report = imported(url, state.root)

    assert report["outcomes"]["unchanged"] == report["outcomes"]["imported"] == 1
    assert report["copies"] == report["runs"] == 2


def test_a_touched_file_with_the_same_content_changes_nothing(
    state: StateDir, new_store: NewStore
) -> None:
    """The file is read again, but the run has its revision still."""
    url = new_store()
    path = state.shard(full_run("again"))
    imported(url, state.root)
    before = dump(url)
    rewrite_later(path)

    imported(url, state.root)

    assert dump(url) == before
