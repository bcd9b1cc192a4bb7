"""What is stored equals what was in the source: every field, every value, every kind of number."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.workload import Workload
from tests.support import REPOSITORY
from tests.support.databases import NewStore
from tests.support.importing import imported, shards_of
from tests.support.json_values import exact
from tests.support.state_directories import Json, StateDir, full_run
from tests.support.stored import stored_runs

SAMPLE = REPOSITORY / "examples" / "state"
#: Maps whose values have a type, so that nothing unknown can stand in them.
TYPED_MAPS: Final = {"node_attempts", "node_attempt_verdicts"}
FUTURE: Final = {
    "largest": 2**63 - 1,
    "wide": 2**64 - 1,
    "least": -(2**63),
    "one": 1,
    "one_point": 1.0,
    "minus_zero": -0.0,
    "zero": 0,
    "tiny": 5e-324,
    "third": 1 / 3,
    "nul\0": "a\0b",
    "escaped": "\\u0000 \u007f \ud7ff \U0010ffff",
    "null": None,
    "empty": [{}, [], ""],
    "yes": True,
}


@pytest.fixture
def sample_runs() -> dict[str, Json]:
    """The runs of the example directory, which have every field of the format among them."""
    return {run["run_id"]: run for run in shards_of(SAMPLE)}


def test_the_sample_with_fields_of_the_future_at_every_level(
    sample_runs: dict[str, Json], state: StateDir, new_store: NewStore
) -> None:
    """Unknown fields are kept wherever a newer engine may put them."""
    extended = {name: with_future(run) for name, run in sample_runs.items()}
    for run in extended.values():
        state.shard(run)
    url = new_store()

    imported(url, state.root, jobs=2)

    assert exact(stored_runs(url)) == exact(extended)


def test_generated_runs_with_shared_snapshots(state: StateDir, new_store: NewStore) -> None:
    """Snapshots that differ in volatile keys only are shared, and given back as they were."""
    runs = {run["run_id"]: run for run in Workload(seed=7, months=3).runs(150)}
    for run in runs.values():
        state.shard(run)
    url = new_store()

    imported(url, state.root)

    assert exact(stored_runs(url)) == exact(runs)


def test_numbers_in_the_columns_keep_their_kind(state: StateDir, new_store: NewStore) -> None:
    """A cost of 1.0, of -0.0 and tokens of 2^63-1 come back as they were written."""
    runs = {
        "one": full_run("one", estimated_cost_usd=1.0, total_tokens=2**63 - 1),
        "minus": full_run("minus", estimated_cost_usd=-0.0),
        "tiny": full_run("tiny", estimated_cost_usd=5e-324),
    }
    state.hot(runs)
    url = new_store()

    imported(url, state.root)

    assert exact(stored_runs(url)) == exact(runs)


def test_snapshots_that_differ_in_kinds_of_numbers_only(
    state: StateDir, new_store: NewStore
) -> None:
    """1 and 1.0 make two snapshots, even though Python finds them equal."""
    runs = {}
    for name, value in {"int": 1, "float": 1.0, "true": True, "minus": -0.0, "zero": 0.0}.items():
        run = full_run(name)
        run["automation_snapshot"] = run["automation_snapshot"] | {"metadata": {"value": value}}
        runs[name] = run
    state.hot(runs)
    url = new_store()

    imported(url, state.root)

    assert exact(stored_runs(url)) == exact(runs)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
any_json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@pytest.mark.sqlite
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(values=st.lists(any_json, min_size=4, max_size=4))
def test_any_json_in_any_place(values: list[Any], new_store: NewStore) -> None:
    """Free-form JSON of every shape survives in outputs, unknown fields, and snapshots."""
    output, field, metadata, volatile = values
    run = full_run("any", x_field=field)
    run["checkpoint"]["node_outputs"]["draft"] = output
    run["automation_snapshot"] |= {"x_metadata": metadata, "x_volatile": volatile}
    url = new_store()
    with tempfile.TemporaryDirectory() as folder:
        state = StateDir(Path(folder))
        state.shard(run)

        imported(url, state.root)

    assert exact(stored_runs(url)) == exact({"any": run})


def with_future(value: Any, name: str = "") -> Any:
    """A copy in which every object has a field that nobody knows."""
    if isinstance(value, list):
        return [with_future(item) for item in value]
    if not isinstance(value, dict) or name in TYPED_MAPS:
        return value
    inside = {key: with_future(item, key) for key, item in value.items()}
    return inside | {"x_future": FUTURE}
