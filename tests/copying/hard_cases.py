"""What is hard to carry from one database to another, in one store."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import update

from tandem_store import (
    AutomationSpec,
    Month,
    Store,
    attach_month,
    detach_month,
    forget_content,
    open_store,
    tables,
)
from tandem_store.importer import ImportOptions, import_state
from tests.importer.traps import lay_all
from tests.support.legacy_runs import definition
from tests.support.migrating import downgrade
from tests.support.run_records import add_all, new_run
from tests.support.state_directories import StateDir
from tests.support.stored import dump

#: In an order of code points that is neither that of UTF-16 nor that of any language.
_ODD: Final = ("\0", "B", "a", "a\0b", "a b", "é", "\ud7ff", "\uffff", "\U00010000", "\U0001f600")
IDS: Final = [f"id-{odd}" for odd in _ODD]
_MEGABYTES: Final = "0123456789abcdef" * 200_000


def fill(url: str, sample: Path, folder: Path) -> None:
    """The sample, every trap of the importer, odd ids and values, claims, and a detached month."""
    state = StateDir(folder)
    lay_all(state)
    for root in (sample, state.root):
        import_state(url, root, ImportOptions())
    with open_store(url) as store:
        add_all(store, (new_run(run_id, automation_id="\U0001f916\0") for run_id in IDS))
        add_all(
            store,
            [
                new_run("minus-zero", estimated_cost_usd=-0.0),
                new_run("greatest", total_tokens=2**63 - 1, prompt_tokens=2**63 - 1),
                new_run("great", runtime_context={"text": _MEGABYTES}),
                new_run("own-snapshot", automation_snapshot=definition("mine", name="\0")),
            ],
        )
        with store.begin() as tx:
            tx.automations.put(AutomationSpec.model_validate(definition("\U0001f600")))
        _revise(store)
        _claim(store)
    detach(url, folder / "archives")


def _revise(store: Store) -> None:
    with store.begin() as tx:
        found = tx.runs.get_versioned("id-a")
        assert found is not None
        changed = found.run.model_copy(update={"detail": "second\0revision"})
        tx.runs.save(changed, expected_revision=found.revision)


def _claim(store: Store) -> None:
    claimed = {"claimed_by": "worker", "claim_epoch": 3, "claim_expires_at_ms": 2**63 - 1}
    with store.begin() as tx:
        tx.connection.execute(
            update(tables.runs).where(tables.runs.c.run_id.in_(["id-B", "id-é"])).values(claimed)
        )


def detach(url: str, folder: Path) -> None:
    """A month that was detached, one run whose content was forgotten, and a hold."""
    for number, at in enumerate((1_577_836_800_000, 1_546_300_800_000)):
        times = {"created_at_ms": at, "updated_at_ms": at, "finished_at_ms": at}
        with open_store(url) as store, store.begin() as tx:
            tx.runs.add(new_run(f"old-{number}", **times))
    detach_month(url, Month(2020, 1), folder)
    forget_content(url, Month(2019, 1))
    with open_store(url) as store, store.begin() as tx:
        tx.holds.hold_run("old-1", "an audit\0")


def make_older(url: str) -> bytes:
    """Bring the store back to an older revision, without what that cannot know.

    Returns the dump of what is left.
    """
    with open_store(url) as store, store.read() as tx:
        (archive,) = tx.months.archives()
    attach_month(url, archive.location)
    with open_store(url) as store, store.begin() as tx:
        tx.holds.release("run", "old-1")
        tx.runs.delete("old-1")
    left = dump(url)
    downgrade(url)
    return left
