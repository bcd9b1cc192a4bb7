"""A source with copies of every kind of outcome, and a database of each kind to import it into."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.state_directories import (
    MONTH_MS,
    StateDir,
    context_state,
    damaged,
    definition,
    full_run,
    run,
    stripped,
)


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """A state directory with copies of every kind of outcome."""
    state = StateDir(tmp_path / "state")
    state.shard(run("whole"))
    full = full_run("stripped")
    state.shard(full, month="2026/01")
    state.hot({"stripped": stripped(full, updated_at_ms=full["updated_at_ms"] + MONTH_MS)})
    state.hot({"broken": damaged("broken")})
    state.shard(run("torn")).write_bytes(b'{"schema_version": 1, "run": {')
    state.context(context_state("lonely"))
    return state


@pytest.fixture
def clean(tmp_path: Path) -> StateDir:
    """A state directory with two whole runs and a definition, and nothing to object to."""
    state = StateDir(tmp_path / "clean state")
    state.shard(run("one"))
    state.hot({"two": run("two")})
    state.definition(definition("kept", updated_at_ms=1_000))
    return state
