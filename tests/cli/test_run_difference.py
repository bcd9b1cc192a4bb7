"""``runs diff``: how two runs differ, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from jsonpatch import apply_patch
from rich.cells import cell_len

from tandem_store import RunRecord, Store
from tests.cli.terminals import OnTerminal, without_style
from tests.support.json_values import exact
from tests.support.legacy_runs import CREATED_MS, HOUR_MS, LOCAL_TENANT, checkpoint, definition

Cli = Callable[..., Result]
Add = Callable[..., RunRecord]

ONE = "automation-v2-run-7815de76-9a82-d52b-d32c-a3b059f0dd4f"
TWO = "automation-v2-run-b0112233-301e-636f-5957-ba6ebf144c6a"


def shown(done: Result) -> str:
    """What a command printed."""
    assert done.exit_code == 0, done.stderr
    return done.stdout


@pytest.fixture
def two(add: Add) -> tuple[RunRecord, RunRecord]:
    """A run that completed, and a later one that failed."""
    start = CREATED_MS + HOUR_MS
    text = "The same beginning of a long text, " * 20
    one = add(
        ONE,
        started_at_ms=CREATED_MS,
        finished_at_ms=CREATED_MS + 12_000,
        total_tokens=1_234,
        estimated_cost_usd=0.00001,
        checkpoint=checkpoint(
            completed_nodes=["draft", "review"],
            node_attempts={"draft": 1, "review": 1},
            node_outputs={"draft": {"text": f"{text}good", "n": 1}, "review": "fine"},
        ),
    )
    other = add(
        TWO,
        status="failed",
        created_at_ms=start,
        started_at_ms=start,
        finished_at_ms=start + 50_000,
        updated_at_ms=start + 50_000,
        total_tokens=1_234,
        estimated_cost_usd=0.00002,
        automation_snapshot=definition("auto-1", output_targets=["mail"], next_fire_at_ms=7),
        checkpoint=checkpoint(
            completed_nodes=["draft"],
            node_attempts={"draft": 1, "review": 3},
            node_outputs={"draft": {"text": f"{text}bad", "n": 1.0}},
            last_failure={"node_id": "review", "reason": "no luck", "failed_at_ms": start},
        ),
    )
    return one, other


def test_what_differs_stands_side_by_side(cli: Cli, two: tuple[RunRecord, RunRecord]) -> None:
    """Complete ids where there is no terminal; what is equal is named in a line."""
    lines = [line.split("  ") for line in shown(cli("runs", "diff", ONE, TWO)).splitlines()]
    rows = [row for line in lines if (row := [part.strip() for part in line if part.strip()])]

    for row in (
        ["A", "B"],
        ["Run", ONE, TWO],
        ["Status", "completed", "failed"],
        ["Failed node", "-", "review"],
        ["Failure", "-", "no luck"],
        ["Created", "2026-05-20T00:00:00Z", "2026-05-20T01:00:00Z"],
        ["Took", "12.0 s", "50.0 s"],
        # Rounded to the same.
        ["Cost in USD", "0.00001", "0.00002"],
        ["The same: automation, profile, organisation, workspace, trigger, tokens"],
        ["DEFINITION", "A", "B"],
        ["/output_targets/0", "-", '"mail"'],
        ["NODE", "A", "B"],
        ["review", "completed, 1 attempt", "failed, 3 attempts"],
        ["Other nodes: 1 the same"],
        ["/draft/n", "1", "1.0"],
        ["/review", '"fine"', "-"],
    ):
        assert row in rows
    assert ["draft", "completed, 1 attempt", "completed, 1 attempt"] not in rows
    (text,) = (row for row in rows if row[0] == "/draft/text")
    assert text[1].startswith("…")
    assert text[1].endswith('good"')
    assert text[2].endswith('bad"')
    assert rows[-1][0].startswith("Other differences, shown by --all: ")
    assert "automation_snapshot (1)" in rows[-1][0]


@pytest.mark.sqlite
@pytest.mark.parametrize("columns", [40, 80, 140])
def test_it_fits_any_terminal(
    on_terminal: OnTerminal, store_url: str, two: tuple[RunRecord, RunRecord], columns: int
) -> None:
    """Nothing is wider than the window; sides keep their place, and ids are short."""
    words = ("--db", store_url, "runs", "diff", "7815", "b011", "--all")

    coloured = on_terminal(*words, columns=columns)
    lines = without_style(coloured).splitlines()

    assert max(map(cell_len, lines)) <= columns
    headings = next(line for line in lines if line.startswith("NODE"))
    (review,) = (line for line in lines if line.startswith("review"))
    if columns >= 80:
        assert review.index("completed") == headings.index(" A") + 1
        assert review.index("failed") == headings.index(" B") + 1
        assert "7815de76" in lines[1]
        assert "automation-v2-run" not in lines[1]
    assert "\x1b[32mcompleted" in coloured
    assert "\x1b[31mfailed" in coloured
    assert "\x1b" not in on_terminal(*words, columns=columns, NO_COLOR="1", TERM="dumb")


def test_the_rest_is_shown_on_demand(cli: Cli, add: Add) -> None:
    """Only the first differences of a part are shown, and the number of all others."""
    for run_id, one in (("a", 1), ("b", 2)):
        add(run_id, checkpoint=checkpoint(node_outputs={"n": {f"k{n:02}": one for n in range(20)}}))

    first, everything = (shown(cli("runs", "diff", "a", "b", *more)) for more in ([], ["--all"]))

    assert first.count("/n/k") == 15
    assert "... and 5 more; --all shows all." in first
    assert everything.count("/n/k") == 20
    assert "more" not in everything
    assert "--all" not in everything


def test_all_shows_every_other_difference(cli: Cli, add: Add) -> None:
    """With its path in the record."""
    add("a", newer={"x/y": 1})
    add("b", newer={"x/y": True})

    assert "Other differences, shown by --all: newer (1)" in shown(cli("runs", "diff", "a", "b"))
    rows = [line.split() for line in shown(cli("runs", "diff", "a", "b", "--all")).splitlines()]
    assert ["/newer/x~1y", "1", "true"] in rows


def test_parts_that_are_equal_take_one_line(cli: Cli, add: Add) -> None:
    """A run with itself does not differ at all."""
    same = {"checkpoint": checkpoint(completed_nodes=["draft"], node_outputs={"draft": 1})}
    add("a", **same)
    add("b", **same)

    lines = shown(cli("runs", "diff", "a", "b")).splitlines()

    assert {"Definition: the same", "Nodes: the same", "Outputs: the same"} <= set(lines)
    assert shown(cli("runs", "diff", "a", "a")) == "The runs do not differ.\n"
    assert json.loads(shown(cli("runs", "diff", "a", "a", "--json"))) == []


def test_json_is_a_patch_of_what_show_prints(cli: Cli, two: tuple[RunRecord, RunRecord]) -> None:
    """From A to B, with every kind of number."""
    before, after = (json.loads(shown(cli("runs", "show", run.run_id, "--json"))) for run in two)

    patch = json.loads(shown(cli("runs", "diff", ONE, TWO, "--json")))

    assert exact(apply_patch(before, patch)) == exact(after)


class TestAgainstTheLastCompletedRun:
    def test_it_stands_on_the_left(self, cli: Cli, two: tuple[RunRecord, RunRecord]) -> None:
        """So that what is added is new in the run that was named."""
        text = shown(cli("runs", "diff", "b0112233", "--against", "last-completed"))
        patch = json.loads(shown(cli("runs", "diff", TWO, "--against", "last-completed", "--json")))

        assert text.splitlines()[0].split("  ")[-1].strip() == "THIS RUN"
        assert text.splitlines()[1].split() == ["Run", ONE, TWO]
        assert exact(apply_patch(two[0].to_legacy(), patch)) == exact(two[1].to_legacy())

    def test_there_may_be_none(self, cli: Cli, two: tuple[RunRecord, RunRecord]) -> None:
        """Which is an error that says what was looked for."""
        done = cli("runs", "diff", ONE, "--against", "last-completed")

        assert (done.exit_code, done.stdout) == (1, "")
        assert "No run of the automation 'auto-1' and the same tenant" in done.stderr
        assert "tandem-store runs list --status completed" in done.stderr

    def test_another_tenant_s_run_is_none(self, cli: Cli, add: Add) -> None:
        """Although the program may see all tenants."""
        add("theirs", tenant_context=LOCAL_TENANT | {"org_id": "acme"})
        add("mine", created_at_ms=CREATED_MS + 1)

        assert cli("runs", "diff", "mine", "--against", "last-completed").exit_code == 1


@pytest.mark.parametrize(
    "words",
    [["a"], ["a", "b", "--against", "last-completed"], ["a", "--against", "yesterday"], []],
    ids=" ".join,
)
def test_one_run_is_compared_with_one(cli: Cli, words: list[str]) -> None:
    """Neither with none nor with two."""
    done = cli("runs", "diff", *words)

    assert (done.exit_code, done.stdout) == (2, "")
    assert "Usage: " in done.stderr


@pytest.mark.sqlite
def test_the_heading_of_nodes_with_short_names_is_whole(
    on_terminal: OnTerminal, add: Add, store_url: str
) -> None:
    """A column is as wide as its heading, also if nothing in it is."""
    add("one", checkpoint=checkpoint(completed_nodes=["a", "b"]))
    add("two", checkpoint=checkpoint(completed_nodes=["a"], pending_nodes=["b"]))

    lines = without_style(on_terminal("--db", store_url, "runs", "diff", "one", "two"))

    assert any(line.split() == ["NODE", "A", "B"] for line in lines.splitlines()), lines


def test_runs_of_two_automations_can_be_compared(cli: Cli, add: Add) -> None:
    """A note says that they are; a patch stays a patch."""
    add("a")
    add("b", automation_id="auto-2")

    for options in ([], ["--json"]):
        done = cli("runs", "diff", "a", "b", *options)
        assert done.exit_code == 0
        assert done.stderr == "Note: the runs are of different automations.\n"
    assert isinstance(json.loads(done.stdout), list)


def test_a_run_that_is_not_there_is_said_to_be_missing(cli: Cli, add: Add) -> None:
    """By the name that was typed, on either side."""
    add("a")

    for words in (["a", "nobody"], ["nobody", "a"], ["nobody", "--against", "last-completed"]):
        done = cli("runs", "diff", *words)
        assert done.exit_code == 1
        assert "no run 'nobody'" in done.stderr


EVIL = "\x1b[31mred\0\x9b\u202e"


def evil(n: int) -> dict[str, Any]:
    """Every text of a run that could reach a terminal."""
    name = f"{EVIL}{n}"
    return {
        "detail": name,
        "automation_snapshot": definition("auto-1", name=name, metadata={name: name}),
        "checkpoint": checkpoint(
            completed_nodes=[f"{EVIL}node"][:n],
            node_outputs={f"{EVIL}node": {name: name}},
            last_failure={"node_id": name, "reason": name, "failed_at_ms": n},
        ),
        name: n,
    }


@pytest.mark.sqlite
@pytest.mark.parametrize("options", [[], ["--all"], ["--json"]])
def test_stored_text_cannot_act_on_the_terminal(
    on_terminal: OnTerminal, cli: Cli, add: Add, store_url: str, options: list[str]
) -> None:
    """Escape sequences, U+0000 and what turns the direction of text are spelt out."""
    add("a", **evil(0))
    add("b", **evil(1))

    piped = shown(cli("runs", "diff", "a", "b", *options))
    on_screen = without_style(on_terminal("--db", store_url, "runs", "diff", "a", "b", *options))

    for text in (piped, on_screen):
        assert [one for one in text if not one.isprintable() and one != "\n"] == []
        assert "red" in text


def test_a_forgotten_run_cannot_be_compared(
    cli: Cli, two: tuple[RunRecord, RunRecord], store: Store
) -> None:
    """The sentence is that of ``runs show``."""
    assert cli("months", "forget-content", "2026-05", "--yes").exit_code == 0

    done = cli("runs", "diff", ONE, TWO)

    assert (done.exit_code, done.stdout) == (1, "")
    assert "forgotten" in done.stderr
