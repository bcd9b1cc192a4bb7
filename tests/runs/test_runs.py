"""What is stored comes back, and writers that are late are told so."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from tandem_store import (
    ConflictError,
    MonthDetachedError,
    NotAStoreError,
    NotFoundError,
    RecordTooNewError,
    RunFilter,
    Store,
    tables,
)
from tandem_store.database.partitions import document_table
from tandem_store.month import Month
from tests.support.legacy_runs import CREATED_MS, MONTH_MS, definition
from tests.support.run_records import add_all, new_run
from tests.support.stored import document_counts

NUL = "a\0b"


def later(run, by_ms: int, **fields):
    """The run as if changed ``by_ms`` milliseconds later."""
    return run.model_copy(update={"updated_at_ms": run.updated_at_ms + by_ms, **fields})


def test_a_run_comes_back_whole(store: Store) -> None:
    """Every field survives, unknown ones, U+0000 and the kinds of numbers among them."""
    run = new_run(NUL, detail="x\0\x01y", newer={"f": 1.0, "i": 2**63 - 1}, estimated_cost_usd=0.25)

    with store.begin() as tx:
        revision = tx.runs.add(run)

    with store.read() as tx:
        found = tx.runs.get_versioned(NUL)
    assert revision == 1
    assert found is not None
    assert found.run.to_legacy() == run.to_legacy()
    assert type(found.run.to_legacy()["newer"]["f"]) is float
    assert found.revision == 1


def test_an_unknown_id_is_none(store: Store) -> None:
    """Absence is an answer, not an error."""
    with store.read() as tx:
        assert tx.runs.get("nobody") is None
        assert tx.runs.get_versioned("nobody") is None
        assert tx.runs.document("nobody") is None
        assert not tx.runs.exists("nobody")


def test_adding_a_taken_id_is_a_conflict(store: Store) -> None:
    """The id decides, and the transaction can go on after the refusal."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        with pytest.raises(ConflictError, match="already") as refused:
            tx.runs.add(new_run("r", detail="another"))
        tx.runs.add(new_run("s"))

    assert refused.value.found == 1
    with store.read() as tx:
        assert tx.runs.count() == 2


def test_saving_raises_the_revision(store: Store) -> None:
    """Each write of a run is one revision, and what was written is what is read."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        changed = later(new_run("r"), 5, detail="changed")
        assert tx.runs.save(changed, expected_revision=1) == 2

    with store.read() as tx:
        found = tx.runs.get_versioned("r")
    assert found is not None
    assert (found.revision, found.run) == (2, changed)


@pytest.mark.parametrize(("before", "after"), [(-0.0, 0.0), (0.0, -0.0)])
def test_an_update_changes_the_sign_of_a_zero(store: Store, before: float, after: float) -> None:
    """Although the two are equal, and an update writes what differs."""
    add_all(store, [new_run("r", estimated_cost_usd=before)])

    with store.begin() as tx:
        tx.runs.update("r", lambda run: run.changed(estimated_cost_usd=after))

    with store.read() as tx:
        run = tx.runs.get("r")
    assert run is not None
    assert repr(run.estimated_cost_usd) == repr(after)


def test_saving_at_an_old_revision_is_a_conflict(store: Store) -> None:
    """The refusal carries both revisions, and nothing is written."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        tx.runs.save(new_run("r", detail="first"), expected_revision=1)
        with pytest.raises(ConflictError) as refused:
            tx.runs.save(new_run("r", detail="second"), expected_revision=1)

    assert (refused.value.expected, refused.value.found) == (1, 2)
    with store.read() as tx:
        found = tx.runs.get("r")
    assert found is not None
    assert found.detail == "first"


