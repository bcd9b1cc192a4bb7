"""``tandem-store automations``: which there are, one of them, and how its runs end."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from rich.cells import cell_len

from tandem_store import AutomationSpec, RunRecord, Store, clock
from tests.cli.terminals import OnTerminal, without_style
from tests.support.legacy_runs import checkpoint, definition

Cli = Callable[..., Result]
Add = Callable[..., RunRecord]

DAY_MS, MINUTE_MS = 86_400_000, 60_000
DIGEST = "automation-v2-824f5271-0000-4000-8000-000000000000"
SINCE = ("--since", "2026-01-01")


@pytest.fixture
def filled(store: Store, add: Add) -> Store:
    """Three automations: one with a definition and runs, and two with only one of them."""
    now_ms = clock.now_ms()
    times = {"created_at_ms": now_ms - DAY_MS, "started_at_ms": now_ms - DAY_MS}
    add(
        "automation-v2-run-1",
        automation_id=DIGEST,
        finished_at_ms=now_ms - DAY_MS + 90_000,
        **times,
    )
    add("r2", automation_id=DIGEST, status="failed", estimated_cost_usd=0.5, **times)
    add("r3", automation_id=DIGEST, status="running", created_at_ms=now_ms - 5 * MINUTE_MS)
    add("old", automation_id="undefined", created_at_ms=now_ms - 100 * DAY_MS)
    put(
        store,
        definition(
            DIGEST,
            name="Digest",
            next_fire_at_ms=now_ms + 3 * DAY_MS + MINUTE_MS,
            last_fired_at_ms=now_ms - 5 * MINUTE_MS,
        ),
        definition("never-ran", name="Never ran", status="draft", newer_field=1.0),
    )
    return store


def put(store: Store, *definitions: dict[str, Any]) -> None:
    """Store definitions."""
    with store.begin() as tx:
        for one in definitions:
            tx.automations.put(AutomationSpec.model_validate(one))


def shown_json(cli: Cli, *arguments: str) -> Any:
    """What a command prints as JSON."""
    done = cli("automations", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_every_automation_is_listed(cli: Cli, filled: Store) -> None:
    """The last active first, then what never ran; with all that is known of each."""
    answer = shown_json(cli, "list")
    digest, undefined, never = answer["items"]

    assert clock.now_ms() - answer["since_ms"] - 30 * DAY_MS < MINUTE_MS
    assert [one["automation_id"] for one in answer["items"]] == [DIGEST, "undefined", "never-ran"]
    assert [one["name"] for one in answer["items"]] == ["Digest", "Automation auto-1", "Never ran"]
    assert [one["status"] for one in answer["items"]] == ["active", None, "draft"]
    assert [one["has_definition"] for one in answer["items"]] == [True, False, True]
    assert (digest["active"], digest["queued"]) == (1, 0)
    assert (digest["runs"], digest["ended"], digest["completed"]) == (3, 2, 1)
    assert (digest["success_rate"], digest["median_duration_ms"]) == (0.5, 90_000)
    assert digest["estimated_cost_usd"] == 0.5
    assert digest["last_run"]["run_id"] == "r3"
    assert digest["last_terminal_run"]["run_id"] == "r2"
    assert digest["next_fire_at_ms"] - digest["last_fired_at_ms"] == 3 * DAY_MS + 6 * MINUTE_MS
    assert (undefined["runs"], undefined["success_rate"]) == (0, None)
    assert undefined["last_run"]["run_id"] == "old"
    assert undefined.keys() == digest.keys() == never.keys()
    assert (never["last_run"], never["runs"]) == (None, 0)


def test_figures_are_over_the_time_that_is_asked_for(cli: Cli, filled: Store) -> None:
    """A date, or an age."""
    assert [one["runs"] for one in shown_json(cli, "list", *SINCE)["items"]] == [3, 1, 0]
    assert [one["runs"] for one in shown_json(cli, "list", "--since", "1h")["items"]] == [1, 0, 0]


def test_a_pipe_gets_every_column(cli: Cli, filled: Store) -> None:
    """Nothing is shortened there."""
    headings, digest, *_ = cli("automations", "list").stdout.splitlines()

    for heading in ("AUTOMATION", "LAST RUN", "ENDED AT", "QUEUED", "MEDIAN", "LAST FIRED"):
        assert heading in headings
    for value in (DIGEST, "r3", "running", "50.0 %", "1 min 30 s", "0.5000"):
        assert value in digest


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("columns", "present", "absent"),
    [
        (140, ("STATE", "NOW", "QUEUED", "RUNS", "MEDIAN", "COST USD", "NEXT", "in 3d"), ()),
        (80, ("NAME", "LAST", "AGE", "NOW", "OK", "NEXT", "in 3d"), ("MEDIAN", "RUNS")),
    ],
)
def test_a_terminal_gets_what_fits(
    filled: Store,
    store_url: str,
    on_terminal: OnTerminal,
    columns: int,
    present: tuple[str, ...],
    absent: tuple[str, ...],
) -> None:
    """One line for each automation; what is left out is what can be missed most easily."""
    put(filled, definition("long", name="a name that is longer than any that people see " * 2))

    shown = on_terminal("--db", store_url, "automations", "list", columns=columns)

    lines = [line for line in without_style(shown).splitlines() if line]
    assert len(lines) == 5
    assert max(map(cell_len, lines)) <= columns
    assert "…" in shown
    assert "824f5271  " in shown
    assert [word for word in present if word not in shown] == []
    assert [word for word in absent if word in shown] == []


@pytest.mark.sqlite
@pytest.mark.parametrize("command", [("list",), ("show", "evil"), ("health", "evil")])
def test_names_do_not_reach_a_terminal_as_they_are(
    store: Store, store_url: str, add: Add, on_terminal: OnTerminal, command: tuple[str, ...]
) -> None:
    """They could tell it to do something."""
    add("r", automation_id="evil\x1b[2J")
    put(store, definition("evil\x1b[2J", name="n\x1b[2J", description="d\x1b]0;x\x07"))

    shown = on_terminal("--db", store_url, "automations", *command)

    assert "\x1b[2J" not in shown
    assert "\x1b]0" not in shown


def test_a_store_without_automations_says_so(cli: Cli, store: Store) -> None:
    """On stderr, because it is no result."""
    done = cli("automations", "list")

    assert (done.stdout, done.stderr) == ("", "No automations.\n")
    assert shown_json(cli, "list")["items"] == []


def test_one_automation_has_its_definition_as_the_engine_writes_it(cli: Cli, filled: Store) -> None:
    """Complete, with fields that this version does not know."""
    never = shown_json(cli, "show", "never-ran")
    digest = shown_json(cli, "show", DIGEST)

    assert never["definition"] == definition(
        "never-ran", name="Never ran", status="draft", newer_field=1.0
    )
    assert (never["last_runs"], never["health"]["sample_size"]) == ([], 0)
    assert digest["health"]["sample_size"] == 2
    assert [run["run_id"] for run in digest["last_runs"]] == ["r3", "r2", "automation-v2-run-1"]
    assert (
        digest.items()
        >= next(
            one for one in shown_json(cli, "list")["items"] if one["automation_id"] == DIGEST
        ).items()
    )
    assert shown_json(cli, "show", "undefined")["definition"] is None


@pytest.mark.sqlite
@pytest.mark.parametrize("columns", [80, 140])
def test_one_automation_fits_a_terminal(
    filled: Store, store_url: str, on_terminal: OnTerminal, columns: int
) -> None:
    """What is defined, what it does, its health, its last runs."""
    shown = on_terminal("--db", store_url, "automations", "show", "824f5271", columns=columns)

    shown = without_style(shown)
    assert max(map(cell_len, shown.splitlines())) <= columns
    for part in ("Schedule", "manual", "Running", "1; queued: 0", "Passed validation", "r3", "r2"):
        assert part in shown


def test_an_automation_without_runs_has_a_definition_to_show(cli: Cli, filled: Store) -> None:
    """And nothing else."""
    done = cli("automations", "show", "never-ran")

    assert "draft" in done.stdout
    assert "Sample" not in done.stdout
    assert done.stderr == "It has no runs.\n"


def test_an_automation_without_a_definition_says_so(cli: Cli, filled: Store) -> None:
    """Its name is that which its last run ran with."""
    done = cli("automations", "show", "undefined")

    assert "none in this store" in done.stdout
    assert "Automation auto-1" in done.stdout


def test_health_has_the_seven_figures(cli: Cli, add: Add) -> None:
    """And when they were made, and of how many runs the outputs are unknown."""
    removed = checkpoint(completed_nodes=["draft"], node_attempts={"draft": 3})
    add("one", automation_id="a")
    add("two", automation_id="a", status="cancelled", stop_kind="operator_stopped", hours=2)
    add("three", automation_id="a", checkpoint=removed, created_at_ms=1)

    figures = shown_json(cli, "health", "a")
    assert clock.now_ms() - figures.pop("computed_at_ms") < MINUTE_MS
    assert figures == {
        "automation_id": "a",
        "sample_size": 3,
        "completion_rate": 2 / 3,
        "validation_pass_rate": 0.5,
        "mean_attempts_per_node": 7 / 5,
        "repairable_failure_rate": 0,
        "median_wall_clock_ms": 0,
        "human_intervention_count": 1,
        "outputs_unknown": 1,
    }
    assert shown_json(cli, "health", "a", "--last", "2")["outputs_unknown"] == 0
    told = cli("automations", "health", "a").stdout
    assert "Passed validation   50.0 %" in told
    assert "1 run, not counted for validation and repair" in told


def test_there_is_no_rate_before_a_run_has_ended(cli: Cli, add: Add) -> None:
    """0 % would look like bad health."""
    add("r", automation_id="a", status="running")

    assert cli("automations", "health", "a").stdout.split("\n")[1:] == [
        "Sample      no run has ended yet",
        "",
    ]


def test_a_rate_that_nobody_knows_is_not_shown_as_zero(cli: Cli, add: Add) -> None:
    """Each output was removed by the engine."""
    add("r", automation_id="a", checkpoint=checkpoint(completed_nodes=["draft"]))

    told = cli("automations", "health", "a").stdout

    assert "Passed validation   unknown" in told
    assert "Needed repair       unknown" in told


@pytest.mark.parametrize("command", ["show", "health"])
def test_an_id_may_be_shortened(cli: Cli, filled: Store, command: str) -> None:
    """With or without the engine's prefix, as long as one automation begins so."""
    for given in ("824f", "automation-v2-824f", DIGEST):
        assert shown_json(cli, command, given)["automation_id"] == DIGEST


