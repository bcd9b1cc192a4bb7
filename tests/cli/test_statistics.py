"""Statistics on the command line: for programs, for spreadsheets and for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from rich.cells import cell_len

from tandem_store import RunRecord, Store, open_store
from tests.cli.terminals import OnTerminal, without_style
from tests.support.legacy_runs import CREATED_MS, HOUR_MS, LOCAL_TENANT, MONTH_MS
from tests.support.run_records import add_all, new_run

Cli = Callable[..., Result]
DAY_MS = 24 * HOUR_MS
FIGURES = {
    "runs",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "estimated_cost_usd",
    "success_rate",
    "duration_p50_ms",
    "duration_p95_ms",
    "detached",
}
ACME = LOCAL_TENANT | {"org_id": "acme", "workspace_id": "north", "deployment_id": "east"}


def history() -> list[RunRecord]:
    """Three runs in May, of which one was updated in June, and one that is still queued."""
    of_may = {"started_at_ms": CREATED_MS, "estimated_cost_usd": 0.5, "total_tokens": 10}
    return [
        new_run("a", **of_may, finished_at_ms=CREATED_MS + 1_000),
        new_run("b", **of_may, finished_at_ms=CREATED_MS + 61_000, status="failed"),
        new_run("c", created_at_ms=CREATED_MS + 3 * DAY_MS, updated_at_ms=CREATED_MS + MONTH_MS),
        new_run(
            "d",
            created_at_ms=CREATED_MS + 3 * DAY_MS,
            updated_at_ms=CREATED_MS + 3 * DAY_MS,
            status="queued",
            automation_id="=1+1",
            tenant_context=ACME,
            started_at_ms=None,
            finished_at_ms=None,
        ),
    ]


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with these runs."""
    add_all(store, history())
    return store


def told(done: Result) -> dict[str, Any]:
    """What the program said as JSON."""
    assert done.exit_code == 0, done.output
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("by", "keys"),
    [
        (["--by", "day"], {"day"}),
        (["--by", "week,status"], {"week", "status"}),
        (["--by", "month", "--by", "trigger, automation"], {"month", "trigger", "automation"}),
        (["--by", "tenant,profile"], {"tenant", "profile"}),
        ([], {"month", "status"}),
    ],
)
def test_json_has_every_key_that_was_asked_for(cli: Cli, by: list[str], keys: set[str]) -> None:
    """By its own name, with all figures beside it, and the time that it goes by."""
    answer = told(cli("stats", *by, "--json"))

    assert answer["time"] == "created"
    assert answer["runs"] == sum(item["runs"] for item in answer["items"]) == 4
    for item in answer["items"]:
        assert keys | FIGURES <= set(item)


@pytest.mark.usefixtures("filled")
def test_labels_are_those_of_the_calendar_and_of_runs(cli: Cli) -> None:
    """A week is its Monday; a tenant is its ids, and one text of them."""
    keys = "day,week,month,tenant,automation,trigger,profile"
    items = told(cli("stats", "--by", keys, "--json"))["items"]

    assert {name: items[-1][name] for name in items[-1] if name not in FIGURES} == {
        "day": "2026-05-23",
        "week": "2026-05-18",
        "month": "2026-05",
        "tenant": "local / local",
        "org_id": "local",
        "workspace_id": "local",
        "deployment_id": None,
        "automation": "auto-1",
        "automation_id": "auto-1",
        "trigger": "manual",
        "trigger_type": "manual",
        "profile": "strict",
        "execution_profile": "strict",
    }
    assert items[1]["tenant"] == "acme / north / east"
    assert items[1]["deployment_id"] == "east"


@pytest.mark.usefixtures("filled")
def test_figures_are_those_of_the_group(cli: Cli) -> None:
    """Success is of the runs that have ended, and durations are of those that have both times."""
    answer = told(cli("stats", "--by", "automation", "--json"))

    queued, others = answer["items"]
    assert (queued["automation"], queued["success_rate"]) == ("=1+1", None)
    assert (queued["duration_p50_ms"], queued["duration_p95_ms"]) == (None, None)
    assert others["success_rate"] == pytest.approx(2 / 3)
    assert answer["success_rate"] == others["success_rate"]
    assert answer["total_tokens"] == sum(item["total_tokens"] for item in answer["items"])


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "months"),
    [
        ([], {"2026-05": 4}),
        (["--time", "updated"], {"2026-05": 3, "2026-06": 1}),
        (["--time", "finished", "--status", "queued"], {None: 1}),
        (["--since", "2026-05-23"], {"2026-05": 2}),
        (["--until", "2026-05-23"], {"2026-05": 2}),
        (["--time", "updated", "--since", "2026-06-01"], {"2026-06": 1}),
        (["--time", "updated", "--until", "2026-06-01"], {"2026-05": 3}),
        (["--time", "updated", "--since", "1d"], {}),
        (["--updated-since", "2026-06-01"], {"2026-05": 1}),
        (["--automation", "=1+1", "--org", "acme", "--open"], {"2026-05": 1}),
    ],
)
def test_months_and_ranges_go_by_the_time_that_is_named(
    cli: Cli, options: list[str], months: dict[str | None, int]
) -> None:
    """Of creation unless told; filters are those of lists."""
    answer = told(cli("stats", "--by", "month", *options, "--json"))

    assert {item["month"]: item["runs"] for item in answer["items"]} == months


