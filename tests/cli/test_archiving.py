"""The commands about old months and holds: what they print, ask, and exit with."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from tandem_store import open_store
from tandem_store.cli.program import program
from tests.archiving.conftest import months_file as months_file
from tests.archiving.conftest import months_url as months_url
from tests.archiving.months import EACH, FEBRUARY, MARCH, run_id, run_of
from tests.support.program import answer, command

pytestmark = pytest.mark.sqlite


def test_detaching_and_attaching_say_where_the_month_is(months_url: str, tmp_path: Path) -> None:
    """And how to read it there."""
    archive = tmp_path / "archives" / "2020-02.tandem"

    gone = command("--db", months_url, "months", "detach", "2020-02", "--to", archive.parent)
    listed = command("--db", months_url, "months", "list")
    back = command("--db", months_url, "months", "attach", archive)

    assert gone.exit_code == listed.exit_code == back.exit_code == 0, gone.stderr + back.stderr
    assert f"{EACH} runs and 1 quarantined item went into {archive}" in gone.stdout
    assert f"tandem-store --db {archive} runs list" in gone.stdout
    assert f"tandem-store --db {months_url} months attach {archive}" in gone.stdout
    assert "detached" in listed.stdout
    assert str(archive) in listed.stdout
    assert f"{EACH} runs and 1 quarantined item came back" in back.stdout


def test_json_has_the_keys_that_programs_rely_on(months_url: str, tmp_path: Path) -> None:
    """Of each of the commands."""
    gone = answer("--db", months_url, "months", "detach", "2020-02", "--to", tmp_path)
    assert gone["archive"] == str(tmp_path / "2020-02.tandem")
    assert (gone["month"], gone["runs"]) == ("2020-02", EACH)
    assert gone["bytes"] == Path(gone["archive"]).stat().st_size
    (month,) = [
        one
        for one in answer("--db", months_url, "months", "list")["items"]
        if one["state"] == "detached"
    ]
    assert (month["runs"], month["archived_runs"], month["archive"]) == (0, EACH, gone["archive"])
    listed = answer("--db", months_url, "runs", "list")
    assert listed["left_out"] == [{"month": "2020-02", "runs": EACH}]
    stats = answer("--db", months_url, "stats")
    assert sum(one["detached"] for one in stats["items"]) == EACH
    assert stats["runs"] == 3 * EACH
    assert answer("--db", months_url, "stats", "--attached-only")["runs"] == 2 * EACH

    back = answer("--db", months_url, "months", "attach", gone["archive"])
    assert (back["month"], back["runs"], back["restored"]) == ("2020-02", EACH, 0)
    Path(gone["archive"]).unlink()
    answer("--db", months_url, "months", "detach", "2020-02", "--to", tmp_path)
    plan = answer("--db", months_url, "months", "drop", "2020-02", "--dry-run")
    assert (plan["dry_run"], plan["runs"]) == (True, EACH)
    dropped = answer("--db", months_url, "months", "drop", "2020-02", "--yes")
    assert (dropped["removed"], dropped["left"]) == (True, None)
    forgotten = answer("--db", months_url, "months", "forget-content", "2020-03", "--yes")
    assert (forgotten["runs"], forgotten["quarantined"], forgotten["archive"]) == (EACH, 0, None)


def test_retention_shows_its_plan_and_names_what_stays(months_url: str, tmp_path: Path) -> None:
    """The exit code says that something does."""
    with open_store(months_url) as store, store.begin() as tx:
        tx.runs.save(run_of(FEBRUARY, 2, status="running"), force=True)
    retain = ("--db", months_url, "months", "retain", "--keep", "1", "--archive-to", tmp_path)

    plan = command(*retain, "--dry-run")
    assert list(tmp_path.glob("*.tandem")) == []
    done = command(*retain, "--yes")

    assert (plan.exit_code, done.exit_code) == (3, 3)
    for shown in (plan.stdout, done.stdout):
        assert "The month 2020-02 has 1 run that has not ended: '2020-02-2'" in shown
    assert "Detached 2 months with 24 runs" in done.stdout
    assert {path.name for path in tmp_path.glob("*.tandem")} == {
        "2020-01.tandem",
        "2020-03.tandem",
    }
    told = answer("--db", months_url, "months", "retain", "--due", "--yes")
    assert (told["dropped"], told["detached"], told["blocked"]) == ([], [], [])


@pytest.mark.parametrize(
    "words",
    [
        ["drop", "2020-02"],
        ["forget-content", "2020-01"],
        ["retain", "--keep", "1"],
    ],
)
def test_what_cannot_be_undone_asks_first(
    months_url: str, tmp_path: Path, words: list[str]
) -> None:
    """Whoever says no has changed nothing."""
    command("--db", months_url, "months", "detach", "2020-02", "--to", tmp_path)
    before = answer("--db", months_url, "months", "list")

    done = CliRunner().invoke(program, ["--db", months_url, "months", *words], input="n\n")

    assert done.exit_code == 1
    assert "Nothing was changed." in done.stderr
    assert answer("--db", months_url, "months", "list") == before


def test_a_dry_run_refuses_what_the_command_would_refuse(months_url: str, tmp_path: Path) -> None:
    """A month that is not there, was detached, or is held; nobody is asked about it either."""
    command("--db", months_url, "months", "detach", "2020-02", "--to", tmp_path)
    for run in ("2020-02-2", "2020-03-2"):
        command("--db", months_url, "runs", "hold", run, "--why", "an audit")

    for words, message in (
        (("forget-content", "2019-01"), "has no month 2019-01"),
        (("forget-content", "2020-02"), "was detached"),
        (("forget-content", "2020-03"), "held"),
        (("drop", "2020-02"), "held"),
    ):
        for more in (("--dry-run",), ("--dry-run", "--json"), ()):
            done = command("--db", months_url, "months", *words, *more)
            assert (done.exit_code, done.stdout) == (1, ""), words
            assert message in done.stderr
            assert "for good?" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["detach", "2020-13", "--to", "x"], "is not a month"),
        (["detach", "2020-02"], "Missing option '--to'"),
        (["retain"], "Give either --keep N"),
        (["retain", "--keep", "3", "--due"], "Give either --keep N"),
        (["retain", "--keep", "0"], "0 is not in the range"),
        (["retain", "--keep", "3", "--drop-after", "2026-01-01"], "takes an age"),
    ],
)
def test_wrong_usage_is_told(months_url: str, words: list[str], message: str) -> None:
    """With the exit code for it."""
    done = command("--db", months_url, "months", *words)

    assert done.exit_code == 2
    assert message in done.stderr


def test_holds_are_placed_listed_and_released(months_url: str) -> None:
    """A run by the beginning of its id, which must say which; an automation by its id."""
    held = command("--db", months_url, "runs", "hold", "2020-02-2", "--why", "an audit")
    automation = command("--db", months_url, "automations", "hold", "auto-1", "--why", "a law")
    listed = command("--db", months_url, "hold", "list")

    assert held.exit_code == automation.exit_code == 0, held.stderr + automation.stderr
    assert "hold release run 2020-02-2" in held.stdout.replace(f" --db {months_url}", "")
    assert "an audit" in listed.stdout
    assert "auto-1" in listed.stdout
    items = answer("--db", months_url, "hold", "list")["items"]
    assert [(one["kind"], one["name"], one["why"]) for one in items] == [
        ("run", "2020-02-2", "an audit"),
        ("automation", "auto-1", "a law"),
    ]
    blank = command("--db", months_url, "runs", "hold", "2020-02-4", "--why", " ")
    twice = command("--db", months_url, "runs", "hold", "2020-02-2", "--why", "again")
    nobody = command("--db", months_url, "automations", "hold", "nobody", "--why", "x")
    assert (blank.exit_code, twice.exit_code, nobody.exit_code) == (2, 1, 1)
    assert "held already: an audit" in twice.stderr
    refused = command("--db", months_url, "months", "forget-content", "2020-02", "--yes")
    assert refused.exit_code == 1
    assert "held" in refused.stderr
    for words in (("run", "2020-02-2"), ("automation", "auto-1")):
        assert command("--db", months_url, "hold", "release", *words).exit_code == 0
    assert command("--db", months_url, "hold", "list").stderr == "Nothing is held.\n"


def test_a_run_without_content_shows_what_is_left(months_url: str) -> None:
    """And that the rest was forgotten; its nodes cannot be shown."""
    command("--db", months_url, "months", "forget-content", "2020-03", "--yes")

    shown = command("--db", months_url, "runs", "show", run_id(MARCH, 5))
    told = answer("--db", months_url, "runs", "show", run_id(MARCH, 5))
    node = command("--db", months_url, "runs", "show", run_id(MARCH, 5), "--node", "draft")

    assert shown.exit_code == 0
    assert "was forgotten" in shown.stderr
    assert "failed" in shown.stdout
    assert "115 (prompt 105, completion 10)" in shown.stdout
    assert (told["forgotten"], told["status"], told["total_tokens"]) == (True, "failed", 115)
    assert node.exit_code == 1
    assert "was forgotten" in node.stderr


def test_lists_and_sums_say_what_is_not_in_the_store(months_url: str, tmp_path: Path) -> None:
    """Beside the list, and with a mark in the table; a run of the month names the archive."""
    command("--db", months_url, "months", "detach", "2020-02", "--to", tmp_path)

    listed = command("--db", months_url, "runs", "list")
    stats = command("--db", months_url, "stats")
    shown = command("--db", months_url, "runs", "show", "2020-02-2")
    verified = command("--db", tmp_path / "2020-02.tandem", "runs", "show", "2020-02-2")

    note = " ".join(listed.stderr.split())
    assert f"{EACH} runs in detached months are not listed: 2020-02." in note
    assert "2020-02 *" in stats.stdout
    assert f"* {EACH} runs of months that were detached or dropped" in " ".join(
        stats.stderr.split()
    )
    assert shown.exit_code == 1
    assert str(tmp_path / "2020-02.tandem") in shown.stderr
    assert verified.exit_code == 0
