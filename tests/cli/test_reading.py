"""Lists, summaries and sums, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from tandem_store import RunRecord, Store
from tandem_store.cli import run_pages
from tests.support.legacy_runs import CREATED_MS, HOUR_MS, LOCAL_TENANT, checkpoint

Cli = Callable[..., Result]
Add = Callable[..., RunRecord]


def told(done: Result) -> Any:
    """The JSON that a command printed."""
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_lists_are_aligned_text_where_there_is_no_terminal(cli: Cli, add: Add) -> None:
    """One line a run, columns in place, no colour, so that awk and grep can read it."""
    add("one", total_tokens=1_234, estimated_cost_usd=0.5)
    add("a-longer-id", status="failed", detail=" sad\n")

    lines = cli("runs", "list").stdout.splitlines()

    assert lines == [
        "CREATED               STATUS     RUN          AUTOMATION  NODES  TOKENS  COST USD  WHY",
        "2026-05-20T00:00:00Z  completed  one          auto-1        2/2   1,234    0.5000",
        "2026-05-20T00:00:00Z  failed     a-longer-id  auto-1        2/2       0    0.0000  sad",
    ]


def test_nothing_is_cut_off_where_there_is_no_terminal(cli: Cli, add: Add) -> None:
    """Whole ids and whole reasons, in one line."""
    run_id = "automation-v2-run-7815de76-9a82-d52b-d32c-a3b059f0dd4f"
    add(run_id, status="failed", detail="long\n" * 1_000)

    lines = cli("runs", "list").stdout.splitlines()

    assert len(lines) == 2
    assert f"  {run_id}  " in lines[1]
    assert lines[1].endswith(" ".join(["long"] * 1_000))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], ["d", "c", "b", "a"]),
        (["--automation", "auto-1"], ["c", "b", "a"]),
        (["--automation", "auto-1", "--automation", "two"], ["d", "c", "b", "a"]),
        (["--status", "failed", "--status", "queued"], ["d", "b"]),
        (["--org", "acme"], ["c"]),
        (["--workspace", "local"], ["d", "b", "a"]),
        (["--since", "2026-05-20T02:00:00"], ["d", "c"]),
        (["--since", "2026-05-20T04:00:00+02:00"], ["d", "c"]),
        (["--until", "2026-05-20T02:00:00Z"], ["b", "a"]),
        (["--until", "2026-05-20"], []),
        (["--since", "2026-05-20", "--until", "2026-05-21"], ["d", "c", "b", "a"]),
        (["--finished-since", "2026-05-21"], ["d"]),
        (["--finished-until", "2026-05-22"], ["b"]),
        (["--since", "1min"], []),
        (["--stop-kind", "panic"], ["b"]),
        (["--trigger", "schedule"], ["c"]),
        (["--text", "NO LUCK"], ["b"]),
        (["--updated-since", "2026-05-20T02:00:00Z"], ["d", "c", "b"]),
        (["--updated-until", "2026-05-20T02:00:00Z"], ["a"]),
        (["--terminal"], ["c", "b", "a"]),
        (["--open"], ["d"]),
        (["--since", "2000w"], ["d", "c", "b", "a"]),
        (["--id", "a", "--id", "c", "--id", "nobody"], ["c", "a"]),
        (["--automation-name", "Automation auto-1"], ["d", "c", "b", "a"]),
        (["--automation-name", "Another"], []),
        (["--deployment", "eu"], ["c"]),
        (["--group", "queued", "--group", "failed"], ["d", "b"]),
        (["--group", "completed"], ["c", "a"]),
        (["--waits-for", "capacity"], ["d"]),
        (["--waits-for", "approval"], []),
        (["--due"], ["d"]),
        (["--not-due"], []),
        (["--stuck", "1h"], ["d"]),
        (["--stuck", "10000w"], []),
        (["--profile", "yolo"], ["b"]),
        (["--definition-version", "v7"], ["b"]),
        (["--min-duration", "90s"], ["b"]),
        (["--min-duration", "2min"], []),
        (["--min-cost", "0.25"], ["b"]),
        (["--min-cost", "0.2500001"], []),
        (["--min-tokens", "9"], ["b"]),
        (["--min-tokens", "10"], []),
        (["--order-by", "cost"], ["b", "d", "c", "a"]),
        (["--order-by", "tokens", "--reverse"], ["a", "c", "d", "b"]),
        (["--order-by", "duration"], ["b", "d", "c", "a"]),
        (["--order-by", "finished"], ["d", "b", "c", "a"]),
        (["--order-by", "updated", "--reverse"], ["a", "b", "c", "d"]),
        (["--order-by", "duration", "--group", "completed", "--group", "failed"], ["b", "c", "a"]),
        (["--reverse", "--limit", "2"], ["a", "b"]),
        (["--all", "--limit", "2"], ["d", "c", "b", "a"]),
        (["--all", "--reverse", "--status", "failed"], ["b"]),
    ],
)
def test_options_choose_runs(cli: Cli, add: Add, options: list[str], expected: list[str]) -> None:
    """Times without a zone are UTC; a date is its beginning; 7d is seven days ago."""
    add("a")
    failed = {"status": "failed", "stop_kind": "panic", "detail": "no luck"}
    failed |= {"effective_execution_profile": "yolo", "workflow_definition_version": "v7"}
    failed |= {"estimated_cost_usd": 0.25, "total_tokens": 9}
    failed |= {"started_at_ms": CREATED_MS, "finished_at_ms": CREATED_MS + 90_000}
    add("b", created_at_ms=CREATED_MS + HOUR_MS, updated_at_ms=CREATED_MS + 2 * HOUR_MS, **failed)
    acme = {"tenant_context": LOCAL_TENANT | ACME | {"deployment_id": "eu"}}
    acme |= {"trigger_type": "schedule"}
    add("c", created_at_ms=CREATED_MS + 2 * HOUR_MS, updated_at_ms=CREATED_MS + 2 * HOUR_MS, **acme)
    ended = {"status": "queued", "finished_at_ms": CREATED_MS + 48 * HOUR_MS}
    ended |= {"scheduler": {"queue_reason": "capacity"}}
    ended |= {"updated_at_ms": CREATED_MS + 3 * HOUR_MS}
    add("d", automation_id="two", created_at_ms=CREATED_MS + 3 * HOUR_MS, **ended)

    listed = told(cli("runs", "list", "--json", *options))

    assert [item["run_id"] for item in listed["items"]] == expected


ACME = {"org_id": "acme", "workspace_id": "north"}


def test_fields_choose_the_columns_of_a_list(cli: Cli, add: Add) -> None:
    """In their order, for people and for programs; what follows from columns is known, too."""
    add("a", started_at_ms=CREATED_MS, finished_at_ms=CREATED_MS + 1_500)
    add("b\x1b[31m", status="queued")
    fields = "run_id,group,duration_ms,needs_repair,created_at"

    text = cli("runs", "list", "--fields", fields).stdout.splitlines()
    (first, second) = told(cli("runs", "list", "--reverse", "--json", "--fields", fields))["items"]

    assert text == [
        "run_id     group      duration_ms  needs_repair  created_at",
        r"b\x1b[31m  queued                  false         2026-05-20T00:00:00.000Z",
        "a          completed         1500  false         2026-05-20T00:00:00.000Z",
    ]
    assert list(first.items()) == [
        ("run_id", "a"),
        ("group", "completed"),
        ("duration_ms", 1_500),
        ("needs_repair", False),
        ("created_at", "2026-05-20T00:00:00.000Z"),
    ]
    assert second["duration_ms"] is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ("run_id,nothing", "There is no field 'nothing'."),
        ("/stop_reason", "inside of the records, which a list does not read."),
        ("", "There is no field ''."),
    ],
)
def test_other_fields_are_a_usage_error(cli: Cli, fields: str, sentence: str) -> None:
    """Said in a sentence, with what is possible."""
    done = cli("runs", "list", "--fields", fields)

    assert done.exit_code == 2
    assert sentence in " ".join(done.stderr.split())


def test_all_pages_are_one_list(cli: Cli, add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON it is the same object as one page; as text it comes in blocks."""
    monkeypatch.setattr(run_pages, "_LARGEST", 2)
    for name in "abcde":
        add(name)

    everything = told(cli("runs", "list", "--all", "--json"))
    page = told(cli("runs", "list", "--json"))
    text = cli("runs", "list", "--all", "--fields", "run_id")
    nothing = told(cli("runs", "list", "--all", "--json", "--id", "nobody"))

    assert everything == page
    assert [item["run_id"] for item in page["items"]] == list("edcba")
    assert text.stdout.split() == ["run_id", "e", "d", "run_id", "c", "b", "run_id", "a"]
    assert text.stderr == ""
    assert nothing == {"items": [], "next_cursor": None, "left_out": []}


