"""What a person sees on a terminal, in wide and in narrow ones."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.cells import cell_len

from tandem_store import RunRecord, open_store
from tandem_store.cli.terminal import folded
from tests.cli.terminals import OnTerminal, Terminal, without_style
from tests.support.legacy_runs import damaged, full_run
from tests.support.run_records import new_run
from tests.support.state_directories import StateDir

pytestmark = pytest.mark.sqlite

ID = "automation-v2-run-7815de76-9a82-d52b-d32c-a3b059f0dd4f"
BAD = "automation-v2-run-51624f23-301e-636f-5957-ba6ebf144c6a"
REASON = "The publisher answered 503 three times in a row while the newsletter was uploaded."


@pytest.fixture
def filled_url(store_url: str) -> str:
    """A store with a run that failed for a long reason, and one that awaits a decision."""
    failure = {"node_id": "n", "reason": REASON, "failed_at_ms": 1}
    with open_store(store_url) as store, store.begin() as tx:
        run = full_run(ID, status="failed", automation_id="automation-v2-weekly-brief")
        run["checkpoint"]["last_failure"] = failure
        tx.runs.add(RunRecord.model_validate(run))
        tx.runs.add(new_run("by-hand", status="awaiting_approval"))
    return store_url


@pytest.mark.parametrize("columns", [44, 80, 180])
def test_a_list_of_runs_takes_one_line_a_run(
    on_terminal: OnTerminal, filled_url: str, columns: int
) -> None:
    """A short id, an age and the state; the reason as far as there is room."""
    shown = on_terminal("--db", filled_url, "runs", "list", columns=columns)

    lines = without_style(shown).splitlines()
    assert len(lines) == 3
    assert all(cell_len(line) <= columns for line in lines)
    run = next(line for line in lines if line.startswith("7815de76 "))
    assert "failed" in run
    assert ("…" in run) == (columns == 80)
    assert (REASON in run) == (columns == 180)


def test_states_have_colours(on_terminal: OnTerminal, filled_url: str) -> None:
    """Unless they are not wanted, or the terminal has none."""
    plain = [
        on_terminal("--db", filled_url, "runs", "list", **environment)
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"})
    ]

    assert "\x1b[31mfailed" in on_terminal("--db", filled_url, "runs", "list")
    assert "\x1b[3" not in plain[0]
    assert "\x1b" not in plain[1]
    assert all("failed" in shown for shown in plain)


def test_times_are_shown_on_demand(on_terminal: OnTerminal, filled_url: str) -> None:
    """As a pipe gets them."""
    shown = on_terminal("--db", filled_url, "runs", "list", "--absolute")

    assert "2026-05-20T00:00:00Z" in shown
    assert "CREATED" in shown


@pytest.mark.parametrize(("columns", "term"), [(80, "xterm"), (120, "dumb")])
def test_a_damaged_import_breaks_no_id(
    on_terminal: OnTerminal, tmp_path: Path, store_url: str, columns: int, term: str
) -> None:
    """The summary, and the list of the quarantine."""
    state = StateDir(tmp_path / "s")
    state.shard(full_run(ID))
    state.shard(damaged(BAD))
    state.hot({ID: full_run(ID)})
    words = ("import", str(state.root), "--jobs", "1")

    summary = without_style(
        on_terminal("--db", store_url, *words, columns=columns, exit_code=3, TERM=term)
    )
    listed = without_style(
        on_terminal("--db", store_url, "quarantine", "list", columns=columns, TERM=term)
    )

    for shown in (summary, listed):
        lines = shown.splitlines()
        assert any(f"{BAD}.json" in line for line in lines)
        assert any("missing field `status`" in line for line in lines)
    assert any(line.split()[:3] == ["SOURCE", "FILES", "SIZE"] for line in summary.splitlines())
    assert "RECOVERED" not in summary


def test_what_fits_no_table_becomes_paragraphs(on_terminal: OnTerminal, filled_url: str) -> None:
    """Every figure is still there, and no word is broken."""
    shown = without_style(on_terminal("--db", filled_url, "stats", columns=30))

    assert "2026-05" in shown
    assert "status awaiting_approval" in shown
    assert "runs 1" in shown


def test_the_origins_of_a_run_are_records(
    on_terminal: OnTerminal, tmp_path: Path, store_url: str
) -> None:
    """What became of each copy, and where it stood."""
    state = StateDir(tmp_path / "s")
    state.hot({ID: full_run(ID)})
    on_terminal("--db", store_url, "import", str(state.root), "--jobs", "1")

    shown = without_style(on_terminal("--db", store_url, "runs", "show", "7815", "--origin"))

    assert shown.splitlines() == [
        "imported, from hot",
        "    data/automation_v2_runs.json",
        f"      entry {ID}",
        "    updated 2026-05-20T01:00:00Z",
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("short", ["short"]),
        ("  three words here", ["  three words", "  here"]),
        (
            "Do it: tandem-store --db x stats",
            ["Do it:", "tandem-store --db x stats"],
        ),
        (
            "Keep it: two wait (tandem-store stats); no more (tandem-store dump).",
            ["Keep it: two", "wait", "(tandem-store stats);", "no more", "(tandem-store dump)."],
        ),
        ("See a-very-long-name-of-a-file", ["See", "a-very-long-name-of-a-file"]),
    ],
)
def test_words_are_broken_between_lines_not_commands(text: str, lines: list[str]) -> None:
    """A command that is copied from a terminal has no line end in it; a pipe gets lines whole."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", "14")
        assert folded(text, Terminal()).split("\n") == lines
    assert folded(text, io.StringIO()) == text