@pytest.mark.sqlite
@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "hour"], "'hour' is not one of 'day'"),
        (["--by", "day,"], "'' is not one of 'day'"),
        (["--time", "started"], "'started' is not one of"),
        (["--csv", "--json"], "--csv and --json cannot be used together"),
        (
            ["--time", "updated", "--since", "7d", "--updated-since", "7d"],
            "With --time updated, --since and --updated-since are the same.",
        ),
    ],
)
def test_questions_without_a_meaning_are_usage_errors(
    cli: Cli, options: list[str], message: str
) -> None:
    """Before the store is opened."""
    done = cli("stats", *options)

    assert done.exit_code == 2
    assert message in done.stderr


@pytest.mark.usefixtures("filled")
def test_csv_has_the_names_and_values_of_json(cli: Cli) -> None:
    """A null is an empty cell."""
    options = ("stats", "--by", "automation,tenant")
    done = cli(*options, "--csv")

    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    items = told(cli(*options, "--json"))["items"]
    assert rows == [
        {name: "" if value is None else str(value) for name, value in item.items()}
        for item in items
    ]
    assert told(cli(*options, "--status", "paused", "--json"))["items"] == []
    assert cli(*options, "--status", "paused", "--csv").stdout == done.stdout.splitlines()[0] + "\n"


@pytest.mark.usefixtures("filled")
def test_a_table_of_periods_alone_has_no_gaps(cli: Cli) -> None:
    """From the first to the last, or as far as was asked."""
    days = [line.split()[0] for line in cli("stats", "--by", "day").stdout.splitlines()]
    asked = cli("stats", "--by", "week", "--since", "2026-05-12", "--until", "2026-06-08")
    weeks = [line.split()[0] for line in asked.stdout.splitlines()]
    both = cli("stats", "--by", "day,status", "--since", "2026-05-01").stdout.splitlines()
    none = cli("stats", "--by", "month", "--time", "finished").stdout.splitlines()

    assert days[1:-1] == ["2026-05-20", "2026-05-21", "2026-05-22", "2026-05-23"]
    assert weeks[1:-1] == ["2026-05-11", "2026-05-18", "2026-05-25", "2026-06-01"]
    assert len(both) == 2 + 4
    assert none[-2].startswith("none ")


def test_one_wrong_clock_does_not_make_thousands_of_lines(cli: Cli, store: Store) -> None:
    """Where there would be more than 400, periods without runs are left out."""
    add_all(store, [new_run("now"), new_run("once", created_at_ms=0, updated_at_ms=0)])

    days = cli("stats", "--by", "day").stdout.splitlines()[1:-1]
    years = cli("stats", "--by", "month", "--since", "1994-01-01").stdout.splitlines()[1:-1]
    assert [line.split()[0] for line in days] == ["1970-01-01", "2026-05-20"]
    assert len(years) > 380


@pytest.mark.usefixtures("filled")
def test_a_table_without_a_period_begins_with_the_highest_cost(cli: Cli) -> None:
    """With shares of the runs and of the cost."""
    lines = cli("stats", "--by", "status").stdout.splitlines()

    assert lines[0].split("  ")[0] == "STATUS"
    assert [line.split()[0] for line in lines[1:]] == ["completed", "failed", "queued", "total"]
    costs = [float(line.split()[4]) for line in lines[1:]]
    assert costs[:-1] == sorted(costs[:-1], reverse=True)
    assert [line.split()[2] for line in lines[1:]] == ["50.0", "25.0", "25.0", "100.0"]


@pytest.mark.sqlite
@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("columns", [40, 80, 140])
@pytest.mark.parametrize("by", ["month,status", "day", "tenant,automation", "week,profile,trigger"])
def test_a_terminal_shows_bars_in_lines_that_fit(
    on_terminal: OnTerminal, store_url: str, columns: int, by: str
) -> None:
    """What is less important is left out; only where not even that is enough, lines are broken."""
    shown = without_style(on_terminal("--db", store_url, "stats", "--by", by, columns=columns))

    assert all(cell_len(line) <= columns for line in shown.splitlines())
    assert ("█" in shown) or columns == 40
    assert ("P95" in shown) == (columns == 140)


@pytest.mark.sqlite
@pytest.mark.usefixtures("filled")
def test_no_bar_is_drawn_where_nobody_looks(cli: Cli) -> None:
    """A program that reads the table gets columns alone."""
    assert "█" not in cli("stats", "--by", "day").stdout


@pytest.mark.sqlite
def test_bars_are_of_runs_if_nothing_cost_anything(on_terminal: OnTerminal, store_url: str) -> None:
    """And nothing in a name reaches the terminal as a command."""
    with open_store(store_url) as store:
        add_all(store, [new_run("a", automation_id="\x1b[31mred", estimated_cost_usd=0.0)])

    shown = on_terminal("--db", store_url, "stats", "--by", "automation", columns=140)
    as_csv = on_terminal("--db", store_url, "stats", "--by", "automation", "--csv", columns=140)

    assert "BY RUNS" in shown
    assert "█" in shown
    assert "\x1b[31mred" not in shown + as_csv
    assert "\\x1b[31mred" in shown
