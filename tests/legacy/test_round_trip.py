"""What is written is what was read: every field, every number, the engine's order."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from tandem_store.jsontext import loads, pretty
from tandem_store.legacy import (
    parse_runs_file,
    parse_shard_file,
    serialize_runs_file,
    serialize_shard_file,
)
from tandem_store.records.reading import read_run
from tandem_store.testing.strategies import run_values
from tests.support.json_values import exact

_SAMPLES: Final = sorted((Path(__file__).parent / "samples").glob("*.json"))
_TYPED_MAPS: Final = ("node_outputs", "node_attempts", "node_attempt_verdicts")
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_patient
@given(value=run_values())
def test_a_run_survives_a_shard_whole(value: dict[str, Any]) -> None:
    """Unknown fields at every level, large integers, 1.0, -0.0 and U+0000 come back unchanged."""
    legacy = read_run(value).to_legacy()

    again = parse_shard_file(serialize_shard_file(read_run(value))).to_legacy()

    assert exact(again) == exact(legacy)
    assert orjson.dumps(again) == orjson.dumps(legacy)


@_patient
@given(value=run_values())
def test_a_run_survives_a_hot_file_whole(value: dict[str, Any]) -> None:
    """The same holds for a file of many runs, which is then no older version."""
    run = read_run(value)

    runs, upgraded = parse_runs_file(serialize_runs_file({run.run_id: run}))

    assert upgraded is False
    assert exact(runs[run.run_id].to_legacy()) == exact(run.to_legacy())


@_patient
@given(value=run_values())
def test_nothing_that_was_read_is_lost(value: dict[str, Any]) -> None:
    """Whatever was given is written, except ``null`` and what the engine omits when empty."""
    _assert_holds(read_run(value).to_legacy(), value)


@pytest.mark.parametrize("sample", _SAMPLES, ids=lambda path: path.stem[-12:])
def test_an_engine_shard_is_written_as_the_engine_wrote_it(sample: Path) -> None:
    """Byte for byte, but for the keys of typed maps, whose order the engine leaves to chance."""
    data = sample.read_bytes()
    document = loads(data)
    assert pretty(document) == data
    checkpoint = document["run"]["checkpoint"]
    for name in _TYPED_MAPS:
        checkpoint[name] = dict(sorted(checkpoint[name].items()))

    assert serialize_shard_file(parse_shard_file(data)) == pretty(document)


def _assert_holds(written: Any, given_value: Any) -> None:
    if isinstance(given_value, dict):
        for key, one in given_value.items():
            omitted = one is None or one == []
            assert key in written or omitted
            if key in written:
                _assert_holds(written[key], one)
    elif isinstance(given_value, list):
        assert len(written) == len(given_value)
        for pair in zip(written, given_value, strict=True):
            _assert_holds(*pair)
    elif isinstance(written, float) and not isinstance(given_value, float):
        assert written == float(given_value)
    else:
        assert exact(written) == exact(given_value)
