"""``copy``: what it prints, and what it never prints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
from click.testing import Result

from tests.support.databases import NewDatabase
from tests.support.stored import dump

Cli = Callable[..., Result]


def test_prints_tables_months_and_where_the_store_is_now(
    cli: Cli, add: Callable[..., Any], tmp_path: Path
) -> None:
    """What an operator checks before pointing services at it."""
    add("r")

    done = cli("copy", "--to", str(tmp_path / "new.db"))

    assert done.exit_code == 0
    assert "2026-05     1" in done.stdout
    assert "no differences" in done.stdout
    assert f"The store is now at: {tmp_path / 'new.db'}" in done.stdout


def test_json_has_counts_and_seconds(
    cli: Cli, add: Callable[..., Any], store_url: str, tmp_path: Path
) -> None:
    """For scripts that compare them with their own."""
    add("r")
    target = str(tmp_path / "new.db")

    told = orjson.loads(cli("copy", "--from", store_url, "--to", target, "--json").stdout_bytes)

    assert told["tables"]["runs"] == told["tables"]["run_documents"] == 1
    # On PostgreSQL there is the present month as well, made beforehand.
    assert {month: runs for month, runs in told["months"].items() if runs} == {"2026-05": 1}
    assert (told["differences"], told["left_behind"]) == ([], [])
    assert told["seconds"] > 0
    assert dump(target) == dump(store_url)


def test_a_password_is_not_printed(cli: Cli) -> None:
    """Not when the server cannot be reached, either."""
    done = cli("copy", "--to", "postgresql://u:secret@localhost:1/d?sslpassword=secret")

    assert done.exit_code == 1
    assert "connection to the PostgreSQL server failed" in done.stderr
    assert "secret" not in done.output


def test_a_target_with_rows_is_named_without_its_password(
    cli: Cli, add: Callable[..., Any], new_store_on: NewDatabase
) -> None:
    """The sentence says which database it was."""
    add("r")
    target = new_store_on("postgresql").replace("postgres:@", "postgres:secret@")
    assert cli("copy", "--to", target, "--json").exit_code == 0
    add("another")

    done = cli("copy", "--to", target)

    assert done.exit_code == 1
    assert "postgres:***@" in done.stderr
    assert "not empty" in done.stderr
    assert "secret" not in done.output
