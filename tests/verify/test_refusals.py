"""What is no state directory is refused, by the verification as by the import."""

from __future__ import annotations

from pathlib import Path

import pytest

from tandem_store.errors import SourceError
from tandem_store.importer.source.recognition import begins_like_runs
from tandem_store.verify import verify_state
from tests.support.importing import imported
from tests.support.program import command
from tests.support.state_directories import StateDir, definition, pretty, run


@pytest.mark.parametrize("folder", ["", "data/automation-runs", "data/automation-runs/x/2026/05"])
def test_a_folder_that_no_engine_made_is_no_pass(tmp_path: Path, url: str, folder: str) -> None:
    """An empty mount point, or a folder inside of the right one."""
    empty = tmp_path / "empty"
    (empty / folder).mkdir(parents=True)

    with pytest.raises(SourceError, match="not a state directory"):
        verify_state(url, empty / folder)


def test_a_folder_inside_of_the_right_one_is_no_pass(clean: StateDir, url: str) -> None:
    """It holds runs, but nothing would be compared."""
    imported(url, clean.root)

    with pytest.raises(SourceError, match="not a state directory"):
        verify_state(url, clean.data / "automation-runs")


FOREIGN = {
    "passwd": b"root:x:0:0:root:/root:/bin/bash\n",
    "picture.png": b"\x89PNG\r\n\x1a\n\x00\x00",
    "shard.json": pretty({"schema_version": 1, "run": run("a")}),
    "turned.json": pretty({"run": run("a"), "schema_version": 1}),
    "bare.json": pretty(run("a")),
    "automations_v2.json": pretty({"a": definition("a")}),
    "list.json": pretty([run("a")]),
    "sarif.json": pretty({"runs": [{"tool": {}}]}),
    "empty.json": b"",
    "nothing.json": b"{}",
}


@pytest.mark.sqlite
@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("verb", ["import", "verify"])
def test_a_file_that_holds_no_runs_is_refused(
    tmp_path: Path, verb: str, name: str, store_url: str
) -> None:
    """Before a database is made, and without a byte of it in quarantine."""
    foreign = tmp_path / "files" / name
    foreign.parent.mkdir()
    foreign.write_bytes(FOREIGN[name])
    target = f"sqlite:///{tmp_path / 'new.db'}" if verb == "import" else store_url

    done = command("--db", target, verb, str(foreign))

    assert done.exit_code == 1
    assert f"{name} is not a file of runs" in done.stderr
    assert not (tmp_path / "new.db").exists()


WHOLE = pretty({"schema_version": 1, "runs": {"a": run("a"), "b": run("b")}})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mine.json", WHOLE),
        ("mine.json", b"\xef\xbb\xbf" + WHOLE),
        ("mine.json", WHOLE[: len(WHOLE) * 3 // 4]),
        ("mine.json", pretty({"a": run("a"), "b": run("b")})),
        ("mine.json", pretty({"a": dict(sorted(run("a").items()))})),
        ("mine.json", pretty({"runs": {"a": run("a")}, "schema_version": 1})),
        ("automation_v2_runs.json", b"garbage" + WHOLE),
        ("automation_v2_runs.bak.json", b"\x00" * 99 + WHOLE),
    ],
)
def test_a_file_of_runs_by_another_name_is_taken(
    tmp_path: Path, url: str, name: str, content: bytes
) -> None:
    """If it begins like one; one with the engine's name is salvaged however it begins."""
    hot = tmp_path / "files" / name
    hot.parent.mkdir()
    hot.write_bytes(content)

    assert imported(url, hot)["runs"] > 0
    assert verify_state(url, hot).differences == []


def test_an_entry_larger_than_what_is_looked_at_is_recognised() -> None:
    """It is not parsed to tell what it is."""
    large = pretty({"a": {"detail": "x" * 2_000_000, "run_id": "a"}})
    first = pretty({"a": {"run_id": "a", "detail": "x" * 2_000_000}})

    assert begins_like_runs(first[:1_000_000])
    assert not begins_like_runs(large[:1_000_000])
