"""One trap for each place where the engine and its tools leave runs behind."""

from __future__ import annotations

from tests.importer.traps.expected import Expected, expect
from tests.support.state_directories import (
    CREATED_MS,
    HOUR_MS,
    StateDir,
    context_state,
    full_run,
    run,
)


def hot_entry(state: StateDir) -> Expected:
    """A run that only the hot file holds is imported from there."""
    only = full_run("source-hot")
    state.hot({"source-hot": only})
    return expect(("hot", "imported"), runs=[only])


def shard_of_another_stem(state: StateDir) -> Expected:
    """History shards count below any stem."""
    only = full_run("source-stem")
    state.shard(only, stem="runs")
    return expect(("shard", "imported"), runs=[only])


def shard_of_the_empty_id(state: StateDir) -> Expected:
    """The shard called ``.json``, which the engine never saw again, is a run like any other."""
    only = full_run("")
    assert state.shard(only).name == ".json"
    return expect(("shard", "imported"), runs=[only])


def nested_flat_shard(state: StateDir) -> Expected:
    """An id with a slash makes folders in the second layout, and is found in them."""
    only = full_run("source/flat/nested")
    state.flat_shard(only)
    return expect(("flat_shard", "imported"), runs=[only])


def archive_entry(state: StateDir) -> Expected:
    """The monolithic archive of older releases is read."""
    only = full_run("source-archive")
    state.archive({"source-archive": only})
    return expect(("archive", "imported"), runs=[only])


def root_entry(state: StateDir) -> Expected:
    """The hot file in the root, from before there was a data folder, is read."""
    only = full_run("source-root")
    state.root_hot({"source-root": only})
    return expect(("root", "imported"), runs=[only])


def backup_entry_and_shard(state: StateDir) -> Expected:
    """Files that a cleanup moved aside are read in all their layouts."""
    entry, shard = full_run("source-backup-entry"), full_run("source-backup-shard")
    state.backup({"source-backup-entry": entry})
    folder = "backups/local-cleanup-1780000000000/data/automation-runs/automation_v2_runs/2026/05"
    state.write(f"{folder}/source-backup-shard.json", {"schema_version": 1, "run": shard})
    return expect(("backup", "imported"), ("backup", "imported"), runs=[entry, shard])


def lone_leftover(state: StateDir) -> Expected:
    """What an interrupted write left behind is imported if nothing else holds the run."""
    only = full_run("source-leftover")
    state.leftover(only)
    return expect(("leftover", "imported"), runs=[only])


def leftover_beside_a_shard(state: StateDir) -> Expected:
    """A newer leftover does not win against a finished write."""
    shard = full_run("source-leftover-beaten")
    state.shard(shard)
    state.leftover(full_run("source-leftover-beaten", hours=9))
    return expect(("shard", "imported"), ("leftover", "skipped|superseded"), runs=[shard])


def leftover_of_the_archive(state: StateDir) -> Expected:
    """The archive writer's leftover, a map without an envelope, may hold the only copy."""
    only = full_run("source-archive-leftover")
    state.write("data/automation_v2_runs_archive.json.tmp", {"source-archive-leftover": only})
    return expect(("leftover", "imported"), runs=[only])


def terminal_context_run(state: StateDir) -> Expected:
    """A terminal run that only its context folder remembers is made out of it."""
    state.context(context_state("source-context"))
    return expect(("context", "imported"), fields={"source-context": _FROM_CONTEXT})


def old_context_run(state: StateDir) -> Expected:
    """The context folders of former releases are read too."""
    state.context(context_state("source-context-old"), old=True)
    return expect(("context", "imported"), fields={"source-context-old": _FROM_CONTEXT})


def context_run_beside_a_shard(state: StateDir) -> Expected:
    """A context folder never stands in for a run that has a copy, however much newer it is."""
    shard = full_run("source-context-beaten")
    state.shard(shard)
    state.context(context_state("source-context-beaten", hours=9))
    return expect(("shard", "imported"), ("context", "skipped|superseded"), runs=[shard])


def unfinished_context_run(state: StateDir) -> Expected:
    """A context folder that is not terminal makes no run."""
    state.context(context_state("source-context-running", status="running"))
    return expect(("context", "skipped"))


def every_copy_beaten_by_the_newest(state: StateDir) -> Expected:
    """One run in six places is one run, and five copies superseded."""
    name = "source-everywhere"
    copies = [run(name, nodes=["draft"], hours=hours) for hours in range(1, 7)]
    state.backup({name: copies[0]})
    state.root_hot({name: copies[1]})
    state.archive({name: copies[2]})
    state.hot({name: copies[3]})
    state.flat_shard(copies[4])
    state.shard(copies[5])
    beaten = [
        (source, "superseded") for source in ("backup", "root", "archive", "hot", "flat_shard")
    ]
    return expect(("shard", "imported"), *beaten, runs=[copies[5]])


_FROM_CONTEXT = {
    "automation_id": "auto-1",
    "trigger_type": "recovered_context_run",
    "status": "completed",
    "created_at_ms": CREATED_MS,
    "updated_at_ms": CREATED_MS + HOUR_MS,
    "finished_at_ms": CREATED_MS + HOUR_MS,
    "total_tokens": 0,
}
TRAPS = (
    hot_entry,
    shard_of_another_stem,
    shard_of_the_empty_id,
    nested_flat_shard,
    archive_entry,
    root_entry,
    backup_entry_and_shard,
    lone_leftover,
    leftover_beside_a_shard,
    leftover_of_the_archive,
    terminal_context_run,
    old_context_run,
    context_run_beside_a_shard,
    unfinished_context_run,
    every_copy_beaten_by_the_newest,
)
