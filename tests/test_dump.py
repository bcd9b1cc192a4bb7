"""The dump: equal stores give equal bytes."""

from __future__ import annotations

import itertools
import json

from sqlalchemy import update

from tandem_store import AutomationSpec, Store, open_store, tables
from tandem_store.dump import dump_lines
from tests.support.databases import NewDatabase
from tests.support.legacy_runs import definition
from tests.support.run_records import new_run


def test_lists_everything_by_kind_and_id(store: Store, store_url: str) -> None:
    """Definitions, claims, months and runs, each line one JSON object with sorted keys."""
    with store.begin() as tx:
        for run_id in ("b", "é", "a", "B", "a\0"):
            tx.runs.add(new_run(run_id))
        tx.automations.put(AutomationSpec.model_validate(definition("auto-1")))
        tx.connection.execute(
            update(tables.runs)
            .where(tables.runs.c.run_id == "b")
            .values(claimed_by="w", claim_epoch=2, claim_expires_at_ms=9)
        )

    lines = list(dump_lines(store_url))

    found = [json.loads(line) for line in lines]
    assert [line["kind"] for line in found] == ["automation", "claim", "month"] + 5 * ["run"]
    assert [line["run_id"] for line in found[3:]] == ["B", "a", "a\0", "b", "é"]
    assert found[1] == {
        "kind": "claim",
        "run_id": "b",
        "worker": "w",
        "epoch": 2,
        "expires_at_ms": 9,
    }
    assert found[2] == {"kind": "month", "month": "2026-05", "state": "attached"}
    assert found[3]["record"] == new_run("B").to_legacy()
    assert (found[3]["revision"], found[3]["schema_version"]) == (1, 2)
    assert lines == [
        json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        for line in found
    ]


def test_does_not_tell_how_a_store_came_to_be(new_store_on: NewDatabase) -> None:
    """Row ids, the order of writing, times of making and the kind of database do not show."""
    runs = [
        new_run(f"r{n}", hours=400 * n, automation_snapshot=definition(f"a{n}")) for n in range(4)
    ]

    dumps = []
    for kind, order in itertools.product(("sqlite", "postgresql"), (runs, runs[::-1])):
        url = new_store_on(kind)
        with open_store(url) as store, store.begin() as tx:
            for run in order:
                tx.runs.add(run)
        dumps.append(list(dump_lines(url)))

    assert dumps == [dumps[0]] * 4
