"""Trees that the old reader was tried on, imported by ours."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tandem_store.errors import LegacyFormatError
from tandem_store.legacy import parse_shard_file
from tests.support import REPOSITORY
from tests.support.databases import NewStore
from tests.support.importing import imported
from tests.support.json_values import exact
from tests.support.state_directories import Json
from tests.support.stored import stored_runs

pytestmark = pytest.mark.sqlite

CORPUS = REPOSITORY / "tests" / "legacy" / "corpus" / "dev.jsonl"
#: ``data/automation-runs/<stem>/YYYY/MM/<file>``
SHARD_DEPTH = 5


def cases(op: str) -> list[Any]:
    """The corpus cases of one operation, each with its name as the test's id."""
    lines = [orjson.loads(line) for line in CORPUS.read_bytes().splitlines() if line]
    return [pytest.param(case, id=case["name"]) for case in lines if case["op"] == op]


def lay(case: Json, folder: Path) -> None:
    """Lay the case's tree into ``folder``, with an empty hot file if the case has none."""
    hot = Path(case["args"][0].replace("$DIR", str(folder)))
    hot.parent.mkdir(parents=True, exist_ok=True)
    hot.write_bytes(b"{}")
    for name in case.get("dirs", ()):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, content in case.get("files", {}).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(content))
    for name, target in dict(case.get("symlinks", {})).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target.replace("$DIR", str(folder)))


@pytest.mark.parametrize("case", cases("load-shards"))
def test_every_run_that_the_old_reader_listed_is_stored(
    case: Json, tmp_path: Path, new_store: NewStore
) -> None:
    """Of several copies the newest; what the old reader passed over in silence is accounted for."""
    lay(case, tmp_path)
    url = new_store()

    report = imported(url, tmp_path)

    stored = stored_runs(url)
    for run_id, run in newest(case["expect"]["runs"]).items():
        assert exact(stored[run_id]) == exact(run)
    assert sum(report["outcomes"].values()) == report["copies"]
    assert {one["path"] for one in report["quarantined"]} == set(faulty(case))


@pytest.mark.parametrize("case", cases("load-shard"))
def test_a_run_is_found_by_its_true_id(case: Json, tmp_path: Path, new_store: NewStore) -> None:
    """Not by a file name, not in the first month at hand, and not outside the tree."""
    lay(case, tmp_path)
    url = new_store()

    imported(url, tmp_path)

    true = newest(true_runs(case))
    assert exact(stored_runs(url)) == exact(true)


def shards(case: Json) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file in the place of a shard."""
    for name, content in case["files"].items():
        if name.endswith(".json") and name.count("/") == SHARD_DEPTH:
            yield name, base64.b64decode(content)


def true_runs(case: Json) -> Iterator[Json]:
    """The runs of all readable shards, unfinished shadows left out."""
    for _, content in shards(case):
        with contextlib.suppress(LegacyFormatError):
            run = parse_shard_file(content)
            if run.is_terminal or run.trigger_type != "recovered_context_run":
                yield run.to_legacy()


def faulty(case: Json) -> Iterator[str]:
    """Paths of the shards that cannot be read."""
    for name, content in shards(case):
        try:
            parse_shard_file(content)
        except LegacyFormatError:
            yield name


def newest(runs: Any) -> dict[str, Json]:
    """The newest of the runs by id."""
    return {run["run_id"]: run for run in sorted(runs, key=lambda run: run["updated_at_ms"])}
