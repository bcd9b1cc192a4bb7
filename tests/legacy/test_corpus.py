"""The golden cases: what the engine's own reader did with each input."""

from __future__ import annotations

import base64
import json
import math
import time
from pathlib import Path
from typing import Any, Final

import pytest

from tandem_store.errors import LegacyFormatError
from tandem_store.legacy import (
    compact_for_hot_storage,
    history_root,
    history_shard_path,
    parse_definitions_file,
    parse_runs_file,
    parse_shard_file,
)
from tests.support.json_values import exact

NOW_MS: Final = 1_790_000_000_000
_LINES: Final = (Path(__file__).parent / "corpus" / "dev.jsonl").read_text().splitlines()
_CASES: Final[list[dict[str, Any]]] = [json.loads(line) for line in _LINES]
_DETAIL: Final = "automation run checkpoint could not be parsed during startup: "
#: The engine takes a record given as an array; here it is damaged, and the fault is another.
_ARRAY_FORM: Final = {"dev-pr-bad-checkpoint", "dev-pr-rec-mal-learning_summary"}


def _cases(*ops: str, tag: str | None = None) -> pytest.MarkDecorator:
    """The cases of these operations that carry the tag, or no tag that exempts them."""
    exempt = {"reader-quirk", "reader-limit"}
    chosen = [
        pytest.param(case, id=case["name"])
        for case in _CASES
        if case["op"] in ops
        and (tag in case.get("tags", ()) if tag else exempt.isdisjoint(case.get("tags", ())))
    ]
    return pytest.mark.parametrize("case", chosen)


@_cases("parse-runs", "parse-shard")
def test_a_file_gets_the_verdict_of_the_engine(case: dict[str, Any]) -> None:
    """Same records, same ``upgraded``, same fixed part of the error text."""
    ours, expected = _parsed(case), _with_now(case["expect"])

    if expected["ok"]:
        _assert_same_records(case, ours, expected)
    else:
        assert ours["ok"] is False
        _assert_same_words(ours["error"], expected["error"])


@_cases("parse-runs", tag="reader-quirk")
def test_a_form_that_nothing_ever_wrote_is_damaged(case: dict[str, Any]) -> None:
    """A record as an array and an enum as an object are recovered, not taken."""
    (run,) = _parsed(case)["runs"].values()

    assert run["detail"].startswith(_DETAIL + "invalid type: ")


@_cases("parse-runs", tag="reader-limit")
def test_deeper_nesting_than_the_engine_reads_is_read(case: dict[str, Any]) -> None:
    """The engine stops at 127 levels; what it refused for that is whole here."""
    assert case["expect"]["ok"] is False
    assert _parsed(case)["ok"] is True


@_cases("compact")
def test_compaction_takes_what_the_engine_takes(case: dict[str, Any]) -> None:
    """Same runs afterwards, and the runs given are as they were."""
    files = {name: base64.b64decode(data) for name, data in case["files"].items()}
    runs, _ = parse_runs_file(files["runs.json"], now_ms=NOW_MS)
    before = {key: run.to_legacy() for key, run in runs.items()}

    compacted = compact_for_hot_storage(
        runs, parse_definitions_file(files["automations.json"]), int(case["args"][2])
    )

    assert exact(_legacy(compacted)) == exact(case["expect"]["runs"])
    assert exact(_legacy(runs)) == exact(before)


@_cases("shard-path")
def test_a_shard_lies_where_the_engine_puts_it(case: dict[str, Any]) -> None:
    """Month folders from wrapped 64-bit times, names sanitised character by character."""
    run = parse_shard_file(base64.b64decode(case["input_b64"]))
    now = time.gmtime(NOW_MS / 1000)
    expected = case["expect"]["path"]
    expected = expected.replace("<now-year>", f"{now.tm_year:04d}")
    expected = expected.replace("<now-month>", f"{now.tm_mon:02d}")

    assert history_shard_path(case["args"][0], run, now_ms=NOW_MS) == Path(expected)


