"""Texts that are too long for an index: one copy waits in quarantine, everything else is stored."""

from __future__ import annotations

import random
import string
from typing import Final

import pytest

from tandem_store import AutomationSpec, RunRecord, UnstorableError, open_store
from tandem_store.copying import copy_store
from tests.support.databases import NewDatabase
from tests.support.importing import imported
from tests.support.state_directories import Json, StateDir, definition, run
from tests.support.stored import stored_runs

LONG: Final = 6_000


def noise(length: int) -> str:
    """Text that no database makes shorter by compression."""
    return "".join(random.Random(length).choices(string.ascii_letters + string.digits, k=length))


def tenant(**ids: str) -> Json:
    """A named tenant."""
    return {"org_id": "acme", "workspace_id": "north", "source": "explicit"} | ids


#: What does not fit, with the code that says so.
TOO_LONG: Final[list[tuple[str, Json]]] = [
    (
        "ids_too_long_together",
        {
            "run_id": noise(1_000),
            "tenant_context": tenant(org_id=noise(1_001), workspace_id=noise(1_002)),
        },
    ),
    (
        "ids_too_long_together",
        {
            "automation_id": noise(1_000),
            "tenant_context": tenant(org_id=noise(1_001), workspace_id=noise(1_002)),
        },
    ),
    ("trigger_too_long", {"trigger_type": noise(LONG)}),
    ("id_too_long", {"automation_id": noise(1_025)}),
]


@pytest.mark.parametrize(("reason", "fields"), TOO_LONG)
def test_a_copy_that_no_index_can_hold_is_quarantined_alone(
    state: StateDir, url: str, reason: str, fields: Json
) -> None:
    """The code names the limit, and it is the same on both databases."""
    state.hot({"long": run("long") | fields, "b": run("b")})

    report = imported(url, state.root)

    assert [one["reason"] for one in report["quarantined"]] == [reason]
    assert sorted(stored_runs(url)) == ["b"]


def test_the_longest_texts_that_are_taken_fit_every_index(state: StateDir, url: str) -> None:
    """At each of the limits the database takes the row, though nothing can be compressed."""
    ids = {"org_id": noise(550), "workspace_id": noise(551), "deployment_id": noise(549)}
    wide = run(noise(950), tenant_context=tenant(**ids))
    narrow = run(
        noise(1_024),
        automation_id=noise(1_024),
        trigger_type=noise(1_022),
        status="awaiting_approval",
        tenant_context=tenant(org_id=noise(1_021)[:787], workspace_id=noise(789)),
    )
    state.hot({"wide": wide, "narrow": narrow})
    state.write("data/automations_v2.json", {"long": definition(noise(1_024))})

    report = imported(url, state.root)

    assert (report["quarantined"], report["runs"], report["definitions"]) == ([], 2, 1)


def test_an_id_of_control_characters_counts_as_it_is_stored(state: StateDir, url: str) -> None:
    """Each is stored as three bytes, in the ledger too."""
    state.hot({"nul": run("\0" * 1_000), "b": run("b")})

    report = imported(url, state.root)

    assert [one["reason"] for one in report["quarantined"]] == ["id_too_long"]


def test_a_definition_whose_id_is_too_long_is_quarantined_alone(state: StateDir, url: str) -> None:
    """The others are stored."""
    state.write(
        "data/automations_v2.json",
        {noise(2_800): definition(noise(2_800)), "auto-1": definition("auto-1")},
    )

    report = imported(url, state.root)

    assert [one["reason"] for one in report["quarantined"]] == ["id_too_long"]
    assert report["definitions"] == 1


@pytest.mark.parametrize(("reason", "fields"), TOO_LONG)
def test_a_service_cannot_store_what_no_index_can_hold(
    store_url: str, reason: str, fields: Json
) -> None:
    """It is told which limit, and the store is as it was."""
    record = RunRecord.model_validate(run("long") | fields)
    with open_store(store_url) as store:
        with pytest.raises(UnstorableError) as refused, store.begin() as tx:
            tx.runs.add(record)
        with store.read() as tx:
            assert (refused.value.reason, tx.runs.count()) == (reason, 0)


def test_a_service_cannot_store_a_definition_with_such_an_id(store_url: str) -> None:
    """Likewise."""
    made = AutomationSpec.model_validate(definition(noise(2_800)))
    with open_store(store_url) as store, store.begin() as tx:
        with pytest.raises(UnstorableError) as refused:
            tx.automations.put(made)
    assert refused.value.reason == "id_too_long"


def test_a_file_in_too_deep_a_folder_is_not_read_and_told(state: StateDir, url: str) -> None:
    """What the ledger cannot name is passed over aloud; everything else is imported."""
    folder = "/".join(noise(240 + level) for level in range(12))
    deep = f"data/automation-runs/2026/05/{folder}"
    state.write(f"{deep}/a.json", {"schema_version": 1, "run": run("a")})
    state.shard(run("b"))

    report = imported(url, state.root)

    assert [one["path"] for one in report["not_read"]] == [f"{deep}/a.json"]
    assert sorted(stored_runs(url)) == ["b"]


def test_what_sqlite_took_fits_postgresql(
    new_store_on: NewDatabase, new_database_on: NewDatabase, state: StateDir
) -> None:
    """A copy never stops at an index."""
    ids = {"org_id": noise(550), "workspace_id": noise(551), "deployment_id": noise(549)}
    state.hot({"wide": run(noise(950), tenant_context=tenant(**ids), trigger_type=noise(1_024))})
    source = new_store_on("sqlite")
    imported(source, state.root)

    report = copy_store(source, new_database_on("postgresql"))

    assert report.differences == []
