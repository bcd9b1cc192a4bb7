"""Records too large to parse: quarantined by place and digest, in memory that does not follow."""

from __future__ import annotations

import json
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest

from tandem_store import open_store
from tandem_store.cli import exits
from tandem_store.importer import ImportOptions, import_state, retry_quarantined
from tandem_store.importer.source.salvage.tokens import LARGEST_RECORD
from tandem_store.quarantine import QuarantineItem
from tandem_store.verify import verify_state
from tests.support.importing import imported
from tests.support.state_directories import StateDir, context_state, definition, run
from tests.support.stored import stored_runs

_SMALL = 20_000


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that a test can go beyond in no time."""
    for module in ("parsing", "splitting", "source_reader", "retry"):
        monkeypatch.setattr(f"tandem_store.importer.{module}.LARGEST_RECORD", _SMALL)
    for module in ("tokens", "entries", "damaged_ranges"):
        monkeypatch.setattr(f"tandem_store.importer.source.salvage.{module}.LARGEST_RECORD", _SMALL)


def _quarantined(url: str) -> list[QuarantineItem]:
    with open_store(url) as store, store.read() as tx:
        return tx.quarantine.list()


def _grown(path: Path) -> bytes:
    """A file made larger than the limit, whole all the same."""
    path.write_bytes(path.read_bytes() + b" " * _SMALL)
    return path.read_bytes()


@pytest.mark.usefixtures("small_limit")
def test_a_file_beyond_the_limit_is_quarantined_and_the_others_are_imported(
    state: StateDir, url: str
) -> None:
    """A shard, a context run and a definition; only their digests are kept."""
    state.shard(run("small"))
    large = [
        _grown(path)
        for path in (
            state.shard(run("large")),
            state.context(context_state("large")),
            state.definition(definition("auto-1")),
        )
    ]

    report = import_state(url, state.root, ImportOptions())

    assert list(stored_runs(url)) == ["small"]
    items = _quarantined(url)
    assert {item.reason for item in items} == {"too_large"}
    assert {item.digest for item in items} == {sha256(data).digest() for data in large}
    assert all(item.kept_in_source for item in items)
    assert exits.of_import(report) == 3


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize("indent", [None, 2])
def test_an_entry_beyond_the_limit_costs_no_other(
    state: StateDir, url: str, indent: int | None
) -> None:
    """Also where the file is damaged at another place."""
    runs = {name: run(name) for name in ("a", "b", "c", "d")}
    runs["b"]["detail"] = "x" * _SMALL
    text = json.dumps({"schema_version": 1, "runs": runs}, indent=indent)
    state.write("data/automation_v2_runs.json", text.replace('"d"', '"d" {', 1).encode())

    imported(url, state.root)

    assert sorted(stored_runs(url)) == ["a", "c"]
    assert {"b"} <= {item.key for item in _quarantined(url)}


@pytest.mark.usefixtures("small_limit")
def test_what_is_too_large_stays_so_on_every_way(state: StateDir, url: str) -> None:
    """The second import and the verification know it again; a retry says why it cannot."""
    _grown(state.shard(run("large")))
    _grown(state.definition(definition("auto-1")))
    state.hot({"a": run("a"), "b": run("b", detail="x" * _SMALL)})
    imported(url, state.root)

    again = imported(url, state.root)
    verified = verify_state(url, state.root)
    retried = retry_quarantined(url, [item.id for item in _quarantined(url)])

    assert (again["outcomes"]["unchanged"], again["copies"]) == (3, 3)
    assert verified.differences == []
    assert len(retried.items) == 3
    assert all("still too large" in item.message for item in retried.items)


def test_a_sparse_file_does_not_take_its_size_in_memory(state: StateDir, url: str) -> None:
    """A disk that was full, or a copy that broke off, leaves such a file: it is read in chunks."""
    state.shard(run("small"))
    with state.shard(run("sparse")).open("r+b") as file:
        file.truncate(3 * LARGEST_RECORD)
    tracemalloc.start()
    try:
        report = import_state(url, state.root, ImportOptions())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert list(stored_runs(url)) == ["small"]
    assert [item.reason for item in report.quarantined] == ["too_large"]
    assert peak < 2 * LARGEST_RECORD
