"""The program, run in this process, on a store of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tandem_store import RunRecord, Store
from tandem_store.cli.program import program
from tests.cli.terminals import on_terminal
from tests.support import legacy_runs

Run = Callable[..., Result]

__all__ = ["on_terminal"]


@pytest.fixture
def cli(store_url: str) -> Callable[..., Result]:
    """Runs the program with arguments on a store at head, on either database."""

    def run(*arguments: str, **options: Any) -> Result:
        environment = {"TANDEM_STORE_URL": store_url, "TANDEM_STORE_TRACEBACK": "1"}
        return CliRunner().invoke(program, arguments, env=environment, **options)

    return run


@pytest.fixture
def add(store: Store) -> Callable[..., RunRecord]:
    """Adds a run with the legacy fields that matter to the test."""

    def add_run(run_id: str, **fields: Any) -> RunRecord:
        run = RunRecord.model_validate(legacy_runs.full_run(run_id, **fields))
        with store.begin() as tx:
            tx.runs.add(run)
        return run

    return add_run