def test_saving_without_a_revision_needs_force(store: Store) -> None:
    """Writing over what one has not read must be said aloud."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        with pytest.raises(ConflictError, match="force=True"):
            tx.runs.save(new_run("r"))
        assert tx.runs.save(new_run("r", detail="forced"), force=True) == 2


@pytest.mark.parametrize("arguments", [{"expected_revision": 1}, {"force": True}])
def test_saving_an_absent_run_is_not_adding_it(store: Store, arguments: dict[str, object]) -> None:
    """A run that somebody deleted does not come back by being saved."""
    with store.begin() as tx, pytest.raises(NotFoundError):
        tx.runs.save(new_run("r"), **arguments)


def test_a_run_that_changes_its_month_takes_its_document_along(store: Store) -> None:
    """The old month keeps no copy, and back again works too."""
    run = new_run("r")
    months = [Month.of_ms(run.updated_at_ms), Month.of_ms(run.updated_at_ms + MONTH_MS)]
    with store.begin() as tx:
        tx.runs.add(run)
    with store.begin() as tx:
        tx.runs.save(later(run, MONTH_MS), expected_revision=1)
        assert document_counts(tx.connection, months) == [0, 1]
        assert tx.runs.get("r") == later(run, MONTH_MS)
    with store.begin() as tx:
        tx.runs.save(run, expected_revision=2)

    with store.read() as tx:
        assert document_counts(tx.connection, months) == [1, 0]
        assert [month.runs for month in tx.months.list()][:2] == [1, 0]


def test_deleting_leaves_neither_row_nor_document(store: Store) -> None:
    """A deleted run is gone, and deleting it again is told."""
    run = new_run("r")
    with store.begin() as tx:
        tx.runs.add(run)
    with store.begin() as tx:
        tx.runs.delete("r")
        with pytest.raises(NotFoundError):
            tx.runs.delete("r")

    with store.read() as tx:
        assert tx.runs.get("r") is None
        assert document_counts(tx.connection, [Month.of_ms(run.updated_at_ms)]) == [0]


@pytest.mark.parametrize("write", ["add", "save", "delete"])
def test_a_detached_month_takes_no_writes(store: Store, write: str) -> None:
    """Its document_counts are elsewhere; the error says so."""
    with store.begin() as tx:
        tx.runs.add(new_run("r"))
        tx.connection.execute(update(tables.months).values(state="detached", detached_at_ms=1))

    with (
        store.begin() as tx,
        pytest.raises(MonthDetachedError, match="was detached"),
    ):
        if write == "add":
            tx.runs.add(new_run("s"))
        elif write == "save":
            tx.runs.save(new_run("r"), force=True)
        else:
            tx.runs.delete("r")


def test_equal_snapshots_take_one_row(store: Store) -> None:
    """What the engine rewrites at every fire does not make a snapshot another one."""
    runs = [
        new_run("r1", automation_snapshot=definition("a", next_fire_at_ms=1)),
        new_run("r2", automation_snapshot=definition("a", next_fire_at_ms=2)),
        new_run("r3", automation_snapshot=definition("a", execution={"profile": "yolo"})),
        new_run("r4", automation_snapshot=definition("b")),
        new_run("r5", automation_snapshot=None),
    ]

    with store.begin() as tx:
        for run in runs:
            tx.runs.add(run)

    with store.read() as tx:
        count = select(func.count()).select_from(tables.automation_snapshots)
        assert tx.connection.execute(count).scalar_one() == 2
        assert [tx.runs.get(run.run_id) for run in runs] == runs


def test_iterating_gives_whole_runs_in_the_order_of_lists(store: Store) -> None:
    """A stream of more than one batch, over several months, filtered."""
    runs = [
        new_run(f"r{n:03}", created_at_ms=CREATED_MS + n // 3, hours=200 * (n % 7), detail=str(n))
        for n in range(120)
    ]
    add_all(store, runs)

    with store.read() as tx:
        assert list(tx.runs.iterate()) == runs[::-1]
        assert list(tx.runs.iterate(RunFilter(), newest_first=False)) == runs
        assert list(tx.runs.iterate(RunFilter(text="r01"))) == runs[19:9:-1]


def test_statistics_add_up_beyond_64_bits(store: Store) -> None:
    """Sums are exact whatever the size of the numbers; months and statuses are kept apart."""
    most = 2**63 - 1
    runs = [new_run(f"r{n}", total_tokens=most, estimated_cost_usd=0.5) for n in range(3)]
    runs.append(new_run("f", status="failed", total_tokens=7))
    later = CREATED_MS + MONTH_MS
    runs.append(new_run("l", total_tokens=5, created_at_ms=later, updated_at_ms=later))
    add_all(store, runs)

    with store.read() as tx:
        found = [
            (str(entry.month), entry.status, entry.runs, entry.total_tokens)
            for entry in tx.runs.stats()
        ]
        cost = tx.runs.stats(RunFilter(status="completed"))[0].estimated_cost_usd
    assert found == [
        ("2026-05", "completed", 3, 3 * most),
        ("2026-05", "failed", 1, 7),
        ("2026-06", "completed", 1, 5),
    ]
    assert cost == 1.5


def test_costs_add_up_beyond_what_a_float_holds(store: Store) -> None:
    """Two runs cannot make the statistics of all others an error."""
    with store.begin() as tx:
        tx.runs.add_many(new_run(f"r{n}", estimated_cost_usd=1.7e308) for n in range(2))

    with store.read() as tx:
        assert tx.runs.stats()[0].estimated_cost_usd == float("inf")


def test_a_record_of_a_newer_version_is_readable_as_json_only(store: Store) -> None:
    """One run that a newer version wrote does not keep the others from being read."""
    with store.begin() as tx:
        tx.runs.add(new_run("new"))
        tx.runs.add(new_run("old"))
        tx.connection.execute(
            update(tables.runs).where(tables.runs.c.run_id == "new").values(schema_version=99)
        )

    with store.read() as tx:
        with pytest.raises(RecordTooNewError, match="Upgrade the package"):
            tx.runs.get("new")
        stored = tx.runs.document("new")
        assert stored is not None
        assert stored.raw()["record"]["checkpoint"]["completed_nodes"] == ["draft", "review"]
        assert tx.runs.get("old") == new_run("old")
        assert tx.runs.list().items[0].run_id == "old"


def test_a_document_that_is_gone_is_damage_not_absence(store: Store) -> None:
    """A row without its document is never taken for a run that does not exist."""
    run = new_run("r")
    with store.begin() as tx:
        tx.runs.add(run)
        table = document_table(tx.connection, Month.of_ms(run.updated_at_ms))
        tx.connection.execute(table.delete())

    with store.read() as tx:
        with pytest.raises(NotAStoreError, match="'r' is missing"):
            tx.runs.get("r")
        with pytest.raises(NotAStoreError, match="'r' is missing"):
            list(tx.runs.iterate())
