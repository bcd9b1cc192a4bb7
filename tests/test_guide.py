"""The guide is followed to the letter: every snippet and every command, in order."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, create_engine

from tandem_store import open_store
from tests.support import REPOSITORY

pytestmark = pytest.mark.postgresql

TEXT = (REPOSITORY / "docs" / "guide.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"^    tandem-store (--db runs\.db .+)$", TEXT, re.MULTILINE)


@pytest.fixture
def followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[dict[str, Any], str]:
    """What the guide's names mean after its last snippet, and what it printed."""
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS:
        subprocess.run([sys.executable, "-m", "tandem_store", *shlex.split(command)], check=True)
    names: dict[str, Any] = {"__name__": "guide"}
    for number, snippet in enumerate(SNIPPETS, start=1):
        exec(compile(snippet, f"<snippet {number} of docs/guide.md>", "exec"), names)
    names["writers"].shutdown()
    return names, capsys.readouterr().out


def test_the_guide_can_be_followed(followed: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    """It prints what it says it prints, and its worker has worked off the run."""
    promised = re.findall(r"^ *print\(.*\)  # ([^:\n]+)", TEXT, re.MULTILINE)

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


def test_its_fixture_works_in_a_test(tmp_path: Path) -> None:
    """As a service's tests would have it, with the run of the guide."""
    record = next(one for one in SNIPPETS if "run = RunRecord(" in one).partition("with store")[0]
    fixtures = next(one for one in SNIPPETS if "pytest.fixture" in one)
    module = tmp_path / "test_service.py"
    module.write_text(record + fixtures)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(module)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


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
