"""Files of runs and of definitions, beyond the golden cases."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from tandem_store.errors import LegacyFormatError
from tandem_store.legacy import (
    compact_for_hot_storage,
    history_root,
    hot_cutoff_ms,
    parse_definition,
    parse_definitions_file,
    parse_runs_file,
    parse_shard_file,
    serialize_runs_file,
    serialize_shard_file,
)

_DAY_MS = 86_400_000
_RUN: dict[str, Any] = {
    "run_id": "r", "automation_id": "a", "trigger_type": "manual", "status": "completed",
    "created_at_ms": 1, "updated_at_ms": 2, "checkpoint": {},
}  # fmt: skip
_SPEC: dict[str, Any] = {
    "automation_id": "a", "name": "n", "status": "active", "creator_id": "c",
    "schedule": {"type": "cron", "timezone": "UTC", "misfire_policy": {"type": "skip"}},
    "flow": {}, "execution": {}, "created_at_ms": 1, "updated_at_ms": 1,
}  # fmt: skip


@pytest.mark.parametrize("space", ["", " \t\r\n\v\f", "\x85\xa0\u1680\u2000\u200a\u2028\u3000"])
def test_a_blank_file_has_no_runs(space: str) -> None:
    """Whatever Unicode calls white space is trimmed; ``{}`` left over counts as upgraded."""
    assert parse_runs_file(space.encode()) == ({}, False)
    assert parse_runs_file(f"{space}{{}}{space}".encode()) == ({}, True)


@pytest.mark.parametrize("text", ["\x1c", "\u200b", "\ufeff", "\x1f{}"])
def test_a_file_of_other_invisible_characters_is_refused(text: str) -> None:
    """Python would strip some of them, the engine does not."""
    with pytest.raises(LegacyFormatError, match=r"^failed to parse automation_v2_runs\.json: "):
        parse_runs_file(text.encode())


def test_recovery_takes_the_present_unless_told() -> None:
    """All times of one entry are the same moment."""
    before = time.time_ns() // 1_000_000

    (run,) = parse_runs_file(b'{"k": {"automation_id": "a"}}')[0].values()

    assert before <= run.updated_at_ms <= time.time_ns() // 1_000_000
    assert run.updated_at_ms == run.created_at_ms == run.finished_at_ms


def test_entries_are_judged_in_the_order_of_code_points() -> None:
    """Of equal inner ids the greatest key wins: U+FFFF is less than U+10000."""
    entries = {
        key: {**_RUN, "detail": name} for key, name in (("\U00010000", "b"), ("\uffff", "a"))
    }

    runs, _ = parse_runs_file(orjson.dumps(entries))

    assert runs["r"].detail == "b"


def test_a_run_nested_as_deep_as_the_engine_never_goes_is_kept() -> None:
    """Reading, copying and writing all go down without a RecursionError."""
    deep: Any = 1
    for _ in range(245):
        deep = [deep]
    shard = orjson.dumps({**_RUN, "checkpoint": {"node_outputs": {"n": deep}}})

    run = parse_shard_file(shard)

    assert parse_shard_file(serialize_shard_file(run)) == run
    assert parse_runs_file(serialize_runs_file({"r": run}))[0]["r"] == run


def test_a_run_deeper_than_can_be_written_is_refused_at_once() -> None:
    """Four levels are kept for the envelopes round a record, so what was read can be written."""
    deep: Any = 1
    for _ in range(248):
        deep = [deep]

    with pytest.raises(LegacyFormatError, match="nested more than 250 levels deep"):
        parse_shard_file(orjson.dumps({**_RUN, "checkpoint": {"node_outputs": {"n": deep}}}))


def test_definitions_are_read_by_file_or_all_at_once() -> None:
    """In the file of all, each stands under its key; a blank file has none."""
    one = parse_definition(orjson.dumps(_SPEC))

    assert one.automation_id == "a"
    assert parse_definitions_file(orjson.dumps({"key": _SPEC})) == {"key": one}
    assert parse_definitions_file(b" \n") == {}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"[]", "failed to parse automations_v2.json: expected a map of definitions"),
        (b"{", "failed to parse automations_v2.json: "),
        (
            b'{"k": {}}',
            "failed to parse automations_v2.json entry `k`: missing field `automation_id`",
        ),
    ],
)
def test_a_faulty_file_of_definitions_is_named_with_its_entry(data: bytes, text: str) -> None:
    """The chain leads to the fault."""
    with pytest.raises(LegacyFormatError) as caught:
        parse_definitions_file(data)

    assert str(caught.value).startswith(text)


def test_a_definition_that_is_none_is_refused() -> None:
    """A missing field is told as in runs."""
    with pytest.raises(LegacyFormatError, match="automation definition: missing field `name`"):
        parse_definition(b'{"automation_id": "a"}')


@pytest.mark.parametrize(
    ("setting", "days"),
    [
        (None, 7), ("", 7), ("3", 3), (" +03\n", 3), ("-1", 7), ("1.5", 7), ("+", 7), ("x", 7),
        ("\u0663", 7), ("\x1c3", 7), (str(2**64), 7), ("0" * 30 + "2", 2),
    ],
)  # fmt: skip
def test_the_retention_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, days: int
) -> None:
    """A whole number of days, else seven."""
    name = "TANDEM_AUTOMATION_V2_RUNS_RETENTION_DAYS"
    if setting is None:
        monkeypatch.delenv(name, raising=False)
    else:
        monkeypatch.setenv(name, setting)

    assert hot_cutoff_ms(100 * _DAY_MS) == (100 - days) * _DAY_MS


@pytest.mark.parametrize("setting", ["0", "101", str(2**64 - 1)])
def test_no_retention_and_too_much_of_it_have_no_cutoff(
    monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """Zero days switch it off; the cutoff never lies before 1970."""
    monkeypatch.setenv("TANDEM_AUTOMATION_V2_RUNS_RETENTION_DAYS", setting)

    assert hot_cutoff_ms(100 * _DAY_MS) == 0


def test_a_run_that_may_continue_is_not_compacted() -> None:
    """However old it is."""
    run = parse_shard_file(
        orjson.dumps({**_RUN, "status": "paused", "checkpoint": {"node_outputs": {"n": 1}}})
    )

    assert compact_for_hot_storage({"r": run}, {}, 10) == {"r": run}


@pytest.mark.parametrize(
    ("hot", "root"),
    [
        ("/x/runs.", "/x/automation-runs/runs"),
        ("/x/a.b.json", "/x/automation-runs/a.b"),
        ("/x/ .json", "/x/automation-runs/runs"),
        ("/x/..", "/x/automation-runs/runs"),
        ("/x/..json", "/x/automation-runs/."),
        ("", "automation-runs/runs"),
        ("/x/\udcff.json", "/x/automation-runs/runs"),
    ],
)
def test_odd_names_of_hot_files_have_a_history_too(hot: str, root: str) -> None:
    """A name that is missing, blank or no text is taken for ``runs``."""
    assert history_root(hot) == Path(root)
