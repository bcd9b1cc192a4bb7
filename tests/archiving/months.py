"""Three months of history, and what is asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import update

from tandem_store import RunRecord, Store, open_store, tables
from tandem_store.importer import ImportOptions, import_state
from tandem_store.month import Month
from tandem_store.recompression import compact_months
from tests.support import legacy_runs
from tests.support.legacy_runs import HOUR_MS, MONTH_MS, definition
from tests.support.run_records import new_run
from tests.support.state_directories import StateDir

#: 2020-01-05T00:00:00Z.
JANUARY_MS: Final = 1_578_182_400_000
JANUARY, FEBRUARY, MARCH = (Month(2020, number) for number in (1, 2, 3))
MONTHS: Final = (JANUARY, FEBRUARY, MARCH)
#: How many runs each month has.
EACH: Final = 12
_SENTENCE: Final = "what agents write has much in common with what they wrote about number "
_STATUSES: Final = ("completed", "failed", "cancelled", "completed")
ACME: Final = {"org_id": "acme", "workspace_id": "north", "source": "explicit"}


def run_id(month: Month, number: int) -> str:
    """The id of one of the runs; every third is odd."""
    return f"{month}-{number}" + ("\0é\U0001f600" if number % 3 == 1 else "")


def run_of(month: Month, number: int, **fields: Any) -> RunRecord:
    """One of the runs, as a service writes it; so long, and so like the others, that it pays to
    compact them."""
    text = " ".join(f"{_SENTENCE}{number * step % 97}." for step in range(2, 42))
    at = JANUARY_MS + MONTH_MS * (month.month - 1) + number * 5 * HOUR_MS
    return new_run(
        fields.pop("run_id", run_id(month, number)),
        **{
            "created_at_ms": at,
            "updated_at_ms": at + HOUR_MS,
            "started_at_ms": at,
            "finished_at_ms": at + HOUR_MS,
            "automation_id": f"auto-{number % 2}",
            "status": _STATUSES[number % 4],
            "trigger_type": ("manual", "scheduled")[number % 2],
            "nodes": ["draft", "review"][: 1 + number % 2],
            # Of its own for one run a month, shared by the others.
            "automation_snapshot": definition(f"own-{month}" if number == 0 else "shared"),
            "prompt_tokens": 100 + number,
            "completion_tokens": 10,
            "total_tokens": 110 + number,
            "estimated_cost_usd": (number + 1) / 1_000,
            "runtime_context": {"text": f"secret of {month}-{number}: {text}"},
            **({"tenant_context": ACME} if number % 4 == 3 else {}),
            **fields,
        },
    )


def fill(url: str, folder: Path) -> None:
    """Three months, of which January is compacted and February has an item in quarantine."""
    with open_store(url) as store:
        for month in MONTHS:
            with store.begin() as tx:
                tx.runs.add_many([run_of(month, number) for number in range(1, EACH)])
        import_state(url, legacy_directory(folder), ImportOptions())
        _claim(store)
    compact_months(url, [JANUARY])


def legacy_directory(folder: Path) -> Path:
    """A state directory with one more run of each month, and a damaged copy of February's."""
    state = StateDir(folder)
    for month in MONTHS:
        state.shard(run_of(month, 0).to_legacy())
    torn = run_of(FEBRUARY, 0).to_legacy()
    del torn["status"]
    state.hot({run_id(FEBRUARY, 0): torn})
    state.definition(legacy_runs.definition("auto-1"))
    return state.root


def _claim(store: Store) -> None:
    claimed = {"claimed_by": "worker \0", "claim_epoch": 3, "claim_expires_at_ms": 2**62}
    with store.begin() as tx:
        wanted = [run_id(month, 1) for month in MONTHS]
        tx.connection.execute(
            update(tables.runs).where(tables.runs.c.run_id.in_(wanted)).values(claimed)
        )


Totals = dict[tuple[str, str], tuple[int, int, float]]


def totals(url: str, *, attached_only: bool = False) -> Totals:
    """Runs, tokens and cost by month and status."""
    with open_store(url) as store, store.read() as tx:
        return {
            (str(one.month), str(one.status)): (one.runs, one.total_tokens, one.estimated_cost_usd)
            for one in tx.runs.stats(attached_only=attached_only)
        }
