"""Traps in files that are not what they should be: cut off, damaged, of another format."""

from __future__ import annotations

from typing import Any

import orjson

from tests.importer.traps.expected import Expected, expect
from tests.support.state_directories import StateDir, full_run, pretty

BOM = b"\xef\xbb\xbf"


def envelope(runs: dict[str, Any]) -> dict[str, Any]:
    """A file of runs as it is written today."""
    return {"schema_version": 1, "runs": runs}


def place(name: str) -> str:
    """A file of its own for the trap ``name``, read as a backup."""
    return f"backups/local-cleanup-{name}/data/automation_v2_runs.json"


def byte_order_mark(state: StateDir) -> Expected:
    """A byte order mark, which hid every run from the engine, hides none."""
    only = full_run("fault-bom")
    state.write(place("bom"), BOM + pretty(envelope({"fault-bom": only})))
    return expect(("backup", "imported"), runs=[only])


def cut_off_file(state: StateDir) -> Expected:
    """Entries before the cut are imported, the torn one is quarantined."""
    whole, torn = full_run("fault-cut-whole"), full_run("fault-cut-torn")
    text = pretty(envelope({"fault-cut-whole": whole, "fault-cut-torn": torn}))
    state.write(place("cut"), text[: len(text) * 3 // 4])
    cut = (place("cut"), None, None)
    return expect(
        ("backup", "imported"), ("backup", "quarantined"), runs=[whole], quarantined=[cut]
    )


def hopeless_entries(state: StateDir) -> Expected:
    """Entries that cannot be runs do not take the file's other runs with them."""
    good = full_run("fault-good")
    hopeless = {
        "fault-text": "not a run",
        "fault-null": None,
        "fault-nobody": {"run_id": "fault-nobody"},
        "fault-blank": {"run_id": "fault-blank", "automation_id": "  "},
    }
    state.write(place("hopeless"), envelope(hopeless | {"fault-good": good}))
    return expect(
        ("backup", "imported"),
        *[("backup", "quarantined") for _ in hopeless],
        runs=[good],
        quarantined=[(place("hopeless"), key, None) for key in hopeless],
    )


def repeated_key(state: StateDir) -> Expected:
    """Of two entries under one key the newer wins, not the later."""
    newer, older = full_run("fault-twice", hours=3), full_run("fault-twice", hours=2)
    text = pretty(envelope({"fault-twice": newer, "fault-once": older}))
    state.write(place("twice"), text.replace(b'"fault-once"', b'"fault-twice"'))
    return expect(("backup", "imported"), ("backup", "superseded"), runs=[newer])


def equal_inner_ids(state: StateDir) -> Expected:
    """Entries under different keys are one run if they say so themselves."""
    newer, older = full_run("fault-inner", hours=3), full_run("fault-inner", hours=2)
    state.write(place("inner"), envelope({"a-key": newer, "b-key": older}))
    return expect(("backup", "imported"), ("backup", "superseded"), runs=[newer])


def newer_version_behind_the_runs(state: StateDir) -> Expected:
    """A file of a newer format is quarantined whole, wherever its version stands."""
    unread = {"fault-newer": full_run("fault-newer")}
    state.write(place("newer"), {"runs": unread, "schema_version": 2})
    return expect(("backup", "quarantined"), quarantined=[(place("newer"), None, None)])


def map_without_an_envelope(state: StateDir) -> Expected:
    """The oldest format, a bare map, is read."""
    only = full_run("fault-v0")
    state.write(place("v0"), {"fault-v0": only})
    return expect(("backup", "imported"), runs=[only])


def one_line_layout(state: StateDir) -> Expected:
    """Files that another program wrote on one line are read entry by entry, too."""
    runs = [full_run(f"fault-line-{number}") for number in range(3)]
    text = orjson.dumps(envelope({run["run_id"]: run for run in runs} | {"fault-line-bad": 5}))
    state.write(place("line"), text)
    return expect(
        *[("backup", "imported") for _ in runs],
        ("backup", "quarantined"),
        runs=runs,
        quarantined=[(place("line"), "fault-line-bad", None)],
    )


def unreadable_text_inside_an_entry(state: StateDir) -> Expected:
    """A lone surrogate or a number beyond all doubles costs its own entry only."""
    good = full_run("fault-text-good")
    runs = {
        "fault-surrogate": full_run("fault-surrogate", detail="@surrogate"),
        "fault-text-good": good,
        "fault-huge": full_run("fault-huge", detail="@huge"),
    }
    text = pretty(envelope(runs))
    text = text.replace(b'"@surrogate"', rb'"\ud800"').replace(b'"@huge"', b"1e400")
    state.write(place("text"), text)
    return expect(
        ("backup", "imported"),
        ("backup", "quarantined"),
        ("backup", "quarantined"),
        runs=[good],
        quarantined=[(place("text"), None, None), (place("text"), None, None)],
    )


def deep_free_form_json(state: StateDir) -> Expected:
    """JSON nested deeper than the engine could read is kept."""
    deep: Any = "bottom"
    for _ in range(150):
        deep = [deep]
    only = full_run("fault-deep")
    only["checkpoint"]["node_outputs"]["draft"] = deep
    state.shard(only)
    return expect(("shard", "imported"), runs=[only])


def shards_that_are_none(state: StateDir) -> Expected:
    """Empty, torn, foreign and wrongly encoded shards are quarantined, not passed over."""
    folder = "data/automation-runs/automation_v2_runs/2026/05"
    contents: dict[str, Any] = {
        "fault-empty": b"",
        "fault-brace": b"{",
        "fault-bytes": b'{"run_id": "\xff"}',
        "fault-hot": envelope({"fault-inside": full_run("fault-inside")}),
        "fault-newer": {"schema_version": 7, "run": full_run("fault-newer-shard")},
    }
    for name, content in contents.items():
        state.write(f"{folder}/{name}.json", content)
    return expect(
        *[("shard", "quarantined") for _ in contents],
        quarantined=[(f"{folder}/{name}.json", None, None) for name in contents],
    )


def shard_without_an_envelope(state: StateDir) -> Expected:
    """The oldest shards are bare runs."""
    only = full_run("fault-v0-shard")
    state.write("data/automation-runs/automation_v2_runs/2026/05/fault-v0-shard.json", only)
    return expect(("shard", "imported"), runs=[only])


def torn_leftover(state: StateDir) -> Expected:
    """A leftover that was cut off in the middle makes no run, but its bytes are kept."""
    folder = "data/automation-runs/automation_v2_runs/2026/05"
    name = f"{folder}/.fault-torn-leftover.json.tmp-12-1700000000000"
    text = pretty({"schema_version": 1, "run": full_run("fault-torn-leftover")})
    state.write(name, text[:400])
    return expect(("leftover", "quarantined"), quarantined=[(name, None, None)])


TRAPS = (
    byte_order_mark,
    cut_off_file,
    hopeless_entries,
    repeated_key,
    equal_inner_ids,
    newer_version_behind_the_runs,
    map_without_an_envelope,
    one_line_layout,
    unreadable_text_inside_an_entry,
    deep_free_form_json,
    shards_that_are_none,
    shard_without_an_envelope,
    torn_leftover,
)