@pytest.mark.parametrize("command", ["runs", "approvals"])
def test_a_shortened_id_in_a_filter_is_explained(cli: Cli, add: Add, command: str) -> None:
    """Lists on a terminal show short ids, which a filter does not take."""
    add("automation-v2-run-1", automation_id="automation-v2-824f5271")

    short = cli(command, "list", "--automation", "824f5271")
    other = cli(command, "list", "--org", "nobody")

    assert "need complete ids" in short.stderr
    assert "complete ids" not in other.stderr


def test_a_monitor_is_told_by_the_exit_code(cli: Cli, add: Add) -> None:
    """3 if there are any, 0 if there are none; what was found is printed all the same."""
    add("done")
    quiet = cli("runs", "list", "--stuck", "1h", "--fail-if-any")
    add("silent", status="running")
    alarm = cli("runs", "list", "--stuck", "1h", "--fail-if-any", "--json")

    assert (quiet.exit_code, quiet.stderr) == (0, "No runs.\n")
    assert alarm.exit_code == 3
    assert [item["run_id"] for item in json.loads(alarm.stdout)["items"]] == ["silent"]


def test_a_list_says_what_runs_wait_for(cli: Cli, add: Add) -> None:
    """In the last column, where failed runs have their reason."""
    gate = {"node_id": "sign", "title": "Ship it?", "requested_at_ms": CREATED_MS}
    add("asks", status="awaiting_approval", checkpoint=checkpoint(awaiting_gate=gate))
    add("full", status="queued", scheduler={"queue_reason": "capacity", "resource_key": "gpu"})
    add("rests", status="paused", pause_reason="budget")
    add("stands", status="blocked", checkpoint=checkpoint(blocked_nodes=["upload"]))

    lines = cli("runs", "list", "--reverse").stdout.splitlines()

    assert [line.split("0.0000  ")[1] for line in lines[1:]] == [
        "approval: Ship it?",
        "capacity: gpu",
        "pause: budget",
        "blocked node: upload",
    ]


