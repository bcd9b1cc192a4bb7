"""What is known of a copy: how good it is, whose, how new, and what is in it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from tandem_store.importer.choice.entries import (
    FoundAt,
    entry_of_damaged,
    entry_of_record,
    entry_of_rejected,
    record_digest,
    time_of_damaged,
)
from tandem_store.importer.source.kinds import Layout, Source, SourceFile
from tandem_store.importer.source.spans import Span
from tandem_store.ledger import CopyOutcome, Entry, Kind, Part, Reason, ReasonCode
from tandem_store.month import Month
from tandem_store.records import RECOVERED_CONTEXT_RUN
from tests.support.legacy_runs import (
    CREATED_MS,
    HOUR_MS,
    checkpoint,
    context_stub,
    corrupt_stub,
    definition,
    full_run,
    run,
)

BARE = {"status": "running", "checkpoint": checkpoint()}
FILE = SourceFile(Source.ARCHIVE, Layout.RUNS, "data/archive.json", 100, 5)


def entry_of(record: dict[str, Any]) -> Entry:
    """The entry of a copy that is all of its file."""
    return entry_of_record(record, record_digest(record), FoundAt(FILE))


def facts(**fields: Any) -> Entry:
    """The entry of a running run without a part, with these fields."""
    return entry_of(run("r", **(BARE | fields)))


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({}, Part(0)),
        ({"checkpoint": checkpoint(node_outputs={"a": {}})}, Part.OUTPUTS),
        ({"runtime_context": {}}, Part.RUNTIME_CONTEXT),
        ({"runtime_context": None}, Part(0)),
        ({"automation_snapshot": definition("auto-1")}, Part.SNAPSHOT),
        ({"automation_snapshot": None}, Part(0)),
        ({"checkpoint": checkpoint(awaiting_gate={})}, Part.GATE),
        ({"checkpoint": checkpoint(awaiting_gate=None)}, Part(0)),
        ({"checkpoint": checkpoint(completed_nodes=["a"])}, Part.COMPLETED_NODES),
        ({"status": "completed"}, Part.TERMINAL),
        ({"status": "failed"}, Part.TERMINAL),
        ({"status": "cancelled"}, Part.TERMINAL),
        ({"status": "blocked"}, Part.TERMINAL),
        ({"status": "paused"}, Part(0)),
    ],
)
def test_each_part_is_seen(fields: dict[str, Any], part: Part) -> None:
    """On its own, and not where its field is empty."""
    assert facts(**fields).parts == part
    assert facts(**fields).is_terminal == (part is Part.TERMINAL)


def test_a_checkpoint_may_lack_what_older_engines_did_not_write() -> None:
    """Its outputs and completed nodes are none then."""
    found = facts(checkpoint={})

    assert (found.parts, found.outputs) == (Part(0), 0)


def test_a_run_is_dated_by_its_last_update_and_filed_by_its_latest_time() -> None:
    """Which may be its creation, where the clock was set back."""
    usual = facts(created_at_ms=1, updated_at_ms=2)
    odd = facts(created_at_ms=31 * 24 * HOUR_MS, updated_at_ms=2)

    assert (usual.updated_at_ms, usual.month) == (2, Month(1970, 1))
    assert (odd.updated_at_ms, odd.month) == (2, Month(1970, 2))


def test_a_copy_is_of_the_run_that_it_names() -> None:
    """Whatever its file is called."""
    assert entry_of(run("r\0")).run_id == "r\0"


def test_a_copy_knows_where_it_was_found() -> None:
    """Its file, its bytes and its key; one that is all of its file has no bytes to name."""
    found_at = FoundAt(FILE, Span(start=3, value=8, stop=12), "key")

    found = entry_of_record(run("r", **BARE), b"digest", found_at)

    assert (found.source, found.path, found.mtime_ns) == ("archive", "data/archive.json", 5)
    assert (found.start, found.value, found.stop, found.key) == (3, 8, 12, "key")
    assert found.ordinal == 3
    alone = facts()
    assert (alone.start, alone.value, alone.stop, alone.key) == (None, None, None, None)
    assert alone.ordinal == 0


def test_outputs_are_counted() -> None:
    """The fuller of two copies wins by them."""
    assert facts(checkpoint=checkpoint(node_outputs={"a": {}, "b": None})).outputs == 2


def test_equal_content_has_one_digest_in_any_order() -> None:
    """A file that was only written again is the same copy."""
    one = run("r", **BARE)
    shuffled = dict(reversed(one.items()))

    assert entry_of(shuffled).digest == entry_of(one).digest
    assert entry_of(one | {"detail": "x"}).digest != entry_of(one).digest
    assert len(entry_of(one).digest) == 32


def test_tenants_differ_by_organisation_workspace_and_deployment() -> None:
    """And by nothing else; a run without one is the local tenant's."""
    ids = {"org_id": "o", "workspace_id": "w", "deployment_id": "d"}
    own = facts(tenant_context=ids).tenant

    assert facts(tenant_context=ids | {"source": "explicit", "actor_id": "a"}).tenant == own
    for name in ids:
        assert facts(tenant_context=ids | {name: "x"}).tenant != own
    local = {"org_id": "local", "workspace_id": "local"}
    assert facts(tenant_context=None).tenant == facts(tenant_context=local).tenant
    without = run("r", **BARE)
    del without["tenant_context"]
    assert entry_of(without).tenant == facts(tenant_context=local).tenant
    assert len(own) == 8


