"""The dump: equal stores give equal bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from sqlalchemy import update

from tandem_store import AutomationSpec, Store, open_store, schema
from tandem_store.dump import dump_lines
from tests.legacy_runs import definition
from tests.store.new_run import new_run


def test_lists_everything_by_kind_and_id(store: Store, store_url: str) -> None:
    """Definitions, claims, months and runs, each line one JSON object with sorted keys."""
    with store.begin() as tx:
        for run_id in ("b", "é", "a", "B", "a\0"):
            tx.runs.add(new_run(run_id))
        tx.automations.put(AutomationSpec.model_validate(definition("auto-1")))
        tx.connection.execute(
            update(schema.runs)
            .where(schema.runs.c.run_id == "b")
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
    assert (found[3]["revision"], found[3]["schema_version"]) == (1, 1)
    assert lines == [
        json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        for line in found
    ]


def test_does_not_tell_how_a_store_came_to_be(
    store_url: str, template_database: Path, tmp_path: Path
) -> None:
    """Row ids, the order of writing and times of making do not show."""
    other_url = f"sqlite:///{tmp_path / 'other.db'}"
    shutil.copy2(template_database, tmp_path / "other.db")
    runs = [
        new_run(f"r{n}", hours=400 * n, automation_snapshot=definition(f"a{n}")) for n in range(4)
    ]

    for url, order in ((store_url, runs), (other_url, [*runs[::-1]])):
        with open_store(url) as store, store.begin() as tx:
            for run in order:
                tx.runs.add(run)

    assert list(dump_lines(store_url)) == list(dump_lines(other_url))