@pytest.mark.parametrize("command", ["show", "health"])
@pytest.mark.parametrize("given", ["nobody", "", "824f5271-0000-4000-8000-0000000000001"])
def test_an_unknown_automation_is_an_error(
    cli: Cli, filled: Store, command: str, given: str
) -> None:
    """Not a list of zeros, which a mistyped id would hide behind."""
    done = cli("automations", command, given)

    assert (done.exit_code, done.stdout) == (1, "")
    assert f"There is no automation {given!r}." in " ".join(done.stderr.split())
    assert "tandem-store automations list" in " ".join(done.stderr.split())


def test_an_ambiguous_id_names_those_it_could_be(cli: Cli, store: Store) -> None:
    """Ten of them."""
    put(store, *(definition(f"same-{n:02}") for n in range(12)), definition("same-00-exact"))

    done = cli("automations", "show", "same")

    assert done.exit_code == 1
    assert "Several automations begin with 'same'." in done.stderr
    assert [line for line in done.stderr.splitlines() if line.startswith("  same-")] == [
        f"  same-{name}" for name in ("00", "00-exact", *(f"{n:02}" for n in range(1, 9)))
    ]
    assert "... and more" in done.stderr
    assert shown_json(cli, "show", "same-00")["automation_id"] == "same-00"


@pytest.mark.parametrize("last", ["0", "1001", "many"])
def test_a_sample_of_another_size_is_wrong_usage(cli: Cli, store: Store, last: str) -> None:
    """1 to 1,000."""
    assert cli("automations", "health", "a", "--last", last).exit_code == 2