def test_automations_differ_by_their_ids() -> None:
    """Parts are restored within one automation only."""
    assert facts(automation_id="a").automation == facts(automation_id="a").automation
    assert facts(automation_id="a").automation != facts(automation_id="b").automation
    assert len(facts().automation) == 8


@pytest.mark.parametrize(
    ("trigger", "status", "ignored"),
    [
        (RECOVERED_CONTEXT_RUN, "running", True),
        (RECOVERED_CONTEXT_RUN, "queued", True),
        (RECOVERED_CONTEXT_RUN, "completed", False),
        ("manual", "running", False),
    ],
)
def test_an_unfinished_context_run_is_ignored(trigger: str, status: str, *, ignored: bool) -> None:
    """As the engine ignores it: it has its outcome, and no part in the choice."""
    found = facts(trigger_type=trigger, status=status)

    assert (found.kind is None) is ignored
    assert found.outcome is (CopyOutcome.SKIPPED if ignored else None)
    assert found.reason == Reason(ReasonCode.NON_TERMINAL_CONTEXT_RUN if ignored else "")


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (full_run("r"), Kind.WELL_FORMED),
        (corrupt_stub("r"), Kind.STUB),
        (context_stub("r"), Kind.STUB),
    ],
    ids=["complete", "corrupt stub", "context stub"],
)
def test_what_the_engine_made_up_is_a_stub(record: dict[str, Any], kind: Kind) -> None:
    """However well it is formed."""
    assert entry_of(record).kind is kind


def test_a_damaged_entry_has_the_facts_of_what_is_recovered() -> None:
    """But the digest of its bytes, and it is never ignored."""
    recovered = run("r", **BARE, trigger_type=RECOVERED_CONTEXT_RUN)
    digest = sha256(b"entry").digest()

    found = entry_of_damaged(recovered, digest, FoundAt(FILE))

    assert (found.kind, found.digest, found.outcome) == (Kind.DAMAGED, digest, None)
    assert found.reason == Reason()
    assert found.updated_at_ms == CREATED_MS + HOUR_MS


def test_bytes_that_cannot_be_a_run_have_their_outcome_at_once() -> None:
    """And the run that they name all the same."""
    found_at = FoundAt(FILE, Span(start=3, value=8, stop=12), "key")

    found = entry_of_rejected(b"digest", "too_large", "r", found_at)

    assert (found.digest, found.run_id, found.key) == (b"digest", "r", "key")
    assert (found.start, found.value, found.stop) == (3, 8, 12)
    assert (found.kind, found.outcome) == (None, CopyOutcome.QUARANTINED)
    assert found.reason == Reason("too_large")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"updated_at_ms": 3, "finished_at_ms": 2, "created_at_ms": 1}, 3),
        ({"finished_at_ms": 2, "created_at_ms": 1}, 2),
        ({"created_at_ms": 1}, 1),
        ({"updated_at_ms": 0, "created_at_ms": 1}, 0),
        ({"updated_at_ms": 2**64 - 1}, 2**64 - 1),
        ({"updated_at_ms": 2**64, "created_at_ms": 1}, 1),
        ({"updated_at_ms": -1, "created_at_ms": 1}, 1),
        ({"updated_at_ms": True, "created_at_ms": 1}, 1),
        ({"updated_at_ms": "3", "created_at_ms": 1}, 1),
        ({"updated_at_ms": 3.0, "created_at_ms": 1}, 1),
        ({}, 7),
    ],
)
def test_a_damaged_entry_is_dated_by_its_own_time_if_it_has_one(
    entry: dict[str, Any], expected: int
) -> None:
    """Only a time that the engine could have written counts; else the file's does."""
    assert time_of_damaged(entry, mtime_ms=7) == expected
