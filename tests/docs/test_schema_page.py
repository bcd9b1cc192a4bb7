"""The page of the tables: its SQL and its Python are run on a store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tandem_store import Store, open_store
from tandem_store.database.revisions import upgrade
from tests.docs.pages import DOCS, snippets
from tests.support.run_records import new_run

PAGE = DOCS / "reference" / "schema.md"
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
RUNS = [
    new_run("run-1", started_at_ms=1_000, finished_at_ms=3_500, total_tokens=5),
    new_run("run-2", status="failed", failed_node="publish"),
]


def fill(store: Store) -> None:
    """Two runs, one of which failed."""
    with store.begin() as tx:
        tx.runs.add_many(RUNS)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.splitlines()[0])
def test_its_sql_finds_something(store_url: str, query: str) -> None:
    """On either database."""
    with open_store(store_url) as store:
        fill(store)
        with store.read() as tx:
            assert tx.connection.execute(text(query)).all()


@pytest.mark.postgresql
def test_its_python_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    store_url: str,
) -> None:
    """Block by block, the one for a server on a server."""
    monkeypatch.chdir(tmp_path)
    upgrade("runs.db")
    for url in ("runs.db", store_url):
        with open_store(url) as store:
            fill(store)
    names: dict[str, Any] = {}
    code = snippets(PAGE)
    written = '"postgresql+psycopg://analyst@server/tandem"'
    assert sum(written in one for one in code) == 1

    for number, snippet in enumerate(code, start=1):
        server = snippet.replace(written, repr(store_url))
        exec(compile(server, f"<snippet {number} of {PAGE.name}>", "exec"), names)
        names["engine"].dispose() if "engine" in names else None

    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("run-2 2026-05 ")
    assert printed[1].startswith("2026-05 ")
    assert printed[2:] == ["2", "['run-1', 'run-2']", "['run-1', 'run-2']"]
