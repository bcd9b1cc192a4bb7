"""``tandem-store verify`` as the person sees it who is about to delete the source."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import delete, insert

from tandem_store import open_store, tables
from tandem_store.verify import verify_state
from tests.support.importing import imported
from tests.support.program import command
from tests.support.state_directories import StateDir, run


def last_line(done: Result) -> str:
    """The sentence that decides."""
    return done.stdout.rstrip("\n").rpartition("\n")[2]


def back_up(url: str) -> None:
    """Note a backup, later than any import."""
    with open_store(url) as store, store.begin() as tx:
        row = {"taken_at_ms": 2**60, "location": __file__, "runs": 2, "digest": b"d"}
        tx.connection.execute(insert(tables.backups).values(**row))


def spoil_nothing(state: StateDir, url: str) -> None:
    """All is as it was imported."""


def lose_backup(state: StateDir, url: str) -> None:
    """No backup was made."""
    with open_store(url) as store, store.begin() as tx:
        tx.connection.execute(delete(tables.backups))


def lose_definitions(state: StateDir, url: str) -> None:
    """The store has none any more."""
    with open_store(url) as store, store.begin() as tx:
        tx.connection.execute(delete(tables.automations))


def add_definition(state: StateDir, url: str) -> None:
    """One that no import has seen."""
    path = state.data / "automations-v2/kept.json"
    path.with_name("late.json").write_bytes(path.read_bytes().replace(b"kept", b"late"))


def remove_history(state: StateDir, url: str) -> None:
    """An empty folder where a disk was mounted."""
    (state.data / "automation-runs").rename(state.root.parent / "unmounted")


def quarantine(state: StateDir, url: str) -> None:
    """A shard that is no JSON, imported as it is."""
    state.shard(run("torn")).write_bytes(b"{")
    imported(url, state.root)


def lead_out(state: StateDir, url: str) -> None:
    """A link that is not followed."""
    outside = state.root.parent / "outside"
    outside.mkdir()
    (state.data / "automation-runs/older").symlink_to(outside)


@pytest.mark.parametrize(
    ("spoil", "exit_code", "sentence"),
    [
        (
            spoil_nothing,
            0,
            "The source may be deleted: all its runs and definitions are in the store",
        ),
        (lose_backup, 0, "The source may be deleted once a backup is made"),
        (lose_definitions, 4, "Keep the source: 1 difference"),
        (add_definition, 4, "Keep the source: 1 difference"),
        (quarantine, 3, "Keep the source: 1 copy waits in quarantine"),
        (remove_history, 3, "Keep the source: 1 file that was imported is not there any more"),
        (lead_out, 3, "Keep the source: 1 file or folder was not read"),
    ],
)
def test_the_last_line_says_whether_the_source_may_go(
    clean: StateDir,
    url: str,
    spoil: Callable[[StateDir, str], None],
    exit_code: int,
    sentence: str,
) -> None:
    """And the exit code and the JSON say the same."""
    imported(url, clean.root)
    back_up(url)
    spoil(clean, url)

    done = command("--db", url, "verify", str(clean.root))
    told = json.loads(command("--db", url, "verify", str(clean.root), "--json").stdout)

    assert (done.exit_code, last_line(done)[: len(sentence)]) == (exit_code, sentence)
    assert told["may_delete_source"] is (spoil is spoil_nothing)
    assert bool(told["reasons"]) is not told["may_delete_source"]


def test_all_reasons_are_told_the_most_important_first(clean: StateDir, url: str) -> None:
    """One that is put right shall not be followed by a surprise."""
    imported(url, clean.root)
    quarantine(clean, url)
    lead_out(clean, url)
    lose_definitions(clean, url)

    line = last_line(command("--db", url, "verify", str(clean.root)))

    parts = ["1 difference", "not read", "in quarantine", "no backup"]
    places = [line.index(part) for part in parts]
    assert places == sorted(places)


def test_an_import_is_not_advised_for_what_was_deleted(clean: StateDir, url: str) -> None:
    """It brings back no run that somebody deleted from the store, and no difference would go."""
    imported(url, clean.root)
    with open_store(url) as store, store.begin() as tx:
        tx.runs.delete("one")
    imported(url, clean.root)

    done = command("--db", url, "verify", str(clean.root))

    assert done.exit_code == 4
    assert "takes what is new or has changed, but not what was deleted)" in last_line(done)


def test_what_goes_with_the_source_is_told(clean: StateDir, url: str) -> None:
    """The store has no more than the digests of copies that lost."""
    clean.root_hot({"one": run("one", updated_at_ms=run("one")["updated_at_ms"] - 1)})
    imported(url, clean.root)
    back_up(url)

    line = last_line(command("--db", url, "verify", str(clean.root)))

    assert line.endswith(
        "That also deletes 1 superseded copy, of which the store has only the digest."
    )


def test_a_directory_that_was_never_imported_is_one_sentence(
    clean: StateDir, url: str, tmp_path: Path
) -> None:
    """With the command that imports it, and not with every run in it."""
    imported(url, clean.root)
    other = StateDir(tmp_path / "other")
    other.hot({f"run {number}": run(f"run {number}") for number in range(30)})

    done = command("--db", url, "verify", str(other.root))

    assert done.exit_code == 4
    assert "run 1" not in done.stdout
    assert re.match(
        r"Keep the source: it was never imported into this store "
        rf"\(tandem-store --db \S+ import {re.escape(str(other.root))}\); no backup",
        last_line(done),
    )


def test_long_lists_are_cut_at_20(clean: StateDir, url: str) -> None:
    """With the number left; ``--json`` has all."""
    imported(url, clean.root)
    for number in range(33):
        clean.shard(run(f"late-{number}"))

    done = command("--db", url, "verify", str(clean.root))
    told = json.loads(command("--db", url, "verify", str(clean.root), "--json").stdout)

    assert done.stdout.count("late-") == 2 * 20  # its id and its path
    assert "... and 13 more; --json lists all" in done.stdout
    assert len(told["differences"]) == 33


@pytest.mark.parametrize("spoil", [spoil_nothing, add_definition, quarantine, lead_out])
def test_progress_ends_at_its_total(
    clean: StateDir, url: str, spoil: Callable[[StateDir, str], None]
) -> None:
    """A bar that stops at 98 % looks like a failure."""
    imported(url, clean.root)
    spoil(clean, url)
    told: list[tuple[int, int]] = []

    verify_state(url, clean.root, progress=lambda _phase, done, total: told.append((done, total)))

    assert told[-1][0] == told[-1][1] == max(done for done, _ in told)
