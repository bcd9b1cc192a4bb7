"""docs/service.md is followed to the letter: every snippet and every command, in order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tandem_store import open_store
from tests.docs.pages import DOCS, commands, snippets, words
from tests.support import REPOSITORY
from tests.support.run_records import new_run

pytestmark = pytest.mark.postgresql

PAGE = DOCS / "service.md"
SNIPPETS = snippets(PAGE)
COMMANDS = [words(line) for line in commands(PAGE, "tandem-store --db runs.db ")]


@pytest.fixture
def followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], str]:
    """What the guide's names mean after its last snippet, and what it printed."""
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        subprocess.run([sys.executable, "-m", "tandem_store", *command], check=True)
    names: dict[str, Any] = {"__name__": "guide"}
    for number, snippet in enumerate(SNIPPETS, start=1):
        exec(
            compile(snippet, f"<snippet {number} of docs/service.md>", "exec", dont_inherit=True),
            names,
        )
    names["writers"].shutdown()
    return names, capsys.readouterr().out


def test_the_guide_can_be_followed(followed: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    """It prints what it says it prints, and its worker has worked off the run."""
    promised = re.findall(r"^ *print\(.*\)  # ([^:\n]+)", PAGE.read_text(), re.MULTILINE)

    printed = followed[1].splitlines()
    assert promised
    assert [line for line in promised if line not in printed] == []
    with open_store(str(tmp_path / "runs.db")) as store:
        with store.read() as tx:
            run = tx.runs.get("run-1")
            claims = list(tx.runs.claims())
    assert run is not None
    assert run.status == "completed"
    assert run.checkpoint.completed_nodes == ["draft", "publish"]
    assert set(run.checkpoint.node_outputs) == {"draft", "publish"}
    assert [claim.worker for claim in claims] == [None]


def test_its_test_passes_in_another_package(tmp_path: Path) -> None:
    """With the plugin switched on as the guide says."""
    switch = next(one for one in SNIPPETS if one.startswith("pytest_plugins"))
    test = next(one for one in SNIPPETS if "def test_" in one)
    (tmp_path / "conftest.py").write_text(switch)
    (tmp_path / "test_service.py").write_text(test)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_a_services_own_rows_are_in_the_same_transaction(
    followed: tuple[dict[str, Any], str], store_url: str
) -> None:
    """Both are stored, or neither."""
    guide = followed[0]
    engine = create_engine(store_url)
    guide["Base"].metadata.create_all(engine)
    with open_store(store_url) as store:
        guide["place_order"](store, 1, new_run("ordered"))
        with pytest.raises(IntegrityError):
            guide["place_order"](store, 1, new_run("refused"))

        with store.read() as tx, Session(engine) as session:
            assert tx.runs.exists("ordered")
            assert not tx.runs.exists("refused")
            assert session.scalars(select(guide["Order"].run_id)).all() == ["ordered"]
    engine.dispose()


def test_a_services_own_migrations_leave_the_store_alone(
    followed: tuple[dict[str, Any], str], store_url: str
) -> None:
    """With the guide's filter, and without schemas at all; without the filter they would not."""
    theirs = MetaData()
    Table("orders", theirs, Column("id", Integer, primary_key=True))
    engine = create_engine(store_url)
    with engine.begin() as connection:
        theirs.create_all(connection)

    def changes(**options: Any) -> list[Any]:
        context = MigrationContext.configure(connection, opts=options)
        found: list[Any] = compare_metadata(context, theirs)
        return found

    with engine.connect() as connection:
        assert changes() == []
        include_name = followed[0]["include_name"]
        assert changes(include_schemas=True, include_name=include_name) == []
        assert changes(include_schemas=True)
    engine.dispose()
    with open_store(store_url) as store, store.read() as tx:
        assert tx.runs.count() == 0