@pytest.mark.parametrize("options", [[], ["--since", "2000w"]])
def test_pages_go_on_with_the_cursor_and_the_same_options(
    cli: Cli, add: Add, options: list[str]
) -> None:
    """A relative time counts from the first page on, so its cursor stays good."""
    for n in range(5):
        add(f"r{n}")

    seen: list[str] = []
    cursor: list[str] = []
    while True:
        page = told(cli("runs", "list", "--limit", "2", "--json", *options, *cursor))
        seen += [item["run_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = ["--cursor", page["next_cursor"]]

    assert seen == ["r4", "r3", "r2", "r1", "r0"]


def test_people_are_told_how_to_go_on(cli: Cli, add: Add) -> None:
    """On stderr, so that the list itself stays a list."""
    add("a")
    add("b")

    done = cli("runs", "list", "--limit", "1")

    assert "--cursor" in done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_a_shown_run_is_the_legacy_record(cli: Cli, add: Add) -> None:
    """All of it, kinds of numbers too."""
    run = add("r", newer={"one": 1.0, "most": 2**63 - 1, "minus": -0.0}, detail="\0\x9b")

    shown = cli("runs", "show", "r", "--json").stdout

    assert repr(json.loads(shown)) == repr(run.to_legacy())


def test_one_node_s_output_is_shown_alone(cli: Cli, add: Add) -> None:
    """Text as it stands, other values as JSON; a wrong name is answered with the right ones."""
    outputs = {"text": "line 1\n\x1bline 2", "value": {"n": 1.0}}
    add("r", checkpoint=checkpoint(node_outputs=outputs))

    wrong = cli("runs", "show", "r", "--node", "other")

    assert cli("runs", "show", "r", "--node", "text").stdout == "line 1\n\\x1bline 2\n"
    assert told(cli("runs", "show", "r", "--node", "text", "--json")) == outputs["text"]
    assert '"n": 1.0' in cli("runs", "show", "r", "--node", "value").stdout
    assert wrong.exit_code == 1
    assert "it has: text, value" in wrong.stderr


def test_a_run_of_a_service_has_no_origin(cli: Cli, add: Add) -> None:
    """Nothing was imported, which is an answer."""
    add("r")

    assert "not imported" in cli("runs", "show", "r", "--origin").stderr
    assert told(cli("runs", "show", "r", "--origin", "--json")) == {"run_id": "r", "items": []}


def test_months_and_statistics_add_up(cli: Cli, add: Add) -> None:
    """The same runs, by month, and by month and status."""
    add("a", total_tokens=2**63 - 1, estimated_cost_usd=0.25)
    add("b", total_tokens=2**63 - 1, status="failed")
    add("c", updated_at_ms=CREATED_MS + 31 * 24 * HOUR_MS)

    # On PostgreSQL there is the present month as well, made beforehand.
    months = [one for one in told(cli("months", "list", "--json"))["items"] if one["runs"]]
    stats = told(cli("stats", "--json"))

    assert [(m["month"], m["state"], m["runs"]) for m in months] == [
        ("2026-05", "attached", 2),
        ("2026-06", "attached", 1),
    ]
    assert all(month["bytes"] > 0 for month in months)
    assert (stats["runs"], stats["total_tokens"]) == (3, 2**64 - 2)
    assert [(item["status"], item["runs"]) for item in stats["items"]] == [
        ("completed", 2),
        ("failed", 1),
    ]
    assert "2026-05  attached     2" in cli("months", "list").stdout
    lines = cli("stats").stdout.splitlines()
    assert lines[0].split("  ")[0] == "MONTH CREATED"
    assert lines[-1].split()[:6] == [
        "total",
        "3",
        "100.0",
        "18,446,744,073,709,551,614",
        "0.2500",
        "100.0",
    ]


def test_an_unfinished_import_is_mentioned_beside_the_answer(
    cli: Cli, add: Add, store: Store
) -> None:
    """Lists and sums say on stderr that they are not the whole truth yet."""
    add("r")
    with store.begin() as tx:
        tx.ledger.begin("/a state", strict=True, now_ms=1, tool_version="0")

    for command in (["runs", "list"], ["stats"]):
        done = cli(*command, "--json")
        assert "an import was not finished" in done.stderr
        assert "an unknown number of runs is missing" in done.stderr
        assert "to finish: tandem-store import '/a state' --strict\n" in done.stderr
        assert json.loads(done.stdout)
    assert cli("months", "list").stderr == ""
