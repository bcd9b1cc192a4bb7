"""``tandem-store approvals``: what people have to decide."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from rich.cells import cell_len

from tandem_store import RunRecord, Store, clock
from tests.cli.terminals import OnTerminal, without_style

Cli = Callable[..., Result]
Add = Callable[..., RunRecord]

HOUR_MS = 3_600_000


@pytest.fixture
def ask(add: Add) -> Callable[..., dict[str, Any]]:
    """Adds a run that waits for an approval since some hours; returns its gate."""

    def ask_for(
        run_id: str, *, hours: int, lasts: int | None = None, title: str = "Publish?", **fields: Any
    ) -> dict[str, Any]:
        policy = {"expires_after_ms": (lasts or 0) * HOUR_MS, "on_expiry": "cancel"}
        gate = {
            "node_id": "publish",
            "title": title,
            "decisions": ["approve"],
            "requested_at_ms": clock.now_ms() - hours * HOUR_MS,
            **({} if lasts is None else {"expiry_policy": policy}),
        }
        checkpoint = {"awaiting_gate": gate}
        add(run_id, status="awaiting_approval", checkpoint=checkpoint, **fields)
        return gate

    return ask_for


Ask = Callable[..., dict[str, Any]]


def test_the_json_has_what_a_panel_needs(cli: Cli, ask: Ask) -> None:
    """By the names that are agreed upon."""
    gate = ask("r", hours=5, lasts=2)

    done = cli("approvals", "list", "--json")

    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "items": [
            {
                "run_id": "r",
                "automation_id": "auto-1",
                "automation_name": "Automation auto-1",
                "org_id": "local",
                "workspace_id": "local",
                "deployment_id": None,
                "status": "awaiting_approval",
                "node_id": "publish",
                "title": "Publish?",
                "requested_at_ms": gate["requested_at_ms"],
                "expires_at_ms": gate["requested_at_ms"] + 2 * HOUR_MS,
                "overdue": True,
            }
        ],
        "next_cursor": None,
    }


def ids(cli: Cli, *arguments: str) -> list[str]:
    """The runs that are listed."""
    return [
        one["run_id"]
        for one in json.loads(cli("approvals", "list", "--json", *arguments).stdout)["items"]
    ]


def test_options_choose_among_approvals(cli: Cli, ask: Ask) -> None:
    """By automation, tenant, and whether their time is over."""
    acme = {"org_id": "acme", "workspace_id": "north"}
    ask("late", hours=3, lasts=1)
    ask("in time", hours=2, lasts=9, automation_id="other")
    ask("theirs", hours=1, tenant_context=acme)

    assert ids(cli) == ["theirs", "in time", "late"]
    assert ids(cli, "--overdue") == ["late"]
    assert ids(cli, "--automation", "other", "--automation", "nobody") == ["in time"]
    assert ids(cli, "--org", "acme") == ids(cli, "--workspace", "north") == ["theirs"]


def test_a_page_is_continued_by_its_cursor(cli: Cli, ask: Ask) -> None:
    """The note has the option to type."""
    for hours in (1, 2, 3):
        ask(f"r{hours}", hours=hours)

    first = cli("approvals", "list", "--limit", "2")
    cursor = first.stderr.split("--cursor ")[1].strip()

    assert "r1" in first.stdout
    assert "r3" not in first.stdout
    assert ids(cli, "--cursor", cursor) == ["r3"]
    refused = cli("approvals", "list", "--overdue", "--cursor", cursor)
    assert refused.exit_code == 1
    assert "another filter" in refused.stderr


def test_a_monitor_learns_by_the_exit_code(cli: Cli, ask: Ask) -> None:
    """Only if it asks for that; the list is the same."""
    quiet = cli("approvals", "list", "--fail-if-any")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "No approvals are pending.\n")

    ask("r", hours=2, lasts=9)

    assert cli("approvals", "list").exit_code == 0
    assert cli("approvals", "list", "--overdue", "--fail-if-any").exit_code == 0
    failing = cli("approvals", "list", "--fail-if-any")
    assert failing.exit_code == 3
    assert failing.stdout == cli("approvals", "list").stdout


def test_a_pipe_gets_every_column(cli: Cli, ask: Ask) -> None:
    """Nothing is shortened there."""
    title = "Publish the newsletter to all subscribers? " * 4
    ask("automation-v2-run-12345678-0000-4000-8000-000000000000", hours=5, lasts=2, title=title)

    headings, row = cli("approvals", "list").stdout.splitlines()

    assert headings.split() == [
        "REQUESTED",
        "EXPIRES",
        "OVERDUE",
        "RUN",
        "AUTOMATION",
        "TENANT",
        "NODE",
        "TITLE",
    ]
    assert "  yes  " in row
    assert "automation-v2-run-12345678-0000-4000-8000-000000000000" in row
    assert row.endswith(title.strip())


@pytest.mark.sqlite
@pytest.mark.parametrize(("columns", "has_automation"), [(60, False), (80, True), (140, True)])
def test_a_terminal_gets_what_fits(
    store: Store,
    store_url: str,
    ask: Ask,
    on_terminal: OnTerminal,
    columns: int,
    has_automation: bool,
) -> None:
    """One line for each, with what is asked; overdue ones are red."""
    late = "automation-v2-run-12345678-0000-4000-8000-000000000000"
    ask(late, hours=5, lasts=2, title="Publish the newsletter to all subscribers? " * 4)
    ask("r2", hours=1, lasts=9)
    ask("r3", hours=2)

    shown = on_terminal("--db", store_url, "approvals", "list", columns=columns)

    lines = [line for line in without_style(shown).splitlines() if line]
    assert len(lines) == 4
    assert max(map(cell_len, lines)) <= columns
    assert [line.split()[0] for line in lines] == ["RUN", "r2", "r3", "12345678"]
    assert "\x1b[31moverdue 3h" in shown
    assert "in 7h" in lines[1]
    assert "Publish the newsletter" in lines[3]
    assert ("AUTOMATION" in lines[0]) == has_automation


@pytest.mark.sqlite
def test_a_title_does_not_reach_a_terminal_as_it_is(
    store: Store, store_url: str, ask: Ask, on_terminal: OnTerminal
) -> None:
    """It could tell it to do something."""
    ask("r\x1b[2J", hours=1, title="Yes?\x1b[2J\nNo!")

    shown = on_terminal("--db", store_url, "approvals", "list")

    assert "\x1b[2J" not in shown
    assert "Yes?\\x1b[2J No!" in shown
