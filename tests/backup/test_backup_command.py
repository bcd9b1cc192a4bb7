"""What ``backup`` and ``restore`` print."""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

import orjson
import pytest

from tandem_store import open_store
from tests.support.databases import file_of
from tests.support.program import command
from tests.support.run_records import new_run
from tests.support.stored import dump


def test_the_last_line_says_how_to_restore_it(store_url: str, folder: Path) -> None:
    """And what it holds; typed as it stands, it works."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("r"))

    done = command("--db", store_url, "backup", folder / "with space.db")

    held, _, advice = done.stdout.splitlines()[-1].partition(" To restore it: tandem-store ")
    assert held.startswith("1 run in 1 month, ")
    words = shlex.split(advice.replace("NEW", str(folder / "new.db")))
    restored = command(*words)
    assert restored.exit_code == 0, restored.stderr
    assert restored.stdout.startswith("1 run in 1 month, ")
    assert restored.stdout.endswith(f"The store is now at: {folder / 'new.db'}\n")
    assert dump(str(folder / "new.db")) == dump(store_url)


def test_json_has_it_all(store_url: str, folder: Path) -> None:
    """For scripts."""
    with open_store(store_url) as store, store.begin() as tx:
        tx.runs.add(new_run("r"))

    done = command("--db", store_url, "backup", folder / "b.db.zst", "--json")
    told = orjson.loads(done.stdout_bytes)
    back = orjson.loads(
        command("--db", folder / "new.db", "restore", folder / "b.db.zst", "--json").stdout_bytes
    )

    content = (folder / "b.db.zst").read_bytes()
    assert (told["file"], told["bytes"]) == (str(folder / "b.db.zst"), len(content))
    assert told["sha256"] == back["sha256"] == hashlib.sha256(content).hexdigest()
    assert told["runs"] == back["runs"] == told["tables"]["run_documents"] == 1
    assert told["months"]["2026-05"] == back["months"]["2026-05"] == 1
    assert (told["recorded"], told["removed"], told["left_behind"]) == (True, [], [])
    assert back["store"] == str(folder / "new.db")
    assert (back["sealed"], back["upgraded_from"]) == (True, None)
    assert told["seconds"] > 0 < back["seconds"]


@pytest.mark.sqlite
def test_what_the_system_refuses_is_a_sentence(store_url: str, tmp_path: Path) -> None:
    """A file as a folder."""
    path = file_of(store_url)

    for words in (["backup", path / "b.db"], ["restore", path / "b.db"]):
        done = command("--db", tmp_path / "store.db", *words)
        assert done.exit_code == 1
        assert str(path) in done.stderr


def test_a_password_is_not_printed(folder: Path) -> None:
    """Not when the server cannot be reached, either."""
    (folder / "b.db").write_bytes(b"x")
    url = "postgresql://u:secret@localhost:1/d?sslpassword=secret"

    for words in (["backup", folder / "c.db"], ["restore", folder / "b.db"]):
        done = command("--db", url, *words)
        assert done.exit_code == 1
        assert "secret" not in done.output
