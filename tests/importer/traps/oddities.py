"""Traps in ids, times, and in what else lies in a state directory."""

from __future__ import annotations

import os
from typing import Any

from tests.importer.traps.expected import Expected, expect
from tests.support.state_directories import StateDir, full_run, pretty, run

MONTH = "2026/05"
HISTORY = f"data/automation-runs/automation_v2_runs/{MONTH}"
LAST_MS = 253_402_300_799_999


def nul_characters(state: StateDir) -> Expected:
    """U+0000 in ids, texts and free-form JSON comes through whole."""
    only = full_run("odd-\0-nul", detail="a\0b", trigger_type="\0")
    only["checkpoint"]["node_outputs"]["draft"] = {"\0": ["\0", "\\u0000"]}
    state.hot({"odd-\0-nul": only})
    return expect(("hot", "imported"), runs=[only])


def ids_that_sanitise_alike(state: StateDir) -> Expected:
    """Runs whose ids share a file name stay two runs."""
    slash, dot = full_run("odd/alike"), full_run("odd.alike")
    state.hot({"odd/alike": slash, "odd.alike": dot})
    state.shard(dot)
    return expect(
        ("hot", "imported"), ("hot", "imported"), ("shard", "superseded"), runs=[slash, dot]
    )


def id_too_long_for_a_file_name(state: StateDir) -> Expected:
    """An id that no file can be named after is imported from the hot file."""
    only = full_run("odd-" + "x" * 300)
    state.hot({only["run_id"]: only})
    return expect(("hot", "imported"), runs=[only])


def longest_id(state: StateDir) -> Expected:
    """An id of 1,024 bytes is imported, one of a byte more is quarantined."""
    longest, longer = full_run("é" * 512), full_run("é" * 512 + "e")
    state.hot({one["run_id"]: one for one in (longest, longer)})
    return expect(
        ("hot", "imported"),
        ("hot", "quarantined"),
        runs=[longest],
        quarantined=[("data/automation_v2_runs.json", longer["run_id"], None)],
    )


def ids_that_normalise_alike(state: StateDir) -> Expected:
    """Ids are compared as they are, not as they look."""
    composed, decomposed = full_run("odd-\u00e9"), full_run("odd-e\u0301")
    state.hot({one["run_id"]: one for one in (composed, decomposed)})
    return expect(("hot", "imported"), ("hot", "imported"), runs=[composed, decomposed])


def path_as_id(state: StateDir) -> Expected:
    """An id that looks like a path is a name, not a way out of the directory."""
    only = full_run("../../../odd-path")
    state.shard(only)
    return expect(("shard", "imported"), runs=[only])


def times_out_of_range(state: StateDir) -> Expected:
    """Times after the year 9999 and numbers that fit no column are quarantined as such."""
    bad: dict[str, dict[str, Any]] = {
        "odd-year-10000": {"updated_at_ms": LAST_MS + 1},
        "odd-unsigned": {"updated_at_ms": 2**63},
        "odd-largest": {"created_at_ms": 2**64 - 1},
        "odd-tokens": {"total_tokens": 2**63},
    }
    state.hot({name: run(name, **fields) for name, fields in bad.items()})
    hot = "data/automation_v2_runs.json"
    return expect(
        *[("hot", "quarantined") for _ in bad],
        quarantined=[(hot, name, "out_of_range") for name in bad],
    )


def first_and_last_month(state: StateDir) -> Expected:
    """The first and the last millisecond that have a month are imported."""
    first = full_run("odd-first", created_at_ms=0, updated_at_ms=0)
    last = full_run("odd-last", updated_at_ms=LAST_MS)
    state.shard(first)
    state.hot({"odd-last": last})
    return expect(("shard", "imported"), ("hot", "imported"), runs=[first, last])


def name_that_is_not_the_id(state: StateDir) -> Expected:
    """The run's own id counts, not the name of its file or folder."""
    only = full_run("odd-true-id")
    state.shard(only, name="odd-file-name", month="1999/13")
    return expect(("shard", "imported"), runs=[only])


def link_out_of_the_root(state: StateDir) -> Expected:
    """What a link outside the directory points to is not read."""
    outside = state.root.parent / "outside"
    outside.mkdir(exist_ok=True)
    text = pretty({"schema_version": 1, "run": full_run("odd-outside")})
    (outside / "odd-outside.json").write_bytes(text)
    history = state.root / HISTORY
    history.mkdir(parents=True, exist_ok=True)
    (history / "odd-linked.json").symlink_to(outside / "odd-outside.json")
    (history.parent / "12").symlink_to(outside, target_is_directory=True)
    return expect()


def loop_of_links(state: StateDir) -> Expected:
    """A folder that links to its own parent is walked once."""
    only = full_run("odd-loop")
    folder = state.shard(only).parent
    (folder / "again").symlink_to(folder.parent, target_is_directory=True)
    return expect(("shard", "imported"), runs=[only])


def fifo(state: StateDir) -> Expected:
    """A FIFO named like a shard is passed over; reading it would wait for ever."""
    history = state.root / HISTORY
    history.mkdir(parents=True, exist_ok=True)
    os.mkfifo(history / "odd-fifo.json")
    state.hot({})
    return expect()


def strays(state: StateDir) -> Expected:
    """Other files are passed over without alarm."""
    history = "data/automation-runs/automation_v2_runs"
    shard = {"schema_version": 1, "run": full_run("odd-stray")}
    state.write(f"{history}/odd-year-level.json", shard)
    state.write(f"{history}/{MONTH}/deeper/odd-deeper.json", shard)
    state.write(f"{history}/{MONTH}/odd-stray.json.bak", shard)
    state.write(f"{history}/{MONTH}/odd-stray.txt", b"notes")
    state.write(f"{history}/.DS_Store", b"\0\0\0\1Bud1")
    state.write("data/context-runs/archive/2026/05/odd-stray.tar.gz", b"\x1f\x8b")
    state.write("data/automations_v2.legacy-aggregate.json", {})
    state.hot({})
    return expect()


TRAPS = (
    nul_characters,
    ids_that_sanitise_alike,
    id_too_long_for_a_file_name,
    longest_id,
    ids_that_normalise_alike,
    path_as_id,
    times_out_of_range,
    first_and_last_month,
    name_that_is_not_the_id,
    link_out_of_the_root,
    loop_of_links,
    fifo,
    strays,
)
