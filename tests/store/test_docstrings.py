"""The examples in the docstrings run, and no public method is without one."""

from __future__ import annotations

import doctest
import inspect
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import tandem_store
from tandem_store import (
    Month,
    RunFilter,
    RunRecord,
    Store,
    TenantScope,
    backup_store,
    copy_store,
    import_state,
    open_store,
    register_sql_functions,
    restore_store,
    upgrade,
    verify_state,
)
from tandem_store.runs import RunReader, Runs
from tests.support.databases import NewDatabase, NewStore, file_of
from tests.support.run_records import new_run
from tests.support.state_directories import StateDir

FUNCTIONS = {
    function.__name__: function
    for function in (
        backup_store,
        copy_store,
        import_state,
        open_store,
        register_sql_functions,
        restore_store,
        upgrade,
        verify_state,
    )
}
DOCUMENTED = {
    **{f"RunReader.{name}": method for name, method in inspect.getmembers(RunReader)},
    **{f"Runs.{name}": method for name, method in inspect.getmembers(Runs)},
    **{f"Store.{name}": method for name, method in inspect.getmembers(Store)},
    **FUNCTIONS,
    "RunRecord.new": RunRecord.new.__func__,
}
METHODS = {
    name: method
    for name, method in DOCUMENTED.items()
    if inspect.isfunction(method) and not name.rpartition(".")[2].startswith("_")
} | {"RunFilter": RunFilter, "TenantScope": TenantScope}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_the_example_runs(
    name: str, new_store: NewStore, new_store_on: NewDatabase, tmp_path: Path
) -> None:
    """Against an empty store called ``store`` and one with three runs called ``filled``.

    ``state`` is a state directory with one run, ``folder`` is empty. SQL functions are for SQLite,
    and ``file`` is the file of the filled store then.
    """
    (example,) = doctest.DocTestFinder(recurse=False).find(METHODS[name], name)
    url = new_store()
    filled_url = new_store_on("sqlite") if name == "register_sql_functions" else new_store()
    state = StateDir(tmp_path / "state")
    state.hot({"run-1": new_run("run-1").to_legacy()})
    with open_store(url) as store, open_store(filled_url) as filled:
        with filled.begin() as tx:
            for number, status in enumerate(("completed", "failed", "completed"), start=1):
                tx.runs.add(new_run(f"run-{number}", status=status))
        names: dict[str, Any] = {
            "store": store,
            "filled": filled,
            "url": url,
            "filled_url": filled_url,
            "file": file_of(filled_url),
            "state": state.root,
            "folder": tmp_path,
            "run": new_run("run-0", status="queued"),
            "timedelta": timedelta,
            "Month": Month,
            "RunFilter": RunFilter,
            "TenantScope": TenantScope,
            "RunRecord": RunRecord,
            **FUNCTIONS,
        }
        assert example.examples or name == "Store.close", f"{name} has no example"
        example.globs = names
        told: list[str] = []
        result = doctest.DocTestRunner().run(example, out=told.append)
        assert result.failed == 0, "".join(told)


def test_every_public_name_says_what_it_is() -> None:
    """Errors, records and functions alike."""
    silent = [
        name
        for name in tandem_store.__all__
        if name not in {"__version__", "ANY_DEPLOYMENT"}
        and not (getattr(tandem_store, name).__doc__ or "").strip()
    ]

    assert silent == []