@_cases("history-root")
def test_the_history_is_named_after_the_hot_file(case: dict[str, Any]) -> None:
    """The folder beside the hot file carries the stem of its name."""
    assert history_root(case["args"][0]) == Path(case["expect"]["path"])


def _parsed(case: dict[str, Any]) -> dict[str, Any]:
    data = base64.b64decode(case["input_b64"])
    try:
        if case["op"] == "parse-shard":
            return {"ok": True, "run": parse_shard_file(data).to_legacy()}
        runs, upgraded = parse_runs_file(data, now_ms=NOW_MS)
    except LegacyFormatError as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, "runs": _legacy(runs), "upgraded": upgraded}


def _legacy(runs: dict[str, Any]) -> dict[str, Any]:
    return {key: run.to_legacy() for key, run in runs.items()}


def _with_now(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_now(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_now(one) for one in value]
    return NOW_MS if value == "<now>" else value


def _assert_same_records(case: dict[str, Any], ours: Any, expected: Any) -> None:
    unknown: list[str] = []
    shared = _shared(ours, expected, unknown)
    if "float-ulp" in case.get("tags", ()):
        shared = _nearest(shared, expected)
    if case["name"] in _ARRAY_FORM:
        assert "invalid type: sequence, expected struct" in json.dumps(ours)
        expected = _without_fault(expected)
        shared = _without_fault(shared)

    assert exact(_in_engines_words(shared, expected)) == exact(expected)
    assert bool(unknown) == (case["name"] == "dev-pr-unknown-fields")
    assert set(unknown) <= {"zz_unknown"}


def _shared(ours: Any, expected: Any, unknown: list[str]) -> Any:
    """Ours without the fields that the engine did not know, whose names are collected."""
    if isinstance(ours, dict) and isinstance(expected, dict):
        unknown.extend(key for key in ours if key not in expected)
        return {
            key: _shared(one, expected[key], unknown)
            for key, one in ours.items()
            if key in expected
        }
    if isinstance(ours, list) and isinstance(expected, list) and len(ours) == len(expected):
        return [_shared(*pair, unknown) for pair in zip(ours, expected, strict=True)]
    return ours


def _nearest(ours: Any, expected: Any) -> Any:
    """The engine's floats where ours are at most an ulp away: ours are the exact ones."""
    if isinstance(ours, dict):
        return {key: _nearest(one, expected[key]) for key, one in ours.items()}
    if isinstance(ours, list):
        return [_nearest(*pair) for pair in zip(ours, expected, strict=True)]
    if isinstance(ours, float) and abs(ours - expected) <= math.ulp(ours):
        return expected
    return ours


def _in_engines_words(ours: Any, expected: Any) -> Any:
    """The engine's text wherever ours says the same and then names the field."""
    if isinstance(ours, dict):
        return {key: _in_engines_words(one, expected.get(key)) for key, one in ours.items()}
    if isinstance(ours, list):
        return [_in_engines_words(*pair) for pair in zip(ours, expected, strict=True)]
    if isinstance(ours, str) and isinstance(expected, str) and _says_the_same(ours, expected):
        return expected
    return ours


def _says_the_same(ours: str, expected: str) -> bool:
    for later in (", `retry_backoff`", ", `resume`"):  # names that only later engines know
        ours = ours.replace(later, "")
    return ours.startswith(f"{expected} at `")


def _without_fault(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_fault(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_fault(one) for one in value]
    is_fault = isinstance(value, str) and "invalid type: " in value
    return value.partition("invalid type: ")[0] if is_fault else value


def _assert_same_words(ours: str, expected: str) -> None:
    """All but the JSON parser's own words, whose place is told by line and column in both."""
    head, place, _ = expected.rpartition(" at line ")
    if place:
        fixed = head.rpartition(": ")[0] + ": "
        assert ours.startswith(fixed)
        assert " at line 1 column " in ours
    else:
        assert ours == expected or _says_the_same(ours, expected)
